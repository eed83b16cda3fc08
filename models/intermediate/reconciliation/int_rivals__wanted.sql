with reported_figures as (
    select * from {{ ref('stg_reported_figures') }}
),

rivals as (
    select * from {{ ref('rival_measures') }}
)

select distinct
    reported_figures.unit_code,
    reported_figures.fiscal_year,
    rivals.rival_code as measure_code
from reported_figures
inner join rivals using (measure_code)
