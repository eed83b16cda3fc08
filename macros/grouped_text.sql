{% macro grouped_text(decimal_expression) -%}
    {#- A decimal as people write it, by thousands: 2,947,700.5, not 2947700.500000. -#}
    if({{ decimal_expression }} < 0, '-', '')
    || format('{:,}', cast(trunc(abs({{ decimal_expression }})) as hugeint))
    || regexp_extract({{ plain_text(decimal_expression) }}, '\..*$')
{%- endmacro %}
