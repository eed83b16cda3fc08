"""Seeing what a run would do without publishing anything: what `jixiao check` shows."""

import logging
import tempfile
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

from orchestration import seeds
from orchestration.faults import LandingRefused
from orchestration.landing.cells import visible
from orchestration.landing.load import load_year
from orchestration.project import BUILD_FILE

SHOWN_ROWS = 1000


def check_seeds() -> list[str]:
    """Check the seeds as a run does: each cell by itself, then what the rows mean together.

    Returns:
        The faults that would refuse every year, one line each.
    """
    if faults := seeds.faults():
        return [f"refused: {fault}" for fault in faults]
    # Slow to import.
    from orchestration import dbt

    with tempfile.TemporaryDirectory(prefix="jixiao-check-") as folder:
        run = dbt.build(Path(folder) / BUILD_FILE, dbt.SEEDS_ALONE)
    return [f"refused: {failure}" for failure in run.failures]


def would_have_gaps(landing_dir: Path, warehouse: Path, years: list[int]) -> tuple[list[str], bool]:
    """Do all that a run would, in a temporary folder, and print what it would publish.

    Args:
        landing_dir: The landing folder.
        warehouse: The warehouse that the run would build on; it is only read.
        years: The fiscal years.

    Returns:
        The faults that would refuse a year, one line each; and whether an evaluation would be
        blocked or incomplete.
    """
    # Slow to import.
    from orchestration.graph.run import run
    from orchestration.publication import summary
    from orchestration.publication.folder import Warehouse

    log = logging.getLogger("jixiao")
    with tempfile.TemporaryDirectory(prefix="jixiao-check-") as folder:
        scratch = Path(folder)
        _start_from(warehouse, scratch)
        # Its steps would tell of a publication that is gone when it ends.
        log.propagate = False
        try:
            outcomes = run(landing_dir, scratch, years, "jixiao check --strict")
        finally:
            log.propagate = True
        published = [year for year, reasons in outcomes.items() if not reasons]
        has_gaps = summary.show(Warehouse(scratch).database, published) if published else False
    return [reason for reasons in outcomes.values() for reason in reasons], has_gaps


def _start_from(warehouse: Path, scratch: Path) -> None:
    """Let a scratch warehouse start from what another has published."""
    published = warehouse / "published"
    if not published.is_symlink():
        return
    name = published.readlink().name
    for place in (f"publications/{name}", f"states/{name}.duckdb"):
        (scratch / place).parent.mkdir()
        (scratch / place).symlink_to((warehouse / place).resolve())
    (scratch / "published").symlink_to(published.readlink())


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
            load_year(con, landing_dir, year)
        except LandingRefused as refused:
            return [f"{year} refused: {reason}" for reason in refused.reasons]
        console = Console(width=240)
        console.print(_summary(con, year))
        rejected = con.execute(
            f"""
            select source_file || ' row ' || source_row || ': '
                || coalesce(
                    column_name || ' = ' || coalesce({visible("value")}, '(empty)') || '; ', ''
                ) || reason
            from audit.rejected_rows
            order by source_file, source_row
            """
        ).fetchall()
        unfinished = con.execute(
            "select source_file from audit.loads where ends_in_line order by source_file"
        ).fetchall()
    for (name,) in unfinished:
        print(f"{year} warning: {name} ends in the middle of a row; it may have been cut off")
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
