with departments as (
    select unit_code, fiscal_year from {{ ref('int_departments__evaluated') }}
),

targets as (
    select * from {{ ref('stg_performance_targets') }}
)

select
    targets.unit_code,
    targets.fiscal_year,
    targets.target_no,
    targets.level1,
    targets.level2,
    targets.target_name,
    targets.operator,
    targets.expected_value,
    targets.actual_value,
    targets.is_applicable,
    targets.is_attained,
    targets.attainment_rate,
    targets.counted_weight,
    targets.source_file,
    targets.source_sha256,
    targets.source_row,
    targets.load_id
from targets
semi join departments using (unit_code, fiscal_year)
