with work_completion as (
    select * from {{ source('raw', 'work_completion') }}
)

select
    unit_code,
    fiscal_year,
    work_type,
    planned_count,
    completed_on_time_count,
    {{ delivered_cells(['planned_count', 'completed_on_time_count']) }} as delivered,
    load_id,
    source_file,
    source_sha256,
    source_row
from work_completion
