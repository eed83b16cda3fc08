with scores as (
    select * from {{ ref('int_scores__reported') }}
),

run_years as (
    select fiscal_year from {{ source('audit', 'run_years') }}
),

figures as (
    select reported_figures.*
    from {{ ref('stg_reported_figures') }} as reported_figures
    inner join run_years on reported_figures.fiscal_year = run_years.fiscal_year
),

evaluations as (
    select * from {{ ref('int_evaluations__scored') }}
),

indicators as (
    select * from {{ ref('int_indicators__scored') }}
),

valued_measures as (
    select valued.*
    from {{ ref('int_measures__valued') }} as valued
    semi join {{ ref('measures') }} as measures on valued.measure_code = measures.measure_code
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
    left join evaluations
        on
            scores.unit_code = evaluations.unit_code
            and scores.fiscal_year = evaluations.fiscal_year
            and scores.rubric_id = evaluations.rubric_id
    left join indicators
        on
            scores.unit_code = indicators.unit_code
            and scores.fiscal_year = indicators.fiscal_year
            and scores.rubric_id = indicators.rubric_id
            and scores.indicator_code = indicators.indicator_code
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
    left join evaluations
        on
            scores.unit_code = evaluations.unit_code
            and scores.fiscal_year = evaluations.fiscal_year
            and scores.rubric_id = evaluations.rubric_id
    where scores.is_total and scores.reported_grade is not null
),

-- A figure matches when the computed one, rounded to the decimals printed, equals it.
read_figures as (
    select
        figures.*,
        valued_measures.value as computed_value,
        case when figures.is_percent then '%' else '' end as printed_unit,
        cast(
            figures.printed_number * case when figures.is_percent then 0.01 else 1 end
            as decimal(38, 10)
        ) as reported_value,
        {{ fixed_text(
            'valued_measures.value * case when figures.is_percent then 100 else 1 end',
            'figures.printed_decimals_count'
        ) }} as computed_number_text
    from figures
    left join valued_measures
        on
            figures.unit_code = valued_measures.unit_code
            and figures.fiscal_year = valued_measures.fiscal_year
            and figures.measure_code = valued_measures.measure_code
),

compared_figures as (
    select
        unit_code,
        fiscal_year,
        'figure' as item_type,
        measure_code as item_code,
        location,
        reported_value,
        computed_value,
        printed as reported_text,
        computed_number_text || printed_unit as computed_text,
        cast(computed_number_text as decimal(38, 10)) = printed_number as is_match
    from read_figures
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
