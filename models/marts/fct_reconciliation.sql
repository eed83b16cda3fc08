with compared as (
    select * from {{ ref('int_reconciliation__compared') }}
),

explained as (
    select unit_code, fiscal_year, item_type, item_code, location, explained_by
    from {{ ref('int_reconciliation__figures_explained') }}
    union all
    select unit_code, fiscal_year, item_type, item_code, location, explained_by
    from {{ ref('int_reconciliation__indicators_explained') }}
    union all
    select unit_code, fiscal_year, item_type, item_code, location, explained_by
    from {{ ref('int_reconciliation__totals_explained') }}
)

select
    compared.unit_code,
    compared.fiscal_year,
    compared.item_type,
    compared.item_code,
    compared.location,
    compared.measure_code,
    compared.role,
    compared.table_name,
    compared.record_key,
    compared.column_name,
    compared.reported_value,
    compared.computed_value,
    compared.reported_text,
    compared.computed_text,
    compared.difference,
    compared.verdict,
    explained.explained_by
from compared
left join explained using (unit_code, fiscal_year, item_type, item_code, location)
