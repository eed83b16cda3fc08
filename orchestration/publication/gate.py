"""The gate before publishing: a run publishes only what it did itself, whole, and nothing else."""

from collections.abc import Iterator
from pathlib import Path

import duckdb

from expectations import validations
from expectations.rules import STAGES, rules
from orchestration import dbt, duck
from orchestration.faults import NotWhole
from orchestration.ledger import STEPS

SHOWN = 3


def require_whole(con: duckdb.DuckDBPyConnection, run_id: str, published: Path) -> None:
    """Hold a build against what its run must have done of it.

    Args:
        con: A connection to the build's warehouse file.
        run_id: The run.
        published: The database that is published now, if any.

    Raises:
        NotWhole: The run has not done all of it, or a year that it did not build has changed.
    """
    if lacking := [*_lacking(con, run_id)] or [*_changed_years(con, published)]:
        raise NotWhole(
            [f"run {run_id} is not published: {'; '.join(lacking)}; start the whole run anew"]
        )


def _lacking(con: duckdb.DuckDBPyConnection, run_id: str) -> Iterator[str]:
    """What a run did not do itself of what it is to publish."""
    has_years = con.execute(
        "from duckdb_tables() where (schema_name, table_name) = ('audit', 'run_years')"
    ).fetchall()
    done = con.execute("from audit.run_years").fetchall() if has_years else []
    if [(run, tuple(steps)) for _, run, steps, _ in done] != [(run_id, STEPS)]:
        yield f"it did not do each of {', '.join(STEPS)} itself"
        return
    ((year, _, _, nodes),) = done
    if unbuilt := sorted(dbt.nodes() - set(nodes)):
        names = ", ".join(node.split(".")[2] for node in unbuilt[:SHOWN])
        yield f"dbt did not build {names}" + (", …" if len(unbuilt) > SHOWN else "")
    entered = con.execute(
        "select fiscal_year, published_at from audit.runs where run_id = ?", [run_id]
    ).fetchall()
    if entered != [(year, None)]:
        yield "the ledger does not have it"
    checked = con.execute(
        """
        select stage, rule_id, stage = 'marts' and severity = 'critical' and records > 0
        from audit.rule_outcomes where run_id = ? and fiscal_year = ?
        """,
        [run_id, year],
    ).fetchall()
    expected = [(stage, rule.rule_id, False) for stage in STAGES for rule in rules(stage)]
    if strays := sorted({rule for _, rule, _ in {*checked} ^ {*expected}}):
        yield f"data rules that it did not check, or that do not hold: {', '.join(strays)}"
    yield from validations.disagreements(con, run_id, year)


def _changed_years(con: duckdb.DuckDBPyConnection, published: Path) -> Iterator[str]:
    """The marts that lost or gained rows of years that a run did not build."""
    if not published.exists():
        return
    duck.attach(con, published, "published_before")
    try:
        rows = con.execute(
            """
            select table_name from duckdb_columns()
            where database_name = 'published_before' and schema_name = 'marts'
                and column_name = 'fiscal_year'
            order by table_name
            """
        ).fetchall()
        for (table,) in rows:
            counted = (
                f"select fiscal_year, count(*) from {{}}marts.{table} where fiscal_year not in "
                "(select fiscal_year from audit.run_years) group by fiscal_year"
            )
            before, now = (
                dict(con.execute(counted.format(place)).fetchall())
                for place in ("published_before.", "")
            )
            if before != now:
                changed = sorted(y for y in before | now if before.get(y) != now.get(y))
                yield f"{table} has lost or gained rows of {', '.join(map(str, changed))}"
    finally:
        con.execute("detach published_before")
