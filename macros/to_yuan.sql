{% macro to_yuan(column) -%}
    {#-
        An amount in the row's own unit, both as corrected, as yuan, rounded half up to the cent.
        The units are those of the landing contract, which is not at hand where dbt tests units.
    -#}
    {%- set unit = corrected('amount_unit') -%}
    cast(
        round(
            {{ corrected(column, 'decimal(38, 12)') }} * case
                when {{ unit }} is null then null
                when {{ unit }} in ('元', 'yuan') then 1
                when {{ unit }} in ('万元', 'wan_yuan') then 10000
                when {{ unit }} in ('亿元', 'yi_yuan') then 100000000
                else error('amount_unit ' || {{ unit }} || ': add it to macros/to_yuan.sql')
            end, 2
        ) as decimal(18, 2)
    )
{%- endmacro %}
