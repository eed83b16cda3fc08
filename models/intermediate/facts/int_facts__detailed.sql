{{ config(materialized='view') }}
{% for table, facts in detail_tables().items() %}
{{ cells(
    table,
    facts['keys'],
    facts['columns'],
    amounts=facts.get('amounts', false),
    column_names=facts.get('column_names', {}),
    rests_on=facts.get('rests_on', {}),
    selected_by=facts['attributes']
) }}
{% if not loop.last %}union all by name{% endif %}
{% endfor %}
