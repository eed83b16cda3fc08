{{ config(materialized='view') }}
with figures as (
    select
        *,
        cast(try_cast(reported_value as decimal(22, 10)) as decimal(38, 10)) as printed_value
    from {{ ref('int_reconciliation__figures_compared') }}
    where printed_decimals_count <= 6
),

mismatching as (
    select * from figures
    where not is_match
),

rivals as (
    select
        *,
        case when divisor = 1 then '' else ' ÷ ' || {{ plain_text('divisor') }} end as divisor_text
    from {{ ref('rival_measures') }}
),

rival_sums as (
    select * from {{ ref('rival_sums') }}
),

-- A number too large to be printed is no explanation.
measures as (
    select
        *,
        case when status = 'defined' then try_cast(value as decimal(22, 10)) end as own_value,
        {{ plain_text('numerator') }} as numerator_text,
        {{ plain_text('denominator') }} as denominator_text
    from {{ ref('int_measures__valued') }}
),

cells as (
    select
        *,
        coalesce(printed, {{ plain_text('value') }}) as text
    from {{ ref('int_reconciliation__figure_cells') }}
),

cell_labels (table_name, column_name, label_zh) as (
    values {{ number_column_labels() }}
)

-- Another definition of the measure, computed,
select
    mismatching.unit_code,
    mismatching.fiscal_year,
    mismatching.item_code,
    mismatching.location,
    rivals.sort_order as rival_order,
    rivals.reason_zh || '：' || measures.numerator_text
    || case when measures.denominator != 1 then ' ÷ ' || measures.denominator_text else '' end
    || rivals.divisor_text as rival_zh,
    {{ quotient('measures.own_value', 'rivals.divisor') }} as value
from mismatching
inner join rivals on mismatching.measure_code = rivals.measure_code and not rivals.is_reported
inner join measures
    on
        mismatching.unit_code = measures.unit_code
        and mismatching.fiscal_year = measures.fiscal_year
        and rivals.rival_code = measures.measure_code
where mismatching.figure_type = 'measure'
union all
-- or as the department itself prints it;
select
    mismatching.unit_code,
    mismatching.fiscal_year,
    mismatching.item_code,
    mismatching.location,
    rivals.sort_order as rival_order,
    rivals.reason_zh || '：' || figures.printed || rivals.divisor_text as rival_zh,
    {{ quotient('figures.printed_value', 'rivals.divisor') }} as value
from mismatching
inner join rivals on mismatching.measure_code = rivals.measure_code and rivals.is_reported
inner join figures
    on
        figures.figure_type = 'measure'
        and mismatching.unit_code = figures.unit_code
        and mismatching.fiscal_year = figures.fiscal_year
        and rivals.rival_code = figures.measure_code
where mismatching.figure_type = 'measure'
union all
-- another sum than the measure's own;
select
    mismatching.unit_code,
    mismatching.fiscal_year,
    mismatching.item_code,
    mismatching.location,
    rival_sums.sort_order as rival_order,
    rival_sums.reason_zh || '：' || case rival_sums.rival_role
        when 'numerator' then measures.numerator_text
        else measures.denominator_text
    end as rival_zh,
    cast(
        case rival_sums.rival_role
            when 'numerator' then measures.numerator
            else measures.denominator
        end as decimal(38, 10)
    ) as value
from mismatching
inner join rival_sums using (measure_code, role)
inner join measures
    on
        mismatching.unit_code = measures.unit_code
        and mismatching.fiscal_year = measures.fiscal_year
        and rival_sums.rival_code = measures.measure_code
where mismatching.figure_type = 'sum'
union all
-- what else stands in the record of the cell.
select
    mismatching.unit_code,
    mismatching.fiscal_year,
    mismatching.item_code,
    mismatching.location,
    0 as rival_order,
    '印的是' || cell_labels.label_zh || '：' || cells.text as rival_zh,
    cells.value
from mismatching
inner join cells using (unit_code, fiscal_year, table_name, record_key)
inner join cell_labels
    on cells.table_name = cell_labels.table_name and cells.column_name = cell_labels.column_name
where mismatching.figure_type = 'cell' and mismatching.column_name != cells.column_name
