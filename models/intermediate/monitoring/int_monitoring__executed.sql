{{ config(materialized='view') }}
{%- set key = 'unit_code, fiscal_year, subject_type, subject_code' -%}
with departments as (
    select * from {{ ref('int_monitoring__departments') }}
),

-- A month's amounts may be sums of the ledger, as those that the measures of its quarter read.
rolled_up as (
    select
        unit_code,
        fiscal_year,
        record_key,
        try_cast(any_value(value) filter (where fact = 'adjusted_budget') as decimal(18, 2))
            as adjusted_budget_yuan,
        try_cast(any_value(value) filter (where fact = 'cumulative_executed') as decimal(18, 2))
            as cumulative_executed_yuan
    from {{ ref('int_facts__completed') }}
    where table_name = 'budget_execution' and is_rolled_up
    group by unit_code, fiscal_year, record_key
),

delivered as (
    select
        months.* replace (
            coalesce(months.adjusted_budget_yuan, rolled_up.adjusted_budget_yuan)
                as adjusted_budget_yuan,
            coalesce(months.cumulative_executed_yuan, rolled_up.cumulative_executed_yuan)
                as cumulative_executed_yuan
        )
    from {{ ref('stg_budget_execution') }} as months
    left join rolled_up
        on
            months.unit_code = rolled_up.unit_code
            and months.fiscal_year = rolled_up.fiscal_year
            and rolled_up.record_key = 'month=' || months.month
),

-- What a department delivers by month: amounts, else a percentage, else a share of the calendar's.
monthly as (
    select
        *,
        case
            when adjusted_budget_yuan + cumulative_executed_yuan is not null
                then 'cumulative_executed'
            when progress_pct is not null then 'progress_pct'
            when execution_rate_pct is not null then 'execution_rate_pct'
        end as read_column
    from delivered
),

paid as (
    select
        *,
        if(project_code is null, 'department', 'project') as subject_type,
        coalesce(project_code, unit_code) as subject_code
    from {{ ref('int_monitoring__paid') }}
),

budgets as (
    select
        unit_code,
        fiscal_year,
        cast(any_value(value) filter (where fact = 'adjusted_budget') as decimal(18, 2))
            as budget_yuan,
        cast(
            any_value(value) filter (where fact = 'executed' and not is_rolled_up) as decimal(18, 2)
        ) as executed_yuan,
        any_value(source_file) as source_file,
        any_value(source_sha256) as source_sha256,
        any_value(source_row) as source_row,
        any_value(load_id) as load_id
    from {{ ref('int_facts__completed') }}
    where table_name = 'budgets' and record_key = 'budget_line=total'
    group by unit_code, fiscal_year
),

-- What is monitored, with the record of its budget and of what was spent to date; of a closed year
-- that is what was spent in all of it.
subjects as (
    select
        departments.unit_code,
        departments.fiscal_year,
        departments.is_year_closed,
        departments.monitored_month,
        departments.summary_month,
        'department' as subject_type,
        departments.unit_code as subject_code,
        departments.unit_name as subject_name,
        'budgets' as table_name,
        'budget_line=total' as record_key,
        'executed' as column_name,
        budgets.budget_yuan,
        budgets.executed_yuan,
        budgets.source_file,
        budgets.source_sha256,
        budgets.source_row,
        budgets.load_id
    from departments
    left join budgets using (unit_code, fiscal_year)
    union all by name
    select
        departments.unit_code,
        departments.fiscal_year,
        departments.is_year_closed,
        departments.monitored_month,
        departments.summary_month,
        'project' as subject_type,
        projects.project_code as subject_code,
        projects.project_name as subject_name,
        'projects' as table_name,
        'project_code=' || projects.project_code as record_key,
        'executed_total' as column_name,
        projects.budget_total_yuan as budget_yuan,
        projects.executed_total_yuan as executed_yuan,
        projects.source_file,
        projects.source_sha256,
        projects.source_row,
        projects.load_id
    from {{ ref('stg_projects') }} as projects
    inner join departments using (unit_code, fiscal_year)
),

