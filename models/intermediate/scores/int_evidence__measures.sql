-- A view: fct_evidence_cells writes it down, each cell once.
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

grouped as (
    select * from {{ ref('int_rollups__grouped') }}
),

selected as (
    select * from {{ ref('int_rollups__selected') }}
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

-- How many lines a cell is rolled up from.
rolled_up as (
    select
        grouped.unit_code as delivered_unit_code,
        grouped.fiscal_year as delivered_year,
        selected.summary_table as table_name,
        selected.summary_record_key as record_key,
        selected.summary_column as column_name,
        true as is_rolled_up,
        cast(sum(grouped.cells_count) as bigint) as lines_count
    from grouped
    inner join selected using (table_name, fact, attributes)
    group by
        grouped.unit_code, grouped.fiscal_year, selected.summary_table,
        selected.summary_record_key, selected.summary_column
)

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
    cells.value,
    cells.delivered_value,
    cells.corrections,
    cells.amount_unit,
    cells.source_file,
    cells.source_sha256,
    cells.source_row,
    cells.load_id,
    rolled_up.lines_count,
    base.status as measure_status,
    cast(
        cells.weight * case when cells.role = 'numerator' then base.numerator_sign else 1 end
        as decimal(28, 6)
    ) as weight
from leaves
inner join base using (unit_code, fiscal_year, measure_code)
inner join cells using (unit_code, fiscal_year, measure_code, alternative)
left join rolled_up
    using (
        delivered_unit_code, delivered_year, table_name, record_key, column_name, is_rolled_up
    )
where
    case
        when cells.is_rolled_up then cells.value is not null
        else cells.delivered_value is not null or cardinality(cells.corrections) > 0
    end
