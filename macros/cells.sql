{% macro cells(
    table, keys, columns, attributes=[], amounts=false, column_names={}, rests_on={}
) -%}
    {#-
        One staging table as long facts: a row for each record and delivered cell.
        `columns` maps a fact to its staging expression; `attributes` are further columns, beside
        the keys, that a measure may select records by; `column_names` gives the delivered column
        where a fact is read from one of several, `rests_on` further columns that decide its value.
    -#}
    select
        unit_code,
        fiscal_year,
        '{{ table }}' as table_name,
        {% if keys -%}
            concat_ws(';', {% for key in keys %}'{{ key }}=' || {{ key }}{{ ", " if not loop.last }}{% endfor %})
        {%- else -%} '' {%- endif %} as record_key,
        {%- if keys + attributes %}
        [{% for name in keys + attributes %}'{{ name }}=' || {{ name }}{{ ", " if not loop.last }}{% endfor %}]
        {%- else %}
        cast([] as varchar[])
        {%- endif %} as attributes,
        load_id,
        source_file,
        source_sha256,
        source_row,
        unnest([
            {%- for fact, expression in columns.items() %}
            {
                'fact': '{{ fact }}',
                'column_name': {{ column_names.get(fact, "'" ~ fact ~ "'") }},
                'value': cast({{ expression }} as decimal(28, 10)),
                'delivered_value': delivered.{{ fact }},
                'amount_unit': {{
                    "amount_unit" if amounts and expression.endswith("_yuan")
                    else "cast(null as varchar)"
                }},
                'corrections': {{ corrections_of(
                    [fact] + attributes + rests_on.get(fact, [])
                    + (['amount_unit'] if amounts and expression.endswith('_yuan') else [])
                ) }}
            }{{ "," if not loop.last }}
            {%- endfor %}
        ], recursive := true)
    from {{ ref('stg_' ~ table) }}
    where fiscal_year in (select fiscal_year from years_read)
{%- endmacro %}
