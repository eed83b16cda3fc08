with assigned as (
    select * from {{ ref('int_rubrics__assigned') }}
),

criteria as (
    select * from {{ ref('rubric_criteria') }}
),

measures as (
    select * from {{ ref('int_measures__valued') }}
),

assessments as (
    select * from {{ ref('stg_assessments') }}
),

-- Every criterion of every rubric of every department, whatever was delivered of it.
expected as (
    select
        assigned.unit_code,
        assigned.fiscal_year,
        assigned.rubric_id,
        criteria.indicator_code,
        criteria.criterion_code,
        criteria.method,
        criteria.measure_code,
        cast(coalesce(criteria.points, 0) as decimal(9, 4)) as points_possible,
        criteria.when_undefined,
        official.points as official_points,
        criteria.method = 'veto' or (criteria.method = 'step' and criteria.measure_code is null)
            as counts_violations
    from assigned
    inner join criteria using (rubric_id)
    left join criteria as official
        on
            assigned.official_rubric_id = official.rubric_id
            and criteria.criterion_code = official.criterion_code
),

delivered as (
    select
        expected.*,
        measures.status as measure_status,
        measures.value as measure_value,
        assessments.value as assessed_value,
        assessments.basis as assessment_basis,
        assessments.criterion_code is not null as is_assessed
    from expected
    left join measures using (unit_code, fiscal_year, measure_code)
    left join assessments using (unit_code, fiscal_year, criterion_code)
)

select
    unit_code,
    fiscal_year,
    rubric_id,
    indicator_code,
    criterion_code,
    method,
    measure_code,
    measure_status,
    when_undefined,
    assessment_basis,
    counts_violations,
    points_possible,
    case
        when measure_status in ('defined', 'unbounded') then 'computed'
        when measure_status = 'undefined' then 'default'
        when assessed_value is not null then 'assessed'
        when method = 'veto' and not is_assessed then 'default'
        else 'missing'
    end as basis,
    -- What the method is applied to: the measure, or the number of violations.
    case
        when measure_status = 'defined' then measure_value
        when counts_violations and coalesce(measure_status, 'missing') = 'missing'
            then cast(assessed_value as decimal(38, 10))
    end as value,
    -- Points given by an assessor are on the scale of the official rubric.
    case
        when counts_violations or assessed_value is null then null
        when official_points is null or official_points in (0, points_possible)
            then least(greatest(assessed_value, 0), points_possible)
        else
            {{ quotient(
                'least(greatest(assessed_value, 0), official_points) * points_possible',
                'official_points', scale=18
            ) }}
    end as assessed_points
from delivered
