"""Data Docs: the published years' validation results as pages that open from disk."""

import json
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb
import yaml
from jinja2 import Environment

from expectations.runner import PLACE
from orchestration.html import templates
from orchestration.landing.contract import landing_contract
from orchestration.publication.export import NOTHING, Kept

TEMPLATES = Path(__file__).parent / "pages"
# Findings listed of one rule, and of one department; all of them are in marts.fct_findings.
LISTED = 500
# Findings listed on the page of all departments, which a browser has to open.
LISTED_IN_ALL = 20_000

YEARS = """
    with published as (
        from audit.runs
        where published_at is not null
        qualify row_number() over (partition by fiscal_year order by published_at desc) = 1
    ),
    departments as (
        select
            fiscal_year, count(*) as departments,
            count(*) filter (is_disclosure_exempt) as exempt
        from marts.dim_departments
        group by fiscal_year
    ),
    evaluations as (
        select fiscal_year, count(distinct unit_code) as blocked
        from marts.fct_evaluations
        where status = 'blocked'
        group by fiscal_year
    ),
    found as (
        select
            fiscal_year,
            count(*) as findings,
            count(*) filter (severity = 'critical') as criticals,
            count(*) filter (severity = 'warning') as warnings,
            count(*) filter (is_waived) as waived,
            count(distinct unit_code) as departments_with_findings
        from audit.findings
        group by fiscal_year
    ),
    outcomes as (
        select fiscal_year, count(*) as rules, count(*) filter (records > 0) as rules_violated
        from audit.rule_outcomes
        group by fiscal_year
    )
    select
        fiscal_year, run_id, code_version,
        strftime(published_at at time zone 'Asia/Shanghai', '%Y-%m-%d %H:%M') as published_at,
        coalesce(departments, 0) as departments,
        coalesce(exempt, 0) as exempt,
        coalesce(departments_with_findings, 0) as departments_with_findings,
        coalesce(blocked, 0) as blocked,
        coalesce(findings, 0) as findings,
        coalesce(criticals, 0) as criticals,
        coalesce(warnings, 0) as warnings,
        coalesce(waived, 0) as waived,
        rules, rules_violated
    from published
    left join departments using (fiscal_year)
    left join evaluations using (fiscal_year)
    left join found using (fiscal_year)
    left join outcomes using (fiscal_year)
    order by fiscal_year desc
"""
# A year that was published before outcomes were kept still has its findings.
RULES = """
    with outcomes as (
        from audit.rule_outcomes
        where fiscal_year = $year
    ),
    found as (
        select
            rule_id, any_value(severity) as severity, count(*) as records,
            count(distinct unit_code) as departments, count(*) filter (is_waived) as waived
        from audit.findings
        where fiscal_year = $year
        group by rule_id
    )
    select
        rule_id,
        coalesce(stage, 'delivered') as stage,
        coalesce(outcomes.severity, found.severity) as severity,
        holds, holds_zh, tolerance, parameters,
        coalesce(outcomes.records, found.records) as records,
        coalesce(outcomes.departments, found.departments) as departments,
        coalesce(waived, 0) as waived
    from outcomes
    full join found using (rule_id)
    order by
        coalesce(outcomes.records, found.records) = 0,
        coalesce(outcomes.severity, found.severity),
        coalesce(outcomes.records, found.records) desc,
        rule_id
"""
# A record may name a department that its year does not have.
NAME = """
    if(departments.unit_code is null, '不在部门名录中', coalesce(unit_name, departments.unit_code))
"""
DEPARTMENTS = f"""
    with departments as (
        from marts.dim_departments
        where fiscal_year = $year
    ),
    evaluations as (
        select unit_code, status
        from marts.fct_evaluations
        where fiscal_year = $year and rubric_role = 'official'
    ),
    found as (
        select
            unit_code,
            count(*) as findings,
            count(*) filter (severity = 'critical') as criticals,
            count(*) filter (severity = 'warning') as warnings,
            count(*) filter (is_waived) as waived
        from audit.findings
        where fiscal_year = $year
        group by unit_code
    )
    select
        unit_code, departments.unit_code is not null as is_listed,
        {NAME} as unit_name, city, district, status,
        coalesce(findings, 0) as findings,
        coalesce(criticals, 0) as criticals,
        coalesce(warnings, 0) as warnings,
        coalesce(waived, 0) as waived
    from departments
    full join found using (unit_code)
    left join evaluations using (unit_code)
    -- Who need not be disclosed is in the totals and in no list, as on the scorecards.
    where departments.is_disclosure_exempt is distinct from true
    order by
        coalesce(criticals > waived, false) desc, coalesce(criticals, 0) desc,
        coalesce(findings, 0) desc, unit_code
"""
FINDINGS = f"""
    select
        f.rule_id, f.unit_code, {NAME} as unit_name, f.table_name, f.record_key, f.severity,
        f.observed,
        replace(f.message_zh, {PLACE} || '：', '') as message_zh,
        replace(f.message_en, {PLACE} || ': ', '') as message_en,
        f.is_waived, f.waiver_reason
    from audit.findings as f
    left join marts.dim_departments as departments using (unit_code, fiscal_year)
    where f.fiscal_year = $year and departments.is_disclosure_exempt is distinct from true
    qualify row_number() over (
        partition by f.{{by}}
        order by f.severity, f.is_waived, f.rule_id, f.unit_code, f.table_name, f.record_key
    ) <= $listed
    order by
        f.{{by}}, f.severity, f.is_waived, f.rule_id, f.unit_code, f.table_name, f.record_key
"""

