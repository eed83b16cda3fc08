with procurement as (
    select * from {{ source('raw', 'procurement') }}
)

select
    unit_code,
    fiscal_year,
    category,
    {{ to_yuan('planned') }} as planned_yuan,
    {{ to_yuan('actual') }} as actual_yuan,
    {{ to_yuan('sme_awarded') }} as sme_awarded_yuan,
    amount_unit,
    {{ delivered_cells(['planned', 'actual', 'sme_awarded']) }} as delivered,
    corrections,
    load_id,
    source_file,
    source_sha256,
    source_row
from procurement
