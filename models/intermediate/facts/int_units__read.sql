with recursive departments as (
    select unit_code, fiscal_year from {{ ref('int_departments__evaluated') }}
),

inputs as (
    select year_offset from {{ ref('int_measure_inputs__resolved') }}
),

successions as (
    select * from {{ ref('stg_unit_successions') }}
),

-- A year back at each step; the data rules ask for the year before whatever the measures ask for.
steps as (
    select
        unit_code,
        fiscal_year,
        fiscal_year as delivered_year,
        unit_code as delivered_unit_code,
        true as is_comparable
    from departments
    union all
    select
        steps.unit_code,
        steps.fiscal_year,
        steps.delivered_year - 1 as delivered_year,
        coalesce(successions.predecessor_unit_code, steps.delivered_unit_code)
            as delivered_unit_code,
        steps.is_comparable and coalesce(successions.kind, '') != 'split' as is_comparable
    from steps
    left join successions
        on
            steps.delivered_unit_code = successions.unit_code
            and steps.delivered_year = successions.fiscal_year
    where
        steps.delivered_year - steps.fiscal_year
        > (select least(-1, min(inputs.year_offset)) from inputs)
),

-- Several ways may lead to the same unit.
distinct_units as (
    select
        unit_code,
        fiscal_year,
        delivered_year,
        delivered_unit_code,
        bool_and(is_comparable) as is_comparable
    from steps
    group by unit_code, fiscal_year, delivered_year, delivered_unit_code
)

-- Where one of them was split nobody can say what of it goes on: none is read.
select
    unit_code,
    fiscal_year,
    delivered_year,
    delivered_unit_code,
    count(*) over (partition by unit_code, fiscal_year, delivered_year) as units_count
from distinct_units
qualify bool_and(is_comparable) over (partition by unit_code, fiscal_year, delivered_year)
