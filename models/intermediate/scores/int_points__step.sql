with valued as (
    select * from {{ ref('int_criteria__valued') }}
    where method = 'step' and value is not null
),

measures as (
    select * from {{ ref('measures') }}
),

criteria as (
    select
        rubric_id,
        criterion_code,
        points_per_step,
        coalesce(threshold, 0) as threshold,
        coalesce(direction, 'above') as direction,
        coalesce(step_size, 1) as step_size,
        coalesce(step_rounding, 'whole') as step_rounding
    from {{ ref('int_rubrics__criteria') }}
),

exceeding as (
    select
        valued.*,
        criteria.* exclude (rubric_id, criterion_code),
        criteria.threshold = 0
        and criteria.step_size = 1
        and (valued.measure_code is null or measures.kind = 'count') as is_counted,
        case criteria.direction
            when 'above' then greatest(valued.value - criteria.threshold, 0)
            when 'below' then greatest(criteria.threshold - valued.value, 0)
            when 'both' then abs(valued.value - criteria.threshold)
        end as excess
    from valued
    inner join criteria using (rubric_id, criterion_code)
    left join measures using (measure_code)
),

-- A value a hair off a whole step must not cost or save a step. Points in proportion are taken from
-- the excess, as the steps are rounded.
divided as (
    select
        *,
        if(step_rounding = 'proportional', excess, null) as excess_in_proportion,
        {{ quotient('excess_in_proportion', 'step_size') }} as steps_in_proportion,
        {{ quotient(
            "if(step_rounding = 'proportional', null, excess)", 'step_size', scale=6
        ) }} as whole_steps,
        {{ quotient('points_per_step * excess_in_proportion', 'step_size', scale=18) }}
            as points_in_proportion
    from exceeding
),

-- Each branch is cast: DuckDB gives a case of unlike decimals the fewest decimals of any.
stepped as (
    select
        *,
        case step_rounding
            when 'proportional' then cast(steps_in_proportion as decimal(28, 10))
            when 'up' then cast(ceil(whole_steps) as decimal(28, 10))
            else cast(floor(whole_steps) as decimal(28, 10))
        end as steps
    from divided
),

taken_off as (
    select
        *,
        case step_rounding
            when 'proportional' then points_in_proportion
            else cast(points_per_step * steps as decimal(38, 18))
        end as points_off
    from stepped
)

-- points − points_per_step × steps, never below 0; a deduction is taken off the other criteria of
-- its indicator.
select
    unit_code,
    fiscal_year,
    rubric_id,
    criterion_code,
    steps,
    case
        when is_counted then if(takes_number, 'step_violations', 'step_counted')
        when excess = 0 then 'step_within'
        when steps = 0 and step_rounding = 'whole' then 'step_less_than_one'
        when steps = 0 then 'step_next_to_none'
        else 'step_beyond'
    end as case_code,
    cast(
        if(is_deduction, -points_off, greatest(points_possible - points_off, 0)) as decimal(38, 18)
    ) as points
from taken_off
