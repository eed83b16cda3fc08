{{ config(materialized='view') }}
with awarded as (
    select * from {{ ref('int_criteria__awarded') }}
),

blocked as (
    select * from {{ ref('int_departments__blocked') }}
)

-- Of a blocked department nothing is said but the values.
select
    awarded.unit_code,
    awarded.fiscal_year,
    awarded.rubric_id,
    awarded.indicator_code,
    awarded.criterion_code,
    awarded.sort_order,
    awarded.method,
    awarded.measure_code,
    awarded.assessment_basis,
    awarded.value,
    awarded.points_possible,
    awarded.is_deduction,
    awarded.is_vetoing,
    if(blocked.unit_code is null, awarded.basis, 'withheld') as basis,
    if(blocked.unit_code is null, awarded.case_code, 'withheld') as case_code,
    if(blocked.unit_code is null, awarded.points_awarded, null) as points_awarded,
    if(blocked.unit_code is null, awarded.points_counted, awarded.points_possible)
        as points_counted
from awarded
left join blocked using (unit_code, fiscal_year)
