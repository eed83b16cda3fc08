{% macro explanation_texts() -%}
    {#-
        The placeholders that a pattern of the seed explanation_patterns may have, in the order in
        which they are filled: first words that have some themselves, last what others have written.
    -#}
    {{ return([
        'each', 'beyond', 'within', 'at_lower', 'at_upper', 'value', 'full_mark', 'lower', 'upper',
        'lower_points', 'upper_points', 'threshold', 'step_size', 'steps', 'points_per_step', 'points', 'awarded', 'difference',
        'subject', 'assessment_basis',
    ]) }}
{%- endmacro %}

{% macro monitoring_texts() -%}
    {#- The same of the patterns of monitoring, which begin with monitored_. -#}
    {{ return([
        'range', 'at_lower', 'at_upper', 'lower', 'upper', 'month', 'executed', 'budget',
        'progress', 'calendar', 'pace', 'excess', 'days', 'light', 'expected', 'actual', 'subject',
    ]) }}
{%- endmacro %}

{% macro pattern(code) -%}
    {#- The pattern of a code, from the map `zh` of all; without one no sentence is published. -#}
    coalesce(
        zh[{{ code }}],
        error('seeds/explanation_patterns.csv: no pattern_code ' || {{ code }} || '; add its row')
    )
{%- endmacro %}

{% macro filled(pattern, names) -%}
    {#- A pattern in which each {name} has the text of the column name_zh. -#}
    {%- set filling = namespace(sql=pattern) %}
    {%- for name in names %}
    {%- set filling.sql = "replace(" ~ filling.sql ~ ", '{" ~ name ~ "}', coalesce(" ~ name ~ "_zh, ''))" %}
    {%- endfor %}
    {{- filling.sql }}
{%- endmacro %}
