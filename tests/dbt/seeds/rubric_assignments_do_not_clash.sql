{{ config(meta={'dagster': {'ref': {'name': 'rubric_assignments'}}}) }}
-- A department has one official rubric of each reach for a year; and an assessment, delivered once,
-- means the same under every rubric that may apply to the department.
with assignments as (
    select
        *,
        row_number() over () as row_no,
        {{ seed_row('rubric_assignments', ['city', 'district', 'fiscal_year_from', 'rubric_id']) }}
            as seed_row,
        coalesce(fiscal_year_to, 9999) as last_year
    from {{ ref('rubric_assignments') }}
),

criteria as (
    select
        *,
        {{ seed_row('rubric_criteria', ['rubric_id', 'criterion_code']) }} as seed_row,
        method = 'veto' or (method = 'step' and measure_code is null) as counts_violations
    from {{ ref('rubric_criteria') }}
),

overlapping as (
    select
        one.role,
        one.rubric_id,
        one.seed_row,
        one.district,
        other.role as other_role,
        other.rubric_id as other_rubric_id,
        other.seed_row as other_seed_row,
        other.district as other_district
    from assignments as one
    inner join assignments as other
        on
            one.row_no < other.row_no
            and one.city = other.city
            and one.fiscal_year_from <= other.last_year
            and one.last_year >= other.fiscal_year_from
),

meeting as (
    select
        least(rubric_id, other_rubric_id) as rubric_id,
        greatest(rubric_id, other_rubric_id) as other_rubric_id
    from overlapping
    where
        rubric_id != other_rubric_id
        and coalesce(district = other_district, true)
    group by least(rubric_id, other_rubric_id), greatest(rubric_id, other_rubric_id)
)

select
    seed_row || ': official like ' || other_seed_row
    || ' in years that both hold, expected one official rubric of a reach and year; '
    || 'correct the years, the reach or the role of one' as message
from overlapping
where
    role = 'official'
    and other_role = 'official'
    and district is not distinct from other_district
union all
select
    one.seed_row || ': an assessment of it is '
    || case when one.counts_violations then 'a number of violations' else 'points' end || ', but '
    || case when other.counts_violations then 'a number of violations' else 'points' end
    || ' under ' || other.rubric_id || ', which may apply to the same department; expected the '
    || 'same; correct the method of one or give it another criterion_code' as message
from meeting
inner join criteria as one on meeting.rubric_id = one.rubric_id
inner join criteria as other
    on
        meeting.other_rubric_id = other.rubric_id
        and one.criterion_code = other.criterion_code
where one.counts_violations != other.counts_violations
order by message
