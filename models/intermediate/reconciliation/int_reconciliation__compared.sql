with scores as (
    select * from {{ ref('int_scores__reported') }}
),

figures as (
    select * from {{ ref('int_reconciliation__figures_compared') }}
),

evaluations as (
    select * from {{ ref('int_evaluations__scored') }}
),

indicators as (
    select * from {{ ref('int_indicators__scored') }}
),

compared_scores as (
    select
        scores.unit_code,
        scores.fiscal_year,
        case when scores.is_total then 'total_score' else 'indicator_score' end as item_type,
        scores.indicator_code as item_code,
        '' as location,
        scores.reported_score as reported_value,
        case when scores.is_total then evaluations.total_score else indicators.score end
            as computed_value,
        scores.delivered_score as reported_text,
        {{ plain_text('computed_value') }} as computed_text,
        computed_value = reported_value as is_match
    from scores
    left join evaluations using (unit_code, fiscal_year, rubric_id)
    left join indicators using (unit_code, fiscal_year, rubric_id, indicator_code)
    where scores.reported_score is not null
),

compared_grades as (
    select
        scores.unit_code,
        scores.fiscal_year,
        'grade' as item_type,
        scores.indicator_code as item_code,
        '' as location,
        null as reported_value,
        null as computed_value,
        scores.reported_grade as reported_text,
        evaluations.grade as computed_text,
        evaluations.grade = scores.reported_grade as is_match
    from scores
    left join evaluations using (unit_code, fiscal_year, rubric_id)
    where scores.is_total and scores.reported_grade is not null
),

compared_figures as (
    select
        unit_code,
        fiscal_year,
        'figure' as item_type,
        item_code,
        location,
        nullif(measure_code, '') as measure_code,
        nullif(role, '') as role,
        nullif(table_name, '') as table_name,
        -- Of a table with one record a department the key is empty.
        case when table_name != '' then record_key else nullif(record_key, '') end as record_key,
        nullif(column_name, '') as column_name,
        reported_value,
        computed_value,
        printed as reported_text,
        computed_text,
        is_match
    from figures
),

compared as (
    select * from compared_scores
    union all by name
    select * from compared_grades
    union all by name
    select * from compared_figures
)

select
    unit_code,
    fiscal_year,
    item_type,
    item_code,
    location,
    measure_code,
    role,
    table_name,
    record_key,
    column_name,
    cast(reported_value as decimal(38, 10)) as reported_value,
    cast(computed_value as decimal(38, 10)) as computed_value,
    reported_text,
    computed_text,
    cast(computed_value - reported_value as decimal(38, 10)) as difference,
    case
        when is_match is null then 'not_computable'
        when is_match then 'match'
        else 'mismatch'
    end as verdict
from compared
