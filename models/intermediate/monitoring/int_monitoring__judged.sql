{{ config(materialized='view') }}
{%- set key = 'unit_code, fiscal_year, subject_type, subject_code' -%}
with executed as (
    select * from {{ ref('int_monitoring__executed') }}
),

targets as (
    select * from {{ ref('int_monitoring__targets') }}
),

departments as (
    select * from {{ ref('int_monitoring__departments') }}
),

blocked as (
    select * from {{ ref('int_departments__blocked') }}
),

-- The bands of the finest place that has some for what a subject is held against.
bands as (
    select
        departments.unit_code,
        departments.fiscal_year,
        bands.*
    from departments
    inner join {{ ref('monitoring_bands') }} as bands
        on
            coalesce(departments.city = bands.city, bands.city is null)
            and coalesce(departments.district = bands.district, bands.district is null)
    qualify dense_rank() over (
        partition by
            departments.unit_code, departments.fiscal_year, bands.subject_type, bands.held_against
        order by bands.district is null, bands.city is null
    ) = 1
),

subjects as (
    select
        *,
        if(case_code in ('calendar_amounts', 'calendar_share'), 'calendar', null) as held_against
    from executed
    union all by name
    select * from targets
),

-- Divided exactly: on the calendar is 1.
divided as (
    select
        *,
        {{ quotient("if(held_against in ('calendar', 'year'), done, null)", 'whole') }} as progress,
        {{ quotient("if(held_against = 'calendar', as_of_month, null)", '12') }} as calendar_share,
        {{ quotient(
            "if(held_against = 'calendar', done * 12, null)", '(whole * as_of_month)'
        ) }} as progress_to_calendar
    from subjects
),

compared as (
    select
        * exclude (done, whole, excess, days_late),
        cast(
            case held_against
                when 'calendar' then progress_to_calendar
                when 'year' then progress
                when 'ceiling' then excess
                when 'deadline' then days_late
                when 'statement' then cast(is_attained as integer)
            end as decimal(38, 10)
        ) as compared_value
    from divided
),

-- Apart from the left join, which DuckDB would make a loop of for conditions that are no equality.
lit as (
    select
        {{ key }},
        bands.lower,
        bands.lower_inclusive,
        bands.upper,
        bands.upper_inclusive,
        bands.light
    from compared
    inner join bands using (unit_code, fiscal_year, subject_type, held_against)
    where {{ band_holds('bands', 'compared.compared_value') }}
)

select
    compared.*,
    lit.lower as band_lower,
    lit.lower_inclusive as band_lower_inclusive,
    lit.upper as band_upper,
    lit.upper_inclusive as band_upper_inclusive,
    case
        when compared.case_code in ('nothing_spent', 'nothing_said', 'closed') then 'not_delivered'
        when compared.held_against is null then 'not_comparable'
        when blocked.unit_code is not null then 'withheld'
        else lit.light
    end as light
from compared
left join blocked using (unit_code, fiscal_year)
left join lit using ({{ key }})
