{{ config(materialized='table') }}

select
    rubric_id,
    based_on,
    name,
    source,
    score_decimals,
    total_points
from {{ ref('int_rubrics__defined') }}
