with measure_cells as (
    select * from {{ ref('int_evidence__measures') }}
),

stated_cells as (
    select
        *,
        fiscal_year as delivered_year,
        unit_code as delivered_unit_code
    from {{ ref('int_evidence__stated') }}
),

corrections as (
    select * from {{ ref('stg_corrections') }}
),

all_cells as (
    select * from measure_cells
    union all by name
    select * from stated_cells
),

-- What is said of each corrected cell of a record, by column.
corrected_records as (
    select
        unit_code,
        fiscal_year,
        table_name,
        key as record_key,
        map(
            list(column_name order by source_file, source_row),
            list(
                reason || '；批准人 ' || approved_by || '，' || approved_on
                || '（' || source_file || ' 第 ' || source_row || ' 行）'
                order by source_file, source_row
            )
        ) as sentences
    from corrections
    group by unit_code, fiscal_year, table_name, key
),

explained as (
    select
        all_cells.*,
        {{ cell_as_corrected('all_cells') }} as counted_value,
        nullif(
            array_to_string(list_transform(
                map_keys(all_cells.corrections),
                lambda corrected: case
                    when corrected = all_cells.column_name then '' else corrected || '：'
                end || corrected_records.sentences[corrected]
            ), '；'), ''
        ) as correction
    from all_cells
    left join corrected_records
        on
            all_cells.delivered_unit_code = corrected_records.unit_code
            and all_cells.delivered_year = corrected_records.fiscal_year
            and all_cells.table_name = corrected_records.table_name
            and all_cells.record_key = corrected_records.record_key
)

select
    unit_code,
    fiscal_year,
    rubric_id,
    indicator_code,
    criterion_code,
    measure_code,
    role,
    table_name,
    record_key,
    column_name,
    cast(weight as decimal(28, 6)) as weight,
    cast(value as decimal(28, 10)) as value,
    delivered_value,
    delivered_unit_code,
    delivered_year,
    case when correction is not null then counted_value end as corrected_value,
    corrections['amount_unit'] as corrected_unit,
    correction,
    amount_unit,
    source_file,
    source_sha256,
    source_row,
    load_id,
    measure_status
from explained
