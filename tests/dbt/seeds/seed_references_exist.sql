{{ config(meta={'dagster': {'ref': {'name': 'rubrics'}}}) }}
-- What a row of one seed names is a row of another.
{%- set references = [
    ('rubric_assignments', 'rubrics', {'rubric_id': 'rubric_id'}),
    ('rubric_indicators', 'rubrics', {'rubric_id': 'rubric_id'}),
    ('grade_bands', 'rubrics', {'rubric_id': 'rubric_id'}),
    ('rubric_criteria', 'rubric_indicators', {
        'rubric_id': 'rubric_id', 'indicator_code': 'indicator_code',
    }),
    ('rubric_bands', 'rubric_criteria', {
        'rubric_id': 'rubric_id', 'criterion_code': 'criterion_code',
    }),
    ('rubric_criteria', 'measures', {'measure_code': 'measure_code'}),
    ('measure_inputs', 'measures', {'measure_code': 'measure_code'}),
    ('measure_inputs', 'measures', {'input_measure': 'measure_code'}),
] %}

with unknown as (
    {%- for seed, referred_seed, columns in references %}
    select
        {{ seed_row(seed, columns) }} as seed_row,
        'seeds/{{ referred_seed }}.csv' as referred_file,
        count(*) as rows_count
    from {{ ref(seed) }} as referring
    anti join {{ ref(referred_seed) }} as referred
        on
            true
            {%- for column, referred_column in columns.items() %}
            and referring.{{ column }} = referred.{{ referred_column }}
            {%- endfor %}
    where ({{ columns | join(' || ') }}) is not null
    group by {{ columns | join(', ') }}
    {{ "union all" if not loop.last }}
    {%- endfor %}
)

select
    seed_row || case when rows_count > 1 then ' (' || rows_count || ' rows)' else '' end
    || ': not found in ' || referred_file || ', expected a row of it; correct it or add it there'
        as message
from unknown
order by message
