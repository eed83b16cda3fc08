with work_completion as (
    select * from {{ source('raw', 'work_completion') }}
)

select
    unit_code,
    fiscal_year,
    work_type,
    {{ corrected('planned_count', 'integer') }} as planned_count,
    {{ corrected('completed_on_time_count', 'integer') }} as completed_on_time_count,
    {{ delivered_cells(['planned_count', 'completed_on_time_count']) }} as delivered,
    corrections,
    load_id,
    source_file,
    source_sha256,
    source_row
from work_completion
