"""What a run shows when it has ended: the published totals, read as any reader would."""

from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from orchestration import ledger

SHOWN_EVALUATIONS = 60
SHOWN_REASONS = 20
EVALUATIONS = """
    select
        cast(e.fiscal_year as varchar) as "year",
        d.unit_name || ' ' || e.unit_code as "department 部门",
        e.rubric_id || ' (' || e.rubric_role || ')' as "rubric 评分标准", e.status,
        format('{:.2f}', e.total_score) as "total 总分", e.grade,
        format('{:.2f}', e.reported_total) as "printed 自评",
        format('{:+.2f}', e.total_difference) as "difference"
    from marts.fct_evaluations as e
    inner join marts.dim_departments as d using (unit_code, fiscal_year)
    where list_contains($years, e.fiscal_year)
    order by e.fiscal_year, e.unit_code, e.rubric_role desc, e.rubric_id
"""
SUMMARY = """
    select
        cast(fiscal_year as varchar) as "year",
        rubric_id || ' (' || rubric_role || ')' as "rubric 评分标准",
        count(*) as departments,
        count(*) filter (where status = 'scored') as scored,
        count(*) filter (where status = 'incomplete') as incomplete,
        count(*) filter (where status = 'blocked') as blocked,
        format('{:.2f}', min(total_score)) as lowest,
        format('{:.2f}', median(total_score)) as median,
        format('{:.2f}', max(total_score)) as highest
    from marts.fct_evaluations
    where list_contains($years, fiscal_year)
    group by fiscal_year, rubric_id, rubric_role
    order by fiscal_year, rubric_role desc, rubric_id
"""
REASONS = """
    select distinct e.fiscal_year || ' ' || d.unit_name || ': ' || e.status_reason
    from marts.fct_evaluations as e
    inner join marts.dim_departments as d using (unit_code, fiscal_year)
    where list_contains($years, e.fiscal_year) and e.status_reason is not null
    order by all
"""
# What no status tells: warnings, waived findings, and those of departments without an evaluation.
OTHER_FINDINGS = """
    select f.message_zh || coalesce('；豁免：' || f.waiver_reason, '')
    from marts.fct_findings as f
    left join (select distinct unit_code, fiscal_year from marts.fct_evaluations) as e
        using (unit_code, fiscal_year)
    where
        list_contains($years, f.fiscal_year)
        and (f.severity = 'warning' or f.is_waived or e.unit_code is null)
    order by all
"""
NUMBERS = ("total", "printed", "difference", "departments", "scored", "incomplete", "blocked",
           "lowest", "median", "highest")  # fmt: skip


def show(warehouse: Path, years: list[int]) -> bool:
    """Print the published evaluations of some years; of a whole city their summary.

    Args:
        warehouse: The warehouse folder.
        years: The fiscal years.

    Returns:
        Whether an evaluation is blocked or incomplete.
    """
    with duckdb.connect() as con:
        con.execute(f"attach '{warehouse / 'published' / 'scores.duckdb'}' as scores (read_only)")
        con.execute("use scores")
        evaluations = con.execute(EVALUATIONS, {"years": years}).fetchmany(SHOWN_EVALUATIONS + 1)
        is_city = len(evaluations) > SHOWN_EVALUATIONS
        # Wide enough that no figure is cut, in a log as on a screen.
        console = Console(width=240)
        console.print(_table(con.execute(SUMMARY if is_city else EVALUATIONS, {"years": years})))
        reasons = [reason for (reason,) in con.execute(REASONS, {"years": years}).fetchall()]
        findings = [line for (line,) in con.execute(OTHER_FINDINGS, {"years": years}).fetchall()]
        notes = ledger.outdated(con)
    _print_first(reasons, "marts.fct_evaluations, status_reason")
    _print_first(findings, "marts.fct_findings")
    for note in notes:
        print(note)
    return bool(reasons)


def _print_first(lines: list[str], where: str) -> None:
    """Print lines as they are (a console would cut them), and where the further ones stand."""
    for line in lines[:SHOWN_REASONS]:
        print(line)
    if len(lines) > SHOWN_REASONS:
        print(f"and {len(lines) - SHOWN_REASONS} more: {where}")


def _table(result: Any) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name, *_ in result.description:
        table.add_column(name, justify="right" if name.startswith(NUMBERS) else "left")
    for row in result.fetchall():
        table.add_row(*("—" if cell is None else str(cell) for cell in row))
    return table
