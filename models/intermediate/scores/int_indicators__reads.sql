{{ config(materialized='view') }}
with criteria as (
    select rubric_id, indicator_code, measure_code from {{ ref('int_rubrics__criteria') }}
),

inputs as (
    select distinct measure_code, input_table, input_measure
    from {{ ref('int_measure_inputs__resolved') }}
),

rollups as (
    select distinct summary_table, input_table from {{ ref('detail_rollups') }}
),

-- A criterion without a measure is what an assessor says.
of_criteria as (
    select
        criteria.rubric_id,
        criteria.indicator_code,
        criteria.measure_code,
        inputs.input_measure,
        coalesce(inputs.input_table, if(criteria.measure_code is null, 'assessments', null))
            as table_name
    from criteria
    left join inputs using (measure_code)
),

-- The measures that a derived one is made of are read as well.
of_measures as (
    select
        rubric_id,
        indicator_code,
        measure_code,
        table_name
    from of_criteria
    union
    select
        of_criteria.rubric_id,
        of_criteria.indicator_code,
        of_criteria.input_measure as measure_code,
        inputs.input_table as table_name
    from of_criteria
    inner join inputs on of_criteria.input_measure = inputs.measure_code
)

select
    rubric_id,
    indicator_code,
    measure_code,
    table_name
from of_measures
union
select
    of_measures.rubric_id,
    of_measures.indicator_code,
    of_measures.measure_code,
    rollups.input_table as table_name
from of_measures
inner join rollups on of_measures.table_name = rollups.summary_table
