with runs as (
    select * from {{ source('audit', 'runs') }}
),

run_years as (
    select * from {{ source('audit', 'run_years') }}
),

inputs as (
    select * from {{ ref('measure_inputs') }}
),

this_run as (
    select runs.*
    from runs
    inner join run_years using (run_id, fiscal_year)
),

-- The running build is not published yet.
last_published as (
    select *
    from runs
    where published_at is not null
    qualify row_number() over (partition by fiscal_year order by published_at desc) = 1
),

year_offsets as (
    select 0 as year_offset
    union distinct
    select year_offset from inputs
),

read_then as (
    select
        last_published.fiscal_year,
        year_offsets.year_offset,
        arg_max(runs.run_id, runs.published_at) as run_id
    from last_published
    cross join year_offsets
    inner join runs
        on
            last_published.fiscal_year + year_offsets.year_offset = runs.fiscal_year
            and last_published.published_at >= runs.published_at
    group by last_published.fiscal_year, year_offsets.year_offset
)

select
    this_run.fiscal_year,
    this_run.fiscal_year + year_offsets.year_offset as read_year,
    last_published.run_id as old_run_id,
    this_run.run_id as new_run_id,
    this_run.started_at as new_started_at,
    cast(last_published.started_at at time zone 'Asia/Shanghai' as date) as old_date,
    cast(this_run.started_at at time zone 'Asia/Shanghai' as date) as new_date,
    last_published.code_sha256 is not null as is_recorded,
    read_then.run_id as read_old_run_id,
    case
        when year_offsets.year_offset = 0 then this_run.run_id else read_now.run_id
    end as read_new_run_id
from this_run
inner join last_published using (fiscal_year)
cross join year_offsets
left join read_then using (fiscal_year, year_offset)
left join last_published as read_now
    on this_run.fiscal_year + year_offsets.year_offset = read_now.fiscal_year
