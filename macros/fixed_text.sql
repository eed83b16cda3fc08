{% macro fixed_text(expression, decimals_column) -%}
    {#- Rounded half away from zero to the 0–10 decimals that a column says, and written with them. -#}
    case {{ decimals_column }}
        {%- for decimals in range(11) %}
        when {{ decimals }} then cast(cast({{ expression }} as decimal(38, {{ decimals }})) as varchar)
        {%- endfor %}
    end
{%- endmacro %}
