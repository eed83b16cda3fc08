with budget_adjustments as (
    select * from {{ source('raw', 'budget_adjustments') }}
)

select
    unit_code,
    fiscal_year,
    doc_no,
    budget_line,
    decided_on,
    {{ quarter_within_year('decided_on') }} as quarter,
    {{ to_yuan('amount') }} as amount_yuan,
    amount_unit,
    {{ delivered_cells(['amount']) }} as delivered,
    load_id,
    source_file,
    source_sha256,
    source_row
from budget_adjustments
