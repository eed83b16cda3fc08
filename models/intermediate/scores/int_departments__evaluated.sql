with departments as (
    select * from {{ ref('stg_departments') }}
),

run_years as (
    select fiscal_year from {{ source('audit', 'run_years') }}
)

select
    departments.unit_code,
    departments.fiscal_year,
    departments.unit_name,
    departments.unit_type,
    departments.parent_unit_code,
    departments.city,
    departments.district
from departments
inner join run_years using (fiscal_year)
