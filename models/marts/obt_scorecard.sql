-- The facts are in the marts: where they are older than this table, it is made of their years too,
-- but for the measures and what points rest on.
{%- set years = 'select fiscal_year from ' ~ source('audit', 'run_years') %}
{%- set year = 'and fiscal_year in (' ~ years ~ ')' if is_incremental() else '' %}
with evaluations as (
    select * from {{ ref('fct_evaluations') }}
    where rubric_role = 'official' {{ year }}
),

scores as (
    select * from {{ ref('fct_indicator_scores') }}
),

deductions as (
    select * from {{ ref('fct_deductions') }}
),

measured as (
    select * from {{ ref('int_indicators__measured') }}
),

departments as (
    select * from {{ ref('dim_departments') }}
),

rubrics as (
    select * from {{ ref('dim_rubrics') }}
),

indicators as (
    select * from {{ ref('dim_indicators') }}
),

labels as (
    select * from {{ ref('code_labels') }}
),

findings as (
    select
        named.unit_code,
        named.fiscal_year,
        named.rubric_id,
        named.indicator_code,
        count(*) filter (where findings.severity = 'critical') as findings_critical,
        count(*) filter (where findings.severity = 'warning') as findings_warning
    from {{ ref('fct_finding_indicators') }} as named
    inner join {{ ref('fct_findings') }} as findings
        using (unit_code, fiscal_year, rule_id, table_name, record_key)
    where named.is_used
    group by named.unit_code, named.fiscal_year, named.rubric_id, named.indicator_code
)

select
    scores.unit_code,
    scores.fiscal_year,
    scores.indicator_code,
    departments.unit_name,
    departments.unit_type,
    unit_types.label_zh as unit_type_zh,
    departments.parent_unit_code,
    departments.city,
    departments.district,
    scores.rubric_id,
    rubrics.name as rubric_name,
    indicators.level1,
    indicators.level2,
    indicators.level3,
    indicators.name_en as indicator_name_en,
    indicators.sort_order,
    scores.points_possible,
    scores.score,
    scores.points_lost,
    scores.is_vetoed,
    scores.is_excluded,
    cast(measured.points_computed as decimal(9, 4)) as points_computed,
    cast(measured.points_assessed as decimal(9, 4)) as points_assessed,
    cast(measured.points_default as decimal(9, 4)) as points_default,
    cast(measured.points_missing as decimal(9, 4)) as points_missing,
    deductions.explanation_zh,
    measured.measures_zh,
    scores.reported_score,
    scores.score_difference,
    evaluations.status,
    statuses.label_zh as status_zh,
    evaluations.status_reason,
    evaluations.total_score,
    evaluations.grade,
    evaluations.reported_total,
    evaluations.reported_grade,
    evaluations.total_difference,
    evaluations.district_rank,
    evaluations.peers_count,
    evaluations.district_percentile,
    cast(coalesce(findings.findings_critical, 0) as integer) as findings_critical,
    cast(coalesce(findings.findings_warning, 0) as integer) as findings_warning,
    evaluations.is_final
from evaluations
inner join scores using (unit_code, fiscal_year, rubric_id)
inner join departments using (unit_code, fiscal_year)
left join rubrics using (rubric_id)
left join indicators using (rubric_id, indicator_code)
left join measured using (unit_code, fiscal_year, rubric_id, indicator_code)
left join deductions using (unit_code, fiscal_year, rubric_id, indicator_code)
left join findings using (unit_code, fiscal_year, rubric_id, indicator_code)
left join labels as unit_types
    on unit_types.domain = 'unit_type' and departments.unit_type = unit_types.code
left join labels as statuses
    on statuses.domain = 'fct_evaluations.status' and evaluations.status = statuses.code
