{% macro generate_schema_name(custom_schema_name, node) -%}
    {#- Schemas are part of the public contract: `marts`, not `main_marts`. -#}
    {{ custom_schema_name if custom_schema_name else target.schema }}
{%- endmacro %}
