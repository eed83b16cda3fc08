{{ config(materialized='view') }}
with valued as (
    select * from {{ ref('int_criteria__valued') }}
    where method = 'linear' and value is not null
),

criteria as (
    select
        rubric_id,
        criterion_code,
        over_target,
        coalesce(direction, 'above') as direction,
        coalesce(full_mark_at, 1) as full_mark_at
    from {{ ref('int_rubrics__criteria') }}
),

judged as (
    select
        valued.*,
        criteria.full_mark_at,
        case
            when criteria.direction = 'below'
                then if(valued.value <= criteria.full_mark_at, 'linear_within', 'linear_inverse')
            when valued.value < 0 then 'linear_negative'
            when valued.value <= criteria.full_mark_at or criteria.over_target = 'exceed'
                then if(criteria.full_mark_at = 1, 'linear_share', 'linear_share_of_target')
            when criteria.over_target = 'zero' then 'linear_too_much'
            else 'linear_capped'
        end as case_code
    from valued
    inner join criteria using (rubric_id, criterion_code)
),

divided as (
    select
        *,
        {{ quotient(
            "case
                when case_code = 'linear_inverse' then points_possible * full_mark_at
                when case_code = 'linear_share_of_target' then points_possible * value
            end",
            "if(case_code = 'linear_inverse', value, full_mark_at)", scale=18
        ) }} as quotient
    from judged
)

-- points × value ÷ full_mark_at, never below 0; above full_mark_at as over_target says. Where less
-- is better, all points up to full_mark_at and points × full_mark_at ÷ value above it.
select
    unit_code,
    fiscal_year,
    rubric_id,
    criterion_code,
    case_code,
    cast(
        case
            when case_code in ('linear_capped', 'linear_within') then points_possible
            when case_code = 'linear_inverse' then quotient
            when value <= 0 or case_code = 'linear_too_much' then 0
            when full_mark_at = 1 then cast(points_possible * value as decimal(38, 18))
            else quotient
        end as decimal(38, 18)
    ) as points
from divided
