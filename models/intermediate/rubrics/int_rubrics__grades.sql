select
    rubric_id,
    stated_in,
    grade,
    lower
from ({{ rubric_rows('grade_bands') }}) as grades
