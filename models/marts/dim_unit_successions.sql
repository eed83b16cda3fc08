with successions as (
    select * from {{ ref('stg_unit_successions') }}
),

run_years as (
    select fiscal_year from {{ source('audit', 'run_years') }}
)

select
    successions.unit_code,
    successions.fiscal_year,
    successions.predecessor_unit_code,
    successions.kind as succession_kind,
    successions.basis
from successions
inner join run_years using (fiscal_year)
