with unit_measures as (
    select * from {{ source('raw', 'unit_measures') }}
)

select
    unit_code,
    fiscal_year,
    measure_code,
    {{ corrected('numerator', 'decimal(28, 10)') }} as numerator,
    {{ corrected('denominator', 'decimal(28, 10)') }} as denominator,
    {{ delivered_cells(['numerator', 'denominator']) }} as delivered,
    corrections,
    load_id,
    source_file,
    source_sha256,
    source_row
from unit_measures
