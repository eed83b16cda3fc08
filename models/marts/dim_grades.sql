{{ config(materialized='table') }}

select
    rubric_id,
    grade,
    lower
from {{ ref('grade_bands') }}
