{{ config(meta={'dagster': {'ref': {'name': 'grade_bands'}}}) }}
-- Each rubric has a grade for every total from 0 up, and each grade a total that reaches it.
with rubrics as (
    {{ defined_rubrics() }}
),

grade_bands as (
    select * from ({{ rubric_rows('grade_bands') }})
),

lowest as (
    select
        coalesce(grade_bands.stated_in, rubrics.rubric_id) as rubric_id,
        min(grade_bands.lower) as lower
    from rubrics
    left join grade_bands on rubrics.rubric_id = grade_bands.rubric_id
    group by rubrics.rubric_id, grade_bands.stated_in
),

beyond as (
    select
        grade_bands.stated_in as rubric_id,
        grade_bands.grade,
        grade_bands.lower,
        rubrics.total_points,
        coalesce(' ' || nullif(rubrics.rubric_id, grade_bands.stated_in), '') as inheriting
    from grade_bands
    inner join rubrics on grade_bands.rubric_id = rubrics.rubric_id
    where grade_bands.lower not between 0 and rubrics.total_points
)

select distinct
    {{ seed_row('grade_bands', ['rubric_id']) }} || coalesce(
        ': the lowest grade begins at ' || {{ plain_text('lower') }} || ', expected 0; correct it',
        ': no grades found, expected one that begins at 0 at least; add them'
    ) as message
from lowest
where lower is null or lower > 0
union all
select
    {{ seed_row('grade_bands', ['rubric_id', 'grade']) }} || ' column lower: found '''
    || {{ plain_text('lower') }} || ''', expected a total from 0 to '
    || {{ plain_text('total_points') }} || ', the points of the rubric' || inheriting
    || '; correct the cell' as message
from beyond
order by message
