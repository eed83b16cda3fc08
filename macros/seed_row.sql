{% macro seed_row(seed, keys, decimals=[]) -%}
    {#-
        Where rows of a seed are, as people are told: seeds/rubrics.csv row 2 (rubric_id=…), the
        header being row 1; of several the first, and how many more. Empty cells are passed over.
    -#}
    'seeds/{{ seed }}.csv' || coalesce((
        select
            ' row ' || min(numbered.row_no)
            || case when count(*) > 1 then ' and ' || (count(*) - 1) || ' more' else '' end
        from (
            select
                row_number() over (order by rowid) + 1 as row_no
                {%- for key in keys + decimals %},
                {{ key.split('.') | last }} as key_{{ loop.index }}
                {%- endfor %}
            from {{ ref(seed) }}
        ) as numbered
        where
            true
            {%- for key in keys + decimals %}
            and numbered.key_{{ loop.index }} is not distinct from {{ key }}
            {%- endfor %}
        having count(*) > 0
    ), '') || coalesce(' (' || nullif(concat_ws(
        ', '
        {%- for key in keys %},
        '{{ key.split('.') | last }}=' || {{ key }}
        {%- endfor %}
        {%- for key in decimals %},
        '{{ key.split('.') | last }}=' || {{ plain_text(key) }}
        {%- endfor %}
    ), '') || ')', '')
{%- endmacro %}