-- What says how much was spent, in the order in which it counts: the last month, payments, what was
-- spent to date.
told as (
    select
        {{ key }},
        100 + monthly.month as place_in_order,
        monthly.month as as_of_month,
        'budget_execution' as table_name,
        'month=' || monthly.month as record_key,
        monthly.read_column as column_name,
        'budget_execution' as budget_table_name,
        'month=' || monthly.month as budget_record_key,
        monthly.adjusted_budget_yuan as budget_yuan,
        monthly.cumulative_executed_yuan as executed_yuan,
        case monthly.read_column
            when 'progress_pct' then monthly.progress_pct
            when 'execution_rate_pct' then monthly.execution_rate_pct * monthly.month
        end as done_pct,
        case monthly.read_column
            when 'progress_pct' then 100
            when 'execution_rate_pct' then 1200
        end as whole_pct,
        cast(null as bigint) as lines_count,
        monthly.source_file,
        monthly.source_sha256,
        monthly.source_row,
        monthly.load_id
    from monthly
    inner join subjects using (unit_code, fiscal_year)
    where
        subjects.subject_type = 'department'
        and monthly.month <= subjects.monitored_month
        and monthly.read_column is not null
    union all by name
    select
        {{ key }},
        20 as place_in_order,
        paid.as_of_month,
        'payments' as table_name,
        coalesce('project_code=' || paid.project_code, '') as record_key,
        'amount' as column_name,
        subjects.table_name as budget_table_name,
        subjects.record_key as budget_record_key,
        subjects.budget_yuan,
        paid.executed_yuan,
        paid.lines_count,
        paid.source_file,
        paid.source_sha256,
        paid.load_id
    from paid
    inner join subjects using ({{ key }})
    where not paid.is_in_doubt and paid.executed_yuan is not null
    union all by name
    select
        {{ key }},
        10 as place_in_order,
        summary_month as as_of_month,
        table_name,
        record_key,
        column_name,
        table_name as budget_table_name,
        record_key as budget_record_key,
        budget_yuan,
        executed_yuan,
        source_file,
        source_sha256,
        source_row,
        load_id
    from subjects
    where executed_yuan is not null and not is_year_closed
),

counted as (
    select *
    from told
    qualify row_number() over (partition by {{ key }} order by place_in_order desc) = 1
)

select
    {{ key }},
    subjects.subject_name,
    subjects.monitored_month,
    counted.as_of_month,
    case
        when counted.as_of_month is not null and counted.done_pct is not null then 'calendar_share'
        when counted.budget_yuan > 0 then 'calendar_amounts'
        when counted.budget_yuan is not null then 'no_progress'
        when counted.as_of_month is not null then 'no_budget'
        when paid.is_in_doubt then 'in_doubt'
        when subjects.executed_yuan is not null then 'closed'
        else 'nothing_spent'
    end as case_code,
    counted.budget_yuan,
    counted.executed_yuan,
    coalesce(counted.done_pct, counted.executed_yuan) as done,
    coalesce(counted.whole_pct, counted.budget_yuan) as whole,
    coalesce(counted.table_name, subjects.table_name) as table_name,
    coalesce(counted.record_key, subjects.record_key) as record_key,
    counted.column_name,
    counted.budget_table_name,
    counted.budget_record_key,
    counted.lines_count,
    if(counted.as_of_month is null, subjects.source_file, counted.source_file) as source_file,
    if(counted.as_of_month is null, subjects.source_sha256, counted.source_sha256) as source_sha256,
    if(counted.as_of_month is null, subjects.source_row, counted.source_row) as source_row,
    if(counted.as_of_month is null, subjects.load_id, counted.load_id) as load_id
from subjects
left join counted using ({{ key }})
left join paid using ({{ key }})
