with criteria as (
    select * from {{ ref('int_criteria__explained') }}
)

select
    unit_code,
    fiscal_year,
    rubric_id,
    criterion_code,
    indicator_code,
    method,
    measure_code,
    value as measure_value,
    points_possible,
    points_awarded,
    basis,
    explanation_zh
from criteria
