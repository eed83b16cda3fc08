{{ config(meta={'dagster': {'ref': {'name': 'rubrics'}}}) }}
-- A rubric is based on others, never in a circle, and takes out only what it has from them.
with recursive rubrics as (
    select
        *,
        {{ seed_row('rubrics', ['rubric_id']) }} as seed_row
    from {{ ref('rubrics') }}
),

bases as (
    select
        rubric_id,
        based_on as base
    from rubrics
    union
    select
        bases.rubric_id,
        rubrics.based_on as base
    from bases
    inner join rubrics on bases.base = rubrics.rubric_id
),

{%- set keys = {'rubric_indicators': 'indicator_code', 'rubric_criteria': 'criterion_code'} %}
{%- for seed, key in keys.items() %}
inherited_{{ key }} as (
    {{ rubric_rows(seed) }}
),

{% endfor %}taken_out as (
    {%- for seed, key in keys.items() %}
    select
        own.seed_row,
        own.{{ key }} as code,
        rubrics.based_on
    from (
        select
            *,
            {{ seed_row(seed, ['rubric_id', key]) }} as seed_row
        from {{ ref(seed) }}
        where points is null
    ) as own
    inner join rubrics on own.rubric_id = rubrics.rubric_id
    anti join inherited_{{ key }} as inherited
        on
            rubrics.based_on = inherited.rubric_id
            and own.{{ key }} = inherited.{{ key }}
    where rubrics.based_on is not null
    {{ "union all" if not loop.last }}
    {%- endfor %}
)

select
    rubrics.seed_row || ' column based_on: found ''' || rubrics.based_on
    || ''', which is based on ' || rubrics.rubric_id || ' in turn, expected a rubric that is not; '
    || 'correct or empty the cell' as message
from rubrics
semi join bases on rubrics.rubric_id = bases.rubric_id and rubrics.rubric_id = bases.base
union all
select
    seed_row || ' column points: found nothing, which takes ' || code || ' out, but ' || based_on
    || ' has none; fill in the points, or remove the row' as message
from taken_out
order by message
