"""Great Expectations checks the rules as SQL in DuckDB; what violates them becomes findings."""

import logging
import os
from dataclasses import dataclass
from pathlib import Path

import duckdb

from expectations.catalogue import Rule, Stage, rules

BATCH_TABLE = ("audit", "run_years")
FINDINGS = """
    create table if not exists audit.findings (
        unit_code varchar, fiscal_year integer, rule_id varchar, table_name varchar,
        record_key varchar, severity varchar, observed varchar, message_zh varchar,
        message_en varchar
    )
"""
RECORD = ("unit_code", "fiscal_year", "table_name", "record_key")


@dataclass(frozen=True)
class Outcome:
    """What a rule came to: how many records violate it, and what is said of the first of them."""

    rule: Rule
    violations: int
    sample: list[str]


def check(database: Path, stage: Stage) -> list[Outcome]:
    """Have Great Expectations check a stage's rules and record what violates them.

    Args:
        database: The build's warehouse file; nobody else has it open.
        stage: Which rules. Findings of `delivered` rules are written to `audit.findings` for the
            years run; rules on marts only report.

    Returns:
        An outcome for each rule, in the order of the catalogue.
    """
    violated = _validate(database, stage)
    outcomes = []
    with duckdb.connect(str(database)) as con:
        con.execute(FINDINGS)
        if stage == "delivered":
            con.execute(
                "delete from audit.findings "
                "where fiscal_year in (select fiscal_year from audit.run_years)"
            )
        for rule in rules(stage):
            if rule.rule_id not in violated:
                outcomes.append(Outcome(rule, 0, []))
                continue
            con.execute(f"create or replace temp table found as {_findings(con, rule)}")
            if stage == "delivered":
                con.execute("insert into audit.findings by name from found order by all")
            count, sample = con.execute(
                """
                select count(*), list(message_zh order by unit_code, table_name, record_key)[:5]
                from found
                """
            ).fetchall()[0]
            outcomes.append(Outcome(rule, count, sample))
    return outcomes


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
    for result in results:
        if result.exception_info.get("raised_exception", False):
            raise RuntimeError(f"{result.expectation_config.meta['rule_id']}: {result}")
    return {r.expectation_config.meta["rule_id"] for r in results if not r.success}


def _findings(con: duckdb.DuckDBPyConnection, rule: Rule) -> str:
    """The SQL for a rule's findings: one for each violating record, its messages filled in."""
    query = rule.query.format(batch=".".join(BATCH_TABLE))
    described = con.execute(f"describe {query}").fetchall()
    values = {name: _shown(name, kind) for name, kind, *_ in described if name not in RECORD}
    observed = " || '; ' || ".join(f"'{name}=' || {text}" for name, text in values.items())
    where = (
        "fiscal_year || ' ' || unit_code || ' ' || table_name"
        " || coalesce(' ' || nullif(regexp_replace(record_key, '[^=;]+=', '', 'g'), ''), '')"
    )
    return f"""
        select
            {", ".join(RECORD)}, '{rule.rule_id}' as rule_id, '{rule.severity}' as severity,
            string_agg({observed or "''"}, ' | ' order by all) as observed,
            {where} || '：' || string_agg({_filled(rule.message_zh, values)}, '；') as message_zh,
            {where} || ': ' || string_agg({_filled(rule.message_en, values)}, '; ') as message_en
        from ({query})
        group by {", ".join(RECORD)}
    """.replace(" order by all", "")


def _shown(name: str, kind: str) -> str:
    """A value as people write it: 24,106,400 and 0.5, not 24106400.00."""
    column = f'"{name}"'
    if kind.startswith("DECIMAL"):
        text = f"format('{{:,.2f}}', cast({column} as double))"
        return f"coalesce(regexp_replace({text}, '\\.?0+$', ''), '—')"
    return f"coalesce(cast({column} as varchar), '—')"


def _filled(message: str, values: dict[str, str]) -> str:
    text = "'" + message.replace("'", "''") + "'"
    for name, shown in values.items():
        text = f"replace({text}, '{{{name}}}', {shown})"
    return text
