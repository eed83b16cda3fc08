"""Great Expectations: a suite for each table that rules are about, and a checkpoint a stage.

Importing this takes seconds: it is imported only where rules are checked.
"""

import logging
import os
from pathlib import Path
from typing import Any

import sqlalchemy

from expectations.rules import Rule, Stage, rules
from orchestration import duck

os.environ["GX_ANALYTICS_ENABLED"] = "false"  # It reads this when it is imported.
import great_expectations as gx
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.expectations import UnexpectedRowsExpectation
from great_expectations.expectations.expectation_configuration import (
    ExpectationConfiguration,
)
from great_expectations.expectations.row_conditions import Column

# This logger sets its own level when it is imported.
logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)

# Counts without samples: the findings have every record.
RESULT_FORMAT = {"result_format": "BASIC", "partial_unexpected_count": 0}


class ExpectQueryToReturnNoRows(UnexpectedRowsExpectation):  # type: ignore[misc]
    """The library's own expectation, without running the query once more to fetch rows."""

    metric_dependencies = ("unexpected_rows_query.row_count",)

    def _validate(self, metrics: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        return super()._validate({**metrics, "unexpected_rows_query.table": []}, *args, **kwargs)


def validate(database: Path, stage: Stage) -> dict[str, Any]:
    """Run the checkpoint of a stage.

    Args:
        database: The build's warehouse file, which is only read; nobody else has it open.
        stage: The stage.

    Returns:
        The checkpoint's result, as it is published: the same for the same data.
    """
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = context.data_sources.add_sql(
        "build",
        connection_string=duck.url(database),
        # Without these, closing a connection rolls back and voids DuckDB's pending result.
        kwargs={
            "pool_reset_on_return": None,
            "isolation_level": "AUTOCOMMIT",
            "skip_autocommit_rollback": True,
        },
        # All at once: the library writes down all that it knows for each that is added later.
        assets=[_asset(table) for table in _tables(stage)],
    )
    try:
        with source.get_engine().connect() as con:
            years = con.execute(sqlalchemy.text("select fiscal_year from audit.run_years"))
            suites = _suites(stage, [*years.scalars()])
        definitions = [
            gx.ValidationDefinition(
                name=suite.name,
                data=source.get_asset(suite.name).get_batch_definition("all"),
                suite=context.suites.add(suite),
            )
            for suite in suites
        ]
        checkpoint = context.checkpoints.add(
            gx.Checkpoint(
                name=stage,
                validation_definitions=[context.validation_definitions.add(d) for d in definitions],
                result_format=RESULT_FORMAT,
            )
        )
        return _document(checkpoint.run(), stage)
    finally:
        # Both engines of the data source keep the file open until they are told to let go.
        source.get_engine().dispose()
        source.get_execution_engine().close()


def _tables(stage: Stage) -> list[str]:
    """The tables that rules of a stage are about, in the order of the catalogue."""
    about = [[e.table for e in rule.expectations] or [rule.table] for rule in rules(stage)]
    return list(dict.fromkeys(table for tables in about for table in tables))


def _asset(table: str) -> dict[str, Any]:
    return {
        "type": "table",
        "name": table,
        # The schema stands in the name: told apart from it, it is deprecated.
        "table_name": sqlalchemy.quoted_name(table, quote=False),
        "batch_definitions": [{"name": "all", "partitioner": None}],
    }


def _suites(stage: Stage, years: list[int]) -> list[Any]:
    """A suite for each table that rules of a stage are about."""
    suites: dict[str, list[Any]] = {table: [] for table in _tables(stage)}
    for rule in rules(stage):
        said = {"severity": rule.severity, "description": rule.holds}
        for number, expected in enumerate(rule.expectations):
            suites[expected.table].append(
                ExpectationConfiguration(
                    type=expected.type,
                    kwargs={**expected.kwargs, "row_condition": Column("fiscal_year").is_in(years)},
                    meta=_place(rule, number),
                    **said,
                ).to_domain_obj()
            )
        if not rule.expectations:
            suites[rule.table].append(
                ExpectQueryToReturnNoRows(
                    unexpected_rows_query=rule.sql(years, "{batch}"), meta=_place(rule, 0), **said
                )
            )
    return [gx.ExpectationSuite(table, expectations=found) for table, found in suites.items()]


def _place(rule: Rule, number: int) -> dict[str, Any]:
    """What tells an expectation's result apart: its rule, and its number among the rule's."""
    return {"rule_id": rule.rule_id, "number": number}


def _document(result: Any, stage: Stage) -> dict[str, Any]:
    """A checkpoint's result without ids and times of the run."""
    order = {rule.rule_id: at for at, rule in enumerate(rules(stage))}

    def place(entry: Any) -> tuple[int, int]:
        meta = entry.expectation_config.meta
        return order[meta["rule_id"]], meta["number"]

    described = result.describe_dict()
    return {
        "checkpoint": stage,
        "success": result.success,
        "statistics": described["statistics"],
        "validation_results": [
            {
                "suite": of_table.suite_name,
                "success": of_table.success,
                "statistics": of_table.statistics,
                "expectations": [_entry(each) for each in sorted(of_table.results, key=place)],
            }
            for of_table in result.run_results.values()
        ],
    }


def _entry(result: Any) -> dict[str, Any]:
    """An expectation's result with its rule, without the batch, which is the suite's."""
    config = result.expectation_config
    entry = {"rule_id": config.meta["rule_id"], "severity": config.severity}
    entry |= result.describe_dict()
    entry["kwargs"].pop("batch_id", None)
    raised = [each for each in result.exception_info.values() if isinstance(each, dict)]
    if raised:
        entry["exception"] = raised[0]["exception_message"].splitlines()[0]
    return entry
