{{ config(meta={'dagster': {'ref': {'name': 'rubric_criteria'}}}) }}
-- The value of a ratio is a fraction: a bound of 5 or more (500%) is a percentage by mistake.
{%- set columns = {
    'rubric_criteria': ['full_mark_at', 'threshold', 'step_size'],
    'rubric_bands': ['lower', 'upper'],
    'measure_inputs': ['cap'],
} %}

with ratios as (
    select measure_code
    from {{ ref('measures') }}
    where kind = 'ratio'
),

rubric_criteria as (
    select
        *,
        {{ seed_row('rubric_criteria', ['rubric_id', 'indicator_code', 'criterion_code']) }}
            as seed_row
    from {{ ref('rubric_criteria') }}
),

rubric_bands as (
    select
        bands.*,
        criteria.measure_code,
        {{ seed_row(
            'rubric_bands', ['bands.rubric_id', 'bands.criterion_code'],
            ['bands.lower', 'bands.upper'],
        ) }} as seed_row
    from {{ ref('rubric_bands') }} as bands
    inner join ({{ rubric_rows('rubric_criteria') }}) as criteria
        on
            bands.rubric_id = criteria.rubric_id
            and bands.criterion_code = criteria.criterion_code
),

measure_inputs as (
    select
        * replace (input_measure as measure_code),
        {{ seed_row('measure_inputs', ['measure_code', 'input_measure']) }} as seed_row
    from {{ ref('measure_inputs') }}
),

bounds as (
    {%- for seed, names in columns.items() %}
    {%- set last_seed = loop.last %}
    {%- for name in names %}
    select
        seed_row,
        measure_code,
        '{{ name }}' as column_name,
        cast({{ name }} as decimal(38, 12)) as bound
    from {{ seed }}
    {{ "union all" if not (loop.last and last_seed) }}
    {%- endfor %}
    {%- endfor %}
)

select
    bounds.seed_row || ' column ' || bounds.column_name || ': found '''
    || {{ plain_text('bounds.bound') }} || ''', expected a fraction, as ' || bounds.measure_code
    || ' is a ratio, of which 1 is 100%; write '
    || {{ plain_text('cast(bounds.bound * 0.01 as decimal(38, 14))') }}
    || ' if it is a percentage' as message
from bounds
semi join ratios on bounds.measure_code = ratios.measure_code
where abs(bounds.bound) >= 5
order by message
