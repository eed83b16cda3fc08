{{ config(meta={'dagster': {'ref': {'name': 'rubrics'}}}) }}
-- What a row of one seed names is a row of another, or one that its rubric has from its base.
{%- set references = [
    ('rubrics', ['based_on'], {'rubrics': ['rubric_id']}),
    ('rubric_assignments', ['rubric_id'], {'rubrics': ['rubric_id']}),
    ('rubric_indicators', ['rubric_id'], {'rubrics': ['rubric_id']}),
    ('grade_bands', ['rubric_id'], {'rubrics': ['rubric_id']}),
    ('rubric_criteria', ['rubric_id'], {'rubrics': ['rubric_id']}),
    ('rubric_bands', ['rubric_id'], {'rubrics': ['rubric_id']}),
    ('rubric_criteria', ['rubric_id', 'indicator_code'], {
        'rubric_indicators': ['rubric_id', 'indicator_code'],
    }),
    ('rubric_bands', ['rubric_id', 'criterion_code'], {
        'rubric_criteria': ['rubric_id', 'criterion_code'],
    }),
    ('rubric_criteria', ['measure_code'], {'measures': ['measure_code']}),
    ('measure_inputs', ['measure_code'], {
        'measures': ['measure_code'], 'rival_measures': ['rival_code'],
    }),
    ('measure_inputs', ['input_measure'], {'measures': ['measure_code']}),
    ('rival_measures', ['measure_code'], {'measures': ['measure_code']}),
    ('rival_measures', ['rival_code'], {
        'measures': ['measure_code'], 'measure_inputs': ['measure_code'],
    }),
    ('rival_sums', ['measure_code'], {'measures': ['measure_code']}),
] %}
{%- set counting = {
    'rubric_indicators': 'counting_indicators', 'rubric_criteria': 'counting_criteria',
} %}

with counting_indicators as (
    {{ rubric_rows('rubric_indicators') }}
),

counting_criteria as (
    {{ rubric_rows('rubric_criteria') }}
),

unknown as (
    {%- for seed, columns, referred in references %}
    select
        {{ seed_row(seed, columns) }} as seed_row,
        'seeds/{{ referred | join('.csv or seeds/') }}.csv' as referred_files
    from {{ ref(seed) }} as referring
    anti join (
        {%- for referred_seed, referred_columns in referred.items() %}
        select {{ referred_columns | join(', ') }}
        from {{ counting.get(referred_seed) or ref(referred_seed) }}
        {{ "union all" if not loop.last }}
        {%- endfor %}
    ) as referred
        on
            true
            {%- for column in columns %}
            and referring.{{ column }} = referred.{{ (referred.values() | first)[loop.index0] }}
            {%- endfor %}
    where
        ({{ columns | join(' || ') }}) is not null
        {%- if columns == ['rubric_id', 'indicator_code'] %}
        -- One that takes a criterion out names none.
        and referring.points is not null
        {%- endif %}
    group by {{ columns | join(', ') }}
    {{ "union all" if not loop.last }}
    {%- endfor %}
)

select
    seed_row || ': not found in ' || referred_files
    || ', expected a row of it; correct it or add it there' as message
from unknown
order by message
