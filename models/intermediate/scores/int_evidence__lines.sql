-- A view: with ledgers it is the longest of all, and fct_evidence_line_cells writes it down.
{{ config(materialized='view') }}
with rolled_up as (
    select cells.*
    from {{ ref('fct_evidence_cells') }} as cells
    semi join {{ source('audit', 'run_years') }} using (fiscal_year)
    where cells.lines_count is not null
),

grouped as (
    select * from {{ ref('int_rollups__grouped') }}
),

selected as (
    select * from {{ ref('int_rollups__selected') }}
),

lines as (
    select * from {{ ref('int_facts__detailed') }}
    union all by name
    select * from {{ ref('int_facts__delivered') }}
),

-- What lines that are alike count in.
sums as (
    select
        rolled_up.unit_code,
        rolled_up.fiscal_year,
        rolled_up.delivered_unit_code,
        rolled_up.delivered_year,
        selected.table_name,
        selected.fact,
        selected.attributes,
        list(
            {
                'table_name': rolled_up.table_name,
                'record_key': rolled_up.record_key,
                'column_name': rolled_up.column_name,
                'weight': cast(selected.weight as decimal(28, 6))
            } order by rolled_up.table_name, rolled_up.record_key, rolled_up.column_name
        ) as sums
    from grouped
    inner join selected using (table_name, fact, attributes)
    inner join rolled_up
        on
            grouped.unit_code = rolled_up.delivered_unit_code
            and grouped.fiscal_year = rolled_up.delivered_year
            and selected.summary_table = rolled_up.table_name
            and selected.summary_record_key = rolled_up.record_key
            and selected.summary_column = rolled_up.column_name
    group by
        rolled_up.unit_code, rolled_up.fiscal_year, rolled_up.delivered_unit_code,
        rolled_up.delivered_year, selected.table_name, selected.fact, selected.attributes
)

select
    sums.unit_code,
    sums.fiscal_year,
    sums.delivered_unit_code,
    sums.delivered_year,
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
    sums.sums
from lines
inner join sums
    on
        lines.unit_code = sums.delivered_unit_code
        and lines.fiscal_year = sums.delivered_year
        and lines.table_name = sums.table_name
        and lines.fact = sums.fact
        and lines.attributes = sums.attributes
