with departments as (
    select * from {{ ref('stg_departments') }}
),

runs as (
    select * from {{ source('audit', 'runs') }}
),

run_years as (
    select * from {{ source('audit', 'run_years') }}
)

select
    departments.unit_code,
    departments.fiscal_year,
    departments.unit_name,
    departments.unit_type,
    departments.parent_unit_code,
    departments.city,
    departments.district,
    {{ year_is_closed('runs', 'departments.fiscal_year') }} as is_year_closed
from departments
inner join run_years using (fiscal_year)
inner join runs using (run_id, fiscal_year)
