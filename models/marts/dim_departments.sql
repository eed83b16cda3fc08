with departments as (
    select * from {{ ref('int_departments__evaluated') }}
),

official as (
    select unit_code, fiscal_year, rubric_id
    from {{ ref('int_rubrics__assigned') }}
    where rubric_role = 'official'
),

exempt as (
    select distinct unit_code, fiscal_year
    from {{ ref('stg_disclosures') }}
    where status = 'exempt'
)

select
    departments.unit_code,
    departments.fiscal_year,
    departments.unit_name,
    departments.unit_type,
    departments.parent_unit_code,
    departments.city,
    departments.district,
    official.rubric_id as official_rubric_id,
    exempt.unit_code is not null as is_disclosure_exempt
from departments
left join official using (unit_code, fiscal_year)
left join exempt using (unit_code, fiscal_year)