Row = dict[str, Any]


def write(con: duckdb.DuckDBPyConnection, folder: Path, kept: Kept = NOTHING) -> None:
    """Write the pages of every published year: an overview, and two pages a year.

    Args:
        con: A connection to the build's warehouse file, its checks done. The pages are made from
            its tables alone.
        folder: Where the pages go, in the folder of the publication; it does not exist yet.
        kept: What stays of the current publication.
    """
    folder.mkdir(parents=True)
    environment = _environment()
    years = _rows(con, YEARS)
    _render(environment, "index", folder / "index.html", years=years)
    for year in years:
        number = year["fiscal_year"]
        of_rules, of_departments = (folder / f"{number}{of}.html" for of in ("", "-departments"))
        is_kept = number in kept.years
        if not (is_kept and kept.link(of_rules, folder.parent)):
            rules = _rows(con, RULES, year=number)
            for rule in rules:
                rule["parameters"] = _parameters(rule["parameters"])
            _render(
                environment, "rules", of_rules,
                year=year, rules=rules, findings=_findings(con, number, "rule_id"),
            )  # fmt: skip
        if not (is_kept and kept.link(of_departments, folder.parent)):
            departments = _rows(con, DEPARTMENTS, year=number)
            _render(
                environment, "departments", of_departments,
                year=year,
                departments=departments,
                findings=_first(departments, _findings(con, number, "unit_code")),
            )  # fmt: skip


def _environment() -> Environment:
    environment = templates(TEMPLATES, compiled=True)
    environment.globals.update(
        tables={table.name: table.label_zh for table in landing_contract().values()},
        listed=LISTED,
    )
    return environment


def _render(environment: Environment, template: str, path: Path, **values: Any) -> None:
    text = environment.get_template(f"{template}.html.jinja").render(values)
    path.write_text(text, encoding="utf-8")


def _rows(con: duckdb.DuckDBPyConnection, query: str, **parameters: Any) -> list[Row]:
    cursor = con.execute(query, parameters)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _findings(con: duckdb.DuckDBPyConnection, year: int, by: str) -> dict[str, list[Row]]:
    """The first findings of each rule or of each department, blocking ones first."""
    rows = _rows(con, FINDINGS.format(by=by), year=year, listed=LISTED)
    return {key: list(group) for key, group in groupby(rows, key=lambda row: row[by])}


def _first(departments: list[Row], findings: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """The findings of the first departments; of those after them none are listed."""
    left, listed = LISTED_IN_ALL, {}
    for unit in (department["unit_code"] for department in departments):
        listed[unit] = findings.get(unit, [])[:left]
        left -= len(listed[unit])
    return listed


def _parameters(text: str | None) -> str:
    """A rule's parameters as they stand in the catalogue."""
    values = json.loads(text or "{}")
    return yaml.safe_dump(values, allow_unicode=True, sort_keys=False).strip() if values else ""
