with budget_execution as (
    select * from {{ source('raw', 'budget_execution') }}
)

select
    unit_code,
    fiscal_year,
    month,
    {{ to_yuan('adjusted_budget') }} as adjusted_budget_yuan,
    {{ to_yuan('cumulative_executed') }} as cumulative_executed_yuan,
    {{ corrected('progress_pct', 'decimal(28, 10)') }} as progress_pct,
    {{ corrected('execution_rate_pct', 'decimal(28, 10)') }} as execution_rate_pct,
    amount_unit,
    {{ delivered_cells([
        'adjusted_budget',
        'cumulative_executed',
        'progress_pct',
        'execution_rate_pct',
    ]) }} as delivered,
    corrections,
    load_id,
    source_file,
    source_sha256,
    source_row
from budget_execution
