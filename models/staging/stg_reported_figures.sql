with reported_figures as (
    select * from {{ source('raw', 'reported_figures') }}
),

read_values as (
    select
        *,
        {{ printed_number('printed') }} as printed_number,
        regexp_matches(printed, '[%％]') as is_percent,
        {{ printed_decimals('printed') }} as printed_decimals_count
    from reported_figures
)

select
    unit_code,
    fiscal_year,
    measure_code,
    location,
    printed,
    is_percent,
    printed_decimals_count,
    printed_number,
    load_id,
    source_file,
    source_sha256,
    source_row
from read_values
