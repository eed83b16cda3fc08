with assets as (
    select * from {{ source('raw', 'assets') }}
)

select
    unit_code,
    fiscal_year,
    {{ to_yuan('fixed_assets_total') }} as fixed_assets_total_yuan,
    {{ to_yuan('fixed_assets_in_use') }} as fixed_assets_in_use_yuan,
    amount_unit,
    {{ delivered_cells(['fixed_assets_total', 'fixed_assets_in_use']) }} as delivered,
    corrections,
    load_id,
    source_file,
    source_sha256,
    source_row
from assets
