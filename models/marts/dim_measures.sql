{{ config(materialized='table') }}

select
    measure_code,
    name_zh,
    name_en,
    kind,
    definition
from {{ ref('measures') }}
