-- A view, which holds tables of its own schema alone: it is published as it stands.
{{ config(materialized='view') }}

with criteria as (
    select
        scores.unit_code,
        scores.fiscal_year,
        scores.rubric_id,
        scores.criterion_code,
        scores.indicator_code,
        scores.method,
        scores.measure_code,
        scores.measure_value as value,
        scores.basis,
        scores.points_possible,
        scores.points_awarded,
        coalesce(criteria.full_mark_at, 1) as full_mark_at,
        coalesce(criteria.threshold, 0) as threshold,
        coalesce(criteria.direction, 'above') as direction,
        coalesce(criteria.step_size, 1) as step_size,
        coalesce(criteria.step_rounding, 'whole') as step_rounding,
        criteria.points_per_step,
        -- Where points go in proportion, a step is a percentage point, or one of what is counted.
        cast(if(measures.kind = 'ratio', 0.01, 1) as decimal(28, 10)) as unit_step,
        coalesce(measures.kind = 'count', true) as is_count
    from {{ ref('fct_criterion_scores').include(database=false) }} as scores
    inner join {{ ref('dim_criteria').include(database=false) }} as criteria
        using (rubric_id, indicator_code, criterion_code)
    left join {{ ref('dim_measures').include(database=false) }} as measures
        on scores.measure_code = measures.measure_code
),

-- Assessed points have no value that they follow from.
by_value as (
    select * from criteria
    where
        basis in ('computed', 'assessed') and value is not null
        and (points_awarded < points_possible or method = 'veto')
),

linear as (
    select
        *,
        case
            when direction = 'above' and value < full_mark_at
                then least(value + unit_step, full_mark_at)
            when direction = 'above' then full_mark_at
            else greatest(value - unit_step, full_mark_at)
        end as next_value,
        {{ quotient(
            "points_possible * if(direction = 'above', greatest(next_value, 0), full_mark_at)",
            "if(direction = 'above', full_mark_at, next_value)", scale=18
        ) }} as next_points,
        if(direction = 'above' and value < full_mark_at, '>=', '<=') as comparison
    from by_value
    where method = 'linear'
),

divided as (
    select
        *,
        step_rounding = 'proportional' as is_proportional,
        case direction
            when 'above' then value - threshold
            when 'below' then threshold - value
            else abs(value - threshold)
        end as excess,
        {{ quotient('if(is_proportional, null, excess)', 'step_size', scale=6) }} as whole_steps,
        {{ quotient('if(is_proportional, null, points_possible)', 'points_per_step') }}
            as steps_to_nothing,
        {{ quotient('if(is_proportional, points_possible * step_size, null)', 'points_per_step') }}
            as excess_to_nothing
    from by_value
    where method = 'step'
),

counted as (
    select
        *,
        if(step_rounding = 'up', ceil(whole_steps), floor(whole_steps)) as steps,
        -- Steps beyond those that leave nothing cost no more; 0 points go below it.
        if(points_possible = 0, steps, least(steps, ceil(steps_to_nothing))) as costly_steps,
        greatest(costly_steps - 1, 0) as next_steps,
        -- Less than a whole step is none: of what is counted that is one less.
        case
            when is_proportional
                then greatest(
                    if(points_possible = 0, excess, least(excess, excess_to_nothing)) - step_size, 0
                )
            when step_rounding = 'up' then next_steps * step_size
            else costly_steps * step_size - if(is_count, 1, 0)
        end as next_excess
    from divided
),

-- In proportion a step less gives what a step costs, up to all.
stepped as (
    select
        *,
        threshold + next_excess * if(value < threshold, -1, 1) as next_value,
        case
            when is_proportional
                then cast(
                    least(points_awarded + points_per_step, points_possible) as decimal(38, 18)
                )
            when points_possible = 0 then cast(-points_per_step * next_steps as decimal(38, 18))
            else cast(
                greatest(points_possible - points_per_step * next_steps, 0) as decimal(38, 18)
            )
        end as next_points,
        if(value < threshold, '>', '<')
        || if(step_rounding = 'whole' and not is_count, '', '=') as comparison
    from counted
),

