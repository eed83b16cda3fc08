{% macro round_to(expression, decimals_column) -%}
    {#- Rounded half away from zero to 0–4 decimals that a column says; round() itself takes only
        constants without leaving decimals. -#}
    case {{ decimals_column }}
        {%- for decimals in range(5) %}
        when {{ decimals }} then cast(round({{ expression }}, {{ decimals }}) as decimal(38, 4))
        {%- endfor %}
    end
{%- endmacro %}
