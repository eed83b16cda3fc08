with assigned as (
    select * from {{ ref('int_rubrics__assigned') }}
),

criteria as (
    select * from {{ ref('int_rubrics__criteria') }}
),

bands as (
    select * from {{ ref('int_rubrics__bands') }}
    where points is not null
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
        criteria.sort_order,
        criteria.choice,
        criteria.method,
        criteria.measure_code,
        cast(coalesce(criteria.points, 0) as decimal(9, 4)) as points_possible,
        criteria.when_undefined,
        criteria.when_unbounded,
        criteria.is_deduction,
        criteria.takes_number,
        official.points as official_points
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
        measures.value as measure_value,
        assessments.value as assessed_value,
        assessments.basis as assessment_basis,
        assessments.criterion_code is not null as is_assessed,
        if(expected.measure_code is not null, coalesce(measures.status, 'missing'), null)
            as measure_status,
        case measures.status
            when 'undefined' then coalesce(expected.when_undefined, 'zero')
            when 'unbounded' then coalesce(expected.when_unbounded, 'zero')
        end as without_value
    from expected
    left join measures using (unit_code, fiscal_year, measure_code)
    left join assessments using (unit_code, fiscal_year, criterion_code)
),

-- A measure's value for which the rubric gives no points.
silent as (
    select
        delivered.unit_code,
        delivered.fiscal_year,
        delivered.rubric_id,
        delivered.criterion_code
    from delivered
    anti join bands
        on
            delivered.rubric_id = bands.rubric_id
            and delivered.criterion_code = bands.criterion_code
            and {{ band_holds('bands', 'delivered.measure_value') }}
    where delivered.method = 'band' and delivered.measure_status = 'defined'
),

-- Whether an assessor has the word: without a measure, or where it leaves the points open.
judged as (
    select
        delivered.*,
        silent.criterion_code is not null as is_silent,
        coalesce(
            delivered.measure_status is null
            or delivered.measure_status = 'missing'
            or silent.criterion_code is not null
            or delivered.without_value = 'assessed',
            false
        ) as falls_back
    from delivered
    left join silent using (unit_code, fiscal_year, rubric_id, criterion_code)
),

-- Points given by an assessor are on the scale of the official rubric.
rescaled as (
    select
        *,
        not coalesce(takes_number or not falls_back or assessed_value is null, false) as is_given,
        coalesce(official_points in (0, points_possible), true) as is_on_scale,
        {{ quotient(
            'if(is_given and is_deduction is not true and not is_on_scale, '
            ~ 'least(greatest(assessed_value, 0), official_points), null) * points_possible',
            'official_points', scale=18
        ) }} as rescaled_points
    from judged
)

select
    unit_code,
    fiscal_year,
    rubric_id,
    indicator_code,
    criterion_code,
    sort_order,
    choice,
    method,
    measure_code,
    measure_status,
    without_value,
    assessment_basis,
    is_deduction,
    takes_number,
    is_silent,
    falls_back,
    points_possible,
    case
        when falls_back and assessed_value is not null then 'assessed'
        when falls_back and method = 'veto' then if(is_assessed, 'missing', 'default')
        when falls_back then if(assessment_basis = '不适用', 'excluded', 'missing')
        when without_value = 'exclude' then 'excluded'
        when without_value = 'full' or measure_status = 'undefined' then 'default'
        else 'computed'
    end as basis,
    -- What the method is applied to: the measure, or the number that was given.
    case
        when measure_status = 'defined' then measure_value
        when takes_number and falls_back then cast(assessed_value as decimal(38, 10))
    end as value,
    case
        when not is_given then null
        when is_deduction then -greatest(assessed_value, 0)
        when is_on_scale then least(greatest(assessed_value, 0), points_possible)
        else rescaled_points
    end as assessed_points
from rescaled
