{{ config(materialized='table') }}

select
    rubric_id,
    indicator_code,
    criterion_code,
    sort_order,
    points,
    method,
    measure_code,
    full_mark_at,
    over_target,
    threshold,
    direction,
    step_size,
    points_per_step,
    step_rounding,
    when_undefined,
    when_unbounded,
    choice,
    standard_zh
from {{ ref('int_rubrics__criteria') }}
