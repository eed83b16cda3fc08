with measures as (
    select * from {{ ref('measures') }}
),

rivals as (
    select * from {{ ref('rival_measures') }}
),

rival_definitions as (
    select distinct
        rivals.rival_code as measure_code,
        measures.quotient
    from rivals
    inner join measures using (measure_code)
    anti join measures as published on rivals.rival_code = published.measure_code
)

-- A rival definition is formed as the measure that it stands in for.
select
    measure_code,
    quotient
from measures
union all
select
    measure_code,
    quotient
from rival_definitions
