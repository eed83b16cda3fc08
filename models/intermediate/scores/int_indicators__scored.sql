with criteria as (
    select * from {{ ref('int_criteria__scored') }}
),

indicators as (
    select * from {{ ref('int_rubrics__indicators') }}
),

rubrics as (
    select * from {{ ref('int_rubrics__defined') }}
),

summed as (
    select
        unit_code,
        fiscal_year,
        rubric_id,
        indicator_code,
        bool_or(is_vetoing) as is_vetoed,
        bool_or(basis = 'withheld') as is_withheld,
        bool_or(basis = 'missing') as is_missing,
        -- What is not applicable counts neither way: the rest stands for the whole indicator.
        case when bool_or(basis = 'excluded') then sum(points_counted) end as points_left,
        sum(points_awarded) as points_awarded
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
        coalesce(summed.points_left, indicators.points) as points_counted,
        rubrics.score_decimals,
        indicators.points as points_possible,
        coalesce(
            summed.points_left = 0 and not summed.is_withheld and not summed.is_missing, false
        ) as is_excluded,
        case when not summed.is_withheld then summed.is_vetoed end as is_vetoed,
        case
            when summed.is_withheld or summed.is_missing or is_excluded then null
            when summed.is_vetoed then 0
            else
                {{ held_points(
                    'summed.points_awarded', 'summed.points_left', 'indicators.points'
                ) }}
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
    is_excluded,
    points_possible,
    cast(points_counted as decimal(9, 4)) as points_counted,
    cast(points_awarded as decimal(38, 18)) as points_awarded,
    cast({{ round_to('points_awarded', 'score_decimals') }} as decimal(9, 4)) as score
from held
