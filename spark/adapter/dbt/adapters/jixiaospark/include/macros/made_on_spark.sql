{#-
    Each model as Spark's SQL, and as a table. Of views upon views Spark makes one plan, which is then
    too long to be compiled. A mart has the years of the run alone, as Spark cannot delete from a table
    of Parquet; its years are written where they belong when all are made.
-#}
{% materialization incremental, adapter='jixiaospark' %}
    {{ return(made_on_spark()) }}
{% endmaterialization %}

{% materialization table, adapter='jixiaospark' %}
    {{ return(made_on_spark()) }}
{% endmaterialization %}

{% materialization view, adapter='jixiaospark' %}
    {{ return(made_on_spark()) }}
{% endmaterialization %}

{% macro made_on_spark() -%}
    {%- set old = load_cached_relation(this) -%}
    {%- set new = this.incorporate(type='table') -%}
    {%- if old is not none -%}
        {%- do adapter.drop_relation(old) -%}
    {%- endif -%}
    {%- set sql = adapter.to_spark(compiled_code, model.name) -%}
    {%- if config.get('contract').enforced -%}
        {{ get_assert_columns_equivalent(sql) }}
        {%- set sql = get_select_subquery(sql) -%}
    {%- endif -%}
    {%- call statement('main') -%}
        create table {{ new }} using parquet as {{ sql }}
    {%- endcall -%}
    {{- return({'relations': [new]}) -}}
{%- endmacro %}

{% macro jixiaospark__get_empty_schema_sql(columns) -%}
    {#- The types of a contract are DuckDB's. -#}
    {{ return(adapter.to_spark(default__get_empty_schema_sql(columns), model.name)) }}
{%- endmacro %}
