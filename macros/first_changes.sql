{% macro first_changes(shown=5) -%}
    {#- The first of a group's changes as one text in Chinese, and how many there are. -#}
    array_to_string(list(change_zh order by input_type, name, change_zh)[:{{ shown }}], '；')
    || case when count(*) > {{ shown }} then ' 等 ' || count(*) || ' 项' else '' end
{%- endmacro %}
