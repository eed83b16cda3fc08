with assigned as (
    select * from {{ ref('int_rubrics__assigned') }}
),

indicators as (
    select * from {{ ref('int_indicators__scored') }}
),

criteria as (
    select * from {{ ref('int_criteria__scored') }}
),

clauses as (
    select rubric_id, criterion_code, sort_order from {{ ref('rubric_criteria') }}
),

measures as (
    select * from {{ ref('measures') }}
),

blocked as (
    select * from {{ ref('int_departments__blocked') }}
),

grade_bands as (
    select * from {{ ref('grade_bands') }}
),

totals as (
    select
        unit_code,
        fiscal_year,
        rubric_id,
        case when bool_and(score is not null) then sum(score) end as total_score
    from indicators
    group by unit_code, fiscal_year, rubric_id
),

by_basis as (
    select
        criteria.unit_code,
        criteria.fiscal_year,
        criteria.rubric_id,
        {%- for basis in ['computed', 'assessed', 'default', 'missing'] %}
        coalesce(sum(criteria.points_possible) filter (where criteria.basis = '{{ basis }}'), 0)
            as points_{{ basis }},
        {%- endfor %}
        string_agg(
            criteria.criterion_code || coalesce('（' || measures.name_zh || '）', ''), '、'
            order by clauses.sort_order
        ) filter (where criteria.basis = 'missing') as missing_criteria
    from criteria
    inner join clauses using (rubric_id, criterion_code)
    left join measures using (measure_code)
    group by criteria.unit_code, criteria.fiscal_year, criteria.rubric_id
),

graded as (
    select
        totals.unit_code,
        totals.fiscal_year,
        totals.rubric_id,
        max_by(grade_bands.grade, grade_bands.lower) as grade
    from totals
    inner join grade_bands
        on totals.rubric_id = grade_bands.rubric_id and totals.total_score >= grade_bands.lower
    group by totals.unit_code, totals.fiscal_year, totals.rubric_id
),

scored as (
    select
        assigned.unit_code,
        assigned.fiscal_year,
        assigned.rubric_id,
        assigned.rubric_role,
        assigned.city,
        assigned.district,
        graded.grade,
        by_basis.points_computed,
        by_basis.points_assessed,
        by_basis.points_default,
        by_basis.points_missing,
        cast(totals.total_score as decimal(9, 4)) as total_score,
        case
            when blocked.unit_code is not null then 'blocked'
            when totals.total_score is null then 'incomplete'
            else 'scored'
        end as status,
        coalesce(blocked.reason, '缺少：' || by_basis.missing_criteria) as status_reason
    from assigned
    left join totals using (unit_code, fiscal_year, rubric_id)
    left join by_basis using (unit_code, fiscal_year, rubric_id)
    left join graded using (unit_code, fiscal_year, rubric_id)
    left join blocked using (unit_code, fiscal_year)
)

select
    unit_code,
    fiscal_year,
    rubric_id,
    rubric_role,
    status,
    status_reason,
    total_score,
    grade,
    points_computed,
    points_assessed,
    points_default,
    points_missing,
    case
        when status = 'scored'
            then rank() over (
                partition by city, district, fiscal_year, rubric_id, status
                order by total_score desc
            )
    end as district_rank
from scored
