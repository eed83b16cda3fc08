with compared as (
    select * from {{ ref('int_runs__compared') }}
    where is_recorded
),

runs as (
    select * from {{ source('audit', 'runs') }}
),

run_files as (
    select * from {{ source('audit', 'run_files') }}
),

seeds as (
    select
        run_id,
        unnest(map_entries(seeds)) as seed
    from runs
),

packages as (
    select
        run_id,
        unnest(map_entries(packages)) as package
    from runs
),

inputs as (
    select
        run_id,
        'code' as input_type,
        '代码' as name,
        code_sha256 as version
    from runs
    union all
    select
        run_id,
        'seed' as input_type,
        seed.key as name,
        seed.value as version
    from seeds
    union all
    -- The project's own version goes with its code.
    select
        run_id,
        'package' as input_type,
        package.key as name,
        package.value as version
    from packages
    where package.key != 'jixiao'
    union all
    -- A workbook delivers several tables.
    select distinct
        run_id,
        'file' as input_type,
        source_file as name,
        source_sha256 as version
    from run_files
),

compared_runs as (
    select
        fiscal_year,
        read_year,
        read_old_run_id as run_id,
        false as is_new
    from compared
    union all
    select
        fiscal_year,
        read_year,
        read_new_run_id as run_id,
        true as is_new
    from compared
)

select
    compared_runs.fiscal_year,
    compared_runs.read_year,
    compared_runs.is_new,
    inputs.input_type,
    inputs.name,
    inputs.version
from compared_runs
inner join inputs using (run_id)
where inputs.input_type = 'file' or compared_runs.read_year = compared_runs.fiscal_year
