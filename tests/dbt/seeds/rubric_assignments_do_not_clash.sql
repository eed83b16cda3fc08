{{ config(meta={'dagster': {'ref': {'name': 'rubric_assignments'}}}) }}
-- A department has one official rubric of each reach for a year.
{%- set columns = ['city', 'district', 'unit_type', 'unit_code'] %}

with assignments as (
    select
        *,
        row_number() over () as row_no,
        {{ seed_row('rubric_assignments', columns + ['fiscal_year_from', 'rubric_id']) }}
            as seed_row,
        {{ assignment_reach() }} as reach,
        coalesce(fiscal_year_from, 0) as first_year,
        coalesce(fiscal_year_to, 9999) as last_year
    from {{ ref('rubric_assignments') }}
    where role = 'official'
)

select
    one.seed_row || ': official like ' || other.seed_row
    || ' in years that both hold, expected one official rubric of a reach and year; '
    || 'correct the years, the reach or the role of one' as message
from assignments as one
inner join assignments as other
    on
        one.row_no < other.row_no
        and one.reach = other.reach
        {%- for column in columns %}
        and coalesce(one.{{ column }} = other.{{ column }}, true)
        {%- endfor %}
        and one.first_year <= other.last_year
        and one.last_year >= other.first_year
where one.rubric_id != other.rubric_id
order by message
