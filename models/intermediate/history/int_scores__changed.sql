with compared as (
    select * from {{ ref('int_runs__compared') }}
    where read_year = fiscal_year
),

previous_evaluations as (
    select * from {{ source('previous', 'fct_evaluations') }}
),

previous_indicators as (
    select * from {{ source('previous', 'fct_indicator_scores') }}
),

evaluations as (
    select * from {{ ref('int_evaluations__scored') }}
),

indicators as (
    select * from {{ ref('int_indicators__scored') }}
),

compared_evaluations as (
    select
        coalesce(evaluations.unit_code, previous.unit_code) as unit_code,
        coalesce(evaluations.fiscal_year, previous.fiscal_year) as fiscal_year,
        coalesce(evaluations.rubric_id, previous.rubric_id) as rubric_id,
        previous.total_score as old_total,
        evaluations.total_score as new_total,
        previous.grade as old_grade,
        evaluations.grade as new_grade,
        previous.status as old_status,
        evaluations.status as new_status
    from previous_evaluations as previous
    full outer join evaluations using (unit_code, fiscal_year, rubric_id)
),

compared_indicators as (
    select
        coalesce(indicators.unit_code, previous.unit_code) as unit_code,
        coalesce(indicators.fiscal_year, previous.fiscal_year) as fiscal_year,
        coalesce(indicators.rubric_id, previous.rubric_id) as rubric_id,
        coalesce(indicators.indicator_code, previous.indicator_code) as indicator_code,
        previous.score as old_score,
        indicators.score as new_score
    from previous_indicators as previous
    full outer join indicators using (unit_code, fiscal_year, rubric_id, indicator_code)
),

items as (
    select
        unit_code,
        fiscal_year,
        rubric_id,
        'total_score' as item_type,
        'TOTAL' as item_code,
        cast(old_total as decimal(9, 4)) as old_value,
        cast(new_total as decimal(9, 4)) as new_value,
        cast(null as varchar) as old_text,
        cast(null as varchar) as new_text
    from compared_evaluations
    union all
    {%- for text in ['grade', 'status'] %}
    select
        unit_code,
        fiscal_year,
        rubric_id,
        '{{ text }}' as item_type,
        'TOTAL' as item_code,
        cast(null as decimal(9, 4)) as old_value,
        cast(null as decimal(9, 4)) as new_value,
        old_{{ text }} as old_text,
        new_{{ text }} as new_text
    from compared_evaluations
    union all
    {%- endfor %}
    select
        unit_code,
        fiscal_year,
        rubric_id,
        'indicator_score' as item_type,
        indicator_code as item_code,
        cast(old_score as decimal(9, 4)) as old_value,
        cast(new_score as decimal(9, 4)) as new_value,
        cast(null as varchar) as old_text,
        cast(null as varchar) as new_text
    from compared_indicators
)

select
    items.unit_code,
    items.fiscal_year,
    items.rubric_id,
    items.item_type,
    items.item_code,
    items.old_value,
    items.new_value,
    items.old_text,
    items.new_text
from items
-- The first publication of a year changes nothing.
inner join compared using (fiscal_year)
where
    items.old_value is distinct from items.new_value
    or items.old_text is distinct from items.new_text
