{{ config(meta={'dagster': {'ref': {'name': 'grade_bands'}}}) }}
-- Each rubric has a grade for every total from 0 up, and each grade a total that reaches it.
with rubrics as (
    select * from {{ ref('rubrics') }}
),

grade_bands as (
    select * from {{ ref('grade_bands') }}
),

lowest as (
    select
        rubrics.rubric_id,
        min(grade_bands.lower) as lower
    from rubrics
    left join grade_bands on rubrics.rubric_id = grade_bands.rubric_id
    group by rubrics.rubric_id
)

select
    {{ seed_row('grade_bands', ['rubric_id']) }} || coalesce(
        ': the lowest grade begins at ' || {{ plain_text('lower') }} || ', expected 0; correct it',
        ': no grades found, expected one that begins at 0 at least; add them'
    ) as message
from lowest
where lower is null or lower > 0
union all
select
    {{ seed_row('grade_bands', ['rubric_id', 'grade']) }} || ' column lower: found '''
    || {{ plain_text('lower') }} || ''', expected a total from 0 to 100, the points of the rubric; '
    || 'correct the cell' as message
from grade_bands
where lower not between 0 and 100
order by message
