with assigned as (
    select * from {{ ref('int_rubrics__assigned') }}
),

indicators as (
    select * from {{ ref('int_indicators__scored') }}
),

criteria as (
    select * from {{ ref('int_criteria__scored') }}
),

rubrics as (
    select * from {{ ref('int_rubrics__defined') }}
),

rubric_indicators as (
    select * from {{ ref('int_rubrics__indicators') }}
),

measures as (
    select * from {{ ref('measures') }}
),

blocked as (
    select * from {{ ref('int_departments__blocked') }}
),

grade_bands as (
    select * from {{ ref('int_rubrics__grades') }}
),

summed as (
    select
        indicators.unit_code,
        indicators.fiscal_year,
        indicators.rubric_id,
        any_value(rubrics.score_decimals) as score_decimals,
        any_value(rubrics.total_points) as total_points,
        bool_and(indicators.score is not null or indicators.is_excluded) as is_whole,
        sum(indicators.score) as score,
        sum(if(indicators.is_excluded, 0, indicators.points_possible)) as points_counted,
        sum(if(indicators.is_excluded, indicators.points_possible, 0)) as points_excluded,
        string_agg(rubric_indicators.level3, '、' order by rubric_indicators.sort_order) filter (
            where indicators.is_excluded
        ) as excluded_zh
    from indicators
    inner join rubrics using (rubric_id)
    left join rubric_indicators using (rubric_id, indicator_code)
    group by indicators.unit_code, indicators.fiscal_year, indicators.rubric_id
),

-- What is not applicable counts neither way: the other indicators stand for the whole.
totals as (
    select
        *,
        case
            when not is_whole or points_counted = 0 then null
            when points_excluded = 0 then score
            else
                {{ round_to(
                    quotient('score * total_points', 'points_counted', scale=18), 'score_decimals'
                ) }}
        end as total_score,
        case
            when points_excluded = 0 then null
            when points_counted = 0 then '无适用指标'
            else
                format(
                    '不适用：{}；总分按 {} ÷ {} 折算', excluded_zh,
                    {{ plain_text('total_points') }}, {{ plain_text('points_counted') }}
                )
        end as excluded_reason
    from summed
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
        totals.points_excluded,
        cast(totals.total_score as decimal(9, 4)) as total_score,
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
    points_excluded,
    case
        when status = 'scored'
            then rank() over (
                partition by city, district, fiscal_year, rubric_id, status
                order by total_score desc
            )
    end as district_rank
from scored
