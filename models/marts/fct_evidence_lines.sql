-- A view, which holds its own table by schema alone: it is published as it stands.
{{ config(materialized='view') }}

select
    lines.unit_code,
    lines.fiscal_year,
    counted.sum.table_name,
    counted.sum.record_key,
    counted.sum.column_name,
    lines.table_name as line_table_name,
    lines.record_key as line_record_key,
    lines.column_name as line_column_name,
    counted.sum.weight,
    lines.value,
    lines.delivered_value,
    lines.delivered_unit_code,
    lines.delivered_year,
    lines.corrected_value,
    lines.corrected_unit,
    lines.correction,
    lines.amount_unit,
    lines.source_file,
    lines.source_sha256,
    lines.source_row,
    lines.load_id
from {{ ref('fct_evidence_line_cells').include(database=false) }} as lines
cross join unnest(lines.sums) as counted (sum)
