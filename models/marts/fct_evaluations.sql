with evaluations as (
    select * from {{ ref('int_evaluations__scored') }}
),

departments as (
    select * from {{ ref('int_departments__evaluated') }}
),

reported as (
    select * from {{ ref('int_scores__reported') }}
    where is_total
)

select
    evaluations.unit_code,
    evaluations.fiscal_year,
    evaluations.rubric_id,
    evaluations.rubric_role,
    evaluations.status,
    evaluations.total_score,
    evaluations.grade,
    reported.reported_score as reported_total,
    reported.reported_grade,
    cast(evaluations.total_score - reported.reported_score as decimal(18, 6)) as total_difference,
    cast(evaluations.district_rank as integer) as district_rank,
    cast(evaluations.points_computed as decimal(9, 4)) as points_computed,
    cast(evaluations.points_assessed as decimal(9, 4)) as points_assessed,
    cast(evaluations.points_default as decimal(9, 4)) as points_default,
    cast(evaluations.points_missing as decimal(9, 4)) as points_missing,
    evaluations.status_reason,
    cast(evaluations.points_excluded as decimal(9, 4)) as points_excluded,
    cast(evaluations.peers_count as integer) as peers_count,
    evaluations.district_percentile,
    evaluations.is_passed,
    departments.is_year_closed as is_final
from evaluations
inner join departments using (unit_code, fiscal_year)
left join reported using (unit_code, fiscal_year, rubric_id)
