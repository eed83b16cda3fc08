{{ config(materialized='view') }}
with scored as (
    select * from {{ ref('int_criteria__scored') }}
),

worded as (
    select * from {{ ref('int_criteria__worded') }}
)

select
    scored.unit_code,
    scored.fiscal_year,
    scored.rubric_id,
    scored.indicator_code,
    scored.criterion_code,
    scored.sort_order,
    scored.method,
    scored.measure_code,
    scored.value,
    scored.basis,
    scored.is_vetoing,
    scored.points_possible,
    scored.points_awarded,
    scored.points_counted,
    worded.subject_zh,
    worded.value_zh,
    worded.explanation_zh
from scored
left join worded
    on
        scored.rubric_id = worded.rubric_id
        and scored.criterion_code = worded.criterion_code
        and scored.basis = worded.basis
        and scored.case_code = worded.case_code
        and scored.value is not distinct from worded.value
        and scored.points_awarded is not distinct from worded.points_awarded
        and scored.assessment_basis is not distinct from worded.assessment_basis
