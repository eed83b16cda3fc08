with petition_cases as (
    select * from {{ source('raw', 'petition_cases') }}
),

corrected as (
    select
        * replace (
            {{ corrected('channel') }} as channel,
            {{ corrected('received_on', 'date') }} as received_on,
            {{ corrected('due_on', 'date') }} as due_on,
            {{ corrected('replied_on', 'date') }} as replied_on
        ),
        replied_on as delivered_replied_on
    from petition_cases
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
    case when replied_on is null then 'case_id' else 'replied_on' end as replied_column,
    {
        'received': case_id,
        'replied': case
            when replied_on is null then case_id else cast(delivered_replied_on as varchar)
        end,
        'replied_on_time': case
            when replied_on is null then case_id else cast(delivered_replied_on as varchar)
        end
    } as delivered,
    corrections,
    load_id,
    source_file,
    source_sha256,
    source_row
from corrected
