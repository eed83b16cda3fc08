{{ config(meta={'dagster': {'ref': {'name': 'rubric_indicators'}}}) }}
-- The indicators of a rubric add up to 100 points, the criteria of an indicator to its points.
with rubrics as (
    select * from {{ ref('rubrics') }}
),

indicators as (
    select * from {{ ref('rubric_indicators') }}
),

criteria as (
    select * from {{ ref('rubric_criteria') }}
),

by_rubric as (
    select
        rubrics.rubric_id,
        coalesce(sum(indicators.points), 0) as points
    from rubrics
    left join indicators on rubrics.rubric_id = indicators.rubric_id
    group by rubrics.rubric_id
),

by_indicator as (
    select
        indicators.rubric_id,
        indicators.indicator_code,
        indicators.points as points_expected,
        count(criteria.rubric_id) as criteria_count,
        coalesce(sum(criteria.points), 0) as points
    from indicators
    left join criteria
        on
            indicators.rubric_id = criteria.rubric_id
            and indicators.indicator_code = criteria.indicator_code
    group by indicators.rubric_id, indicators.indicator_code, indicators.points
)

select
    {{ seed_row('rubric_indicators', ['rubric_id']) }} || ': the indicators add up to '
    || {{ plain_text('points') }} || ' points, expected 100; correct their points' as message
from by_rubric
where points != 100
union all
select
    {{ seed_row('rubric_indicators', ['rubric_id', 'indicator_code']) }} || case
        when criteria_count = 0
            then ': no criteria found, expected one at least; add them in seeds/rubric_criteria.csv'
        else
            ': the criteria add up to ' || {{ plain_text('points') }} || ' points, expected the '
            || {{ plain_text('points_expected') }} || ' of the indicator; correct the points in '
            || 'seeds/rubric_criteria.csv or here'
    end as message
from by_indicator
where criteria_count = 0 or points != points_expected
order by message
