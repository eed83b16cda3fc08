{% macro require_loaded() -%}
    {#- Without what loading leaves each model that reads it would fail: say what to do instead. -#}
    {%- if execute and target.type == 'duckdb' and not env_var('JIXIAO_BUILD_FILE', '') -%}
        {%- set runs = adapter.get_relation(target.database, 'audit', 'run_years') -%}
        {%- if runs is none -%}
            {{ exceptions.raise_compiler_error(
                target.path ~ " holds no loaded year; `make sandbox` makes a file that does, for "
                ~ "dbt with `--target dev`"
            ) }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
