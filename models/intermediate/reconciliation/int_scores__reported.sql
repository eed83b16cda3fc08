with reported_scores as (
    select * from {{ ref('stg_reported_scores') }}
),

run_years as (
    select fiscal_year from {{ source('audit', 'run_years') }}
),

official as (
    select unit_code, fiscal_year, rubric_id
    from {{ ref('int_rubrics__assigned') }}
    where rubric_role = 'official'
)

-- Printed scores belong to the official rubric.
select
    reported_scores.unit_code,
    reported_scores.fiscal_year,
    official.rubric_id,
    reported_scores.indicator_code,
    reported_scores.indicator_code = 'TOTAL' as is_total,
    cast(reported_scores.reported_score as decimal(18, 6)) as reported_score,
    reported_scores.reported_grade,
    reported_scores.delivered.reported_score as delivered_score,
    reported_scores.source_file,
    reported_scores.source_sha256,
    reported_scores.source_row,
    reported_scores.load_id
from reported_scores
inner join run_years using (fiscal_year)
left join official using (unit_code, fiscal_year)
