with payments as (
    select * from {{ source('raw', 'payments') }}
)

select
    unit_code,
    fiscal_year,
    payment_id,
    {{ corrected('budget_line') }} as budget_line,
    {{ corrected('project_code') }} as project_code,
    {{ corrected('economic_code') }} as economic_code,
    {{ corrected('paid_on', 'date') }} as paid_on,
    {{ quarter_within_year(corrected('paid_on', 'date')) }} as quarter,
    coalesce({{ corrected('is_refund', 'boolean') }}, false) as is_refund,
    {{ to_yuan('amount') }} as amount_yuan,
    amount_unit,
    {{ delivered_cells(['amount']) }} as delivered,
    corrections,
    load_id,
    source_file,
    source_sha256,
    source_row
from payments
