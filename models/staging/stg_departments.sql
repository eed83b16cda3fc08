with departments as (
    select * from {{ source('raw', 'departments') }}
)

select
    unit_code,
    fiscal_year,
    {{ corrected('unit_name') }} as unit_name,
    {{ corrected('unit_type') }} as unit_type,
    {{ corrected('parent_unit_code') }} as parent_unit_code,
    {{ corrected('city') }} as city,
    {{ corrected('district') }} as district,
    corrections,
    load_id,
    source_file,
    source_sha256,
    source_row
from departments
