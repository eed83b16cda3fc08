{% macro number_columns() -%}
    {#-
        The columns of the landing tables that hold numbers, those of texts with a number in them
        among them: by table its own keys and, by column, its name in staging and its label.
    -#}
    {{ return({
        'budgets': {
            'keys': ['budget_line'],
            'columns': {
                'initial_budget': ['initial_budget_yuan', '年初预算数'],
                'adjusted_budget': ['adjusted_budget_yuan', '调整预算数'],
                'executed': ['executed_yuan', '决算支出数'],
            },
        },
        'budget_execution': {
            'keys': ['month'],
            'columns': {
                'adjusted_budget': ['adjusted_budget_yuan', '调整预算数'],
                'cumulative_executed': ['cumulative_executed_yuan', '累计支出数'],
                'progress_pct': ['progress_pct', '支出进度'],
                'execution_rate_pct': ['execution_rate_pct', '序时执行率'],
            },
        },
        'procurement': {
            'keys': ['category'],
            'columns': {
                'planned': ['planned_yuan', '采购计划金额'],
                'actual': ['actual_yuan', '实际采购金额'],
                'sme_awarded': ['sme_awarded_yuan', '授予中小企业合同金额'],
            },
        },
        'public_expenses': {
            'keys': ['item'],
            'columns': {
                'budgeted': ['budgeted_yuan', '预算安排数'],
                'actual': ['actual_yuan', '实际支出数'],
            },
        },
        'staffing': {
            'keys': ['staff_category'],
            'columns': {
                'authorised': ['authorised_count', '核定编制数'],
                'actual': ['actual_count', '实有人数'],
            },
        },
        'assets': {
            'keys': [],
            'columns': {
                'fixed_assets_total': ['fixed_assets_total_yuan', '固定资产总额'],
                'fixed_assets_in_use': ['fixed_assets_in_use_yuan', '在用固定资产总额'],
            },
        },
        'projects': {
            'keys': ['project_code'],
            'columns': {
                'budget_total': ['budget_total_yuan', '预算数总额'],
                'budget_fiscal': ['budget_fiscal_yuan', '预算数财政拨款'],
                'executed_total': ['executed_total_yuan', '执行数总额'],
                'executed_fiscal': ['executed_fiscal_yuan', '执行数财政拨款'],
            },
        },
        'work_completion': {
            'keys': ['work_type'],
            'columns': {
                'planned_count': ['planned_count', '计划数'],
                'completed_on_time_count': ['completed_on_time_count', '按时完成数'],
            },
        },
        'performance_targets': {
            'keys': ['target_no'],
            'columns': {
                'expected_value': ['expected_value', '预期指标值'],
                'actual_value': ['actual_value', '实际完成指标值'],
                'weight': ['weight', '分值'],
                'attained_pct': ['attained_pct', '完成程度'],
            },
        },
        'petitions': {
            'keys': ['channel'],
            'columns': {
                'received': ['received_count', '收到件数'],
                'replied': ['replied_count', '回复件数'],
                'replied_on_time': ['replied_on_time_count', '按时回复件数'],
            },
        },
        'satisfaction_surveys': {
            'keys': ['survey_name'],
            'columns': {
                'satisfaction_pct': ['satisfaction_pct', '满意度'],
                'respondents': ['respondents_count', '受访人数'],
            },
        },
        'assessments': {
            'keys': ['criterion_code'],
            'columns': {
                'value': ['value', '评定值'],
            },
        },
        'unit_measures': {
            'keys': ['measure_code'],
            'columns': {
                'numerator': ['numerator', '分子'],
                'denominator': ['denominator', '分母'],
            },
        },
        'reported_scores': {
            'keys': ['indicator_code'],
            'columns': {
                'reported_score': ['reported_score', '自评得分'],
            },
        },
        'payments': {
            'keys': ['payment_id'],
            'columns': {
                'amount': ['amount_yuan', '支付金额'],
            },
        },
        'budget_adjustments': {
            'keys': ['doc_no', 'budget_line'],
            'columns': {
                'amount': ['amount_yuan', '调整金额'],
            },
        },
        'procurement_contracts': {
            'keys': ['contract_id'],
            'columns': {
                'contract_amount': ['contract_amount_yuan', '合同金额'],
            },
        },
        'asset_cards': {
            'keys': ['card_id'],
            'columns': {
                'original_value': ['original_value_yuan', '资产原值'],
            },
        },
    }) }}
{%- endmacro %}

{% macro number_column_labels() -%}
    {#- Table, column and label of each of these columns, as the rows of a `values` clause. -#}
    {%- set rows = [] %}
    {%- for table, known in number_columns().items() %}
        {%- for column, (staged, label) in known['columns'].items() %}
            {%- do rows.append("('" ~ [table, column, label] | join("', '") ~ "')") %}
        {%- endfor %}
    {%- endfor %}
    {{- rows | join(', ') }}
{%- endmacro %}

{% macro number_cells(table) -%}
    {#-
        One staging table as cells that hold a number: a row for each record and such column of it, of
        the departments in `wanted`. A percentage is a fraction; of a text as printed the first number
        counts, unless it is a date.
    -#}
    {%- set keys = number_columns()[table]['keys'] %}
    {%- set columns = number_columns()[table]['columns'] %}
    select
        unit_code,
        fiscal_year,
        '{{ table }}' as table_name,
        {% if keys -%}
            concat_ws(';', {% for key in keys %}'{{ key }}=' || {{ key }}{{ ", " if not loop.last }}{% endfor %})
        {%- else -%} '' {%- endif %} as record_key,
        unnest([
            {%- for column, (staged, label) in columns.items() %}
            {%- if column in ['expected_value', 'actual_value'] %}
            {
                'column_name': '{{ column }}',
                'value': case
                    when {{ printed_date(staged) }} is null
                        then {{ printed_value(printed_number(staged), printed_unit(staged)) }}
                end,
                'is_percent': coalesce(regexp_matches({{ staged }}, '[%％]'), false),
                'printed': {{ staged }}
            }
            {%- else %}
            {
                'column_name': '{{ column }}',
                'value': cast(
                    {{ staged }} {{ '* 0.01' if staged.endswith('_pct') }} as decimal(38, 10)
                ),
                'is_percent': {{ staged.endswith('_pct') | lower }},
                'printed': cast(null as varchar)
            }
            {%- endif %}{{ "," if not loop.last }}
            {%- endfor %}
        ], recursive := true)
    from {{ ref('stg_' ~ table) }}
    where (unit_code, fiscal_year, '{{ table }}') in (
        select (wanted.unit_code, wanted.fiscal_year, wanted.table_name) from wanted
    )
{%- endmacro %}
