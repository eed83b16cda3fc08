with valued as (
    select * from {{ ref('int_criteria__valued') }}
    where method = 'step' and value is not null
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
    from {{ ref('rubric_criteria') }}
),

exceeding as (
    select
        valued.unit_code,
        valued.fiscal_year,
        valued.rubric_id,
        valued.criterion_code,
        valued.points_possible,
        criteria.points_per_step,
        criteria.step_rounding,
        criteria.step_size,
        case criteria.direction
            when 'above' then greatest(valued.value - criteria.threshold, 0)
            when 'below' then greatest(criteria.threshold - valued.value, 0)
            when 'both' then abs(valued.value - criteria.threshold)
        end as excess
    from valued
    inner join criteria
        on
            valued.rubric_id = criteria.rubric_id
            and valued.criterion_code = criteria.criterion_code
),

-- A value a hair off a whole step must not cost or save a step. Each branch is cast: DuckDB gives
-- a case of unlike decimals the fewest decimals of any.
stepped as (
    select
        *,
        case step_rounding
            when 'proportional'
                then cast({{ quotient('excess', 'step_size') }} as decimal(28, 10))
            when 'up'
                then cast(ceil({{ quotient('excess', 'step_size', scale=6) }}) as decimal(28, 10))
            else cast(floor({{ quotient('excess', 'step_size', scale=6) }}) as decimal(28, 10))
        end as steps
    from exceeding
)

-- points − points_per_step × steps, never below 0; in proportion from the excess, as the steps are
-- rounded.
select
    unit_code,
    fiscal_year,
    rubric_id,
    criterion_code,
    steps,
    cast(
        greatest(
            points_possible - case step_rounding
                when 'proportional'
                    then {{ quotient('points_per_step * excess', 'step_size', scale=18) }}
                else cast(points_per_step * steps as decimal(38, 18))
            end, 0
        ) as decimal(38, 18)
    ) as points
from stepped
