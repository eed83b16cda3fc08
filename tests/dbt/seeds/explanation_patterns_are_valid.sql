{{ config(meta={'dagster': {'ref': {'name': 'explanation_patterns'}}}) }}
-- A pattern has a text, and no name in braces that nothing stands for.
with patterns as (
    select
        *,
        case
            when starts_with(pattern_code, 'monitored_')
                then ['{{ monitoring_texts() | join("', '") }}'] -- noqa: LT05
            else ['{{ explanation_texts() | join("', '") }}'] -- noqa: LT05
        end as known,
        {{ seed_row('explanation_patterns', ['pattern_code']) }} as seed_row
    from {{ ref('explanation_patterns') }}
),

cells as (
    {%- for column in ['pattern_code', 'said_when', 'pattern_zh'] %}
    select
        seed_row,
        '{{ column }}' as column_name,
        {{ column }} as found,
        'a text' as expected
    from patterns
    where coalesce(trim({{ column }}), '') = ''
    union all
    {%- endfor %}
    select
        seed_row,
        'pattern_zh' as column_name,
        unnest(list_filter(
            regexp_extract_all(pattern_zh, '[{]\w*[}]|[{}]'),
            lambda name: not list_contains(known, trim(name, '{}'))
        )) as found,
        'one of {' || array_to_string(known, '}, {') || '}' as expected
    from patterns
)

select
    seed_row || ' column ' || column_name || ': found '
    || coalesce('''' || found || '''', 'nothing') || ', expected ' || expected
    || '; correct the cell' as message
from cells
order by message
