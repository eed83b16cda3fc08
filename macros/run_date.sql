{% macro day_of(moment) -%}
    {#- The day of a moment, as the departments' calendar has it: that of RUN_DATE in orchestration/ledger.py. -#}
    cast({{ moment }} at time zone 'Asia/Shanghai' as date)
{%- endmacro %}

{% macro year_is_closed(run_started_at, fiscal_year) -%}
    {#- Whether a fiscal year was over on the day on which a run started: its 31 December is past. -#}
    {{ day_of(run_started_at) }} > make_date({{ fiscal_year }}, 12, 31)
{%- endmacro %}
