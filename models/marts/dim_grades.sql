{{ config(materialized='table') }}

select
    rubric_id,
    grade,
    lower
from {{ ref('int_rubrics__grades') }}
