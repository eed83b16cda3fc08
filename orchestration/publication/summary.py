"""What a run shows when it has ended: the published totals, read as any reader would."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from orchestration import duck, ledger
from orchestration.landing.files import landing_years

SHOWN_EVALUATIONS = 60
SHOWN_REASONS = 20
EVALUATIONS = """
    select
        cast(e.fiscal_year as varchar) as "year",
        d.unit_name || ' ' || e.unit_code as "department 部门",
        e.rubric_id || ' (' || e.rubric_role || ')' as "rubric 评分标准",
        e.status || if(e.is_final = false, ' 未决算', '') as status,
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
        fiscal_year || if(bool_and(is_final) = false, ' 未决算', '') as "year",
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
OPEN = """
    select
        fiscal_year || ' 未决算：年度未结束，年中数据，非最终结果 (the year is not over: not final)'
    from marts.fct_evaluations
    where list_contains($years, fiscal_year)
    group by fiscal_year
    having not bool_and(is_final)
    order by fiscal_year
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
REJECTED = """
    select
        fiscal_year || ' rejected: ' || source_file || ' row ' || source_row || ': '
        || coalesce(column_name || ' = ' || coalesce(value, '(empty)') || '; ', '') || reason
    from audit.rejected_rows
    where list_contains($years, fiscal_year)
    order by source_file, source_row
"""
NUMBERS = ("total", "printed", "difference", "departments", "scored", "incomplete", "blocked",
           "lowest", "median", "highest")  # fmt: skip


@dataclass(frozen=True)
class Report:
    """What is told of published years.

    Attributes:
        columns: The headings of the evaluations, of a whole city of their summary.
        rows: The evaluations, or their summary.
        open_years: The years that were not over when they were evaluated.
        reasons: Why evaluations are blocked or incomplete.
        findings: What no status tells.
        rejected: The rejected rows.
        outdated: The years that no longer follow from the seeds and the other years.
    """

    columns: list[str]
    rows: list[tuple[Any, ...]]
    open_years: list[str]
    reasons: list[str]
    findings: list[str]
    rejected: list[str]
    outdated: list[str]

    def lines(self) -> Iterator[str]:
        """All of it in lines, as for a log; of long lists the first."""
        yield " | ".join(self.columns)
        yield from (" | ".join(row) for row in self.rows)
        yield from self.open_years
        yield from first(self.rejected, "audit.rejected_rows")
        yield from first(self.reasons, "marts.fct_evaluations, status_reason")
        yield from first(self.findings, "marts.fct_findings")
        yield from self.outdated


def read(database: Path, years: list[int]) -> Report:
    """Read the evaluations of some years; of a whole city their summary.

    Args:
        database: What is published, or would be.
        years: The fiscal years.
    """
    with duckdb.connect() as con:
        duck.attach(con, database, "scores")
        con.execute("use scores")
        of_years = {"years": years}
        evaluations = con.execute(EVALUATIONS, of_years).fetchmany(SHOWN_EVALUATIONS + 1)
        is_city = len(evaluations) > SHOWN_EVALUATIONS
        shown = con.execute(SUMMARY if is_city else EVALUATIONS, of_years)

        def lines(query: str) -> list[str]:
            return [line for (line,) in con.execute(query, of_years).fetchall()]

        return Report(
            columns=[name for name, *_ in shown.description],
            rows=[
                tuple("—" if cell is None else str(cell) for cell in row)
                for row in shown.fetchall()
            ],
            open_years=lines(OPEN),
            reasons=lines(REASONS),
            findings=lines(OTHER_FINDINGS),
            rejected=lines(REJECTED),
            outdated=ledger.outdated(con),
        )


def show(database: Path, years: list[int]) -> bool:
    """Print the evaluations of some years; of a whole city their summary.

    Args:
        database: What is published, or would be.
        years: The fiscal years.

    Returns:
        Whether an evaluation is blocked or incomplete.
    """
    found = read(database, years)
    # Wide enough that no figure is cut, in a log as on a screen.
    Console(width=240).print(_table(found))
    # Lines as they are: a console would cut them.
    for line in (
        *found.open_years,
        *first(found.reasons, "marts.fct_evaluations, status_reason"),
        *first(found.findings, "marts.fct_findings"),
        *found.outdated,
    ):
        print(line)
    return bool(found.reasons)


def kept(warehouse: Path, landing: Path) -> list[str]:
    """The published years that a landing folder does not have, each with where it came from.

    Args:
        warehouse: The warehouse folder.
        landing: The landing folder.
    """
    with duckdb.connect() as con:
        duck.attach(con, warehouse / "published" / "scores.duckdb", "scores")
        rows = con.execute(
            """
            select fiscal_year, coalesce(landing_root, 'elsewhere') from scores.audit.runs
            where is_current and not list_contains(?, fiscal_year) order by fiscal_year
            """,
            [landing_years(landing)],
        ).fetchall()
    return [
        f"{year} stays published as it was loaded from {root}; {landing} has no folder {year}"
        for year, root in rows
    ]


def first(lines: list[str], where: str) -> list[str]:
    """The first of some lines, and where the further ones stand.

    Args:
        lines: All of them.
        where: The table that has them.
    """
    more = len(lines) - SHOWN_REASONS
    return lines if more <= 0 else [*lines[:SHOWN_REASONS], f"and {more} more: {where}"]


def _table(found: Report) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in found.columns:
        table.add_column(name, justify="right" if name.startswith(NUMBERS) else "left")
    for row in found.rows:
        table.add_row(*row)
    return table
