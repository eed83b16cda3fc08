"""A stage is checked, by its checkpoint and by counting; what violates a rule becomes a finding."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from expectations import validations
from expectations.rules import Rule, Stage, rules
from orchestration import audit, duck
from orchestration.landing.cells import visible
from orchestration.ledger import RUN_DATE
from orchestration.plain import plain_sql

# SQL for the record that a message speaks of, which its text opens with.
PLACE = visible(
    "(fiscal_year || ' ' || unit_code || ' ' || table_name"
    " || coalesce(' ' || nullif(regexp_replace(record_key, '[^=;]+=', '', 'g'), ''), ''))"
)
RECORD = ("unit_code", "fiscal_year", "table_name", "record_key")
SHOWN = 5


@dataclass(frozen=True)
class Outcome:
    """What a rule came to.

    Attributes:
        rule: The rule.
        violations: How many records violate it.
        departments: How many departments they are of.
        keys: The first of the records: year, department, table and key.
        sample: What is said of them in Chinese.
        rows: How many rows its query gives; several may be of one record.
        holds: What the checkpoint says of it; not where it did not check it.
    """

    rule: Rule
    violations: int = 0
    departments: int = 0
    keys: list[str] = field(default_factory=list, hash=False)
    sample: list[str] = field(default_factory=list, hash=False)
    rows: int = 0
    holds: bool = True

    @property
    def is_violated(self) -> bool:
        """Whether the checkpoint or the rule's own query says so."""
        return not self.holds or self.rows > 0 or self.violations > 0


def check(database: Path, stage: Stage) -> list[Outcome]:
    """Have Great Expectations check a stage's rules, and record what violates them.

    Args:
        database: The build's warehouse file; nobody else has it open.
        stage: Which rules. Findings of `delivered` rules, and then of `waivers`, are written to
            `audit.findings` for the year run; rules on marts only report. What each rule came to
            is in `audit.rule_outcomes`, the result of the checkpoint in `audit.validations`.

    Returns:
        An outcome for each rule, in the order of the catalogue.

    Raises:
        RuntimeError: A rule cannot be checked.
    """
    # Slow to import, so only where it is used.
    from expectations import checkpoint

    result = checkpoint.validate(database, stage)
    found = validations.of_rules(result)
    for rule in rules(stage):
        # What fails is no violation, and has no count of them.
        for said in (e["exception"] for e in found.get(rule.rule_id, []) if "exception" in e):
            raise RuntimeError(f"the rule {rule.rule_id} cannot be checked: {said}")
    with duckdb.connect(str(database)) as con:
        audit.ensure(con, "audit.findings", "audit.rule_outcomes")
        if stage == "delivered":
            con.execute(
                "delete from audit.findings "
                "where fiscal_year in (select fiscal_year from audit.run_years)"
            )
        run = con.execute("select fiscal_year from audit.run_years").fetchall()
        years = [year for (year,) in run]
        outcomes = [_record(con, rule, years, found.get(rule.rule_id, [])) for rule in rules(stage)]
        if stage == "delivered":
            _waive(con)
        _keep(con, stage, outcomes)
        validations.keep(con, stage, result)
    return outcomes


def _record(
    con: duckdb.DuckDBPyConnection, rule: Rule, years: list[int], entries: list[dict[str, Any]]
) -> Outcome:
    """Find every record that violates a rule; those of what was delivered become findings."""
    holds = bool(entries) and all(entry["success"] for entry in entries)
    con.execute(f"create or replace temp table violating as {rule.sql(years)}")
    ((rows,),) = con.fetchall()
    if not rows:
        return Outcome(rule, holds=holds)
    con.execute(f"create or replace temp table found as {_findings(con, rule)}")
    if rule.stage != "marts":
        con.execute("insert into audit.findings by name from found order by all")
    ((violations, departments),) = con.execute(
        "select count(*), count(distinct unit_code) from found"
    ).fetchall()
    first = con.execute(
        """
        select concat_ws(' ', fiscal_year, unit_code, table_name, record_key), message_zh
        from found order by unit_code, table_name, record_key limit ?
        """,
        [SHOWN],
    ).fetchall()
    keys, sample = ([row[column] for row in first] for column in range(2))
    return Outcome(rule, violations, departments, keys, sample, rows, holds)


