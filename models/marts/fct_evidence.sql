-- A view, which holds its own table by schema alone: it is published as it stands.
{{ config(materialized='view') }}

select
    cells.unit_code,
    cells.fiscal_year,
    used.use.rubric_id,
    used.use.indicator_code,
    used.use.criterion_code,
    used.use.measure_code,
    used.use.role,
    cells.table_name,
    cells.record_key,
    cells.column_name,
    used.use.weight,
    cells.value,
    cells.delivered_value,
    cells.delivered_unit_code,
    cells.delivered_year,
    cells.corrected_value,
    cells.corrected_unit,
    cells.correction,
    cells.amount_unit,
    cells.source_file,
    cells.source_sha256,
    cells.source_row,
    cells.load_id,
    used.use.measure_status,
    cells.lines_count
from {{ ref('fct_evidence_cells').include(database=false) }} as cells
cross join unnest(cells.uses) as used (use)
