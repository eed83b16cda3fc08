{{ config(materialized='table') }}

select
    rubric_id,
    criterion_code,
    lower,
    lower_inclusive,
    upper,
    upper_inclusive,
    points,
    upper_points
from {{ ref('int_rubrics__bands') }}
