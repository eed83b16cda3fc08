{% macro detail_tables() -%}
    {#-
        The line-level tables: the facts that a roll-up may sum, and the attributes that it may
        select records by, as the macro `cells` takes them. `derived` has the codes of an attribute
        that is no delivered column.
    -#}
    {%- set quarters = {'quarter': ['1', '2', '3', '4']} -%}
    {{ return({
        'payments': {
            'keys': ['payment_id'],
            'attributes': ['budget_line', 'economic_code', 'quarter', 'is_refund'],
            'columns': {'amount': 'amount_yuan'},
            'amounts': true,
            'rests_on': {'amount': ['paid_on']},
            'derived': quarters,
        },
        'budget_adjustments': {
            'keys': ['doc_no', 'budget_line'],
            'attributes': ['budget_line', 'quarter'],
            'columns': {'amount': 'amount_yuan'},
            'amounts': true,
            'rests_on': {'amount': ['decided_on']},
            'derived': quarters,
        },
        'procurement_contracts': {
            'keys': ['contract_id'],
            'attributes': ['category', 'supplier_is_sme'],
            'columns': {'contract_amount': 'contract_amount_yuan'},
            'amounts': true,
        },
        'petition_cases': {
            'keys': ['case_id'],
            'attributes': ['channel'],
            'columns': {
                'received': '1',
                'replied': 'cast(is_replied as integer)',
                'replied_on_time': 'cast(is_replied_on_time as integer)',
            },
            'column_names': {
                'received': "'case_id'",
                'replied': 'replied_column',
                'replied_on_time': 'replied_column',
            },
            'rests_on': {
                'replied': ['replied_on'],
                'replied_on_time': ['replied_on', 'due_on'],
            },
        },
        'asset_cards': {
            'keys': ['card_id'],
            'attributes': ['in_use'],
            'columns': {'original_value': 'original_value_yuan'},
            'amounts': true,
        },
    }) }}
{%- endmacro %}
