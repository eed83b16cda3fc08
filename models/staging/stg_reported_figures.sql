with reported_figures as (
    select * from {{ source('raw', 'reported_figures') }}
),

read_values as (
    select
        *,
        {{ printed_number('printed') }} as printed_number,
        regexp_matches(printed, '[%％]') as is_percent,
        {{ printed_decimals('printed') }} as printed_decimals_count,
        {{ printed_unit('printed') }} as printed_unit,
        case when is_percent then '%' else {{ printed_suffix('printed') }} end as printed_suffix
    from reported_figures
)

select
    unit_code,
    fiscal_year,
    measure_code,
    role,
    table_name,
    record_key,
    column_name,
    location,
    printed,
    printed_suffix,
    is_percent,
    printed_decimals_count,
    printed_number,
    printed_unit,
    load_id,
    source_file,
    source_sha256,
    source_row
from read_values
