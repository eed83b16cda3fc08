{#-
    Each model as Spark's SQL. A mart is a table here, whose years are written as Parquet when all are
    made; Spark cannot delete from a table of Parquet, as the hooks of the marts do.
-#}
{% materialization incremental, adapter='jixiaospark' %}
    {{ return(made_on_spark('table')) }}
{% endmaterialization %}

{% materialization table, adapter='jixiaospark' %}
    {{ return(made_on_spark('table')) }}
{% endmaterialization %}

{% materialization view, adapter='jixiaospark' %}
    {{ return(made_on_spark('view')) }}
{% endmaterialization %}

{% macro made_on_spark(type) -%}
    {%- set old = load_cached_relation(this) -%}
    {%- set new = this.incorporate(type=type) -%}
    {%- if old is not none -%}
        {%- do adapter.drop_relation(old) -%}
    {%- endif -%}
    {%- set sql = adapter.to_spark(compiled_code, model.name) -%}
    {%- if config.get('contract').enforced -%}
        {{ get_assert_columns_equivalent(sql) }}
        {%- set sql = get_select_subquery(sql) -%}
    {%- endif -%}
    {%- call statement('main') -%}
        create {{ type }} {{ new }} {{ 'using parquet' if type == 'table' }} as {{ sql }}
    {%- endcall -%}
    {{- return({'relations': [new]}) -}}
{%- endmacro %}

{% macro jixiaospark__get_empty_schema_sql(columns) -%}
    {#- The types of a contract are DuckDB's. -#}
    {{ return(adapter.to_spark(default__get_empty_schema_sql(columns), model.name)) }}
{%- endmacro %}
