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
)

{{ cells_told('cells', ['lines_count', 'uses']) }}
