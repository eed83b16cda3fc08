with assessments as (
    select * from {{ source('raw', 'assessments') }}
)

select
    unit_code,
    fiscal_year,
    criterion_code,
    assessor,
    basis,
    value,
    {{ delivered_cells(['value']) }} as delivered,
    load_id,
    source_file,
    source_sha256,
    source_row
from assessments
