{{ config(meta={'dagster': {'ref': {'name': 'rubric_criteria'}}}) }}
-- An option that its method does not read is empty, or it would seem to count; one that the method
-- needs is there. A method that an option does not list does not read it.
{%- set options = {
    'measure_code': {'linear': 'needed', 'band': 'optional', 'step': 'optional'},
    'full_mark_at': {'linear': 'optional'},
    'over_target': {'linear': 'optional'},
    'threshold': {'step': 'optional'},
    'direction': {'linear': 'optional', 'step': 'optional'},
    'step_size': {'step': 'optional'},
    'points_per_step': {'step': 'needed'},
    'step_rounding': {'step': 'optional'},
    'choice': {
        'linear': 'optional', 'band': 'optional', 'step': 'optional', 'assessed': 'optional',
    },
} %}
{%- set numbers = ['full_mark_at', 'threshold', 'step_size', 'points_per_step'] %}
-- What is read in some cases only.
{%- set conditions = [
    ('when_undefined', 'measure_code is not null', 'the criterion has no measure_code'),
    ('when_unbounded', 'measure_code is not null', 'the criterion has no measure_code'),
    (
        'over_target', "method != 'linear' or coalesce(direction, 'above') != 'below'",
        'less is better with the direction below',
    ),
    (
        'choice', "not (method = 'step' and points = 0)",
        'a criterion of 0 points takes its steps off the others',
    ),
] %}

with criteria as (
    select
        *,
        {{ seed_row('rubric_criteria', ['rubric_id', 'indicator_code', 'criterion_code']) }}
            as seed_row
    from {{ ref('rubric_criteria') }}
    where method in ('linear', 'band', 'step', 'assessed', 'veto') and points is not null
),

cells as (
    select
        seed_row,
        'as the method is ' || method as why,
        unnest([
            {%- for option, uses in options.items() %}
            {
                'column_name': '{{ option }}',
                'found': {{ plain_text(option) if option in numbers else option }},
                'use': case method
                    {%- for method, use in uses.items() %}
                    when '{{ method }}' then '{{ use }}'
                    {%- endfor %}
                    else 'not read'
                end
            }{{ "," if not loop.last }}
            {%- endfor %}
        ], recursive := true)
    from criteria
    {%- for option, condition, why in conditions %}
    union all by name
    select
        seed_row,
        'as {{ why }}' as why,
        '{{ option }}' as column_name,
        {{ option }} as found,
        'not read' as use
    from criteria
    where not ({{ condition }})
    {%- endfor %}
)

select
    seed_row || ' column ' || column_name || ': found '
    || coalesce('''' || found || ''', expected an empty cell', 'nothing, expected a value')
    || ', ' || why || '; '
    || if(found is null, 'fill in the cell', 'empty the cell or correct the criterion') as message
from cells
where (use = 'needed' and found is null) or (use = 'not read' and found is not null)
order by message
