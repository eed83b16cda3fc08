with measures as (
    select * from {{ ref('int_measures__defined') }}
),

alternatives as (
    select * from {{ ref('int_measures__alternatives') }}
),

signed as (
    select
        alternatives.unit_code,
        alternatives.fiscal_year,
        alternatives.measure_code,
        alternatives.alternative,
        alternatives.denominator_sum as denominator,
        case
            when measures.quotient = 'absolute' and alternatives.numerator_sum < 0 then -1 else 1
        end as numerator_sign,
        cast(alternatives.numerator_sum * numerator_sign as decimal(38, 16)) as numerator
    from alternatives
    inner join measures using (measure_code)
)

select
    unit_code,
    fiscal_year,
    measure_code,
    alternative,
    numerator_sign,
    numerator,
    denominator,
    {{ quotient_of_sums('numerator', 'denominator') }} as value,
    {{ measure_status('numerator', 'denominator') }} as status
from signed
