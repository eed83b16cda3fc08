{{ config(meta={'dagster': {'ref': {'name': 'rubrics'}}}) }}
-- No two rows of a seed stand for the same thing, or for the same place in an order.
{%- set keys = [
    ('rubrics', ['rubric_id']),
    ('rubric_indicators', ['rubric_id', 'indicator_code']),
    ('rubric_indicators', ['rubric_id', 'sort_order']),
    ('rubric_criteria', ['rubric_id', 'criterion_code']),
    ('rubric_criteria', ['rubric_id', 'indicator_code', 'sort_order']),
    ('grade_bands', ['rubric_id', 'grade']),
    ('grade_bands', ['rubric_id', 'lower']),
    ('measures', ['measure_code']),
    ('measure_inputs', [
        'measure_code', 'alternative', 'role', 'input_table', 'input_key', 'input_column',
        'input_measure', 'aggregate', 'weight_column', 'year_offset',
    ]),
    ('detail_rollups', [
        'summary_table', 'summary_key', 'summary_column', 'input_table', 'input_key',
        'input_column',
    ]),
    ('waivers', ['rule_id', 'unit_code', 'fiscal_year']),
    ('rival_measures', ['measure_code', 'rival_code', 'is_reported']),
    ('rival_measures', ['measure_code', 'sort_order']),
    ('rival_sums', ['measure_code', 'role', 'rival_code', 'rival_role']),
    ('rival_sums', ['measure_code', 'role', 'sort_order']),
    ('figure_variants', ['variant_code']),
    ('figure_variants', ['sort_order']),
    ('explanation_patterns', ['pattern_code']),
    ('code_labels', ['domain', 'code']),
] %}

with repeated as (
    {%- for seed, columns in keys %}
    select
        {{ seed_row(seed, columns) }} as seed_row,
        count(*) as rows_count
    from {{ ref(seed) }}
    {%- if 'sort_order' in columns %}
    -- A row that takes something out has no place.
    where sort_order is not null
    {%- endif %}
    group by {{ columns | join(', ') }}
    having count(*) > 1
    {{ "union all" if not loop.last }}
    {%- endfor %}
)

select
    seed_row || ': found ' || rows_count || ' rows, expected one; keep one or correct it'
        as message
from repeated
order by message
