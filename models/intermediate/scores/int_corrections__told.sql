-- What is said of each corrected cell of a record, by column.
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
from {{ ref('stg_corrections') }}
group by unit_code, fiscal_year, table_name, key
