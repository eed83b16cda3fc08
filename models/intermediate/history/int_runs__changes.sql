with inputs as (
    select * from {{ ref('int_runs__inputs') }}
),

run_years as (
    select fiscal_year from {{ source('audit', 'run_years') }}
),

corrections as (
    select * from {{ ref('stg_corrections') }}
),

previous_corrections as (
    select * from {{ source('previous', 'corrections') }}
),

changed_inputs as (
    select
        fiscal_year,
        read_year,
        input_type,
        name,
        max(version) filter (where not is_new) as old_version,
        max(version) filter (where is_new) as new_version
    from inputs
    group by fiscal_year, read_year, input_type, name
    having old_version is distinct from new_version
),

this_corrections as (
    select corrections.*
    from corrections
    inner join run_years using (fiscal_year)
),

changed_corrections as (
    select
        coalesce(this.unit_code, previous.unit_code) as unit_code,
        coalesce(this.fiscal_year, previous.fiscal_year) as fiscal_year,
        case when previous.unit_code is null then '新增更正 ' else '撤销更正 ' end as verb,
        coalesce(this.table_name, previous.table_name) as table_name,
        coalesce(this.key, previous.key) as key,
        coalesce(this.column_name, previous.column_name) as column_name,
        coalesce(this.old_value, previous.old_value, '空') as old_value,
        coalesce(this.new_value, previous.new_value, '空') as new_value,
        coalesce(this.source_file, previous.source_file) as source_file,
        coalesce(this.source_row, previous.source_row) as source_row
    from this_corrections as this
    full outer join previous_corrections as previous
        on
            this.unit_code = previous.unit_code
            and this.fiscal_year = previous.fiscal_year
            and this.table_name = previous.table_name
            and this.key = previous.key
            and this.column_name = previous.column_name
            and this.old_value is not distinct from previous.old_value
            and this.new_value is not distinct from previous.new_value
    where this.unit_code is null or previous.unit_code is null
)

select
    cast(null as varchar) as unit_code,
    fiscal_year,
    read_year,
    input_type,
    name,
    case
        when old_version is null then '新增' when new_version is null then '删除' else '更换'
    end || case input_type
        when 'file' then '文件 ' || name
        when 'seed' then '评分标准 seeds/' || name || '.csv'
        when 'package' then '依赖 ' || name || ' ' || concat_ws('→', old_version, new_version)
        else concat_ws('→', name || ' ' || left(old_version, 8), left(new_version, 8))
    end as change_zh
from changed_inputs
union all
select
    unit_code,
    fiscal_year,
    fiscal_year as read_year,
    'correction' as input_type,
    source_file as name,
    verb || table_name || coalesce(' ' || nullif(key, ''), '') || ' ' || column_name || ' '
    || old_value || '→' || new_value || '（' || source_file || ' 第 ' || source_row || ' 行）'
        as change_zh
from changed_corrections
