with inputs as (
    select * from {{ ref('int_rollups__resolved') }}
),

grouped as (
    select * from {{ ref('int_rollups__grouped') }}
),

selected as (
    select * from {{ ref('int_rollups__selected') }}
),

rollups as (
    select
        rollup_no,
        is_open,
        coalesce(list(distinct input_no) filter (where requires = 'record'), []) as inputs_required,
        coalesce(list(distinct input_table) filter (where requires = 'table'), [])
            as tables_required
    from inputs
    group by rollup_no, is_open
),

tables_delivered as (
    select
        unit_code,
        fiscal_year,
        list(distinct table_name) as table_names
    from grouped
    group by unit_code, fiscal_year
),

parts as (
    select
        grouped.unit_code,
        grouped.fiscal_year,
        selected.rollup_no,
        selected.input_no,
        selected.summary_table,
        selected.summary_column,
        selected.summary_record_key,
        selected.summary_attributes,
        selected.is_in_doubt,
        grouped.cells_count,
        grouped.usable_cells_count,
        selected.weight * grouped.value_sum as weighted_sum
    from grouped
    inner join selected using (table_name, fact, attributes)
),

-- A line that could belong to any record leaves all of them in doubt.
doubted as (
    select distinct unit_code, fiscal_year, rollup_no
    from parts
    where summary_record_key is null
),

cells as (
    select
        unit_code,
        fiscal_year,
        rollup_no,
        summary_table as table_name,
        summary_record_key as record_key,
        summary_attributes as attributes,
        summary_column as fact,
        list(distinct input_no) filter (where not is_in_doubt) as inputs_met,
        bool_or(is_in_doubt) as is_in_doubt,
        sum(cells_count) > sum(usable_cells_count) as has_empty_cells,
        sum(weighted_sum) as weighted_sum
    from parts
    where summary_record_key is not null
    group by
        unit_code, fiscal_year, rollup_no, summary_table, summary_record_key, summary_attributes,
        summary_column
),

judged as (
    select
        cells.*,
        rollups.is_open,
        case
            when not list_has_all(cells.inputs_met, rollups.inputs_required) then 'missing'
            when cells.is_in_doubt or doubted.rollup_no is not null then 'in_doubt'
            when cells.has_empty_cells then 'empty_cell'
            -- No more than an amount that can be delivered.
            when abs(cells.weighted_sum) >= 1e16 then 'too_large'
            else 'rolled_up'
        end as status
    from cells
    inner join rollups using (rollup_no)
    inner join tables_delivered using (unit_code, fiscal_year)
    left join doubted using (unit_code, fiscal_year, rollup_no)
    -- Without a ledger that it needs there is no cell, and without a line that belongs to one of
    -- its cells there is no record.
    where list_has_all(tables_delivered.table_names, rollups.tables_required)
    qualify bool_or(cells.inputs_met is not null) over (
        partition by
            cells.unit_code, cells.fiscal_year, cells.table_name, cells.record_key
    )
)

select
    unit_code,
    fiscal_year,
    table_name,
    record_key,
    attributes,
    fact,
    is_open,
    status,
    cast(case when status = 'rolled_up' then weighted_sum end as decimal(28, 10)) as value
from judged
