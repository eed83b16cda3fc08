-- A view: with ledgers it is the widest of all, and fct_evidence writes it down.
{{ config(materialized='view') }}
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

selected as (
    select * from {{ ref('int_rollups__selected') }}
),

lines as (
    select * from {{ ref('int_facts__detailed') }}
    union all by name
    select * from {{ ref('int_facts__delivered') }}
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
    left join derived_inputs using (measure_code)
    where
        criteria.measure_code is not null
        -- Of a measure that is missing what was delivered is told where nobody has the word.
        and (criteria.measure_status != 'missing' or criteria.basis = 'missing')
),

used as (
    select
        leaves.unit_code,
        leaves.fiscal_year,
        leaves.rubric_id,
        leaves.indicator_code,
        leaves.criterion_code,
        leaves.measure_code,
        cells.role,
        cells.table_name,
        cells.record_key,
        cells.column_name,
        cells.delivered_year,
        cells.delivered_unit_code,
        cells.is_rolled_up,
        cells.value,
        cells.delivered_value,
        cells.corrections,
        cells.amount_unit,
        cells.source_file,
        cells.source_sha256,
        cells.source_row,
        cells.load_id,
        base.status as measure_status,
        cast(
            cells.weight * case when cells.role = 'numerator' then base.numerator_sign else 1 end
            as decimal(28, 6)
        ) as weight
    from leaves
    inner join base using (unit_code, fiscal_year, measure_code)
    inner join cells using (unit_code, fiscal_year, measure_code, alternative)
),

-- A cell that is rolled up rests on the delivered cells that it is the sum of.
details as (
    select
        used.unit_code,
        used.fiscal_year,
        used.delivered_year,
        used.delivered_unit_code,
        used.rubric_id,
        used.indicator_code,
        used.criterion_code,
        used.measure_code,
        used.role,
        lines.table_name,
        lines.record_key,
        lines.column_name,
        lines.value,
        lines.delivered_value,
        lines.corrections,
        lines.amount_unit,
        lines.source_file,
        lines.source_sha256,
        lines.source_row,
        lines.load_id,
        used.measure_status,
        cast(used.weight * selected.weight as decimal(28, 6)) as weight
    from used
    inner join selected
        on
            used.table_name = selected.summary_table
            and used.record_key = selected.summary_record_key
            and used.column_name = selected.summary_column
    inner join lines
        on
            used.delivered_unit_code = lines.unit_code
            and used.delivered_year = lines.fiscal_year
            and selected.table_name = lines.table_name
            and selected.fact = lines.fact
            and selected.attributes = lines.attributes
    where used.is_rolled_up and used.value is not null
)

{%- set columns = [
    'unit_code', 'fiscal_year', 'delivered_year', 'delivered_unit_code', 'rubric_id',
    'indicator_code', 'criterion_code', 'measure_code', 'role', 'table_name', 'record_key', 'column_name', 'value', 'delivered_value',
    'corrections', 'amount_unit', 'source_file', 'source_sha256', 'source_row', 'load_id',
    'measure_status', 'weight',
] | join(',\n    ') %}

select
    {{ columns }}
from used
where not is_rolled_up and (delivered_value is not null or cardinality(corrections) > 0)
union all
select
    {{ columns }}
from details
where delivered_value is not null or cardinality(corrections) > 0
