{% macro keep_older_evidence() -%}
    {#-
        The evidence of years that an older version published, which had a row for each use of a cell,
        and for a cell that was rolled up each of its lines. fct_evidence becomes a view after this.
    -#}
    {%- set older = load_relation(this.incorporate(path={'identifier': 'fct_evidence'})) -%}
    {%- if older is not none and older.type == 'table' -%}
        {%- set found = adapter.get_columns_in_relation(older) | map(attribute='name') | list -%}
        {%- set instead = {
            'delivered_unit_code': 'unit_code',
            'delivered_year': "cast(split_part(source_file, '/', 1) as integer)",
        } -%}
        insert into {{ this }} by name
        select
            {%- for name in model.columns if name != 'uses' and (name in found or name in instead) %}
            {{ name if name in found else instead[name] ~ ' as ' ~ name }},
            {%- endfor %}
            list_sort(list({
                {%- for name in evidence_uses() %}
                '{{ name }}': {{ name if name in found else 'cast(null as varchar)' }}
                {{- "," if not loop.last }}
                {%- endfor %}
            })) as uses
        from {{ older }}
        where fiscal_year not in (select fiscal_year from {{ source('audit', 'run_years') }})
        group by all
    {%- endif -%}
{%- endmacro %}
