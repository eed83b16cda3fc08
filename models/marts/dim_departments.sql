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
),

predecessors as (
    select
        unit_code,
        fiscal_year,
        -- In order, so that the same data gives the same list.
        list_sort(list({'unit_code': predecessor_unit_code, 'kind': kind})) as predecessors
    from {{ ref('stg_unit_successions') }}
    group by unit_code, fiscal_year
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
    exempt.unit_code is not null as is_disclosure_exempt,
    coalesce(predecessors.predecessors, []) as predecessors
from departments
left join official using (unit_code, fiscal_year)
left join exempt using (unit_code, fiscal_year)
left join predecessors using (unit_code, fiscal_year)
