with facts as (
    select * from {{ ref('int_facts__completed') }}
),

wanted_rivals as (
    select * from {{ ref('int_rivals__wanted') }}
),

-- A weight is cast here, once for all cells.
inputs as (
    select
        * replace (cast(weight as decimal(28, 6)) as weight)
    from {{ ref('int_measure_inputs__resolved') }}
    where
        input_measure is null
        and (
            is_rival is not true
            or measure_code in (select wanted.measure_code from wanted_rivals as wanted)
        )
),

units_read as (
    select * from {{ ref('int_units__read') }}
),

weights as (
    select
        facts.load_id,
        facts.source_row,
        facts.fact,
        facts.value,
        facts.corrections
    from facts
    inner join (select distinct input_table, weight_column from inputs) as weighted
        on facts.table_name = weighted.input_table and facts.fact = weighted.weight_column
)

select
    units_read.unit_code,
    units_read.fiscal_year,
    units_read.delivered_year,
    units_read.delivered_unit_code,
    units_read.units_count,
    inputs.measure_code,
    inputs.alternative,
    inputs.role,
    inputs.input_no,
    facts.table_name,
    facts.record_key,
    facts.column_name,
    facts.is_rolled_up,
    case
        when inputs.weight_column is null then inputs.weight
        else cast(inputs.weight * weights.value as decimal(28, 6))
    end as weight,
    case
        when inputs.aggregate = 'sum' then facts.value
        when {{ cell_as_corrected('facts') }} is not null then 1
    end as value,
    facts.delivered_value,
    case
        when cardinality(weights.corrections) > 0
            then map_concat(facts.corrections, weights.corrections)
        else facts.corrections
    end as corrections,
    facts.amount_unit,
    facts.source_file,
    facts.source_sha256,
    facts.source_row,
    facts.load_id
from facts
inner join inputs
    on
        facts.table_name = inputs.input_table
        and facts.fact = inputs.input_column
        and list_has_all(facts.attributes, inputs.record_terms)
inner join units_read
    on
        facts.unit_code = units_read.delivered_unit_code
        and facts.fiscal_year = units_read.delivered_year
        and units_read.delivered_year - units_read.fiscal_year = inputs.year_offset
left join weights
    on
        facts.load_id = weights.load_id
        and facts.source_row = weights.source_row
        and inputs.weight_column = weights.fact
where
    inputs.is_rival is not true
    or (units_read.unit_code, units_read.fiscal_year, inputs.measure_code) in (
        select (wanted.unit_code, wanted.fiscal_year, wanted.measure_code)
        from wanted_rivals as wanted
    )
