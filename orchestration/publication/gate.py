"""The gate before publishing: a run publishes only what it did itself, whole, and nothing else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from expectations import validations
from expectations.rules import STAGES, rules
from orchestration import dbt, duck
from orchestration.faults import NotWhole
from orchestration.ledger import STEPS

SHOWN = 3
# What the running build and the current run of its year are made from.
SAME_INPUTS = """
    with these as (
        select r.*, r.published_at is null as is_now
        from audit.runs as r
        where
            fiscal_year in (select fiscal_year from audit.run_years)
            and (is_current or published_at is null)
    ),
    inputs as (
        select
            t.is_now, t.code_sha256, t.seeds_sha256, t.packages, t.landing_root,
            (
                select list_sort(list([
                    f.source_file, f.table_name, f.source_sha256, cast(f.origin as varchar)
                ]))
                from audit.run_files as f where f.run_id = t.run_id
            ) as files,
            (
                select list_sort(list([cast(d.read_year as varchar), d.read_run_id]))
                from audit.run_reads as d
                where d.run_id = t.run_id and d.read_year != t.fiscal_year
            ) as reads
        from these as t
    )
    select
        count(*) = 2
        and count(distinct (code_sha256, seeds_sha256, packages, landing_root, files, reads)) = 1
    from inputs
"""


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


def changes_nothing(con: duckdb.DuckDBPyConnection, published: Path) -> bool:
    """Whether a build has the inputs of its year's current run, and what that published.

    Args:
        con: A connection to the build's warehouse file.
        published: The database that is published now.
    """
    if not published.exists():
        return False
    duck.attach(con, published, "published_before")
    try:
        (same,) = con.execute(SAME_INPUTS).fetchall()
        return same == (True,) and all(
            _content(con, "", table, columns) == _content(con, "published_before.", table, columns)
            for table, columns in _comparable(con)
        )
    finally:
        con.execute("detach published_before")


def _comparable(con: duckdb.DuckDBPyConnection) -> list[tuple[str, list[str]]]:
    """The published tables with the columns that do not tell one run from another."""
    rows = con.execute(
        """
        select
            schema_name || '.' || table_name,
            list(column_name order by column_index)
                filter (column_name not in ('run_id', 'loaded_at'))
        from duckdb_columns()
        where
            database_name = 'published_before'
            and (schema_name, table_name) in (
                select (schema_name, table_name) from duckdb_tables()
                where database_name = 'published_before'
            )
            and not starts_with(schema_name || '.' || table_name, 'audit.run')
        group by all
        order by all
        """
    ).fetchall()
    return [(table, list(columns)) for table, columns in rows]


def _content(
    con: duckdb.DuckDBPyConnection, database: str, table: str, columns: list[str]
) -> list[Any]:
    """What tells the rows of a table from others, in whatever order they are."""
    listed = ", ".join(map(duck.name, columns))
    where = (
        "where fiscal_year in (select fiscal_year from audit.run_years)"
        if "fiscal_year" in columns
        else ""
    )
    rows: list[Any] = con.execute(
        f"select count(*), sum(hash({listed})) from {database}{table} {where}"
    ).fetchall()
    return rows


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
