{% macro add_new_columns() -%}
    {#-
        The columns that a mart built by an older version lacks, empty for the years that it keeps.
        DuckDB does not let one transaction delete a table's rows and alter it.
    -#}
    {%- if is_incremental() -%}
        {%- for column in model.columns.values() %}
        alter table {{ this }} add column if not exists {{ column.name }} {{ column.data_type }};
        {%- endfor %}
    {%- endif -%}
{%- endmacro %}
