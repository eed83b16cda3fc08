{{ config(materialized='table') }}

select
    measure_code,
    name_zh,
    name_en,
    kind,
    definition,
    quotient
from {{ ref('measures') }}
