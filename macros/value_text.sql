{% macro value_text(value, kind) -%}
    {#- A measure's value as people write it: 22.22% for a ratio, 3 for a count. -#}
    case
        when {{ kind }} = 'ratio' then {{ plain_text(value ~ " * 100") }} || '%'
        else {{ plain_text(value) }}
    end
{%- endmacro %}

{% macro nearest_below(bounds, value) -%}
    {#- The nearest of a list of bounds that is not above a value; null where there is none. -#}
    list_max(list_filter({{ bounds }}, lambda bound: bound <= {{ value }}))
{%- endmacro %}

{% macro nearest_above(bounds, value) -%}
    list_min(list_filter({{ bounds }}, lambda bound: bound >= {{ value }}))
{%- endmacro %}

{% macro shown_apart(value, kind, below, above) -%}
    {#-
        A value with two decimals, in percent for a ratio, or with as many more as leave it between the
        nearest bounds; one that is on a bound is exact.
    -#}
    {%- set is_between -%}
        lambda shown: coalesce(shown > {{ below }}, true) and coalesce(shown < {{ above }}, true)
    {%- endset -%}
    {%- set rounded = [] %}
    {%- for decimals in range(2, 11) %}
        {%- do rounded.append("cast(cast(" ~ value ~ " as decimal(38, " ~ decimals ~ ")) as decimal(38, 10))") %}
    {%- endfor %}
    coalesce(
        list_filter([if({{ kind }} = 'ratio', {{ rounded[2] }}, {{ rounded[0] }})], {{ is_between }})[1],
        -- Few need more.
        list_filter(
            [{{ rounded[1:] | join(', ') }}][if({{ kind }} = 'ratio', 3, 1):], {{ is_between }}
        )[1],
        {{ value }}
    )
{%- endmacro %}
