-- A view, which holds its own table by schema alone: it is published as it stands.
{{ config(materialized='view') }}

-- Unnested in the select: DuckDB filters a cross join with it by way of a join of its own, which
-- takes twenty times as long.
with each as (
    select
        *,
        unnest(uses) as use
    from {{ ref('fct_evidence_cells').include(database=false) }}
)

select
    each.unit_code,
    each.fiscal_year,
    each.use.rubric_id,
    each.use.indicator_code,
    each.use.criterion_code,
    each.use.measure_code,
    each.use.role,
    each.table_name,
    each.record_key,
    each.column_name,
    each.use.weight,
    each.value,
    each.delivered_value,
    each.delivered_unit_code,
    each.delivered_year,
    each.corrected_value,
    each.corrected_unit,
    each.correction,
    each.amount_unit,
    each.source_file,
    each.source_sha256,
    each.source_row,
    each.load_id,
    each.use.measure_status,
    each.lines_count
from each
