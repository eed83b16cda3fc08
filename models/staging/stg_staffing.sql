with staffing as (
    select * from {{ source('raw', 'staffing') }}
)

select
    unit_code,
    fiscal_year,
    staff_category,
    authorised as authorised_count,
    actual as actual_count,
    {{ delivered_cells(['authorised', 'actual']) }} as delivered,
    load_id,
    source_file,
    source_sha256,
    source_row
from staffing
