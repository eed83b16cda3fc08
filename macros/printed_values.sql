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

{% macro plain_digits(column) -%}
    translate({{ column }}, '０１２３４５６７８９−－．,，', '0123456789--.')
{%- endmacro %}

{% macro printed_date(column) -%}
    {#- The first date in a printed text (2023 年 12 月 31 日前, 2023-12-31), null where none. -#}
    try_cast(
        regexp_replace(
            regexp_extract({{ column }}, '\d{4}\s*[年/.-]\s*\d{1,2}\s*[月/.-]\s*\d{1,2}'),
            '(\d{4})\D+(\d{1,2})\D+(\d{1,2})', '\1-\2-\3'
        ) as date
    )
{%- endmacro %}
