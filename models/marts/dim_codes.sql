{{ config(materialized='table') }}

select
    domain,
    code,
    label_zh,
    label_en
from {{ ref('code_labels') }}
