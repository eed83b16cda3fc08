with procurement_contracts as (
    select * from {{ source('raw', 'procurement_contracts') }}
)

select
    unit_code,
    fiscal_year,
    contract_id,
    {{ corrected('category') }} as category,
    {{ corrected('signed_on', 'date') }} as signed_on,
    {{ corrected('supplier_is_sme', 'boolean') }} as supplier_is_sme,
    {{ to_yuan('contract_amount') }} as contract_amount_yuan,
    amount_unit,
    {{ delivered_cells(['contract_amount']) }} as delivered,
    corrections,
    load_id,
    source_file,
    source_sha256,
    source_row
from procurement_contracts
