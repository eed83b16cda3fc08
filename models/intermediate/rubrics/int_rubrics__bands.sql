select
    rubric_id,
    stated_in,
    criterion_code,
    lower,
    lower_inclusive,
    upper,
    upper_inclusive,
    points,
    upper_points
from ({{ rubric_rows('rubric_bands') }}) as bands
