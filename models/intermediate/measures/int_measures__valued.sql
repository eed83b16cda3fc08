with base as (
    select * from {{ ref('int_measures__base') }}
),

measures as (
    select * from {{ ref('int_measures__defined') }}
),

inputs as (
    select distinct input_no, measure_code, role, input_measure, weight, cap
    from {{ ref('int_measure_inputs__resolved') }}
    where input_measure is not null
),

-- A measure of measures takes their rounded values, each at most its cap.
parts as (
    select
        base.unit_code,
        base.fiscal_year,
        inputs.measure_code,
        inputs.role,
        base.status,
        cast(inputs.weight * least(base.value, inputs.cap) as decimal(38, 16)) as part
    from inputs
    inner join base on inputs.input_measure = base.measure_code
),

summed as (
    select
        unit_code,
        fiscal_year,
        measure_code,
        case
            when bool_or(status = 'missing') then 'missing'
            when bool_or(status = 'unbounded') then 'unbounded'
            when bool_or(status = 'undefined') then 'undefined'
        end as status_of_parts,
        sum(part) filter (where role = 'numerator') as numerator_sum,
        sum(part) filter (where role = 'denominator') as denominator_sum,
        count(*) filter (where role = 'numerator') as numerator_count
    from parts
    group by unit_code, fiscal_year, measure_code
),

formed as (
    select
        summed.unit_code,
        summed.fiscal_year,
        summed.measure_code,
        summed.status_of_parts,
        cast(
            case
                when summed.status_of_parts is not null then null
                when measures.quotient = 'absolute' then abs(summed.numerator_sum)
                else summed.numerator_sum
            end as decimal(38, 16)
        ) as numerator,
        cast(
            case
                when summed.status_of_parts is not null then null
                when measures.quotient = 'mean' then summed.numerator_count
                else coalesce(summed.denominator_sum, 1)
            end as decimal(38, 16)
        ) as denominator
    from summed
    inner join measures using (measure_code)
),

derived as (
    select
        unit_code,
        fiscal_year,
        measure_code,
        1 as alternative,
        numerator,
        denominator,
        {{ quotient_of_sums('numerator', 'denominator') }} as value,
        coalesce(status_of_parts, {{ measure_status('numerator', 'denominator') }}) as status
    from formed
)

select unit_code, fiscal_year, measure_code, alternative, numerator, denominator, value, status
from base
union all
select unit_code, fiscal_year, measure_code, alternative, numerator, denominator, value, status
from derived
