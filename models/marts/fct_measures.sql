-- Rival definitions are no measures.
with measures as (
    select valued.*
    from {{ ref('int_measures__valued') }} as valued
    semi join {{ ref('measures') }} using (measure_code)
),

units as (
    select * from {{ ref('int_measures__units') }}
)

select
    measures.unit_code,
    measures.fiscal_year,
    measures.measure_code,
    measures.numerator,
    measures.denominator,
    measures.value,
    measures.status,
    measures.alternative,
    units.unit_zh
from measures
left join units using (measure_code, alternative)
