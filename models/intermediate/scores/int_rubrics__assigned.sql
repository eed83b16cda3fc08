with departments as (
    select * from {{ ref('int_departments__evaluated') }}
),

assignments as (
    select * from {{ ref('rubric_assignments') }}
),

reaching as (
    select
        departments.unit_code,
        departments.fiscal_year,
        departments.city,
        departments.district,
        assignments.rubric_id,
        assignments.role,
        assignments.district is not null as is_of_district
    from departments
    inner join assignments
        on
            departments.city = assignments.city
            and departments.district is not distinct from
            coalesce(assignments.district, departments.district)
            and departments.fiscal_year >= assignments.fiscal_year_from
            and departments.fiscal_year <= coalesce(assignments.fiscal_year_to, 9999)
),

-- A district's official rubric beats the city's.
official as (
    select unit_code, fiscal_year, rubric_id
    from reaching
    where role = 'official'
    qualify row_number() over (
        partition by unit_code, fiscal_year order by is_of_district desc, rubric_id asc
    ) = 1
)

select distinct
    reaching.unit_code,
    reaching.fiscal_year,
    reaching.city,
    reaching.district,
    reaching.rubric_id,
    case when official.rubric_id = reaching.rubric_id then 'official' else 'comparison' end
        as rubric_role,
    official.rubric_id as official_rubric_id
from reaching
-- Without an official rubric there is no evaluation, under a comparison rubric neither.
inner join official using (unit_code, fiscal_year)
where reaching.role = 'comparison' or reaching.rubric_id = official.rubric_id
