"""What a run shows when it has ended: the published totals, read as any reader would."""

from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

from orchestration import ledger


def show(warehouse: Path, years: list[int]) -> bool:
    """Print the published evaluations of some years.

    Args:
        warehouse: The warehouse folder.
        years: The fiscal years.

    Returns:
        Whether an evaluation is blocked or incomplete.
    """
    with duckdb.connect() as con:
        con.execute(f"attach '{warehouse / 'published' / 'scores.duckdb'}' as scores (read_only)")
        rows = con.execute(
            """
            select
                e.fiscal_year, d.unit_name, e.unit_code, e.rubric_id, e.rubric_role, e.status,
                e.total_score, e.grade, e.reported_total, e.total_difference, e.status_reason
            from scores.marts.fct_evaluations as e
            inner join scores.marts.dim_departments as d using (unit_code, fiscal_year)
            where list_contains($years, e.fiscal_year)
            order by e.fiscal_year, e.unit_code, e.rubric_role desc, e.rubric_id
            """,
            {"years": years},
        ).fetchall()
        con.execute("use scores")
        notes = ledger.outdated(con)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("year", "department 部门", "rubric 评分标准", "status"):
        table.add_column(heading)
    for heading in ("total 总分", "grade", "printed 自评", "difference"):
        table.add_column(heading, justify="right")
    for year, name, unit, rubric, role, status, total, grade, printed, difference, _ in rows:
        table.add_row(
            str(year), f"{name} {unit}", f"{rubric} ({role})", status,
            *("—" if v is None else f"{v:.2f}" for v in (total,)), grade or "—",
            *("—" if v is None else f"{v:.2f}" for v in (printed,)),
            *("—" if v is None else f"{v:+.2f}" for v in (difference,)),
        )  # fmt: skip
    # Wide enough that no figure is cut, in a log as on a screen.
    console = Console(width=240)
    console.print(table)
    # A reason is said once for a department, though every rubric has it, and is never cut.
    for year, name, reason in dict.fromkeys((row[0], row[1], row[-1]) for row in rows):
        if reason:
            print(f"{year} {name}: {reason}")
    for note in notes:
        print(note)
    return any(row[5] != "scored" for row in rows)
