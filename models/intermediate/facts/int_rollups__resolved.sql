with numbered as (
    select
        *,
        dense_rank() over (order by summary_table, summary_column, summary_key) as rollup_no,
        row_number() over (
            order by
                summary_table, summary_column, summary_key, input_table, input_column, input_key,
                weight
        ) as input_no
    from {{ ref('detail_rollups') }}
)

-- `a=1&b=2|a=3`: records with both a=1 and b=2, and those with a=3.
select
    rollup_no,
    input_no,
    summary_table,
    summary_column,
    input_table,
    input_column,
    requires,
    coalesce(contains(summary_key, '=*'), false) as is_open,
    weight,
    {{ terms("coalesce(summary_key, '')") }} as summary_terms,
    {{ terms('record_filter') }} as record_terms
from numbered
cross join unnest(string_split(coalesce(input_key, ''), '|')) as filters (record_filter)
