{{ config(meta={'keeps_every_run': true}) }}

with changed as (
    select * from {{ ref('int_scores__changed') }}
),

compared as (
    select * from {{ ref('int_runs__compared') }}
    where read_year = fiscal_year
),

changes as (
    select * from {{ ref('int_runs__changes') }}
),

unit_files as (
    select * from {{ source('previous', 'unit_files') }}
),

-- Of files a department is told those that hold or held rows of it, where there are any.
own_changes as (
    select
        unit_code,
        fiscal_year,
        input_type,
        name,
        change_zh
    from changes
    where unit_code is not null
    union all
    select
        unit_files.unit_code,
        changes.fiscal_year,
        changes.input_type,
        changes.name,
        changes.change_zh
    from changes
    inner join unit_files
        on
            changes.read_year = unit_files.fiscal_year
            and changes.name = unit_files.source_file
    where changes.input_type = 'file' and changes.read_year = changes.fiscal_year
),

of_departments as (
    select
        unit_code,
        fiscal_year,
        {{ first_changes() }} as changes_zh
    from own_changes
    group by unit_code, fiscal_year
),

of_all as (
    select
        fiscal_year,
        {{ first_changes() }} as changes_zh
    from changes
    where unit_code is null and (input_type != 'file' or read_year != fiscal_year)
    group by fiscal_year
),

of_files as (
    select
        fiscal_year,
        {{ first_changes() }} as changes_zh
    from changes
    where input_type = 'file' and read_year = fiscal_year
    group by fiscal_year
)

select
    changed.unit_code,
    changed.fiscal_year,
    changed.rubric_id,
    changed.item_type,
    changed.item_code,
    changed.old_value,
    changed.new_value,
    changed.old_text,
    changed.new_text,
    compared.old_run_id,
    compared.new_run_id,
    compared.new_started_at as changed_at,
    coalesce(
        nullif(concat_ws('；', of_departments.changes_zh, of_all.changes_zh), ''),
        of_files.changes_zh,
        case
            when compared.is_recorded
                then
                    '文件、评分标准和代码均未变，运行日期由 ' || compared.old_date
                    || ' 变为 ' || compared.new_date
            else '上一次运行未记录其输入'
        end
    ) as cause
from changed
inner join compared using (fiscal_year)
left join of_departments using (unit_code, fiscal_year)
left join of_all using (fiscal_year)
left join of_files using (fiscal_year)
