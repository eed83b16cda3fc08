with lines as (
    select * from {{ ref('int_evidence__lines') }}
),

corrections as (
    select * from {{ ref('int_corrections__told') }}
),

explained as (
    select
        lines.*,
        {{ cell_as_corrected('lines') }} as counted_value,
        {{ correction_told('lines', 'told') }} as correction
    from lines
    left join corrections as told
        on
            cardinality(lines.corrections) > 0
            and lines.delivered_unit_code = told.unit_code
            and lines.delivered_year = told.fiscal_year
            and lines.table_name = told.table_name
            and lines.record_key = told.record_key
)

select
    unit_code,
    fiscal_year,
    table_name,
    record_key,
    column_name,
    delivered_unit_code,
    delivered_year,
    cast(value as decimal(28, 10)) as value,
    delivered_value,
    case when correction is not null then counted_value end as corrected_value,
    corrections['amount_unit'] as corrected_unit,
    correction,
    amount_unit,
    source_file,
    source_sha256,
    source_row,
    load_id,
    sums
from explained
