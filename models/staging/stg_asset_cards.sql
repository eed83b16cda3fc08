with asset_cards as (
    select * from {{ source('raw', 'asset_cards') }}
)

select
    unit_code,
    fiscal_year,
    card_id,
    {{ corrected('asset_class') }} as asset_class,
    {{ corrected('in_use', 'boolean') }} as in_use,
    {{ to_yuan('original_value') }} as original_value_yuan,
    amount_unit,
    {{ delivered_cells(['original_value']) }} as delivered,
    corrections,
    load_id,
    source_file,
    source_sha256,
    source_row
from asset_cards
