with valued as (
    select * from {{ ref('int_criteria__valued') }}
),

blocked as (
    select * from {{ ref('int_departments__blocked') }}
),

by_method as (
    {%- for method in ['linear', 'band', 'step'] %}
    select unit_code, fiscal_year, rubric_id, criterion_code, points, case_code
    from {{ ref('int_points__' ~ method) }}
    {{ "union all" if not loop.last }}
    {%- endfor %}
),

judged as (
    select
        valued.* exclude (basis),
        by_method.points,
        if(blocked.unit_code is null, valued.basis, 'withheld') as basis,
        valued.method = 'veto' and coalesce(valued.value > 0, false) as is_vetoing,
        case
            when blocked.unit_code is not null then 'withheld'
            when valued.basis = 'missing'
                then if(valued.measure_code is null, 'missing_assessment', 'missing_measure')
            when valued.method = 'veto' then if(is_vetoing, 'veto_found', 'veto_none')
            when valued.basis = 'default'
                then if(valued.when_undefined = 'full', 'undefined_full', 'undefined_zero')
            when valued.measure_status = 'unbounded' then 'unbounded'
            when valued.basis = 'assessed' and not valued.counts_violations
                then if(valued.measure_code is null, 'assessed', 'assessed_for_measure')
            else by_method.case_code
        end as case_code
    from valued
    left join by_method using (unit_code, fiscal_year, rubric_id, criterion_code)
    left join blocked using (unit_code, fiscal_year)
)

select
    unit_code,
    fiscal_year,
    rubric_id,
    indicator_code,
    criterion_code,
    method,
    measure_code,
    assessment_basis,
    value,
    points_possible,
    basis,
    is_vetoing,
    case_code,
    cast(
        case case_code
            when 'withheld' then null
            when 'missing_measure' then null
            when 'missing_assessment' then null
            when 'undefined_full' then points_possible
            when 'undefined_zero' then 0
            when 'unbounded' then 0
            when 'veto_found' then 0
            when 'veto_none' then 0
            when 'assessed' then assessed_points
            when 'assessed_for_measure' then assessed_points
            else points
        end as decimal(38, 18)
    ) as points_awarded
from judged
