{% macro delivered_cells(columns) -%}
    {#- The row's numbers as delivered, as text by column: what an auditor compares with the file. -#}
    {
        {%- for column in columns %}
        '{{ column }}': {{ plain_text(column) }}{{ "," if not loop.last }}
        {%- endfor %}
    }
{%- endmacro %}
