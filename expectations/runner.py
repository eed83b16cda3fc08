"""Great Expectations checks the rules as SQL in DuckDB; what violates them becomes findings."""

import json
import logging
import os
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from expectations.catalogue import Rule, Stage, rules
from orchestration.ledger import RUN_DATE, ensure_table

BATCH_TABLE = ("audit", "run_years")
FINDINGS = {
    "unit_code": "varchar",
    "fiscal_year": "integer",
    "rule_id": "varchar",
    "table_name": "varchar",
    "record_key": "varchar",
    "severity": "varchar",
    "observed": "varchar",
    "message_zh": "varchar",
    "message_en": "varchar",
    "is_waived": "boolean",
    "waiver_reason": "varchar",
}
# A row for each rule and fiscal year, those without a violation too, in the words of that day.
RULE_OUTCOMES = {
    "fiscal_year": "integer",
    "rule_id": "varchar",
    "stage": "varchar",
    "severity": "varchar",
    "holds": "varchar",
    "message_zh": "varchar",
    "message_en": "varchar",
    "tolerance": "integer",
    "parameters": "varchar",
    "records": "bigint",
    "departments": "bigint",
    "run_id": "varchar",
}
# SQL for the record that a message speaks of, which its text opens with.
PLACE = (
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
    """

    rule: Rule
    violations: int = 0
    departments: int = 0
    keys: list[str] = field(default_factory=list, hash=False)
    sample: list[str] = field(default_factory=list, hash=False)


def check(database: Path, stage: Stage) -> list[Outcome]:
    """Have Great Expectations check a stage's rules and record what violates them.

    Args:
        database: The build's warehouse file; nobody else has it open.
        stage: Which rules. Findings of `delivered` rules, and then of `waivers`, are written to
            `audit.findings` for the years run; rules on marts only report. What each rule came to
            is in `audit.rule_outcomes`.

    Returns:
        An outcome for each rule, in the order of the catalogue.

    Raises:
        RuntimeError: The query of a rule fails.
    """
    violated = _validate(database, stage)
    with duckdb.connect(str(database)) as con:
        ensure_table(con, "audit.findings", FINDINGS)
        if stage == "delivered":
            con.execute(
                "delete from audit.findings "
                "where fiscal_year in (select fiscal_year from audit.run_years)"
            )
        outcomes = [
            _record(con, rule) if rule.rule_id in violated else Outcome(rule)
            for rule in rules(stage)
        ]
        if stage == "delivered":
            _waive(con)
        _keep(con, stage, outcomes)
    return outcomes


def _record(con: duckdb.DuckDBPyConnection, rule: Rule) -> Outcome:
    """Find every record that violates a rule; those of what was delivered become findings."""
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
    return Outcome(rule, violations, departments, keys, sample)


def _keep(con: duckdb.DuckDBPyConnection, stage: Stage, outcomes: list[Outcome]) -> None:
    """Record what the rules of a stage came to, with what each of them says."""
    ensure_table(con, "audit.rule_outcomes", RULE_OUTCOMES)
    con.execute(
        "delete from audit.rule_outcomes "
        "where stage = ? and fiscal_year in (select fiscal_year from audit.run_years)",
        [stage],
    )
    con.executemany(
        """
        insert into audit.rule_outcomes by name
        select
            fiscal_year, run_id, $rule_id as rule_id, $stage as stage, $severity as severity,
            $holds as holds, $message_zh as message_zh, $message_en as message_en,
            $tolerance as tolerance, $parameters as parameters, $records as records,
            $departments as departments
        from audit.run_years
        """,
        [
            {
                "rule_id": outcome.rule.rule_id,
                "stage": stage,
                "severity": outcome.rule.severity,
                "holds": outcome.rule.holds,
                "message_zh": outcome.rule.message_zh,
                "message_en": outcome.rule.message_en,
                "tolerance": outcome.rule.tolerance,
                "parameters": json.dumps(outcome.rule.parameters, ensure_ascii=False),
                "records": outcome.violations,
                "departments": outcome.departments,
            }
            for outcome in outcomes
        ],
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


def _validate(database: Path, stage: Stage) -> set[str]:
    """The ids of the rules that Great Expectations finds violated."""
    # Slow to import, so only where it is used; it reads this when it is imported.
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig
    from great_expectations.expectations import UnexpectedRowsExpectation

    # This logger sets its own level when it is imported.
    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = context.data_sources.add_sql(
        "build",
        connection_string=f"duckdb:///{database}?access_mode=read_only",
        # Without these, closing a connection rolls back and voids DuckDB's pending result.
        kwargs={
            "pool_reset_on_return": None,
            "isolation_level": "AUTOCOMMIT",
            "skip_autocommit_rollback": True,
        },
    )
    try:
        schema, table = BATCH_TABLE
        asset = source.add_table_asset("years_run", table_name=table, schema_name=schema)
        batch = asset.add_batch_definition_whole_table("all").get_batch()
        suite = gx.ExpectationSuite(
            name=stage,
            expectations=[
                UnexpectedRowsExpectation(
                    unexpected_rows_query=rule.query,
                    description=rule.holds,
                    severity=rule.severity,
                    meta={"rule_id": rule.rule_id},
                )
                for rule in rules(stage)
            ],
        )
        results = batch.validate(suite).results
    finally:
        # Both engines of the data source keep the file open until they are told to let go.
        source.get_engine().dispose()
        source.get_execution_engine().close()
    violated = {r.expectation_config.meta["rule_id"]: r for r in results if not r.success}
    for rule_id, result in violated.items():
        # A query that fails is no violation, and has no count of them.
        if not result.result.get("observed_value"):
            said = [
                info["exception_message"].splitlines()[0]
                for info in result.exception_info.values()
                if isinstance(info, dict)
            ]
            raise RuntimeError(f"the query of the rule {rule_id} fails: {' '.join(said[:1])}")
    return set(violated)


def _findings(con: duckdb.DuckDBPyConnection, rule: Rule) -> str:
    """The SQL for a rule's findings: one for each violating record, its messages filled in."""
    query = rule.query.format(batch=".".join(BATCH_TABLE))
    described = con.execute(f"describe {query}").fetchall()
    values = {name: _shown(name, kind) for name, kind, *_ in described if name not in RECORD}
    observed = " || '; ' || ".join(
        f"'{name}=' || {text}" for name, text in values.items() if not name.endswith("_zh")
    )
    return f"""
        select
            {", ".join(RECORD)},
            '{rule.rule_id}' as rule_id, '{rule.severity}' as severity, false as is_waived,
            string_agg(observed, ' | ' order by observed) as observed,
            {PLACE} || '：' || string_agg(said_zh, '；' order by observed) as message_zh,
            {PLACE} || ': ' || string_agg(said_en, '; ' order by observed) as message_en
        from (
            select
                {", ".join(RECORD)},
                {observed or "''"} as observed,
                {_filled(rule.message_zh, values)} as said_zh,
                {_filled(rule.message_en, values)} as said_en
            from ({query})
        )
        group by {", ".join(RECORD)}
    """


def _shown(name: str, kind: str) -> str:
    """A value as people write it: 24,106,400 and 0.5, not 24106400.00."""
    column = f'"{name}"'
    text = f"cast({column} as varchar)"
    if kind.startswith("DECIMAL"):
        whole, decimals = (f"split_part({text}, '.', {part})" for part in (1, 2))
        text = (
            f"if({column} < 0, '-', '') || format('{{:,}}', abs(cast({whole} as hugeint)))"
            f" || coalesce('.' || nullif(rtrim({decimals}, '0'), ''), '')"
        )
    return f"coalesce({text}, '—')"


def _filled(message: str, values: dict[str, str]) -> str:
    text = "'" + message.replace("'", "''") + "'"
    for name, shown in values.items():
        text = f"replace({text}, '{{{name}}}', {shown})"
    return text
