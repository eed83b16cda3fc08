{{ config(post_hook="{{ keep_older_evidence() }}") }}
with measure_cells as (
    select * from {{ ref('int_evidence__measures') }}
),

stated_cells as (
    select
        *,
        fiscal_year as delivered_year,
        unit_code as delivered_unit_code
    from {{ ref('int_evidence__stated') }}
),

corrections as (
    select * from {{ ref('int_corrections__told') }}
),

uses as (
    select * from measure_cells
    union all by name
    select * from stated_cells
),

-- A cell that is counted and one that is summed differ in value.
cells as (
    select
        unit_code,
        fiscal_year,
        table_name,
        record_key,
        column_name,
        delivered_unit_code,
        delivered_year,
        value,
        delivered_value,
        case when cardinality(corrections) > 0 then corrections end as corrections,
        lines_count,
        any_value(amount_unit) as amount_unit,
        any_value(source_file) as source_file,
        any_value(source_sha256) as source_sha256,
        any_value(source_row) as source_row,
        any_value(load_id) as load_id,
        -- In order, so that the same data gives the same list.
        list_sort(list({
            {%- for name in evidence_uses() %}
            '{{ name }}': {{ name }}{{ "," if not loop.last }}
            {%- endfor %}
        })) as uses
    from uses
    group by all
),

explained as (
    select
        cells.*,
        {{ cell_as_corrected('cells') }} as counted_value,
        {{ correction_told('cells', 'told') }} as correction
    from cells
    left join corrections as told
        on
            cells.corrections is not null
            and cells.delivered_unit_code = told.unit_code
            and cells.delivered_year = told.fiscal_year
            and cells.table_name = told.table_name
            and cells.record_key = told.record_key
)

select
    unit_code,
    fiscal_year,
    table_name,
    record_key,
    column_name,
    delivered_unit_code,
    delivered_year,
    cast(value as decimal(28, 10)) as value,
    delivered_value,
    case when correction is not null then counted_value end as corrected_value,
    corrections['amount_unit'] as corrected_unit,
    correction,
    amount_unit,
    source_file,
    source_sha256,
    source_row,
    load_id,
    lines_count,
    uses
from explained
