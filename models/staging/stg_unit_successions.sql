with unit_successions as (
    select * from {{ source('raw', 'unit_successions') }}
)

select
    unit_code,
    fiscal_year,
    predecessor_unit_code,
    {{ corrected('kind') }} as kind,
    {{ corrected('basis') }} as basis,
    corrections,
    load_id,
    source_file,
    source_sha256,
    source_row
from unit_successions
