-- What an input reads is in the landing contract: a table that the facts come from, a column that
-- its aggregate can take, records that its key can tell apart.
{%- set columns = contract_columns() %}

with inputs as (
    select
        *,
        {{ seed_row('measure_inputs', [
            'measure_code', 'alternative', 'role', 'input_table', 'input_key', 'input_column',
            'year_offset'
        ]) }} as seed_row
    from {{ ref('measure_inputs') }}
    where input_table is not null
),

contract (table_name, column_name, is_counted, is_summed, is_selected_by, codes) as (
    values
    {%- for column in columns %}
    (
        '{{ column.table_name }}',
        '{{ column.column_name }}',
        {{ column.is_counted }},
        {{ column.is_summed }},
        {{ column.is_selected_by }},
        cast({{ column.codes }} as varchar[])
    ){{ "," if not loop.last }}
    {%- endfor %}
),

tables as (
    select
        table_name,
        string_agg(column_name, ', ') filter (where is_counted) as counted,
        string_agg(column_name, ', ') filter (where is_summed) as summed,
        string_agg(column_name, ', ') filter (where is_selected_by) as selected_by
    from contract
    group by table_name
),

all_tables as (
    select string_agg(table_name, ', ' order by table_name) as table_names
    from tables
),

columns_read as (
    select
        seed_row,
        input_table,
        aggregate,
        'input_column' as column_name,
        input_column as found
    from inputs
    union all
    select
        seed_row,
        input_table,
        'sum' as aggregate,
        'weight_column' as column_name,
        weight_column as found
    from inputs
),

-- `a=1&b=2|a=3`: records with both a=1 and b=2, and those with a=3.
key_parts as (
    select
        seed_row,
        input_table,
        part_no,
        string_split(string_split(input_key, '|')[part_no], '&') as terms
    from inputs
    cross join unnest(range(1, len(string_split(input_key, '|')) + 1)) as numbers (part_no)
),

terms as (
    select
        key_parts.seed_row,
        key_parts.input_table,
        split_terms.term,
        split_part(split_terms.term, '=', 1) as column_name,
        substr(split_terms.term, strpos(split_terms.term, '=') + 1) as code
    from key_parts
    cross join unnest(key_parts.terms) as split_terms (term)
),

faults as (
    select
        inputs.seed_row,
        'input_table' as column_name,
        inputs.input_table as found,
        'one of ' || all_tables.table_names as expected
    from inputs
    cross join all_tables
    anti join tables on inputs.input_table = tables.table_name
    union all
    select
        columns_read.seed_row,
        columns_read.column_name,
        columns_read.found,
        case
            when columns_read.aggregate = 'count' then 'one of ' || tables.counted
            else coalesce(
                'a column to be summed: ' || tables.summed,
                'aggregate count, as the table has no column to be summed'
            )
        end as expected
    from columns_read
    inner join tables on columns_read.input_table = tables.table_name
    anti join contract
        on
            columns_read.input_table = contract.table_name
            and columns_read.found = contract.column_name
            and (contract.is_summed or (contract.is_counted and columns_read.aggregate = 'count'))
    where columns_read.found is not null
    union all
    select
        terms.seed_row,
        'input_key' as column_name,
        terms.term as found,
        case
            when strpos(terms.term, '=') = 0 or known.column_name is null
                then 'column=value, the column one of ' || tables.selected_by
            else terms.column_name || '= with one of ' || array_to_string(known.codes, ', ')
        end as expected
    from terms
    inner join tables on terms.input_table = tables.table_name
    left join contract as known
        on
            terms.input_table = known.table_name
            and terms.column_name = known.column_name
            and known.is_selected_by
    where
        known.column_name is null
        or strpos(terms.term, '=') = 0
        or (len(known.codes) > 0 and not list_contains(known.codes, terms.code))
    union all
    select
        one.seed_row,
        'input_key' as column_name,
        array_to_string(one.terms, '&') || '|' || array_to_string(other.terms, '&') as found,
        'parts that hold no record in common, as it would count twice' as expected
    from key_parts as one
    inner join key_parts as other
        on one.seed_row = other.seed_row and one.part_no < other.part_no
    where
        not exists (
            select 1
            from unnest(one.terms) as these (term)
            inner join unnest(other.terms) as those (term)
                on
                    split_part(these.term, '=', 1) = split_part(those.term, '=', 1)
                    and these.term != those.term
        )
)

select
    seed_row || ' column ' || column_name || ': found ''' || found || ''', expected ' || expected
    || '; correct the cell' as message
from faults
order by message
