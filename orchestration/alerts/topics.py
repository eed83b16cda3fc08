"""What there is to do of a year: read from what is published, or why it was not."""

from collections.abc import Iterable
from pathlib import Path

import duckdb

from orchestration import duck, ledger
from orchestration.alerts.tell import Topic

REFUSED, INCOMPLETE, OUT_OF_DATE, MISSING = "refused", "incomplete", "out_of_date", "missing"
NOT_FETCHED, NO_REGION, NOT_SHOWN = "not_fetched", "no_region", "not_shown"
# Why evaluations are blocked or incomplete, and what keeps a department from having any.
GAPS = """
    with exempt as (
        select distinct unit_code from marts.dim_departments where is_disclosure_exempt
    ),
    gaps as (
        select distinct
            e.unit_code, d.unit_name || ' ' || e.unit_code || '：' || e.status_reason as line
        from marts.fct_evaluations as e
        inner join marts.dim_departments as d using (unit_code, fiscal_year)
        where e.fiscal_year = $year and e.status_reason is not null
        union
        select f.unit_code, f.message_zh
        from marts.fct_findings as f
        anti join marts.fct_evaluations as e using (unit_code, fiscal_year)
        where f.fiscal_year = $year and f.severity = 'critical' and not f.is_waived
    )
    select gaps.line, exempt.unit_code is not null
    from gaps left join exempt using (unit_code)
    order by all
"""
EXEMPT = """
    select distinct unnest([unit_code, unit_name])
    from marts.dim_departments where is_disclosure_exempt
"""


def published(database: Path, year: int) -> list[Topic]:
    """What there is to do of a year that has just been published, and of others because of it.

    Args:
        database: What is published.
        year: The fiscal year.
    """
    with duckdb.connect() as con:
        duck.attach(con, database, "scores")
        con.execute("use scores")
        gaps = con.execute(GAPS, {"year": year}).fetchall()
        shown = tuple(line for line, is_exempt in gaps if not is_exempt)
        return [
            Topic(REFUSED, year, ""),
            Topic(MISSING, year, ""),
            Topic(
                INCOMPLETE, year, f"jixiao {year} 已公布，但有评价被阻断或不全：",
                shown, hidden=len(gaps) - len(shown),
            ),
            *_outdated(con),
        ]  # fmt: skip


def outdated(database: Path) -> list[Topic]:
    """Which published years no longer follow from the seeds and from the years that they read.

    Args:
        database: What is published.
    """
    with duckdb.connect() as con:
        duck.attach(con, database, "scores")
        con.execute("use scores")
        return _outdated(con)


def _outdated(con: duckdb.DuckDBPyConnection) -> list[Topic]:
    years = con.execute("select distinct fiscal_year from audit.runs order by all").fetchall()
    lines = ledger.outdated(con)
    return [
        Topic(
            OUT_OF_DATE, year, f"jixiao {year} 已公布，但不再是最新：",
            tuple(line for line in lines if line.startswith(f"{year} ")),
        )
        for (year,) in years
    ]  # fmt: skip


def refused(database: Path, year: int, reasons: Iterable[str]) -> Topic:
    """Why a year was not published; lines that name a department that is not disclosed are hidden.

    Args:
        database: What is published, if anything.
        year: The fiscal year.
        reasons: A line for each reason.
    """
    names = set()
    if database.is_file():
        with duckdb.connect() as con:
            duck.attach(con, database, "scores")
            con.execute("use scores")
            names = {name for (name,) in con.execute(EXEMPT).fetchall() if name}
    reasons = list(reasons)
    shown = tuple(line for line in reasons if not any(name in line for name in names))
    return Topic(
        REFUSED, year, f"jixiao {year} 未公布，原公布内容不变：",
        shown, hidden=len(reasons) - len(shown),
    )  # fmt: skip


def missing(year: int, line: str) -> Topic:
    """What a year lacks that is due.

    Args:
        year: The fiscal year.
        line: What is to be done.
    """
    return Topic(MISSING, year, f"jixiao {year} 应当公布而没有公布：", (line,))


def no_region(lines: Iterable[str]) -> Topic:
    """Which folders of the landing folder cannot be regions, though they hold years.

    Args:
        lines: A line for each; none where all can be.
    """
    return Topic(NO_REGION, None, "jixiao 有文件夹不能作为地区：", tuple(lines))


def not_shown(line: str = "") -> Topic:
    """Why the catalogue does not show what a region has published.

    Args:
        line: What is to be done; empty where it shows it.
    """
    return Topic(NOT_SHOWN, None, "jixiao 地区已公布，但未列入地区目录：", (line,) if line else ())


def not_fetched(year: int | None, lines: Iterable[str]) -> Topic:
    """What could not be fetched from databases and buckets.

    Args:
        year: The fiscal year; none where no source could be asked.
        lines: A line for each fault; none where all was fetched.
    """
    heading = f"jixiao {year} 未能从数据源取数：" if year else "jixiao 未能从数据源取数："
    return Topic(NOT_FETCHED, year, heading, tuple(lines))
