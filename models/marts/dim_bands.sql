{{ config(materialized='table') }}

select
    rubric_id,
    criterion_code,
    lower,
    lower_inclusive,
    upper,
    upper_inclusive,
    points
from {{ ref('rubric_bands') }}
