with departments as (
    select * from {{ ref('int_departments__evaluated') }}
),

assignments as (
    select * from {{ ref('rubric_assignments') }}
),

-- Each cell of an assignment that is filled in must hold. The reach of the finest is 1.
reaching as (
    select
        departments.unit_code,
        departments.fiscal_year,
        departments.city,
        departments.district,
        assignments.rubric_id,
        assignments.role,
        {{ assignment_reach('assignments') }} as reach
    from departments
    inner join assignments
        on
            {%- for column in ['city', 'district', 'unit_type', 'unit_code'] %}
            coalesce(
                departments.{{ column }} = assignments.{{ column }},
                assignments.{{ column }} is null
            )
            and
            {%- endfor %}
            departments.fiscal_year >= coalesce(assignments.fiscal_year_from, 0)
            and departments.fiscal_year <= coalesce(assignments.fiscal_year_to, 9999)
),

official as (
    select unit_code, fiscal_year, rubric_id
    from reaching
    where role = 'official'
    qualify row_number() over (
        partition by unit_code, fiscal_year order by reach asc, rubric_id asc
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
