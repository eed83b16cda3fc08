with assessments as (
    select * from {{ source('raw', 'assessments') }}
)

select
    unit_code,
    fiscal_year,
    criterion_code,
    {{ corrected('assessor') }} as assessor,
    {{ corrected('basis') }} as basis,
    {{ corrected('value', 'decimal(28, 10)') }} as value,
    {{ delivered_cells(['value']) }} as delivered,
    corrections,
    load_id,
    source_file,
    source_sha256,
    source_row
from assessments
