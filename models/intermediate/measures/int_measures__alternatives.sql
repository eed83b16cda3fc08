{{ config(materialized='view') }}
with departments as (
    select unit_code, fiscal_year from {{ ref('int_departments__evaluated') }}
),

wanted_rivals as (
    select * from {{ ref('int_rivals__wanted') }}
),

inputs as (
    select distinct input_no, measure_code, alternative, role, is_required, is_rival
    from {{ ref('int_measure_inputs__resolved') }}
    where input_measure is null
),

cells as (
    select
        unit_code,
        fiscal_year,
        input_no,
        -- One that delivered nothing, of several that are read together, is as an empty cell.
        count(*) + coalesce(
            max(units_count) filter (where units_count > 1)
            - count(distinct delivered_unit_code) filter (where units_count > 1),
            0
        ) as cells_count,
        count(weight * value) as usable_cells_count,
        sum(weight * value) as weighted_sum
    from {{ ref('int_measures__cells') }}
    group by unit_code, fiscal_year, input_no
),

-- Whether everything delivered for an input, and something, can be used.
expected as (
    select
        departments.unit_code,
        departments.fiscal_year,
        inputs.measure_code,
        inputs.alternative,
        inputs.role,
        inputs.is_required,
        cells.cells_count,
        cells.usable_cells_count,
        cells.weighted_sum,
        coalesce(cells.usable_cells_count = cells.cells_count, false) as is_met
    from departments
    cross join inputs
    left join cells using (unit_code, fiscal_year, input_no)
    where
        inputs.is_rival is not true
        or (departments.unit_code, departments.fiscal_year, inputs.measure_code) in (
            select (wanted.unit_code, wanted.fiscal_year, wanted.measure_code)
            from wanted_rivals as wanted
        )
),

-- No sum where no row is there, where a delivered row has an empty cell, or where an input that is
-- required was not delivered.
by_role as (
    select
        unit_code,
        fiscal_year,
        measure_code,
        alternative,
        role,
        coalesce(bool_and(is_met) filter (where is_required), true) as has_required,
        coalesce(sum(usable_cells_count), 0) as usable_cells_count,
        case
            when has_required and sum(cells_count) = sum(usable_cells_count) then sum(weighted_sum)
        end as role_sum
    from expected
    group by unit_code, fiscal_year, measure_code, alternative, role
),

by_alternative as (
    select
        unit_code,
        fiscal_year,
        measure_code,
        alternative,
        bool_and(has_required) as has_required,
        sum(usable_cells_count) as usable_cells_count,
        max(role_sum) filter (where role = 'numerator') as numerator_sum,
        case
            when bool_or(role = 'denominator')
                then max(role_sum) filter (where role = 'denominator')
            else 1
        end as denominator_sum
    from by_role
    group by unit_code, fiscal_year, measure_code, alternative
)

-- The first alternative of which all that it requires was delivered, else the first of which
-- anything was.
select
    unit_code,
    fiscal_year,
    measure_code,
    alternative,
    cast(numerator_sum as decimal(38, 16)) as numerator_sum,
    cast(denominator_sum as decimal(38, 16)) as denominator_sum
from by_alternative
qualify row_number() over (
    partition by unit_code, fiscal_year, measure_code
    order by has_required desc, usable_cells_count > 0 desc, alternative asc
) = 1
