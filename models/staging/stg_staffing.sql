with staffing as (
    select * from {{ source('raw', 'staffing') }}
)

select
    unit_code,
    fiscal_year,
    staff_category,
    {{ corrected('authorised', 'integer') }} as authorised_count,
    {{ corrected('actual', 'integer') }} as actual_count,
    {{ delivered_cells(['authorised', 'actual']) }} as delivered,
    corrections,
    load_id,
    source_file,
    source_sha256,
    source_row
from staffing
