{{ config(meta={'dagster': {'ref': {'name': 'rubric_criteria'}}}) }}
-- An assessment is delivered once for a criterion, whatever the rubrics: it is points under all of
-- them, or a number (of violations, or a level) under all.
with counting as (
    {{ rubric_rows('rubric_criteria') }}
),

stated as (
    select distinct
        stated_in as rubric_id,
        criterion_code,
        {{ takes_number() }} as takes_number
    from counting
),

criteria as (
    select
        *,
        {{ seed_row('rubric_criteria', ['rubric_id', 'criterion_code']) }} as seed_row
    from stated
),

numbers as (
    select
        criterion_code,
        min(rubric_id) as rubric_id
    from criteria
    where takes_number
    group by criterion_code
)

select
    criteria.seed_row || ': an assessment of it is points, but a number under '
    || numbers.rubric_id || ', expected the same, as it is delivered once; correct the method of '
    || 'one or give it another criterion_code' as message
from criteria
inner join numbers on criteria.criterion_code = numbers.criterion_code
where not criteria.takes_number
order by message
