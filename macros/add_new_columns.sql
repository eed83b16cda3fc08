{% macro add_new_columns() -%}
    {#-
        The columns that a mart built by an older version lacks, empty for the years that it keeps,
        and the decimals of those that were shorter.
        DuckDB does not let one transaction delete a table's rows and alter it.
    -#}
    {%- if is_incremental() -%}
        {%- set found = {} -%}
        {%- for column in adapter.get_columns_in_relation(this) -%}
            {%- do found.update({column.name: column.data_type | lower | replace(' ', '')}) -%}
        {%- endfor -%}
        {%- for column in model.columns.values() %}
        {%- set declared = column.data_type | lower | replace(' ', '') -%}
        {%- if column.name not in found %}
        alter table {{ this }} add column {{ column.name }} {{ column.data_type }};
        {%- elif found[column.name].startswith('decimal') and found[column.name] != declared %}
        alter table {{ this }} alter column {{ column.name }} type {{ column.data_type }};
        {%- endif %}
        {%- endfor %}
    {%- endif -%}
{%- endmacro %}
