{% macro printed_number(column) -%}
    {#- The first number in a printed text (≥8 场, 99.01%, 1,234.50), null where there is none. -#}
    try_cast(
        regexp_extract({{ plain_digits(column) }}, '-?\d*\.?\d+') as decimal(28, 10)
    )
{%- endmacro %}

{% macro printed_decimals(column) -%}
    {#- With how many decimals the first number in a printed text is printed. -#}
    length(split_part(regexp_extract({{ plain_digits(column) }}, '\d*\.?\d+'), '.', 2))
{%- endmacro %}

{% macro printed_suffix(column) -%}
    {#- What follows the first number in a printed text as its unit: 万元, 场, %; empty where nothing. -#}
    regexp_extract(
        {{ column }}, '^[^0-9０-９]*[0-9０-９．.,，]*[0-9０-９](\s*[^\s0-9０-９．.,，；;。、（()）]{0,8})', 1
    )
{%- endmacro %}

{% macro printed_unit(column) -%}
    {#-
        What 1 in a printed text stands for: 0.01 where it is a percentage, 10000 in 853.5 万元, else 1.
    -#}
    {%- set multiple -%}
        regexp_extract({{ printed_suffix(column) }}, '^\s*(万亿|[百千]?[万亿]|[百千]元)', 1)
    {%- endset -%}
    case
        when regexp_matches({{ column }}, '[%％]') then cast(0.01 as decimal(15, 2))
        else cast('1' || repeat(
            '0',
            {% for character, zeros in {'百': 2, '千': 3, '万': 4, '亿': 8}.items() -%}
            {{ zeros }} * cast(contains({{ multiple }}, '{{ character }}') as integer)
            {{- " + " if not loop.last }}
            {%- endfor %}
        ) as decimal(15, 2))
    end
{%- endmacro %}

{% macro printed_thing(column) -%}
    {#- What is counted in a printed text, without multiple: 元 of 万元以内, 人 of 万人; empty for 万. -#}
    coalesce(
        nullif(regexp_extract({{ printed_suffix(column) }}, '^\s*[百千万亿]*(元)', 1), ''),
        regexp_replace({{ printed_suffix(column) }}, '^\s*[百千万亿]*', '')
    )
{%- endmacro %}

{% macro printed_value(number, unit) -%}
    {#- A printed number in the unit of what it is: a fraction, yuan; null where it is too large. -#}
    cast(
        case
            when {{ unit }} > 1 then try_cast({{ number }} as decimal(20, 10)) * {{ unit }}
            else {{ number }} * cast({{ unit }} as decimal(3, 2))
        end as decimal(38, 10)
    )
{%- endmacro %}

{% macro in_printed_units(value, unit) -%}
    {#- The other way round: yuan as 万元, a fraction as a percentage. -#}
    {{ quotient('try_cast(' ~ value ~ ' as decimal(34, 10))', unit) }}
{%- endmacro %}

{% macro plain_digits(column) -%}
    translate({{ column }}, '０１２３４５６７８９−－．,，', '0123456789--.')
{%- endmacro %}

{% macro printed_date(column) -%}
    {#- The first date in a printed text (2023 年 12 月 31 日前, 2023-12-31), null where none. -#}
    try_cast(
        regexp_replace(
            regexp_extract({{ column }}, '\d{4}\s*[年/.-]\s*\d{1,2}\s*[月/.-]\s*\d{1,2}'),
            '^(\d{4})\D+(\d{1,2})\D+(\d{1,2})$', '\1-\2-\3'
        ) as date
    )
{%- endmacro %}
