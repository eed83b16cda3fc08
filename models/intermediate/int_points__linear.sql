with valued as (
    select * from {{ ref('int_criteria__valued') }}
    where method = 'linear' and value is not null
),

criteria as (
    select
        rubric_id,
        criterion_code,
        over_target,
        coalesce(full_mark_at, 1) as full_mark_at
    from {{ ref('rubric_criteria') }}
)

-- points × value ÷ full_mark_at, never below 0; above full_mark_at as over_target says.
select
    valued.unit_code,
    valued.fiscal_year,
    valued.rubric_id,
    valued.criterion_code,
    cast(
        case
            when valued.value <= 0 then 0
            when valued.value <= criteria.full_mark_at or criteria.over_target = 'exceed'
                then {{ quotient(
                    'valued.points_possible * valued.value', 'criteria.full_mark_at', scale=18
                ) }}
            when criteria.over_target = 'zero' then 0
            else valued.points_possible
        end as decimal(38, 18)
    ) as points
from valued
inner join criteria
    on valued.rubric_id = criteria.rubric_id and valued.criterion_code = criteria.criterion_code
