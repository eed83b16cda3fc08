with payments as (
    select * from {{ source('raw', 'payments') }}
)

select
    unit_code,
    fiscal_year,
    payment_id,
    budget_line,
    project_code,
    economic_code,
    paid_on,
    {{ quarter_within_year('paid_on') }} as quarter,
    coalesce(is_refund, false) as is_refund,
    {{ to_yuan('amount') }} as amount_yuan,
    amount_unit,
    {{ delivered_cells(['amount']) }} as delivered,
    load_id,
    source_file,
    source_sha256,
    source_row
from payments
