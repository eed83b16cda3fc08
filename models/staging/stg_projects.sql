with projects as (
    select * from {{ source('raw', 'projects') }}
)

select
    unit_code,
    fiscal_year,
    project_code,
    {{ corrected('project_name') }} as project_name,
    {{ to_yuan('budget_total') }} as budget_total_yuan,
    {{ to_yuan('budget_fiscal') }} as budget_fiscal_yuan,
    {{ to_yuan('executed_total') }} as executed_total_yuan,
    {{ to_yuan('executed_fiscal') }} as executed_fiscal_yuan,
    amount_unit,
    {{ delivered_cells([
        'budget_total',
        'budget_fiscal',
        'executed_total',
        'executed_fiscal',
    ]) }} as delivered,
    corrections,
    load_id,
    source_file,
    source_sha256,
    source_row
from projects
