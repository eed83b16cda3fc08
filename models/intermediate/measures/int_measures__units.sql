{{ config(materialized='view') }}
with inputs as (
    select distinct
        measure_code,
        alternative,
        role,
        input_table,
        input_column,
        aggregate,
        weight_column
    from {{ ref('int_measure_inputs__resolved') }}
    -- An input that counts for nothing says only that something was delivered.
    where weight != 0 and not is_rival
),

contract as (
    {%- for column in contract_columns() %}
    select
        '{{ column.table_name }}' as table_name,
        '{{ column.column_name }}' as column_name,
        nullif('{{ column.unit_zh }}', '') as unit_zh,
        {{ column.is_percent | lower }} as is_percent,
        nullif('{{ column.record_unit_zh }}', '') as record_unit_zh
    {{ "union all" if not loop.last }}
    {%- else %}
    select null as table_name, null as column_name, null as unit_zh, null as is_percent,
        null as record_unit_zh
    {%- endfor %}
),

-- 0.95 of 20 people is a number of people: a percentage has the unit of what it is taken of.
by_role as (
    select
        inputs.measure_code,
        inputs.alternative,
        inputs.role,
        nullif(array_to_string(list_sort(list_distinct(list(
            case
                when inputs.aggregate = 'count' and inputs.weight_column is null
                    then contract.record_unit_zh
                when inputs.aggregate = 'count' or contract.is_percent then weighed.unit_zh
                else nullif(concat_ws('·', contract.unit_zh, weighed.unit_zh), '')
            end
        ))), '、'), '') as unit_zh
    from inputs
    left join contract
        on
            inputs.input_table = contract.table_name
            and inputs.input_column = contract.column_name
    left join contract as weighed
        on
            inputs.input_table = weighed.table_name
            and inputs.weight_column = weighed.column_name
    group by inputs.measure_code, inputs.alternative, inputs.role
),

by_alternative as (
    select
        measure_code,
        alternative,
        max(unit_zh) filter (where role = 'numerator') as numerator_unit_zh,
        max(unit_zh) filter (where role = 'denominator') as denominator_unit_zh,
        bool_or(role = 'denominator') as has_denominator
    from by_role
    group by measure_code, alternative
)

select
    measure_code,
    alternative,
    numerator_unit_zh,
    denominator_unit_zh,
    has_denominator,
    case
        when not has_denominator or numerator_unit_zh = denominator_unit_zh then numerator_unit_zh
        when coalesce(numerator_unit_zh, denominator_unit_zh) is not null
            then coalesce(numerator_unit_zh, '1') || '/' || coalesce(denominator_unit_zh, '1')
    end as unit_zh
from by_alternative
