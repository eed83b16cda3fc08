{% macro contract_columns(model='int_facts__delivered') -%}
    {#-
        The columns of the landing tables that a model of facts reads, what a measure's input may do
        with each: count it, sum it, select records by its codes (any where there are none); and what
        a sum and a number of its records are in.
    -#}
    {%- set columns = [] -%}
    {%- if execute -%}
        {%- set facts = graph.nodes['model.' ~ project_name ~ '.' ~ model] -%}
        {%- for table in graph.sources.values()
            if 'model.' ~ project_name ~ '.stg_' ~ table.name in facts.depends_on.nodes -%}
            {%- for column in table.columns.values()
                if column.name not in ['unit_code', 'fiscal_year'] -%}
                {%- set meta = column.config.meta -%}
                {%- set is_key = meta.get('key', false) -%}
                {%- set is_cell = not is_key and 'yuan_per_unit' not in meta -%}
                {%- set codes = meta.get('accepted_values', []) | list -%}
                {%- if 'minimum' in meta and 'maximum' in meta -%}
                    {%- set codes = range(meta.minimum, meta.maximum + 1) | list -%}
                {%- elif column.data_type == 'boolean' -%}
                    {%- set codes = ['true', 'false'] -%}
                {%- endif -%}
                {%- do columns.append({
                    'table_name': table.name,
                    'column_name': column.name,
                    'is_key': is_key,
                    'is_counted': is_cell,
                    'is_summed': is_cell and column.data_type not in ['varchar', 'date'],
                    'is_selected_by':
                        is_key or (is_cell and column.data_type in ['varchar', 'boolean']),
                    'codes': codes,
                    'unit_zh': '元' if meta.get('amount') else meta.get('unit_zh', ''),
                    'is_percent': meta.get('percent', false),
                    'record_unit_zh': table.config.meta.get('unit_zh', ''),
                }) -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(columns) }}
{%- endmacro %}
