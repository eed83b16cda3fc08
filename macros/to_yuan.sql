{% macro to_yuan(column) -%}
    {#- An amount in the row's own unit as yuan, rounded half up to the cent. -#}
    cast(
        round(
            {{ column }} * case
                when amount_unit in ('元', 'yuan') then 1
                when amount_unit in ('万元', 'wan_yuan') then 10000
                when amount_unit in ('亿元', 'yi_yuan') then 100000000
            end, 2
        ) as decimal(18, 2)
    )
{%- endmacro %}
