{{ config(materialized='view') }}
with run_years as (
    select fiscal_year from {{ source('audit', 'run_years') }}
),

measures as (
    select valued.*
    from {{ ref('int_measures__valued') }} as valued
    semi join {{ ref('measures') }} using (measure_code)
),

cells as (
    select * from {{ ref('int_reconciliation__figure_cells') }}
),

number_columns (table_name, column_name, label_zh) as (
    values {{ number_column_labels() }}
),

-- A figure names a measure, a sum of one, or a cell.
figures as (
    select
        reported.*,
        reported.table_name || reported.record_key || reported.column_name != '' as names_cell,
        case
            when reported.measure_code = '' and names_cell and reported.role = ''
                then 'cell'
            when reported.measure_code = '' then null
            when names_cell then null
            when reported.role = '' then 'measure'
            else 'sum'
        end as figure_type
    from {{ ref('stg_reported_figures') }} as reported
    inner join run_years using (fiscal_year)
),

records as (
    select distinct
        figures.unit_code,
        figures.fiscal_year,
        figures.table_name,
        figures.record_key,
        cells.record_key as delivered_key,
        list_has_all(
            string_split(cells.record_key, ';'), {{ terms('figures.record_key', ';') }}
        ) as is_meant
    from figures
    inner join cells using (unit_code, fiscal_year, table_name)
    where figures.figure_type = 'cell'
),

-- Of a record that was not delivered those that it may mean, else all that the table has.
known_records as (
    select
        unit_code,
        fiscal_year,
        table_name,
        record_key,
        bool_or(delivered_key = record_key) as is_delivered,
        count(*) filter (where is_meant) as meant_count,
        list(delivered_key order by length(delivered_key), delivered_key) as all_keys,
        coalesce(
            list(delivered_key order by length(delivered_key), delivered_key) filter (
                where is_meant
            ),
            all_keys
        ) as record_keys
    from records
    group by unit_code, fiscal_year, table_name, record_key
)

select
    figures.unit_code,
    figures.fiscal_year,
    figures.measure_code,
    figures.role,
    figures.table_name,
    figures.record_key,
    figures.column_name,
    figures.location,
    figures.printed,
    figures.printed_suffix,
    figures.is_percent,
    figures.printed_decimals_count,
    figures.printed_number,
    figures.printed_unit,
    figures.names_cell,
    figures.figure_type,
    cells.is_percent as is_percent_cell,
    cells.printed as cell_printed,
    cells.printed_decimals_count as cell_decimals_count,
    cells.printed_number as cell_number,
    cells.printed_unit as cell_unit,
    case when figures.figure_type = 'cell' then known_records.record_keys end as record_keys,
    cast(
        case
            when figures.figure_type = 'measure' then measures.value
            when figures.figure_type = 'cell' then cells.value
            when figures.figure_type = 'sum'
                then if(figures.role = 'numerator', measures.numerator, measures.denominator)
        end as decimal(38, 10)
    ) as named_value,
    case
        when figures.figure_type in ('measure', 'sum') then null
        when figures.measure_code != '' then 'measure_and_cell'
        when figures.role != '' then 'sum_without_measure'
        when not figures.names_cell then 'nothing'
        when figures.table_name = '' or figures.column_name = '' then 'part_of_cell'
        when number_columns.column_name is null then 'no_such_column'
        when known_records.all_keys is null then 'no_record'
        when not known_records.is_delivered and known_records.meant_count > 1
            then 'several_records'
        when not known_records.is_delivered then 'no_such_record'
        when cells.value is null then 'empty_cell'
    end as fault
from figures
left join measures using (unit_code, fiscal_year, measure_code)
left join number_columns using (table_name, column_name)
left join known_records using (unit_code, fiscal_year, table_name, record_key)
left join cells
    on
        figures.figure_type = 'cell'
        and figures.unit_code = cells.unit_code
        and figures.fiscal_year = cells.fiscal_year
        and figures.table_name = cells.table_name
        and figures.record_key = cells.record_key
        and figures.column_name = cells.column_name
