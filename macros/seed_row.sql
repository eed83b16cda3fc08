{% macro seed_row(seed, keys, decimals=[]) -%}
    {#-
        Where a row of a seed is, as people are told: seeds/rubrics.csv row rubric_id=nanshan_2023.
        Empty cells are passed over.
    -#}
    'seeds/{{ seed }}.csv row ' || concat_ws(
        ', '
        {%- for key in keys %},
        '{{ key.split('.') | last }}=' || {{ key }}
        {%- endfor %}
        {%- for key in decimals %},
        '{{ key.split('.') | last }}=' || {{ plain_text(key) }}
        {%- endfor %}
    )
{%- endmacro %}
