with petitions as (
    select * from {{ source('raw', 'petitions') }}
)

select
    unit_code,
    fiscal_year,
    channel,
    {{ corrected('received', 'integer') }} as received_count,
    {{ corrected('replied', 'integer') }} as replied_count,
    {{ corrected('replied_on_time', 'integer') }} as replied_on_time_count,
    {{ delivered_cells(['received', 'replied', 'replied_on_time']) }} as delivered,
    corrections,
    load_id,
    source_file,
    source_sha256,
    source_row
from petitions
