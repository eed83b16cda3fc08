{{ config(materialized='view') }}
with criteria as (
    select * from {{ ref('int_criteria__valued') }}
    -- A row without a number is what was delivered of a criterion that is missing.
    where falls_back
),

assessments as (
    select * from {{ ref('stg_assessments') }}
),

reported as (
    select * from {{ ref('int_scores__reported') }}
    where rubric_id is not null
)

select
    criteria.unit_code,
    criteria.fiscal_year,
    criteria.rubric_id,
    criteria.indicator_code,
    criteria.criterion_code,
    criteria.measure_code,
    'assessment' as role,
    'assessments' as table_name,
    'criterion_code=' || criteria.criterion_code as record_key,
    -- 不适用 stands in the place of a value.
    if(criteria.basis = 'excluded', 'basis', 'value') as column_name,
    if(criteria.basis = 'excluded', null, 1) as weight,
    assessments.value,
    if(criteria.basis = 'excluded', assessments.basis, assessments.delivered.value)
        as delivered_value,
    {{ corrections_of(['value'], 'assessments.corrections') }} as corrections,
    assessments.source_file,
    assessments.source_sha256,
    assessments.source_row,
    assessments.load_id
from criteria
inner join assessments using (unit_code, fiscal_year, criterion_code)
{%- for column, delivered in {
    'reported_score': 'delivered_score', 'reported_grade': 'reported_grade',
}.items() %}
union all by name
select
    unit_code,
    fiscal_year,
    rubric_id,
    case when not is_total then indicator_code end as indicator_code,
    'reported' as role,
    'reported_scores' as table_name,
    'indicator_code=' || indicator_code as record_key,
    '{{ column }}' as column_name,
    {%- if column == 'reported_score' %}
    1 as weight,
    reported_score as value,
    {%- endif %}
    {{ delivered }} as delivered_value,
    source_file,
    source_sha256,
    source_row,
    load_id
from reported
where {{ column }} is not null
{%- endfor %}
