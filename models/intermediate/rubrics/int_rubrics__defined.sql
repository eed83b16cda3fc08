select
    rubric_id,
    based_on,
    name,
    source,
    score_decimals,
    total_points
from ({{ defined_rubrics() }}) as rubrics
