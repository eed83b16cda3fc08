with criteria as (
    select * from {{ ref('int_criteria__scored') }}
),

indicators as (
    select * from {{ ref('rubric_indicators') }}
),

rubrics as (
    select * from {{ ref('rubrics') }}
),

summed as (
    select
        unit_code,
        fiscal_year,
        rubric_id,
        indicator_code,
        bool_or(is_vetoing) as is_vetoed,
        bool_or(basis = 'withheld') as is_withheld,
        case when bool_and(points_awarded is not null) then sum(points_awarded) end
            as points_awarded
    from criteria
    group by unit_code, fiscal_year, rubric_id, indicator_code
),

held as (
    select
        summed.unit_code,
        summed.fiscal_year,
        summed.rubric_id,
        summed.indicator_code,
        summed.is_withheld,
        rubrics.score_decimals,
        indicators.points as points_possible,
        case when not summed.is_withheld then summed.is_vetoed end as is_vetoed,
        case
            when summed.points_awarded is null then null
            when summed.is_vetoed then 0
            else least(greatest(summed.points_awarded, 0), indicators.points)
        end as points_awarded
    from summed
    inner join indicators using (rubric_id, indicator_code)
    inner join rubrics using (rubric_id)
)

select
    unit_code,
    fiscal_year,
    rubric_id,
    indicator_code,
    is_vetoed,
    is_withheld,
    points_possible,
    cast(points_awarded as decimal(38, 18)) as points_awarded,
    cast({{ round_to('points_awarded', 'score_decimals') }} as decimal(9, 4)) as score
from held
