with disclosures as (
    select * from {{ source('raw', 'disclosures') }}
)

select
    unit_code,
    fiscal_year,
    document,
    {{ corrected('status') }} as status,
    {{ corrected('url') }} as url,
    {{ corrected('disclosed_on', 'date') }} as disclosed_on,
    struct_pack(status := status) as delivered,
    corrections,
    load_id,
    source_file,
    source_sha256,
    source_row
from disclosures
