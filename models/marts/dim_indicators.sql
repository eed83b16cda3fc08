{{ config(materialized='table') }}

select
    rubric_id,
    indicator_code,
    level1,
    level2,
    level3,
    name_en,
    points,
    sort_order,
    standard_zh
from {{ ref('rubric_indicators') }}
