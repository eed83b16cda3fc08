with measures as (
    select * from {{ ref('int_measures__valued') }}
)

select
    unit_code,
    fiscal_year,
    measure_code,
    numerator,
    denominator,
    value,
    status
from measures
