with inputs as (
    select * from {{ ref('int_rollups__resolved') }}
),

kinds as (
    select distinct table_name, fact, attributes from {{ ref('int_rollups__grouped') }}
),

-- `a=*` asks for the record's own code of a, which the summary record then has too.
asked as (
    select
        inputs.rollup_no,
        inputs.input_no,
        inputs.input_table,
        inputs.input_column,
        inputs.summary_table,
        inputs.summary_column,
        inputs.weight,
        kinds.attributes,
        {{ with_own_codes('inputs.summary_terms', 'kinds.attributes') }} as summary_terms,
        {{ with_own_codes('inputs.record_terms', 'kinds.attributes') }} as record_terms
    from kinds
    inner join inputs
        on kinds.table_name = inputs.input_table and kinds.fact = inputs.input_column
),

compared as (
    select
        *,
        list_filter(record_terms, lambda term: not list_contains(attributes, term)) as unmet_terms
    from asked
)

-- Records that have what is asked for, and those of which it is not known because it is empty.
select
    rollup_no,
    input_no,
    input_table as table_name,
    input_column as fact,
    attributes,
    summary_table,
    summary_column,
    case
        when array_length(list_filter(summary_terms, lambda term: ends_with(term, '=*'))) = 0
            then array_to_string(summary_terms, ';')
    end as summary_record_key,
    summary_terms as summary_attributes,
    array_length(unmet_terms) > 0 as is_in_doubt,
    weight
from compared
where
    list_has_all(
        attributes, list_transform(unmet_terms, lambda term: split_part(term, '=', 1))
    )
