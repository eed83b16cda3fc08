with departments as (
    select unit_code, fiscal_year from {{ ref('int_departments__evaluated') }}
),

projects as (
    select * from {{ ref('stg_projects') }}
),

cells as (
    select * from {{ ref('int_facts__completed') }}
    where table_name = 'budgets' and record_key = 'budget_line=basic'
),

labels as (
    select label_zh from {{ ref('code_labels') }}
    where domain = 'budget_line' and code = 'basic'
),

-- What is not spent on projects is a task as well (基本支出); its line may be rolled up.
basic as (
    select
        unit_code,
        fiscal_year,
        table_name,
        record_key,
        cast(
            any_value(value) filter (where fact = 'adjusted_budget') as decimal(18, 2)
        ) as budget_total_yuan,
        cast(any_value(value) filter (where fact = 'executed') as decimal(18, 2))
            as executed_total_yuan,
        any_value(source_file) as source_file,
        any_value(source_sha256) as source_sha256,
        any_value(source_row) as source_row,
        any_value(load_id) as load_id
    from cells
    group by unit_code, fiscal_year, table_name, record_key
),

tasks as (
    select
        *,
        'projects' as table_name,
        'project_code=' || project_code as record_key,
        project_name as task_name
    from projects
    union all by name
    select
        basic.*,
        labels.label_zh as task_name
    from basic
    cross join labels
)

select
    tasks.unit_code,
    tasks.fiscal_year,
    tasks.table_name,
    tasks.record_key,
    tasks.task_name,
    tasks.budget_total_yuan,
    tasks.budget_fiscal_yuan,
    tasks.executed_total_yuan,
    tasks.executed_fiscal_yuan,
    tasks.source_file,
    tasks.source_sha256,
    tasks.source_row,
    tasks.load_id
from tasks
semi join departments using (unit_code, fiscal_year)
