-- All of it is in the marts: where they are older than this table, it is made for their years too.
{%- set years = 'select fiscal_year from ' ~ source('audit', 'run_years') %}
{%- set year = 'where fiscal_year in (' ~ years ~ ')' if is_incremental() else '' %}
with findings as (
    select * from {{ ref('fct_findings') }}
    {{ year }}
),

evaluations as (
    select * from {{ ref('fct_evaluations') }}
    {{ year }}
),

rule_outcomes as (
    select * from {{ source('audit', 'rule_outcomes') }}
),

-- Cells of the department's own year, which its findings are about.
cells as (
    select *
    from (
        select * from {{ ref('fct_evidence_cells') }}
        {{ year }}
    ) as of_years
    where delivered_unit_code = unit_code and delivered_year = fiscal_year
),

lines as (
    select *
    from (
        select * from {{ ref('fct_evidence_line_cells') }}
        {{ year }}
    ) as of_years
    where delivered_unit_code = unit_code and delivered_year = fiscal_year
),

reads as (
    select distinct
        rubric_id,
        indicator_code,
        unnest(['measure ' || measure_code, 'table ' || table_name]) as read_name
    from {{ ref('int_indicators__reads') }}
),

-- A printed figure names a measure, one of its sums, or the cell of another record. A row that
-- could not be read has no key, as the only one of its table has none.
told as (
    select
        unit_code,
        fiscal_year,
        rule_id,
        table_name,
        record_key,
        table_name = 'reported_figures' as is_figure,
        case
            when is_figure then nullif(regexp_extract(record_key, 'table_name=([^;]*)', 1), '')
            else table_name
        end as of_table,
        case
            when is_figure then regexp_extract(record_key, ';record_key=(.*);column_name=', 1)
            else record_key
        end as of_record,
        if(is_figure, nullif(regexp_extract(record_key, ';column_name=([^;]*)', 1), ''), null)
            as of_column,
        case
            when is_figure
                then 'measure ' || regexp_extract(record_key, '^measure_code=([^;]*)', 1)
            when not contains(record_key, '=') then 'table ' || table_name
        end as read_name
    from findings
),

-- What a rule holds the record against is concerned as well.
held_against as (
    select told.* replace (against.record.key as of_table, against.record.value as of_record)
    from told
    inner join rule_outcomes using (fiscal_year, rule_id)
    cross join unnest(map_entries(from_json(
        json_extract(rule_outcomes.parameters, '$.held_against'), '"MAP(VARCHAR, VARCHAR)"'
    ))) as against (record)
),

-- Down to the summary cells that a line counts in.
records as (
    select * from told
    where of_table is not null
    union
    select * from held_against
    union
    select
        told.* replace (
            counted.sum.table_name as of_table,
            counted.sum.record_key as of_record,
            counted.sum.column_name as of_column
        )
    from told
    inner join lines
        on
            told.unit_code = lines.unit_code
            and told.fiscal_year = lines.fiscal_year
            and told.of_table = lines.table_name
            and told.of_record = lines.record_key
            and coalesce(told.of_column, lines.column_name) = lines.column_name
    cross join unnest(lines.sums) as counted (sum)
),

concerned as (
    select
        records.unit_code,
        records.fiscal_year,
        records.rule_id,
        records.table_name,
        records.record_key,
        used.use.rubric_id,
        used.use.indicator_code,
        not records.is_figure and used.use.role != 'reported' as is_used
    from records
    inner join cells
        on
            records.unit_code = cells.unit_code
            and records.fiscal_year = cells.fiscal_year
            and records.of_table = cells.table_name
            and records.of_record = cells.record_key
            and coalesce(records.of_column, cells.column_name) = cells.column_name
    cross join unnest(cells.uses) as used (use)
    where used.use.indicator_code is not null
    union all
    select
        told.unit_code,
        told.fiscal_year,
        told.rule_id,
        told.table_name,
        told.record_key,
        evaluations.rubric_id,
        reads.indicator_code,
        not told.is_figure as is_used
    from told
    inner join evaluations using (unit_code, fiscal_year)
    inner join reads using (rubric_id, read_name)
)

select
    unit_code,
    fiscal_year,
    rule_id,
    table_name,
    record_key,
    rubric_id,
    indicator_code,
    bool_or(is_used) as is_used
from concerned
group by unit_code, fiscal_year, rule_id, table_name, record_key, rubric_id, indicator_code
