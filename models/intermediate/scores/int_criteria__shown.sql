{{ config(materialized='view') }}
with scored as (
    select * from {{ ref('int_criteria__scored') }}
),

criteria as (
    select
        rubric_id,
        criterion_code,
        points_per_step,
        standard_zh,
        coalesce(full_mark_at, 1) as full_mark_at,
        coalesce(threshold, 0) as threshold,
        coalesce(direction, 'above') as direction,
        coalesce(step_size, 1) as step_size,
        coalesce(step_rounding, 'whole') as step_rounding
    from {{ ref('int_rubrics__criteria') }}
),

rubrics as (
    select * from {{ ref('int_rubrics__defined') }}
),

measures as (
    select * from {{ ref('measures') }}
),

bands as (
    select * from {{ ref('int_points__band') }}
),

steps as (
    select * from {{ ref('int_points__step') }}
),

-- What a shown value is held against: the bounds of the bands, the threshold, the full mark and 0.
limits as (
    select
        criteria.rubric_id,
        criteria.criterion_code,
        list_filter(
            list(bands.lower) || list(bands.upper)
            || [0, any_value(criteria.threshold), any_value(criteria.full_mark_at)],
            lambda bound: bound is not null
        ) as limits
    from criteria
    left join {{ ref('int_rubrics__bands') }} as bands using (rubric_id, criterion_code)
    group by criteria.rubric_id, criteria.criterion_code
),

-- Many departments have the same said of them; what is the same is written once.
cases as (
    select distinct
        scored.rubric_id,
        scored.criterion_code,
        scored.method,
        scored.measure_code,
        scored.value,
        scored.basis,
        scored.case_code,
        scored.points_possible,
        scored.points_awarded,
        scored.is_deduction,
        scored.assessment_basis,
        bands.lower,
        bands.lower_inclusive,
        bands.upper,
        bands.upper_inclusive,
        bands.lower_points,
        bands.upper_points,
        steps.steps
    from scored
    left join bands using (unit_code, fiscal_year, rubric_id, criterion_code)
    left join steps using (unit_code, fiscal_year, rubric_id, criterion_code)
),

joined as (
    select
        cases.*,
        criteria.* exclude (rubric_id, criterion_code),
        rubrics.score_decimals,
        limits.limits,
        measures.name_zh,
        measures.kind
    from cases
    inner join criteria using (rubric_id, criterion_code)
    inner join rubrics using (rubric_id)
    inner join limits using (rubric_id, criterion_code)
    left join measures using (measure_code)
),

-- Beyond a threshold the ends of the step too.
stepped as (
    select
        *,
        case direction
            when 'above' then greatest(value - threshold, 0)
            when 'below' then least(value - threshold, 0)
            else value - threshold
        end as excess,
        case
            when excess = 0 or steps is null then []
            when step_rounding != 'whole' and steps = 0 then [value]
            when step_rounding = 'proportional' then []
            else
                list_transform(
                    [-1, 0, 1],
                    lambda step: threshold
                    + step_size * cast(sign(excess) * (steps + step) as decimal(28, 0))
                )
        end as step_ends,
        -- A value that counts as being on one, a hair off, is shown as that.
        coalesce(
            list_filter(
                step_ends,
                lambda step_end: step_end != threshold
                and abs(value - step_end) * 2000000 < step_size
            )[1],
            value
        ) as counted_value
    from joined
),

bounded as (
    select
        *,
        list_concat(limits, step_ends) as bounds,
        {{ nearest_below('bounds', 'counted_value') }} as nearest_below,
        {{ nearest_above('bounds', 'counted_value') }} as nearest_above
    from stepped
)

select
    rubric_id,
    criterion_code,
    method,
    value,
    basis,
    case_code,
    points_possible,
    points_awarded,
    is_deduction,
    direction,
    step_rounding,
    lower_inclusive,
    upper_inclusive,
    assessment_basis as assessment_basis_zh,
    coalesce(name_zh, regexp_replace(standard_zh, '[。；]$', ''), criterion_code) as subject_zh,
    {{ value_text(shown_apart('counted_value', 'kind', 'nearest_below', 'nearest_above'), 'kind') }}
        as value_zh,
    {{ value_text('full_mark_at', 'kind') }} as full_mark_zh,
    {{ value_text('threshold', 'kind') }} as threshold_zh,
    {{ value_text('step_size', 'kind') }} as step_size_zh,
    {{ value_text('lower', 'kind') }} as lower_zh,
    {{ value_text('upper', 'kind') }} as upper_zh,
    {{ plain_text('lower_points') }} as lower_points_zh,
    {{ plain_text('upper_points') }} as upper_points_zh,
    {{ plain_text('steps') }} as steps_zh,
    {{ plain_text('points_per_step') }} as points_per_step_zh,
    {{ plain_text('points_possible') }} as points_zh,
    {{ plain_text(round_to('points_awarded', 'score_decimals')) }} as awarded_zh,
    {{ plain_text(round_to('abs(points_possible - points_awarded)', 'score_decimals')) }}
        as difference_zh
from bounded
