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
    left join delivered using (unit_code, fiscal_year, table_name, record_key, fact)
    left join tables_delivered using (unit_code, fiscal_year, table_name)
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
anti join added using (unit_code, fiscal_year, table_name, record_key, fact)
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
