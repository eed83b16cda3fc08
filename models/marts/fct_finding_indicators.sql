with run_years as (
    select fiscal_year from {{ source('audit', 'run_years') }}
),

findings as (
    select findings.*
    from {{ source('audit', 'findings') }} as findings
    semi join run_years using (fiscal_year)
),

-- Cells of the department's own year, which its findings are about.
cells as (
    select cells.*
    from {{ ref('fct_evidence_cells') }} as cells
    semi join run_years using (fiscal_year)
    where cells.delivered_unit_code = cells.unit_code and cells.delivered_year = cells.fiscal_year
),

lines as (
    select lines.*
    from {{ ref('fct_evidence_line_cells') }} as lines
    semi join run_years using (fiscal_year)
    where lines.delivered_unit_code = lines.unit_code and lines.delivered_year = lines.fiscal_year
),

assigned as (
    select unit_code, fiscal_year, rubric_id from {{ ref('int_rubrics__assigned') }}
),

criteria as (
    select distinct rubric_id, indicator_code, measure_code
    from {{ ref('int_rubrics__criteria') }}
    where measure_code is not null
),

parts as (
    select distinct measure_code, input_measure
    from {{ ref('int_measure_inputs__resolved') }}
    where input_measure is not null
),

-- A printed figure names a measure, one of its sums, or the cell of another record.
named as (
    select
        unit_code,
        fiscal_year,
        rule_id,
        table_name,
        record_key,
        table_name as of_table,
        record_key as of_record,
        false as is_printed
    from findings
    union all
    select
        unit_code,
        fiscal_year,
        rule_id,
        table_name,
        record_key,
        regexp_extract(record_key, 'table_name=([^;]*)', 1) as of_table,
        regexp_extract(record_key, ';record_key=(.*);column_name=', 1) as of_record,
        true as is_printed
    from findings
    where table_name = 'reported_figures' and contains(record_key, 'table_name=')
),

-- Down to the summary cells that a line counts in.
summed as (
    select
        named.* replace (sums.of.table_name as of_table, sums.of.record_key as of_record)
    from named
    inner join lines
        on
            named.unit_code = lines.unit_code
            and named.fiscal_year = lines.fiscal_year
            and named.of_table = lines.table_name
            and named.of_record = lines.record_key
    cross join unnest(lines.sums) as sums (of)
    union
    select * from named
),

by_record as (
    select
        summed.unit_code,
        summed.fiscal_year,
        summed.rule_id,
        summed.table_name,
        summed.record_key,
        used.use.rubric_id,
        used.use.indicator_code,
        not summed.is_printed and used.use.role != 'reported' as is_used
    from summed
    inner join cells
        on
            summed.unit_code = cells.unit_code
            and summed.fiscal_year = cells.fiscal_year
            and summed.of_table = cells.table_name
            and summed.of_record = cells.record_key
    cross join unnest(cells.uses) as used (use)
    where used.use.indicator_code is not null
),

by_measure as (
    select
        findings.unit_code,
        findings.fiscal_year,
        findings.rule_id,
        findings.table_name,
        findings.record_key,
        criteria.rubric_id,
        criteria.indicator_code,
        false as is_used
    from findings
    inner join assigned using (unit_code, fiscal_year)
    inner join criteria using (rubric_id)
    left join parts using (measure_code)
    where
        findings.table_name = 'reported_figures'
        and regexp_extract(findings.record_key, '^measure_code=([^;]*)', 1)
        in (criteria.measure_code, parts.input_measure)
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
from (
    select * from by_record
    union all
    select * from by_measure
) as named_indicators
group by unit_code, fiscal_year, rule_id, table_name, record_key, rubric_id, indicator_code
