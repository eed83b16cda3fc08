{{ config(meta={'dagster': {'ref': {'name': 'rubric_indicators'}}}) }}
-- The indicators of a rubric add up to its total, the criteria of an indicator to its points, those
-- of a choice counted once; all of these as they are after what a rubric has from its base.
with rubrics as (
    {{ defined_rubrics() }}
),

indicators as (
    select * from ({{ rubric_rows('rubric_indicators') }})
),

criteria as (
    select * from ({{ rubric_rows('rubric_criteria') }})
),

choices as (
    select
        rubric_id,
        indicator_code,
        coalesce(choice, 'criterion ' || criterion_code) as choice,
        min_by(stated_in, sort_order) as stated_in,
        min_by(criterion_code, sort_order) as criterion_code,
        min(points) as points,
        max(points) as most_points
    from criteria
    group by all
),

by_rubric as (
    select
        rubrics.rubric_id,
        rubrics.total_points,
        coalesce(sum(indicators.points), 0) as points
    from rubrics
    left join indicators on rubrics.rubric_id = indicators.rubric_id
    group by rubrics.rubric_id, rubrics.total_points
),

by_indicator as (
    select
        indicators.rubric_id as rubric,
        indicators.stated_in as rubric_id,
        indicators.indicator_code,
        indicators.points as points_expected,
        count(choices.rubric_id) as criteria_count,
        coalesce(sum(choices.most_points), 0) as points
    from indicators
    left join choices
        on
            indicators.rubric_id = choices.rubric_id
            and indicators.indicator_code = choices.indicator_code
    group by
        indicators.rubric_id, indicators.stated_in, indicators.indicator_code, indicators.points
),

too_fine as (
    select
        indicators.stated_in as rubric_id,
        indicators.rubric_id as rubric,
        indicators.indicator_code,
        indicators.points,
        rubrics.score_decimals
    from indicators
    inner join rubrics on indicators.rubric_id = rubrics.rubric_id
    where
        case rubrics.score_decimals
            {%- for decimals in range(4) %}
            when {{ decimals }} then indicators.points != round(indicators.points, {{ decimals }})
            {%- endfor %}
        end
),

unequal as (
    select
        stated_in as rubric_id,
        criterion_code,
        choice,
        points,
        most_points
    from choices
    where points != most_points
)

select
    {{ seed_row('rubric_indicators', ['rubric_id']) }} || ': the indicators'
    || ' add up to ' || {{ plain_text('points') }} || ' points, expected '
    || {{ plain_text('total_points') }} || '; correct their points' as message
from by_rubric
where points != total_points
union all
select
    {{ seed_row('rubric_indicators', ['rubric_id', 'indicator_code']) }}
    || coalesce(' in ' || nullif(rubric, rubric_id), '')
    || case
        when criteria_count = 0
            then ': no criteria found, expected one at least; add them in seeds/rubric_criteria.csv'
        else
            ': the criteria add up to ' || {{ plain_text('points') }} || ' points, expected the '
            || {{ plain_text('points_expected') }} || ' of the indicator; correct the points in '
            || 'seeds/rubric_criteria.csv or here'
    end as message
from by_indicator
where criteria_count = 0 or points != points_expected
union all
select
    {{ seed_row('rubric_indicators', ['rubric_id', 'indicator_code']) }}
    || coalesce(' in ' || nullif(rubric, rubric_id), '')
    || ' column points: found ''' || {{ plain_text('points') }} || ''', expected no more than the '
    || score_decimals || ' decimals that scores of ' || rubric
    || ' are rounded to; correct the points or its score_decimals' as message
from too_fine
union all
select distinct
    {{ seed_row('rubric_criteria', ['rubric_id', 'criterion_code']) }} || ': the choice '''
    || choice || ''' has criteria of ' || {{ plain_text('points') }} || ' and of '
    || {{ plain_text('most_points') }} || ' points, expected the same points for each; correct '
    || 'them' as message
from unequal
order by message
