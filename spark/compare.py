"""Whether what Spark has built is what DuckDB has built, row for row."""

from dataclasses import dataclass
from pathlib import Path

import duckdb

from orchestration import duck

BUILT = ("staging", "intermediate", "marts")


@dataclass(frozen=True)
class Compared:
    """A model of both.

    Attributes:
        name: Schema and model.
        rows: How many DuckDB has.
        said: How they differ; empty where they are the same.
    """

    name: str
    rows: int
    said: str


def compare(database: Path, built: Path) -> list[Compared]:
    """Compare each model of a DuckDB build with what `spark.run` wrote of it.

    Values are compared as texts, decimals with all their decimals; rows in any order, alike ones as
    often as they are there. Of the marts, which keep every year, the years of the build count.

    Args:
        database: The build's DuckDB file.
        built: The folder `tables` of `spark.run`.

    Returns:
        Each model.
    """
    with duckdb.connect() as con:
        # Views hold the name.
        duck.attach(con, database, "warehouse")
        con.execute("use warehouse")
        con.execute("set timezone = 'UTC'")
        models = con.execute(
            """
            select distinct table_schema, table_name from information_schema.tables
            where table_catalog = 'warehouse' and list_contains(?, table_schema)
            order by all
            """,
            [list(BUILT)],
        ).fetchall()
        return [_compared(con, schema, model, built) for schema, model in models]


def _compared(con: duckdb.DuckDBPyConnection, schema: str, model: str, built: Path) -> Compared:
    name = f"{schema}.{model}"
    folder = built / f"{schema}.db" / model
    if not folder.is_dir():
        return Compared(name, 0, "not built on Spark")
    ours, theirs = duck.name(schema, model), f"read_parquet({duck.files(folder, '/*.parquet')})"
    kinds = _columns(con, ours)
    if {*kinds} != {*_columns(con, theirs)}:
        extra = {*kinds} ^ {*_columns(con, theirs)}
        return Compared(name, 0, f"other columns: {', '.join(sorted(extra))}")
    where = ""
    if schema == "marts" and "fiscal_year" in kinds:
        where = " where fiscal_year in (select fiscal_year from audit.run_years)"
    rows = {
        "DuckDB": f"select {', '.join(map(_text, kinds, kinds.values()))} from {ours}{where}",
        "Spark": f"select {', '.join(map(_text, kinds, kinds.values()))} from {theirs}{where}",
    }
    ((count,),) = con.execute(f"select count(*) from ({rows['DuckDB']})").fetchall()
    said = []
    for here, there in (("DuckDB", "Spark"), ("Spark", "DuckDB")):
        alone = con.execute(f"from ({rows[here]}) except all from ({rows[there]})").fetchall()
        if alone:
            said.append(f"{len(alone)} of {here} alone, as {_shown(kinds, alone[0])}")
    return Compared(name, count, "; ".join(said))


def _columns(con: duckdb.DuckDBPyConnection, source: str) -> dict[str, str]:
    """The types of a table's columns, by their names."""
    return {row[0]: row[1] for row in con.execute(f"describe from {source}").fetchall()}


def _text(column: str, kind: str) -> str:
    """A value as a text; a map has no order."""
    value = duck.name(column)
    return f"cast({f'list_sort(map_entries({value}))' if kind[:4] == 'MAP(' else value} as varchar)"


def _shown(columns: dict[str, str], row: tuple[object, ...]) -> str:
    shown = ", ".join(f"{name}={value}" for name, value in zip(columns, row, strict=True))
    return shown if len(shown) <= 300 else f"{shown[:297]}…"
