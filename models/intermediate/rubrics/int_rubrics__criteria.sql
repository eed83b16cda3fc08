select
    rubric_id,
    stated_in,
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
    standard_zh,
    -- Several kinds of violation may take their steps off one indicator.
    method = 'step' and points = 0 as is_deduction,
    {{ takes_number() }} as takes_number
from ({{ rubric_rows('rubric_criteria') }}) as criteria
