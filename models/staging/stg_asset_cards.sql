with asset_cards as (
    select * from {{ source('raw', 'asset_cards') }}
)

select
    unit_code,
    fiscal_year,
    card_id,
    asset_class,
    in_use,
    {{ to_yuan('original_value') }} as original_value_yuan,
    amount_unit,
    {{ delivered_cells(['original_value']) }} as delivered,
    load_id,
    source_file,
    source_sha256,
    source_row
from asset_cards
