with petition_cases as (
    select * from {{ source('raw', 'petition_cases') }}
)

select
    unit_code,
    fiscal_year,
    case_id,
    channel,
    received_on,
    due_on,
    replied_on,
    replied_on is not null as is_replied,
    -- Unknown for a reply without a due date; an open case is not on time whatever happens later.
    replied_on is not null and replied_on <= due_on as is_replied_on_time,
    {
        'received': case_id,
        'replied': cast(replied_on as varchar),
        'replied_on_time': cast(replied_on as varchar)
    } as delivered,
    load_id,
    source_file,
    source_sha256,
    source_row
from petition_cases
