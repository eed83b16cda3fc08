with findings as (
    select * from {{ source('audit', 'findings') }}
),

run_years as (
    select fiscal_year from {{ source('audit', 'run_years') }}
),

by_rule as (
    select
        findings.unit_code,
        findings.fiscal_year,
        findings.rule_id,
        count(*) as findings_count,
        min(findings.message_zh) as first_message
    from findings
    inner join run_years using (fiscal_year)
    where findings.severity = 'critical' and not findings.is_waived
    group by findings.unit_code, findings.fiscal_year, findings.rule_id
)

select
    unit_code,
    fiscal_year,
    '数据规则未通过：' || string_agg(
        rule_id || '（' || findings_count || ' 处）' || first_message, '；' order by rule_id
    ) as reason
from by_rule
group by unit_code, fiscal_year
