with corrections as (
    select * from {{ source('raw', 'corrections') }}
)

select
    unit_code,
    fiscal_year,
    table_name,
    key,
    column_name,
    old_value,
    new_value,
    reason,
    approved_by,
    approved_on,
    load_id,
    source_file,
    source_sha256,
    source_row
from corrections
