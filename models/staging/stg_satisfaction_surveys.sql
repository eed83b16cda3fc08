with satisfaction_surveys as (
    select * from {{ source('raw', 'satisfaction_surveys') }}
)

select
    unit_code,
    fiscal_year,
    survey_name,
    {{ corrected('respondents', 'integer') }} as respondents_count,
    {{ corrected('satisfaction_pct', 'decimal(28, 10)') }} as satisfaction_pct,
    {{ delivered_cells(['satisfaction_pct', 'respondents']) }} as delivered,
    corrections,
    load_id,
    source_file,
    source_sha256,
    source_row
from satisfaction_surveys
