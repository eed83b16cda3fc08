-- A view, which holds its own table by schema alone: it is published as it stands.
{{ config(materialized='view') }}

-- Unnested in the select: DuckDB filters a cross join with it by way of a join of its own, which
-- takes twenty times as long.
with each as (
    select
        *,
        unnest(sums) as sum
    from {{ ref('fct_evidence_line_cells').include(database=false) }}
)

select
    each.unit_code,
    each.fiscal_year,
    each.sum.table_name,
    each.sum.record_key,
    each.sum.column_name,
    each.table_name as line_table_name,
    each.record_key as line_record_key,
    each.column_name as line_column_name,
    each.sum.weight,
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
    each.load_id
from each
