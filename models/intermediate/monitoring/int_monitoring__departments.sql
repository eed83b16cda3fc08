{{ config(materialized='view') }}
with departments as (
    select * from {{ ref('int_departments__evaluated') }}
),

bands as (
    select * from {{ ref('monitoring_bands') }}
),

-- How far a department's figures without a month reach is told by those with one.
delivered as (
    select
        unit_code,
        fiscal_year,
        max(month) as last_month
    from {{ ref('stg_budget_execution') }}
    where coalesce(cumulative_executed_yuan, progress_pct, execution_rate_pct) is not null
    group by unit_code, fiscal_year
)

-- The month is that of the finest place that has rows.
select
    departments.unit_code,
    departments.fiscal_year,
    departments.unit_name,
    departments.city,
    departments.district,
    departments.is_year_closed,
    bands.month as monitored_month,
    coalesce(delivered.last_month, bands.month) as summary_month
from departments
inner join bands
    on
        coalesce(departments.city = bands.city, bands.city is null)
        and coalesce(departments.district = bands.district, bands.district is null)
left join delivered using (unit_code, fiscal_year)
qualify row_number() over (
    partition by departments.unit_code, departments.fiscal_year
    order by bands.district is null, bands.city is null
) = 1
