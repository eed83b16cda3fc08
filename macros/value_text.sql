{% macro value_text(value, kind) -%}
    {#- A measure's value as people write it: 22.22% for a ratio, 3 for a count. -#}
    case
        when {{ kind }} = 'ratio' then {{ plain_text(value ~ " * 100") }} || '%'
        else {{ plain_text(value) }}
    end
{%- endmacro %}

{% macro shown_apart(value, kind, bounds) -%}
    {#-
        A value with two decimals, in percent for a ratio, or with as many more as leave it on its
        side of every bound of a list; one that is on a bound is exact.
    -#}
    {%- set below = "list_max(list_filter(" ~ bounds ~ ", lambda bound: bound <= " ~ value ~ "))" -%}
    {%- set above = "list_min(list_filter(" ~ bounds ~ ", lambda bound: bound >= " ~ value ~ "))" -%}
    coalesce(
        list_filter(
            [
                {%- for decimals in range(2, 11) %}
                cast(cast({{ value }} as decimal(38, {{ decimals }})) as decimal(38, 10))
                {{- "," if not loop.last }}
                {%- endfor %}
            ][case when {{ kind }} = 'ratio' then 3 else 1 end:],
            lambda shown: coalesce(shown > {{ below }}, true) and coalesce(shown < {{ above }}, true)
        )[1],
        {{ value }}
    )
{%- endmacro %}
