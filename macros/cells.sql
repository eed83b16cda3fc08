{% macro cells(
    table, keys, columns, attributes=[], amounts=false, column_names={}, rests_on={},
    selected_by=none
) -%}
    {#-
        One staging table as long facts: a row for each record and delivered cell of the years that
        the build reads.
        `columns` maps a fact to its staging expression; `attributes` are further columns, beside
        the keys, that a measure may select records by (`selected_by`: all of them, where the keys
        are none); `column_names` gives the delivered column where a fact is read from one of
        several, `rests_on` further columns that decide its value.
        An attribute stands as column=value, one that is empty as the column alone.
    -#}
    {%- set attributes = attributes if selected_by is none else selected_by %}
    {%- set selected_by = keys + attributes if selected_by is none else selected_by %}
    select
        unit_code,
        fiscal_year,
        '{{ table }}' as table_name,
        {% if keys -%}
            concat_ws(';', {% for key in keys %}'{{ key }}=' || {{ key }}{{ ", " if not loop.last }}{% endfor %})
        {%- else -%} '' {%- endif %} as record_key,
        {%- if selected_by %}
        [{% for name in selected_by %}coalesce('{{ name }}=' || {{ name }}, '{{ name }}'){{ ", " if not loop.last }}{% endfor %}]
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
    where
        fiscal_year in (
            select read_year
            from {{ source('audit', 'run_reads') }}
            semi join {{ source('audit', 'run_years') }} using (run_id, fiscal_year)
        )
{%- endmacro %}
