{{ config(materialized='table') }}

select
    rubric_id,
    name,
    source,
    score_decimals
from {{ ref('rubrics') }}
