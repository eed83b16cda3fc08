{{ config(meta={'dagster': {'ref': {'name': 'rubric_criteria'}}}) }}
-- An option that its method does not read is empty, or it would seem to count; one that the method
-- needs is there. A method that an option does not list does not read it.
{%- set options = {
    'measure_code': {'linear': 'needed', 'band': 'needed', 'step': 'optional'},
    'full_mark_at': {'linear': 'optional'},
    'over_target': {'linear': 'optional'},
    'threshold': {'step': 'optional'},
    'direction': {'step': 'optional'},
    'step_size': {'step': 'optional'},
    'points_per_step': {'step': 'needed'},
    'step_rounding': {'step': 'optional'},
} %}
{%- set numbers = ['full_mark_at', 'threshold', 'step_size', 'points_per_step'] %}
-- What counts where the measure has no value: read, and needed, where there is a measure.
{%- set of_a_measure = ['when_undefined'] %}

with criteria as (
    select
        *,
        {{ seed_row('rubric_criteria', ['rubric_id', 'indicator_code', 'criterion_code']) }}
            as seed_row
    from {{ ref('rubric_criteria') }}
    where method in ('linear', 'band', 'step', 'assessed', 'veto')
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
    union all by name
    select
        seed_row,
        'as the criterion has ' || if(measure_code is null, 'no', 'a') || ' measure_code' as why,
        unnest([
            {%- for option in of_a_measure %}
            {
                'column_name': '{{ option }}',
                'found': {{ option }},
                'use': if(measure_code is null, 'not read', 'needed')
            }{{ "," if not loop.last }}
            {%- endfor %}
        ], recursive := true)
    from criteria
)

select
    seed_row || ' column ' || column_name || ': found '
    || coalesce('''' || found || ''', expected an empty cell', 'nothing, expected a value')
    || ', ' || why || '; '
    || if(found is null, 'fill in the cell', 'empty the cell or correct the method') as message
from cells
where (use = 'needed' and found is null) or (use = 'not read' and found is not null)
order by message