-- The nearest end of a band; of one with a slope that the value is in, a step.
band_ends as (
    select
        criteria.*,
        case
            when
                bands.upper_points > bands.points
                and criteria.value >= bands.lower and criteria.value < bands.upper
                then least(criteria.value + criteria.unit_step, bands.upper)
            when
                bands.upper_points < bands.points
                and criteria.value > bands.lower and criteria.value <= bands.upper
                then greatest(criteria.value - criteria.unit_step, bands.lower)
            when bands.lower >= criteria.value then bands.lower
            when bands.upper <= criteria.value then bands.upper
        end as next_value,
        bands.points,
        bands.upper_points,
        {{ quotient(
            '(bands.upper_points - bands.points) * (next_value - bands.lower)',
            'bands.upper - bands.lower', scale=18
        ) }} as points_of_slope,
        case
            when next_value = bands.lower and bands.lower >= criteria.value
                then if(bands.lower_inclusive, '>=', '>')
            when next_value = bands.upper and bands.upper <= criteria.value
                then if(bands.upper_inclusive, '<=', '<')
            else if(next_value > criteria.value, '>=', '<=')
        end as comparison
    from by_value as criteria
    inner join {{ ref('dim_bands').include(database=false) }} as bands
        using (rubric_id, criterion_code)
    where criteria.method = 'band' and bands.points is not null
),

band_points as (
    select
        *,
        cast(
            points + if(upper_points is null, 0, points_of_slope) as decimal(38, 18)
        ) as next_points
    from band_ends
),

-- One that gives more before one that does not; of two as near the one that gives the most.
banded as (
    select *
    from band_points
    qualify row_number() over (
        partition by unit_code, fiscal_year, rubric_id, criterion_code
        order by
            coalesce(cast(next_points - points_awarded as decimal(38, 10)) > 0, false) desc,
            abs(next_value - value) asc,
            cast(next_points as decimal(38, 10)) desc,
            next_value asc,
            comparison asc
    ) = 1
),

-- Without the violation the other criteria of the indicator count.
vetoing as (
    select
        criteria.*,
        0 as next_value,
        (
            select least(greatest(sum(others.points_awarded), 0), any_value(indicators.points))
            from criteria as others
            inner join {{ ref('dim_indicators').include(database=false) }} as indicators
                using (rubric_id, indicator_code)
            where
                others.unit_code = criteria.unit_code
                and others.fiscal_year = criteria.fiscal_year
                and others.rubric_id = criteria.rubric_id
                and others.indicator_code = criteria.indicator_code
        ) as next_points,
        '<=' as comparison
    from by_value as criteria
    where criteria.method = 'veto' and criteria.value > 0
),

-- An assessor may give whatever is left.
judged as (
    select
        *,
        null as next_value,
        points_possible as next_points,
        null as comparison
    from criteria
    where basis = 'assessed' and value is null and points_awarded < points_possible
),

steps as (
    {%- for method in ['linear', 'stepped', 'banded', 'vetoing', 'judged'] %}
    select
        unit_code,
        fiscal_year,
        rubric_id,
        criterion_code,
        indicator_code,
        method,
        measure_code,
        value,
        points_awarded,
        cast(next_value as decimal(38, 10)) as next_value,
        comparison,
        cast(next_points - points_awarded as decimal(38, 10)) as points_gained
    from {{ method }}
    -- What is gained as it is published: a double may be a hair above nothing.
    where cast(next_points - points_awarded as decimal(38, 10)) > 0
    {{ "union all" if not loop.last }}
    {%- endfor %}
),

next_grades as (
    select
        evaluations.unit_code,
        evaluations.fiscal_year,
        evaluations.rubric_id,
        min_by(grades.grade, grades.lower) as next_grade,
        min(grades.lower) - any_value(evaluations.total_score) as points_to_next_grade
    from {{ ref('fct_evaluations').include(database=false) }} as evaluations
    inner join {{ ref('dim_grades').include(database=false) }} as grades
        on
            evaluations.rubric_id = grades.rubric_id
            and evaluations.total_score < grades.lower
    group by evaluations.unit_code, evaluations.fiscal_year, evaluations.rubric_id
)

select
    steps.unit_code,
    steps.fiscal_year,
    steps.rubric_id,
    steps.criterion_code,
    steps.indicator_code,
    steps.method,
    steps.measure_code,
    steps.value,
    steps.next_value,
    steps.comparison,
    abs(steps.next_value - steps.value) as gap,
    steps.points_awarded,
    steps.points_gained,
    next_grades.next_grade,
    cast(next_grades.points_to_next_grade as decimal(9, 4)) as points_to_next_grade,
    coalesce(steps.points_gained >= next_grades.points_to_next_grade, false)
        as is_next_grade_reached
from steps
left join next_grades using (unit_code, fiscal_year, rubric_id)
