with satisfaction_surveys as (
    select * from {{ source('raw', 'satisfaction_surveys') }}
)

select
    unit_code,
    fiscal_year,
    survey_name,
    respondents as respondents_count,
    satisfaction_pct,
    {{ delivered_cells(['satisfaction_pct', 'respondents']) }} as delivered,
    load_id,
    source_file,
    source_sha256,
    source_row
from satisfaction_surveys
