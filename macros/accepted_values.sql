{% macro accepted_values(table, column) -%}
    {#- The codes that the landing contract accepts in a column. -#}
    {%- set codes = [] -%}
    {%- if execute -%}
        {%- for source in graph.sources.values() if source.source_name == 'raw' and source.name == table -%}
            {%- do codes.extend(source.columns[column].config.meta.accepted_values | list) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(codes) }}
{%- endmacro %}
