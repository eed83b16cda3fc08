"""What departments would come to under any rubric of the seeds, on a copy: `jixiao what-if`.

The builder's state is copied into a temporary folder, the rubric is assigned there as a comparison,
and the models that follow from that are built. What the data rules found stays as published.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

import duckdb
from rich.console import Console
from rich.table import Table

from orchestration import dbt, duck, ledger, seeds
from orchestration.explain.evaluation import CannotExplain, pick
from orchestration.faults import Refused, WrongSurroundings
from orchestration.labels import NOT_FINAL
from orchestration.plain import plain
from orchestration.project import BUILD_FILE
from orchestration.publication import summary

ASKED = "int_evaluations__scored"
# What a year that is built already lacks of another rubric; of any other year there is nothing.
FOLLOWS = f"rubric_assignments+,+{ASKED}"
NO_OFFICIAL = "没有正式评分标准，不作评价（no official rubric, so no evaluation）"
# Columns of text in what is printed; the others are numbers.
TEXTS = ("rubric 评分标准", "grade 等级", "status")


@dataclass(frozen=True)
class Indicator:
    """An indicator (三级指标) under the rubric asked for, and under the official one as published.

    Points and scores are null where the other rubric alone has the indicator.
    """

    indicator_code: str
    level3: str
    official_points: Decimal | None
    official_score: Decimal | None
    points: Decimal | None
    score: Decimal | None
    difference: Decimal | None


@dataclass(frozen=True)
class Department:
    """A department under the rubric asked for, and under the official one as published.

    Attributes:
        status: `scored`, `incomplete` or `blocked`; none without an official rubric.
        status_reason: What is missing, or which data rules do not hold.
        difference: total − official_total; none where either is.
        indicators: Each indicator, where departments were named.
    """

    unit_code: str
    unit_name: str | None
    official_rubric_id: str | None
    official_status: str | None
    official_total: Decimal | None
    official_grade: str | None
    status: str | None
    status_reason: str | None
    total: Decimal | None
    grade: str | None
    difference: Decimal | None
    indicators: tuple[Indicator, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """What departments of a year would come to under a rubric.

    Attributes:
        is_final: Whether the year was over when it was evaluated; null where nobody was, or by an
            older version.
        changed: What has changed since the year was published, and may count in the difference.
    """

    fiscal_year: int
    rubric_id: str
    rubric_name: str | None
    total_points: Decimal
    is_final: bool | None
    changed: tuple[str, ...]
    departments: tuple[Department, ...]


def compare(warehouse: Path, rubric: str, units: tuple[str, ...], year: int | None) -> Comparison:
    """Evaluate the departments of a published year under a rubric of the seeds, on a copy.

    Args:
        warehouse: The warehouse folder; nothing in it changes.
        rubric: A rubric_id of the seeds, a name, or a part of either.
        units: Codes of departments, names or parts of them; none for all.
        year: A fiscal year; the latest published by default.

    Raises:
        CannotExplain: Nothing is published, or no such year, department or rubric.
        Refused: The seeds are at fault.
        WrongSurroundings: The builder's state is gone or cannot be read.
    """
    if faults := seeds.faults():
        raise Refused(faults)
    publication = (warehouse / "published").resolve()
    if not (publication / "scores.duckdb").is_file():
        raise CannotExplain(f"{warehouse}: nothing is published there; jixiao run publishes")
    state = warehouse / "states" / f"{publication.name}.duckdb"
    with tempfile.TemporaryDirectory(prefix="jixiao-what-if-") as folder:
        copy = Path(folder) / BUILD_FILE
        try:
            shutil.copyfile(state, copy)
        except OSError as error:
            raise WrongSurroundings(
                f"{state}: cannot be read ({error.strerror}), which is what published scores were "
                "made from; run as the user that builds, or again if a run has just published"
            ) from None
        with duckdb.connect(str(copy)) as con:
            year = _year(con, year)
            wanted = _wanted(con, units, year)
            select, changed = _prepare(con, year)
        if select == f"+{ASKED}":
            _built(dbt.build(copy, dbt.SEEDS_ALONE))
        with duckdb.connect(str(copy)) as con:
            rubric_id = _assign(con, rubric, wanted)
        _built(dbt.build(copy, select, f"{dbt.SEEDS_ALONE} resource_type:test"))
        with duckdb.connect(str(copy), read_only=True) as con:
            duck.attach(con, publication / "scores.duckdb", "published")
            return _read(con, year, rubric_id, changed, wanted)


def _built(run: dbt.DbtRun) -> None:
    if run.failures:
        raise Refused(run.failures)


def _year(con: duckdb.DuckDBPyConnection, asked: int | None) -> int:
    rows = con.execute("select distinct fiscal_year from marts.dim_departments order by all")
    years = [int(year) for (year,) in rows.fetchall()]
    if not years:
        raise CannotExplain("no year is published; jixiao run publishes")
    if asked is not None and asked not in years:
        raise CannotExplain(f"{asked} is not published; there are: {', '.join(map(str, years))}")
    return years[-1] if asked is None else asked


def _wanted(con: duckdb.DuckDBPyConnection, units: tuple[str, ...], year: int) -> list[str]:
    """The departments asked for; none for all."""
    named = dict(
        con.execute(
            "select unit_code, unit_name from marts.dim_departments where fiscal_year = ? "
            "order by all",
            [year],
        ).fetchall()
    )
    return list(dict.fromkeys(pick("department", unit, named) for unit in units))


def _prepare(con: duckdb.DuckDBPyConnection, year: int) -> tuple[str, tuple[str, ...]]:
    """Turn the copy to a year.

    Returns:
        What has to be built, and what has changed since the year was published.
    """
    ((run_id, seeds_sha256, code_sha256),) = con.execute(
        "select run_id, seeds_sha256, code_sha256 from audit.runs "
        "where fiscal_year = ? and is_current",
        [year],
    ).fetchall()
    changed = (
        *(["seeds"] if seeds_sha256 != ledger.seeds_sha256() else []),
        *(["code"] if code_sha256 != ledger.code_sha256() else []),
    )
    is_built = con.execute("select fiscal_year, run_id from audit.run_years").fetchall() == [
        (year, run_id)
    ]
    con.execute("delete from audit.run_years")
    con.execute("insert into audit.run_years values (?, ?, [], [])", [year, run_id])
    return (FOLLOWS if is_built and not changed else f"+{ASKED}"), changed


def _assign(con: duckdb.DuckDBPyConnection, rubric: str, units: list[str]) -> str:
    """Assign a rubric to departments as a comparison, and none but the official ones beside it."""
    names = dict(con.execute("select rubric_id, name from seeds.rubrics order by all").fetchall())
    rubric_id = pick("rubric", rubric, names)
    con.execute("delete from seeds.rubric_assignments where role != 'official'")
    con.execute(
        "insert into seeds.rubric_assignments by name "
        "select unnest(coalesce($units, [null])) as unit_code, $rubric as rubric_id, "
        "'comparison' as role",
        {"units": units or None, "rubric": rubric_id},
    )
    return rubric_id


def _read(
    con: duckdb.DuckDBPyConnection,
    year: int,
    rubric_id: str,
    changed: tuple[str, ...],
    wanted: list[str],
) -> Comparison:
    def rows(query: str, **parameters: object) -> Iterator[dict[str, Any]]:
        cursor = con.execute(query, parameters)
        names = [column[0] for column in cursor.description]
        return (dict(zip(names, row, strict=True)) for row in cursor.fetchall())

    indicators: dict[str, list[Indicator]] = {unit: [] for unit in wanted}
    for row in rows(
        """
        with asked as (
            select
                s.unit_code, s.indicator_code, i.level3, i.sort_order,
                s.points_possible as points, s.score
            from intermediate.int_indicators__scored as s
            inner join intermediate.int_rubrics__indicators as i using (rubric_id, indicator_code)
            where s.rubric_id = $rubric and list_contains($units, s.unit_code)
        ),

        official as (
            select
                s.unit_code, s.indicator_code, i.level3, i.sort_order,
                s.points_possible as points, s.score
            from published.marts.fct_indicator_scores as s
            inner join published.marts.fct_evaluations as e
                using (unit_code, fiscal_year, rubric_id)
            inner join published.marts.dim_indicators as i using (rubric_id, indicator_code)
            where
                s.fiscal_year = $year
                and e.rubric_role = 'official'
                and list_contains($units, s.unit_code)
        )

        select
            unit_code, indicator_code, coalesce(asked.level3, official.level3) as level3,
            official.points as official_points, official.score as official_score,
            asked.points, asked.score, asked.score - official.score as difference
        from asked
        full join official using (unit_code, indicator_code)
        order by unit_code, coalesce(asked.sort_order, official.sort_order), indicator_code
        """,
        rubric=rubric_id,
        units=wanted,
        year=year,
    ):
        indicators[row.pop("unit_code")].append(Indicator(**row))
    departments = rows(
        """
        select
            d.unit_code, d.unit_name, o.rubric_id as official_rubric_id,
            o.status as official_status, o.total_score as official_total,
            o.grade as official_grade, a.status,
            if(a.unit_code is null, $no_official, a.status_reason) as status_reason,
            a.total_score as total, a.grade, a.total_score - o.total_score as difference
        from published.marts.dim_departments as d
        left join published.marts.fct_evaluations as o
            on
                d.unit_code = o.unit_code
                and d.fiscal_year = o.fiscal_year
                and o.rubric_role = 'official'
        left join intermediate.int_evaluations__scored as a
            on d.unit_code = a.unit_code and a.rubric_id = $rubric
        where d.fiscal_year = $year and (len($units) = 0 or list_contains($units, d.unit_code))
        order by d.unit_code
        """,
        rubric=rubric_id,
        units=wanted,
        year=year,
        no_official=NO_OFFICIAL,
    )
    (rubric,) = rows(
        "select name, total_points from intermediate.int_rubrics__defined "
        "where rubric_id = $rubric",
        rubric=rubric_id,
    )
    (final,) = rows(
        "select bool_and(is_final) as is_final from published.marts.fct_evaluations "
        "where fiscal_year = $year",
        year=year,
    )
    return Comparison(
        fiscal_year=year,
        rubric_id=rubric_id,
        rubric_name=rubric["name"],
        total_points=rubric["total_points"],
        is_final=final["is_final"],
        changed=changed,
        departments=tuple(
            Department(**row, indicators=tuple(indicators.get(row["unit_code"], ())))
            for row in departments
        ),
    )


def to_json(comparison: Comparison) -> str:
    """The comparison as JSON: every field by its name, decimals as exact text."""

    def exact(value: object) -> str:
        if isinstance(value, Decimal):
            return plain(value).replace(",", "")
        raise TypeError(type(value))

    return json.dumps(asdict(comparison), ensure_ascii=False, indent=2, default=exact)


def show(comparison: Comparison, out: TextIO) -> None:
    """Print the comparison as a table, what is missing below it, and the indicators if any.

    Args:
        comparison: What to print.
        out: Where to.
    """
    console = Console(file=out, width=240, markup=False, highlight=False, emoji=False)
    console.print(
        f"{comparison.fiscal_year} 按 {comparison.rubric_id} {comparison.rubric_name or ''} 试算，"
        f"满分 {plain(comparison.total_points)}；不公布 published nowhere"
    )
    table = _table(
        "department 部门", "rubric 评分标准", "official 正式", "grade 等级",
        "what if 试算", "grade 等级", "status", "difference",
    )  # fmt: skip
    for d in comparison.departments:
        table.add_row(
            f"{d.unit_name or ''} {d.unit_code}".strip(),
            d.official_rubric_id or "—",
            _number(d.official_total),
            d.official_grade or "—",
            _number(d.total),
            d.grade or "—",
            d.status or "—",
            _number(d.difference, "+"),
        )
    console.print(table)
    reasons = [f"{d.unit_code}: {d.status_reason}" for d in comparison.departments
               if d.status_reason]  # fmt: skip
    for line in summary.first(reasons, "--format json"):
        print(line, file=out)
    both = [d for d in comparison.departments if d.difference is not None]
    changed = sum(d.grade != d.official_grade for d in both)
    print(f"等级变动 {changed} / {len(both)} change their grade", file=out)
    for d in comparison.departments:
        if d.indicators:
            table = _table(
                f"indicator of {d.unit_code} 三级指标", "official 正式", "points 分值",
                "what if 试算", "points 分值", "difference",
            )  # fmt: skip
            for i in d.indicators:
                table.add_row(
                    f"{i.level3} {i.indicator_code}",
                    _number(i.official_score),
                    _number(i.official_points),
                    _number(i.score),
                    _number(i.points),
                    _number(i.difference, "+"),
                )
            console.print(table)
    if comparison.is_final is False:
        print(f"{comparison.fiscal_year} {NOT_FINAL}（not final）", file=out)
    for what in comparison.changed:
        print(
            f"the {what} {'have' if what == 'seeds' else 'has'} changed since "
            f"{comparison.fiscal_year} was published, which may count in the difference",
            file=out,
        )


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="left" if name in TEXTS else "right")
    return table


def _number(value: Decimal | None, sign: str = "") -> str:
    return "—" if value is None else f"{value:{sign}.2f}"
