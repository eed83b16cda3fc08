with findings as (
    select * from {{ source('audit', 'findings') }}
)

select
    unit_code,
    fiscal_year,
    rule_id,
    table_name,
    record_key,
    severity,
    observed,
    message_zh
from findings
where fiscal_year in (select fiscal_year from {{ source('audit', 'run_years') }})
