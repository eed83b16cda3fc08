with named as (
    select * from {{ ref('int_reconciliation__figures_named') }}
),

-- In a column of percentages a number is one with or without its sign.
read_figures as (
    select
        * exclude (printed_unit),
        case when is_percent_cell and cell_printed is null then 0.01 else printed_unit end
            as printed_unit,
        cast(named_value as decimal(38, 10)) as computed_value
    from named
),

in_units as (
    select
        *,
        {{ printed_value('printed_number', 'printed_unit') }} as reported_value,
        {{ in_printed_units('computed_value', 'printed_unit') }} as computed_number
    from read_figures
),

written as (
    select
        *,
        {{ in_printed_units('reported_value', 'cell_unit') }} as number_in_cell_units,
        {{ fixed_text('computed_number', 'printed_decimals_count') }} as computed_number_text,
        {{ fixed_text('number_in_cell_units', 'cell_decimals_count') }} as number_as_in_cell
    from in_units
)

-- A figure matches when the computed one, rounded to the decimals printed, equals it, or it itself
-- rounded to those of a cell that is printed too.
select
    unit_code,
    fiscal_year,
    concat_ws(
        '/',
        nullif(measure_code, ''),
        nullif(role, ''),
        case when names_cell then concat_ws('/', table_name, record_key, column_name) end
    ) as item_code,
    location,
    figure_type,
    measure_code,
    role,
    table_name,
    record_key,
    column_name,
    record_keys,
    fault,
    printed,
    is_percent,
    coalesce(is_percent_cell, figure_type = 'measure') as may_be_percent,
    printed_decimals_count,
    printed_number,
    printed_unit,
    reported_value,
    computed_value,
    computed_number_text || printed_suffix as computed_text,
    coalesce(cell_printed, {{ plain_text('computed_number') }} || printed_suffix) as exact_text,
    cast(computed_number_text as decimal(38, 10)) = printed_number
    or coalesce(cast(number_as_in_cell as decimal(38, 10)) = cell_number, false) as is_match
from written
