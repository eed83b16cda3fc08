{% macro rubric_rows(seed) -%}
    {#-
        The rows of a rubric seed as they count under each rubric, with the rubric that they stand
        under in the file as stated_in: its own rows, and level by level those of the rubric that it
        is based on, where it has none of the same key itself. Own rows with empty points take out.
    -#}
    {%- set keys = {
        'rubric_indicators': ['indicator_code'],
        'rubric_criteria': ['criterion_code'],
        'rubric_bands': ['criterion_code'],
        'grade_bands': [],
    }[seed] -%}
    with recursive own as (
        select
            *,
            rubric_id as stated_in,
            -- Rows that are alike stay two, and a circle of rubrics comes to an end.
            row_number() over () as row_no
        from {{ ref(seed) }}
    ),

    resolved as (
        select own.* from own
        {%- if seed in ['rubric_indicators', 'rubric_criteria'] %}
        where own.points is not null
        {%- endif %}
        union
        select resolved.* replace (rubrics.rubric_id as rubric_id) -- noqa: RF02
        from resolved
        inner join {{ ref('rubrics') }} as rubrics on resolved.rubric_id = rubrics.based_on
        anti join own
            on
                rubrics.rubric_id = own.rubric_id
                {%- for key in keys %}
                and resolved.{{ key }} = own.{{ key }}
                {%- endfor %}
        {%- if seed == 'rubric_criteria' %}
        -- With an indicator its criteria are taken out.
        anti join {{ ref('rubric_indicators') }} as indicators
            on
                rubrics.rubric_id = indicators.rubric_id
                and resolved.indicator_code = indicators.indicator_code
                and indicators.points is null
        {%- elif seed == 'rubric_bands' %}
        -- A criterion that has no bands any more loses those of its base.
        semi join ({{ rubric_rows('rubric_criteria') }}) as criteria
            on
                rubrics.rubric_id = criteria.rubric_id
                and resolved.criterion_code = criteria.criterion_code
                and criteria.method = 'band'
        {%- endif %}
    )

    select * from resolved
{%- endmacro %}

{% macro takes_number(criterion='') -%}
    {#- Whether an assessment of a criterion is a number, of violations or of a level, not points. -#}
    {%- set of = criterion ~ '.' if criterion else '' -%}
    coalesce(
        {{ of }}method = 'veto'
        or ({{ of }}method in ('step', 'band') and {{ of }}measure_code is null), false
    )
{%- endmacro %}

{% macro defined_rubrics() -%}
    {#- The rubrics, with what their rows leave open. -#}
    select * replace (
        coalesce(score_decimals, 2) as score_decimals,
        cast(coalesce(total_points, 100) as decimal(9, 4)) as total_points
    )
    from {{ ref('rubrics') }}
{%- endmacro %}
