with valued as (
    select * from {{ ref('int_criteria__valued') }}
),

blocked as (
    select * from {{ ref('int_departments__blocked') }}
),

by_method as (
    select unit_code, fiscal_year, rubric_id, criterion_code, points
    from {{ ref('int_points__linear') }}
    union all
    select unit_code, fiscal_year, rubric_id, criterion_code, points
    from {{ ref('int_points__band') }}
    union all
    select unit_code, fiscal_year, rubric_id, criterion_code, points
    from {{ ref('int_points__step') }}
)

select
    valued.unit_code,
    valued.fiscal_year,
    valued.rubric_id,
    valued.indicator_code,
    valued.criterion_code,
    valued.method,
    valued.measure_code,
    valued.measure_status,
    valued.when_undefined,
    valued.assessment_basis,
    valued.counts_violations,
    valued.value,
    valued.points_possible,
    case when blocked.unit_code is null then valued.basis else 'withheld' end as basis,
    valued.method = 'veto' and coalesce(valued.value > 0, false) as is_vetoing,
    cast(
        case
            when blocked.unit_code is not null or valued.basis = 'missing' then null
            when valued.method = 'veto' or valued.measure_status = 'unbounded' then 0
            when valued.basis = 'default' and valued.when_undefined = 'full'
                then valued.points_possible
            when valued.basis = 'default' then 0
            when valued.basis = 'assessed' and not valued.counts_violations
                then valued.assessed_points
            else by_method.points
        end as decimal(38, 18)
    ) as points_awarded
from valued
left join by_method
    on
        valued.unit_code = by_method.unit_code
        and valued.fiscal_year = by_method.fiscal_year
        and valued.rubric_id = by_method.rubric_id
        and valued.criterion_code = by_method.criterion_code
left join blocked
    on valued.unit_code = blocked.unit_code and valued.fiscal_year = blocked.fiscal_year
