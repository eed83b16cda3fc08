with facts as (
    select * from {{ ref('int_facts__completed') }}
),

run_years as (
    select fiscal_year from {{ source('audit', 'run_years') }}
),

-- Only of what a department's printed figures name a cell of.
wanted as (
    select distinct
        figures.unit_code,
        figures.fiscal_year,
        figures.table_name
    from {{ ref('stg_reported_figures') }} as figures
    inner join run_years using (fiscal_year)
    where figures.table_name != ''
),

delivered as (
    {%- for table in number_columns() %}
    {{ number_cells(table) }}
    {{ "union all by name" if not loop.last }}
    {%- endfor %}
),

-- An empty cell counts as what its details add up to.
rolled_up as (
    select
        facts.unit_code,
        facts.fiscal_year,
        facts.table_name,
        facts.record_key,
        facts.fact as column_name,
        facts.value,
        false as is_percent
    from facts
    inner join wanted using (unit_code, fiscal_year, table_name)
    where facts.is_rolled_up
),

cells as (
    select * from delivered
    union all by name
    select * from rolled_up
)

select
    unit_code,
    fiscal_year,
    table_name,
    record_key,
    column_name,
    printed,
    is_percent,
    {{ printed_decimals('printed') }} as printed_decimals_count,
    {{ printed_number('printed') }} as printed_number,
    {{ printed_unit('printed') }} as printed_unit,
    value
from cells
qualify row_number() over (
    partition by unit_code, fiscal_year, table_name, record_key, column_name
    order by value is null
) = 1
