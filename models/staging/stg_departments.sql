with departments as (
    select * from {{ source('raw', 'departments') }}
)

select
    unit_code,
    fiscal_year,
    unit_name,
    unit_type,
    parent_unit_code,
    city,
    district,
    load_id,
    source_file,
    source_sha256,
    source_row
from departments
