{% macro delete_year_being_built() -%}
    {#-
        A mart keeps every year: a build replaces the rows of its own years, even when none arrive.
        One that keeps every run only gains rows.
    -#}
    {%- if is_incremental() and not model.config.meta.get('keeps_every_run') -%}
        delete from {{ this }}
        where fiscal_year in (select fiscal_year from {{ source('audit', 'run_years') }})
    {%- endif -%}
{%- endmacro %}
