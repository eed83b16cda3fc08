with reported_scores as (
    select * from {{ source('raw', 'reported_scores') }}
)

select
    unit_code,
    fiscal_year,
    indicator_code,
    reported_grade,
    reported_score,
    {{ delivered_cells(['reported_score']) }} as delivered,
    load_id,
    source_file,
    source_sha256,
    source_row
from reported_scores
