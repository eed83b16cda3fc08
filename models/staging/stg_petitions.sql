with petitions as (
    select * from {{ source('raw', 'petitions') }}
)

select
    unit_code,
    fiscal_year,
    channel,
    received as received_count,
    replied as replied_count,
    replied_on_time as replied_on_time_count,
    {{ delivered_cells(['received', 'replied', 'replied_on_time']) }} as delivered,
    load_id,
    source_file,
    source_sha256,
    source_row
from petitions
