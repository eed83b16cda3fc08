with runs as (
    select * from {{ source('audit', 'runs') }}
),

run_reads as (
    select * from {{ source('audit', 'run_reads') }}
),

run_years as (
    select * from {{ source('audit', 'run_years') }}
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
)

select
    this_run.fiscal_year,
    read_now.read_year,
    last_published.run_id as old_run_id,
    this_run.run_id as new_run_id,
    this_run.started_at as new_started_at,
    {{ run_date('last_published') }} as old_date,
    {{ run_date('this_run') }} as new_date,
    last_published.code_sha256 is not null as is_recorded,
    read_then.read_run_id as read_old_run_id,
    read_now.read_run_id as read_new_run_id
from this_run
inner join last_published using (fiscal_year)
inner join run_reads as read_now
    on
        this_run.run_id = read_now.run_id
        and this_run.fiscal_year = read_now.fiscal_year
inner join run_reads as read_then
    on
        last_published.run_id = read_then.run_id
        and last_published.fiscal_year = read_then.fiscal_year
        and read_now.read_year = read_then.read_year
