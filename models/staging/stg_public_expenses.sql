with public_expenses as (
    select * from {{ source('raw', 'public_expenses') }}
)

select
    unit_code,
    fiscal_year,
    item,
    {{ to_yuan('budgeted') }} as budgeted_yuan,
    {{ to_yuan('actual') }} as actual_yuan,
    amount_unit,
    {{ delivered_cells(['budgeted', 'actual']) }} as delivered,
    corrections,
    load_id,
    source_file,
    source_sha256,
    source_row
from public_expenses
