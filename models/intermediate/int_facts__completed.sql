{{ config(materialized='view') }}
with delivered as (
    select * from {{ ref('int_facts__delivered') }}
),

rolled_up as (
    select * from {{ ref('int_rollups__valued') }}
),

-- A delivered cell counts before its roll-up, an empty one after it; one that cannot be rolled up
-- is an empty cell, so that no sum passes over it. Beside the records that a department delivers no
-- others are opened: its 合计 would count them twice.
tables_delivered as (
    select distinct unit_code, fiscal_year, table_name from delivered
),

added as (
    select rolled_up.*
    from rolled_up
    left join delivered
        on
            rolled_up.unit_code = delivered.unit_code
            and rolled_up.fiscal_year = delivered.fiscal_year
            and rolled_up.table_name = delivered.table_name
            and rolled_up.record_key = delivered.record_key
            and rolled_up.fact = delivered.fact
    left join tables_delivered
        on
            rolled_up.unit_code = tables_delivered.unit_code
            and rolled_up.fiscal_year = tables_delivered.fiscal_year
            and rolled_up.table_name = tables_delivered.table_name
    where
        {{ cell_as_corrected('delivered') }} is null
        and (
            delivered.fact is not null
            or not rolled_up.is_open
            or tables_delivered.table_name is null
        )
)

select
    delivered.*,
    false as is_rolled_up
from delivered
anti join added
    on
        delivered.unit_code = added.unit_code
        and delivered.fiscal_year = added.fiscal_year
        and delivered.table_name = added.table_name
        and delivered.record_key = added.record_key
        and delivered.fact = added.fact
union all by name
select
    unit_code,
    fiscal_year,
    table_name,
    record_key,
    attributes,
    fact,
    fact as column_name,
    value,
    true as is_rolled_up
from added
