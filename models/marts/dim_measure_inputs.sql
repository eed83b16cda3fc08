{{ config(materialized='table') }}

select
    inputs.measure_code,
    inputs.alternative,
    inputs.role,
    inputs.input_table,
    inputs.input_key,
    inputs.input_column,
    inputs.input_measure,
    inputs.aggregate,
    inputs.weight,
    inputs.weight_column,
    inputs.cap,
    inputs.year_offset,
    inputs.is_required
from {{ ref('measure_inputs') }} as inputs
-- The inputs of rival definitions stay inside, as their values do.
inner join {{ ref('measures') }} using (measure_code)
