"""Reading a landing folder without building anything: what `jixiao check` shows."""

import tempfile
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

from orchestration import landing
from orchestration.faults import LandingRefused

SHOWN_ROWS = 1000


def check_year(landing_dir: Path, year: int) -> list[str]:
    """Read every file of a year and print what it came to, table by table, and each rejected row.

    Args:
        landing_dir: The landing folder.
        year: The fiscal year.

    Returns:
        The faults that would refuse the year, one line each.
    """
    # What does not fit into memory would else be put into the folder that a person is in.
    with duckdb.connect(config={"temp_directory": tempfile.gettempdir()}) as con:
        try:
            landing.load_year(con, landing_dir, year)
        except LandingRefused as refused:
            return [f"{year} refused: {reason}" for reason in refused.reasons]
        console = Console(width=240)
        console.print(_summary(con, year))
        rejected = con.execute(
            """
            select source_file || ' row ' || source_row || ': '
                || coalesce(column_name || ' = ' || coalesce(value, '(empty)') || '; ', '')
                || reason
            from audit.rejected_rows
            order by source_file, source_row
            """
        ).fetchall()
    for (line,) in rejected[:SHOWN_ROWS]:
        print(f"{year} rejected: {line}")
    if len(rejected) > SHOWN_ROWS:
        print(f"{year} rejected: and {len(rejected) - SHOWN_ROWS} more rows")
    return []


def _summary(con: duckdb.DuckDBPyConnection, year: int) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(f"{year} table")
    for heading in ("files", "rows", "rejected", "departments"):
        table.add_column(heading, justify="right")
    for name, *counts in con.execute(
        """
        select table_name, count(*), sum(rows_read), sum(rows_rejected)
        from audit.loads group by table_name order by min(rowid)
        """
    ).fetchall():
        departments = con.execute(f"select count(distinct unit_code) from raw.{name}").fetchall()
        table.add_row(name, *(f"{n:,}" for n in (*counts, departments[0][0])))
    return table
