select
    rubric_id,
    stated_in,
    indicator_code,
    level1,
    level2,
    level3,
    name_en,
    points,
    sort_order,
    description_zh,
    standard_zh
from ({{ rubric_rows('rubric_indicators') }}) as indicators
