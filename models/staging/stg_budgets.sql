with budgets as (
    select * from {{ source('raw', 'budgets') }}
)

select
    unit_code,
    fiscal_year,
    budget_line,
    {{ to_yuan('initial_budget') }} as initial_budget_yuan,
    {{ to_yuan('adjusted_budget') }} as adjusted_budget_yuan,
    {{ to_yuan('executed') }} as executed_yuan,
    amount_unit,
    {{ delivered_cells(['initial_budget', 'adjusted_budget', 'executed']) }} as delivered,
    corrections,
    load_id,
    source_file,
    source_sha256,
    source_row
from budgets
