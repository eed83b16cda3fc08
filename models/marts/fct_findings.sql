with findings as (
    select * from {{ source('audit', 'findings') }}
),

run_years as (
    select fiscal_year from {{ source('audit', 'run_years') }}
)

select
    findings.unit_code,
    findings.fiscal_year,
    findings.rule_id,
    findings.table_name,
    findings.record_key,
    findings.severity,
    findings.observed,
    findings.message_zh,
    findings.is_waived,
    findings.waiver_reason
from findings
inner join run_years using (fiscal_year)
