{% macro terms(key, separator='&') -%}
    {#- A key such as `a=1&b=2` as the list of its terms; an empty one has none. -#}
    list_filter(string_split({{ key }}, '{{ separator }}'), lambda term: term != '')
{%- endmacro %}
