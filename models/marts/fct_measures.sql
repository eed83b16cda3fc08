-- Rival definitions are no measures.
with measures as (
    select valued.*
    from {{ ref('int_measures__valued') }} as valued
    semi join {{ ref('measures') }} using (measure_code)
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
