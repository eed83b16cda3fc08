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
    standard_zh,
    description_zh
from {{ ref('int_rubrics__indicators') }}
