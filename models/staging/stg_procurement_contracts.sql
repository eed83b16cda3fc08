with procurement_contracts as (
    select * from {{ source('raw', 'procurement_contracts') }}
)

select
    unit_code,
    fiscal_year,
    contract_id,
    category,
    signed_on,
    supplier_is_sme,
    {{ to_yuan('contract_amount') }} as contract_amount_yuan,
    amount_unit,
    {{ delivered_cells(['contract_amount']) }} as delivered,
    load_id,
    source_file,
    source_sha256,
    source_row
from procurement_contracts
