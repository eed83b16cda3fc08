{%- set is_met = 'coalesce(cells.usable_cells_count = cells.cells_count, false)' -%}
with departments as (
    select unit_code, fiscal_year from {{ ref('int_departments__evaluated') }}
),

inputs as (
    select distinct input_no, measure_code, alternative, role, is_required
    from {{ ref('int_measure_inputs__resolved') }}
    where input_measure is null
),

cells as (
    select
        unit_code,
        fiscal_year,
        input_no,
        count(*) as cells_count,
        count(weight * value) as usable_cells_count,
        sum(weight * value) as weighted_sum
    from {{ ref('int_measures__cells') }}
    group by unit_code, fiscal_year, input_no
),

summed as (
    select
        departments.unit_code,
        departments.fiscal_year,
        inputs.measure_code,
        inputs.alternative,
        coalesce(sum(cells.usable_cells_count), 0) as usable_cells_count,
        coalesce(bool_and({{ is_met }}) filter (where inputs.is_required), true) as is_met,
        count(*) filter (where inputs.role = 'denominator') = 0 as is_undivided,
        {%- for role in ['numerator', 'denominator'] %}
        -- No sum where no row is there, where a delivered row has an empty cell, or where an input
        -- that is required was not delivered.
        case
            when
                sum(cells.cells_count) filter (where inputs.role = '{{ role }}')
                = sum(cells.usable_cells_count) filter (where inputs.role = '{{ role }}')
                and coalesce(
                    bool_and({{ is_met }}) filter (where inputs.role = '{{ role }}' and inputs.is_required),
                    true
                )
                then sum(cells.weighted_sum) filter (where inputs.role = '{{ role }}')
        end as {{ role }}_sum{{ "," if not loop.last }}
        {%- endfor %}
    from departments
    cross join inputs
    left join cells
        on
            departments.unit_code = cells.unit_code
            and departments.fiscal_year = cells.fiscal_year
            and inputs.input_no = cells.input_no
    group by
        departments.unit_code, departments.fiscal_year, inputs.measure_code, inputs.alternative
)

-- The first alternative of which all that it requires was delivered, else the first of which
-- anything was.
select
    unit_code,
    fiscal_year,
    measure_code,
    alternative,
    cast(numerator_sum as decimal(38, 14)) as numerator_sum,
    cast(case when is_undivided then 1 else denominator_sum end as decimal(38, 14))
        as denominator_sum
from summed
qualify row_number() over (
    partition by unit_code, fiscal_year, measure_code
    order by is_met desc, usable_cells_count > 0 desc, alternative
) = 1
