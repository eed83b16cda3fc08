"""What the checkpoints found: kept by year and stage, held against our own counts, published."""

import json
from pathlib import Path
from typing import Any

import duckdb

from expectations.rules import STAGES, Stage, rules
from orchestration import audit

TABLE = "audit.validations"


def keep(con: duckdb.DuckDBPyConnection, stage: Stage, result: dict[str, Any]) -> None:
    """Keep the result of a stage's checkpoint for the year run, in place of an earlier one.

    Args:
        con: A connection to the build's warehouse file.
        stage: The stage.
        result: The result, as `checkpoint.validate` gives it.
    """
    audit.ensure(con, TABLE)
    con.execute(
        f"delete from {TABLE} "
        "where stage = ? and fiscal_year in (select fiscal_year from audit.run_years)",
        [stage],
    )
    con.execute(
        f"insert into {TABLE} by name "
        "select fiscal_year, run_id, ? as stage, ? as result from audit.run_years",
        [stage, json.dumps(result, ensure_ascii=False, indent=1)],
    )


def of_rules(result: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The results of the expectations of each rule.

    Args:
        result: The result of a checkpoint.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for of_table in result["validation_results"]:
        for entry in of_table["expectations"]:
            found.setdefault(entry["rule_id"], []).append(entry)
    return found


def _count(entry: dict[str, Any]) -> int | None:
    """How many rows an expectation did not expect; none where it could not be checked."""
    result = entry["result"]
    if result.get("element_count") == 0:
        # A sum over no rows is null.
        return 0
    count: int | None = result.get("observed_value", result.get("unexpected_count"))
    return count


def disagreements(con: duckdb.DuckDBPyConnection, run_id: str, year: int) -> list[str]:
    """Where a run's checkpoints differ from its own counts of what violates each rule.

    Args:
        con: A connection to the build's warehouse file.
        run_id: The run.
        year: Its fiscal year.

    Returns:
        A clause for each rule and checkpoint that cannot be relied on.
    """
    audit.ensure(con, TABLE)
    results, counted = (
        dict(
            con.execute(f"{query} where run_id = ? and fiscal_year = ?", [run_id, year]).fetchall()
        )
        for query in (
            f"select stage, result from {TABLE}",
            "select rule_id, violating_rows from audit.rule_outcomes",
        )
    )
    return [
        clause
        for stage in STAGES
        for clause in (
            _of_stage(stage, json.loads(results[stage]), counted)
            if stage in results
            else [f"the checkpoint {stage} did not run"]
        )
    ]


def _of_stage(stage: Stage, result: dict[str, Any], counted: dict[str, int]) -> list[str]:
    found, told = of_rules(result), []
    for rule in rules(stage):
        entries, own = found.pop(rule.rule_id, []), counted.get(rule.rule_id)
        counts = [_count(entry) for entry in entries]
        total = sum(count or 0 for count in counts)
        if len(entries) != max(1, len(rule.expectations)) or None in counts:
            told.append(f"did not check {rule.rule_id}")
        elif own is not None and total != own:
            told.append(f"counts {total} violations of {rule.rule_id}, there are {own}")
        elif [entry["success"] for entry in entries] != [count == 0 for count in counts]:
            told.append(f"is wrong about {rule.rule_id}, of which it counts {total} violations")
    told += [f"checked {rule_id}, which is no rule of it" for rule_id in found]
    holds = not any(counted.get(rule.rule_id) for rule in rules(stage))
    if not told and result["success"] != holds:
        told.append("says that all holds" if result["success"] else "says that not all holds")
    return [f"the checkpoint {stage} {clause}" for clause in told]


def write(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Write the results of every year as files, by year and stage.

    Args:
        con: A connection to the build's warehouse file.
        folder: Where to.
    """
    audit.ensure(con, TABLE)
    for year, stage, result in con.execute(
        f"select fiscal_year, stage, result from {TABLE} order by fiscal_year, stage"
    ).fetchall():
        (folder / str(year)).mkdir(parents=True, exist_ok=True)
        (folder / str(year) / f"{stage}.json").write_text(result + "\n", encoding="utf-8")
