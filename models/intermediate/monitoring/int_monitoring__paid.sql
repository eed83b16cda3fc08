{{ config(materialized='view') }}
with departments as (
    select * from {{ ref('int_monitoring__departments') }}
),

payments as (
    select * from {{ ref('stg_payments') }}
),

dated as (
    select
        payments.*,
        departments.monitored_month,
        case when year(payments.paid_on) = payments.fiscal_year then month(payments.paid_on) end
            as month
    from payments
    inner join departments using (unit_code, fiscal_year)
),

-- A line without amount, or without a day of the year, leaves the sum that it belongs to in doubt.
by_month as (
    select
        unit_code,
        fiscal_year,
        monitored_month,
        project_code,
        month,
        sum(if(is_refund, -amount_yuan, amount_yuan)) as paid_yuan,
        count(*) as lines_count,
        bool_or(amount_yuan is null or month is null) as is_in_doubt,
        bool_or(coalesce(budget_line, 'project') = 'project') as is_of_projects,
        min(source_file) as first_file,
        max(source_file) as last_file,
        any_value(source_sha256) as source_sha256,
        any_value(load_id) as load_id
    from dated
    group by unit_code, fiscal_year, monitored_month, project_code, month
),

-- How far the ledger reaches, and whether it has lines that may belong to any project.
placed as (
    select
        *,
        least(max(month) over ledger, monitored_month) as as_of_month,
        bool_or(project_code is null and is_of_projects) over ledger as hides_projects
    from by_month
    window ledger as (partition by unit_code, fiscal_year)
),

-- Each line counts for its department and for the project that it names.
counted as (
    select *, cast(null as varchar) as counted_for from placed
    union all
    select *, project_code as counted_for from placed
    where project_code is not null
)

select
    unit_code,
    fiscal_year,
    counted_for as project_code,
    any_value(as_of_month) as as_of_month,
    bool_or(is_in_doubt or (counted_for is not null and hides_projects)) as is_in_doubt,
    -- A sum that no amount of the contract could be is none.
    try_cast(sum(paid_yuan) filter (where month <= as_of_month) as decimal(18, 2)) as executed_yuan,
    cast(sum(lines_count) filter (where month <= as_of_month) as bigint) as lines_count,
    if(min(first_file) = max(last_file), min(first_file), null) as source_file,
    if(min(first_file) = max(last_file), any_value(source_sha256), null) as source_sha256,
    if(min(first_file) = max(last_file), any_value(load_id), null) as load_id
from counted
group by unit_code, fiscal_year, counted_for
