{% macro run_date(run) -%}
    {#- The day on which a run of audit.runs started, in its time zone, as RUN_DATE in orchestration/ledger.py. -#}
    cast({{ run }}.started_at at time zone coalesce({{ run }}.time_zone, 'Asia/Shanghai') as date)
{%- endmacro %}

{% macro year_is_closed(run, fiscal_year) -%}
    {#- Whether a fiscal year was over on the day on which a run started: its 31 December is past. -#}
    {{ run_date(run) }} > make_date({{ fiscal_year }}, 12, 31)
{%- endmacro %}
