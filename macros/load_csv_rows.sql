{% macro duckdb__load_csv_rows(model, agate_table) -%}
    {#- In the place of the adapter's own, which takes a mark of quotation, a star or a bracket in the
        project's path for SQL or for a pattern. -#}
    {%- set path = modules.re.sub("[*?\\[]", "[\\g<0>]", adapter.get_seed_file_path(model)) -%}
    {%- set sql -%}
        copy {{ this.render() }} from '{{ path | replace("'", "''") }}' (format csv, header true)
    {%- endset -%}
    {%- do adapter.add_query(sql, abridge_sql_log=True) -%}
    {{- return(sql) -}}
{%- endmacro %}
