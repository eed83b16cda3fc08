with budget_adjustments as (
    select * from {{ source('raw', 'budget_adjustments') }}
)

select
    unit_code,
    fiscal_year,
    doc_no,
    budget_line,
    {{ corrected('decided_on', 'date') }} as decided_on,
    {{ quarter_within_year(corrected('decided_on', 'date')) }} as quarter,
    {{ to_yuan('amount') }} as amount_yuan,
    amount_unit,
    {{ delivered_cells(['amount']) }} as delivered,
    corrections,
    load_id,
    source_file,
    source_sha256,
    source_row
from budget_adjustments
