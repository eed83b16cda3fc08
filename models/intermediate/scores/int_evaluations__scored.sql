with assigned as (
    select * from {{ ref('int_rubrics__assigned') }}
),

totals as (
    select * from {{ ref('int_evaluations__totalled') }}
),

criteria as (
    select * from {{ ref('int_criteria__scored') }}
),

measures as (
    select * from {{ ref('measures') }}
),

blocked as (
    select * from {{ ref('int_departments__blocked') }}
),

by_basis as (
    select
        criteria.unit_code,
        criteria.fiscal_year,
        criteria.rubric_id,
        {%- for basis in ['computed', 'assessed', 'default', 'missing'] %}
        coalesce(sum(criteria.points_counted) filter (where criteria.basis = '{{ basis }}'), 0)
            as points_{{ basis }},
        {%- endfor %}
        string_agg(
            criteria.criterion_code || coalesce('（' || measures.name_zh || '）', ''), '、'
            order by criteria.sort_order
        ) filter (where criteria.basis = 'missing') as missing_criteria
    from criteria
    left join measures using (measure_code)
    group by criteria.unit_code, criteria.fiscal_year, criteria.rubric_id
),

scored as (
    select
        assigned.unit_code,
        assigned.fiscal_year,
        assigned.rubric_id,
        assigned.rubric_role,
        assigned.city,
        assigned.district,
        totals.grade,
        totals.is_passed,
        by_basis.points_computed,
        by_basis.points_assessed,
        by_basis.points_default,
        by_basis.points_missing,
        totals.points_excluded,
        totals.total_score,
        case
            when blocked.unit_code is not null then 'blocked'
            when totals.total_score is null then 'incomplete'
            else 'scored'
        end as status,
        coalesce(blocked.reason, '缺少：' || by_basis.missing_criteria, totals.excluded_reason)
            as status_reason
    from assigned
    left join totals using (unit_code, fiscal_year, rubric_id)
    left join by_basis using (unit_code, fiscal_year, rubric_id)
    left join blocked using (unit_code, fiscal_year)
),

-- Peers are the others of the same place, year, rubric and status.
placed as (
    select
        *,
        count(*) over peers - 1 as others_count,
        rank() over best_first as place,
        rank() over worst_first - 1 as lower_count
    from scored
    window
        peers as (partition by city, district, fiscal_year, rubric_id, status),
        best_first as (
            partition by city, district, fiscal_year, rubric_id, status order by total_score desc
        ),
        worst_first as (
            partition by city, district, fiscal_year, rubric_id, status order by total_score asc
        )
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
    is_passed,
    points_computed,
    points_assessed,
    points_default,
    points_missing,
    points_excluded,
    if(status = 'scored', place, null) as district_rank,
    if(status = 'scored', others_count, null) as peers_count,
    {{ quotient("if(status = 'scored', lower_count, null)", 'others_count') }}
        as district_percentile
from placed
