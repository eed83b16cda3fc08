with criteria as (
    select * from {{ ref('int_criteria__valued') }}
),

derived_inputs as (
    select distinct measure_code, input_measure
    from {{ ref('int_measure_inputs__resolved') }}
    where input_measure is not null
),

base as (
    select * from {{ ref('int_measures__base') }}
),

cells as (
    select * from {{ ref('int_measures__cells') }}
),

-- A derived measure rests on the cells of the measures that it is made of.
leaves as (
    select
        criteria.unit_code,
        criteria.fiscal_year,
        criteria.rubric_id,
        criteria.indicator_code,
        criteria.criterion_code,
        coalesce(derived_inputs.input_measure, criteria.measure_code) as measure_code
    from criteria
    left join derived_inputs on criteria.measure_code = derived_inputs.measure_code
    where criteria.measure_code is not null and criteria.basis != 'assessed'
)

select
    leaves.unit_code,
    leaves.fiscal_year,
    cells.delivered_year,
    leaves.rubric_id,
    leaves.indicator_code,
    leaves.criterion_code,
    leaves.measure_code,
    cells.role,
    cells.table_name,
    cells.record_key,
    cells.column_name,
    cells.value,
    cells.delivered_value,
    cells.corrections,
    cells.amount_unit,
    cells.source_file,
    cells.source_sha256,
    cells.source_row,
    cells.load_id,
    base.status as measure_status,
    case when cells.role = 'numerator' then cells.weight * base.numerator_sign else cells.weight end
        as weight
from leaves
inner join base
    on
        leaves.unit_code = base.unit_code
        and leaves.fiscal_year = base.fiscal_year
        and leaves.measure_code = base.measure_code
inner join cells
    on
        base.unit_code = cells.unit_code
        and base.fiscal_year = cells.fiscal_year
        and base.measure_code = cells.measure_code
        and base.alternative = cells.alternative
where cells.delivered_value is not null or cardinality(cells.corrections) > 0
