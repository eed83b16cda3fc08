with disclosures as (
    select * from {{ source('raw', 'disclosures') }}
)

select
    unit_code,
    fiscal_year,
    document,
    status,
    url,
    disclosed_on,
    struct_pack(status := status) as delivered,
    load_id,
    source_file,
    source_sha256,
    source_row
from disclosures
