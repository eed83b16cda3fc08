{#-
    Tables and views are made in place. dbt's own materializations make each beside the old one, rename
    both and drop the old one, so that readers always find a table. Nobody reads a build, and a
    failure throws it away.
-#}
{% materialization table, adapter='duckdb' %}
    {{ return(made_in_place('table')) }}
{% endmaterialization %}

{% materialization view, adapter='duckdb' %}
    {{ return(made_in_place('view')) }}
{% endmaterialization %}

{% macro made_in_place(type) -%}
    {%- set old = load_cached_relation(this) -%}
    {%- set new = this.incorporate(type=type) -%}
    {{- run_hooks(pre_hooks, inside_transaction=false) -}}
    {{- run_hooks(pre_hooks, inside_transaction=true) -}}
    {%- call statement('main') -%}
        {%- if old is not none %}
        drop {{ old.type }} {{ old }};
        {%- endif %}
        {{ create_table_as(false, new, compiled_code) if type == 'table' else create_view_as(new, compiled_code) }}
    {%- endcall -%}
    {%- if old is not none -%}
        {%- do adapter.cache_dropped(old) -%}
    {%- endif -%}
    {%- do persist_docs(new, model) -%}
    {{- run_hooks(post_hooks, inside_transaction=true) -}}
    {%- do adapter.commit() -%}
    {{- run_hooks(post_hooks, inside_transaction=false) -}}
    {{- return({'relations': [new]}) -}}
{%- endmacro %}