def _keep(con: duckdb.DuckDBPyConnection, stage: Stage, outcomes: list[Outcome]) -> None:
    """Record what the rules of a stage came to, with what each of them says."""
    con.execute(
        "delete from audit.rule_outcomes "
        "where stage = ? and fiscal_year in (select fiscal_year from audit.run_years)",
        [stage],
    )
    con.execute(
        """
        insert into audit.rule_outcomes by name
        select fiscal_year, run_id, rule.*
        from audit.run_years cross join (select unnest($rules) as rule)
        """,
        {
            "rules": [
                {
                    "rule_id": outcome.rule.rule_id,
                    "stage": stage,
                    "severity": outcome.rule.severity,
                    "holds": outcome.rule.holds,
                    "holds_zh": outcome.rule.holds_zh,
                    "message_zh": outcome.rule.message_zh,
                    "message_en": outcome.rule.message_en,
                    "tolerance": outcome.rule.tolerance,
                    "parameters": json.dumps(outcome.rule.parameters, ensure_ascii=False),
                    "records": outcome.violations,
                    "departments": outcome.departments,
                    "violating_rows": outcome.rows,
                }
                for outcome in outcomes
            ]
        },
    )


def _waive(con: duckdb.DuckDBPyConnection) -> None:
    """Mark the critical findings that an exception in force lifts; they stay, but do not block."""
    con.execute(
        f"""
        update audit.findings as f
        set
            is_waived = true,
            waiver_reason = w.reason || '（' || w.approved_by || ' 批准，有效期至 '
            || w.expires_on || '）'
        from seeds.waivers as w
        where
            f.rule_id = w.rule_id and f.unit_code = w.unit_code and f.fiscal_year = w.fiscal_year
            and f.fiscal_year in (select fiscal_year from audit.run_years)
            and w.expires_on >= {RUN_DATE}
            and list_contains($waivable, f.rule_id)
        """,
        {"waivable": [rule.rule_id for rule in rules("delivered") if rule.is_waivable]},
    )


def _findings(con: duckdb.DuckDBPyConnection, rule: Rule) -> str:
    """The SQL for a rule's findings: one for each violating record, its messages filled in."""
    described = con.execute("describe violating").fetchall()
    values = {name: _shown(name, kind) for name, kind, *_ in described if name not in RECORD}
    observed = " || '; ' || ".join(
        f"'{name}=' || {text}" for name, text in values.items() if not name.endswith("_zh")
    )
    # As lists: an aggregate in order sorts each group by itself, which takes far longer.
    listed = "array_to_string(list_transform(found, lambda one: one.{}), '{}')"
    return f"""
        select
            {", ".join(RECORD)},
            '{rule.rule_id}' as rule_id, '{rule.severity}' as severity, false as is_waived,
            {listed.format("observed", " | ")} as observed,
            {PLACE} || '：' || {listed.format("said_zh", "；")} as message_zh,
            {PLACE} || ': ' || {listed.format("said_en", "; ")} as message_en
        from (
            select
                {", ".join(RECORD)},
                list_sort(list({{
                    'observed': {observed or "''"},
                    'said_zh': {_filled(rule.message_zh, values)},
                    'said_en': {_filled(rule.message_en, values)}
                }})) as found
            from violating
            group by {", ".join(RECORD)}
        )
    """


def _shown(name: str, kind: str) -> str:
    """A value as people write it: 24,106,400 and 0.5, not 24106400.00."""
    column = duck.name(name)
    is_decimal = kind.startswith("DECIMAL")
    text = plain_sql(column, grouped=True) if is_decimal else f"cast({column} as varchar)"
    return f"coalesce({text}, '—')"


def _filled(message: str, values: dict[str, str]) -> str:
    text = duck.text(message)
    for name, shown in values.items():
        text = f"replace({text}, '{{{name}}}', {shown})"
    return text
