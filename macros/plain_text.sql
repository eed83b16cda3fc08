{% macro plain_text(decimal_expression) -%}
    {#- A decimal as people write it: 296436.11, not 296436.110000000000. -#}
    regexp_replace(
        regexp_replace(cast({{ decimal_expression }} as varchar), '(\.\d*?)0+$', '\1'), '\.$', ''
    )
{%- endmacro %}
