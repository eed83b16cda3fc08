{{ config(materialized='table') }}

with measures as (
    select * from {{ ref('measures') }}
),

units as (
    select measure_code, unit_zh
    from {{ ref('int_measures__units') }}
    qualify row_number() over (partition by measure_code order by alternative asc) = 1
)

select
    measures.measure_code,
    measures.name_zh,
    measures.name_en,
    measures.kind,
    measures.definition,
    measures.quotient,
    units.unit_zh
from measures
left join units using (measure_code)
