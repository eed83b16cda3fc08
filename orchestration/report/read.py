"""What the forms show, read from the published copy: each mart once, for all departments."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from orchestration import duck
from orchestration.explain.evaluation import CannotExplain, pick

Row = dict[str, Any]

# Of each department and year.
OF_UNITS = {
    "evaluations": "select * from fct_evaluations where rubric_role = 'official'",
    "scores": """
        select s.*, explanation_zh
        from fct_indicator_scores as s
        left join fct_deductions using (unit_code, fiscal_year, rubric_id, indicator_code)
    """,
    "criteria": "select * from fct_criterion_scores",
    # One that was delivered without points has the basis 不适用, or nothing.
    "assessments": """
        select unit_code, fiscal_year, rubric_id, criterion_code, value, column_name,
            coalesce(corrected_value, delivered_value) as told
        from fct_evidence where role = 'assessment'
    """,
    "measures": "select * from fct_measures",
    "tasks": "select * from fct_tasks",
    "targets": "select * from fct_performance_targets",
}
# Marts that say what was delivered, as a table calls it.
OF_TABLES = {"projects": "fct_tasks", "performance_targets": "fct_performance_targets"}
# As delivered, which is as printed; the basic expenditure after the projects.
ORDERS = {
    "tasks": "order by table_name desc, source_file, source_row, record_key",
    "targets": "order by source_file, source_row, target_no",
}
OF_ONE_RUBRIC = ("scores", "criteria", "assessments")
OFFICIAL = """
    and (unit_code, rubric_id) in (
        select unit_code, official_rubric_id from dim_departments where fiscal_year = $year
    )
"""
# Of each rubric.
OF_RUBRICS = {
    "indicators": "select * from dim_indicators order by sort_order",
    "criteria": "select * from dim_criteria order by sort_order",
    "bands": "select * from dim_bands order by criterion_code, lower nulls first, upper",
    "grades": "select * from dim_grades order by lower",
}


class CannotReport(Exception):
    """What was asked for is not published; the message says so, and what is."""


@dataclass(frozen=True)
class Rubric:
    """A rubric as it was used, as in dim_rubrics and the other dimensions.

    Attributes:
        indicators: In the order of the form: those of a level stand together.
    """

    rubric_id: str
    name: str | None
    score_decimals: int
    total_points: Any
    indicators: list[Row]
    criteria: dict[str, list[Row]]
    bands: dict[str, list[Row]]
    grades: list[Row]


@dataclass(frozen=True)
class Measures:
    """The measures, and of those made of measures the parts, as in dim_measure_inputs."""

    rows: dict[str, Row]
    parts: dict[str, list[Row]]


@dataclass(frozen=True)
class Department:
    """What is published of a department and year under its official rubric.

    Attributes:
        rubric: None where none is official for it.
        is_final: Whether the year was over when it was evaluated; null where nobody was, or by an
            older version.
        published_at: When, in UTC; with `run_id`, the run that did it.
    """

    unit_code: str
    unit_name: str
    fiscal_year: int
    rubric: Rubric | None
    evaluation: Row | None
    scores: dict[str, Row]
    criteria: dict[str, Row]
    assessments: dict[str, Row]
    measures: dict[str, Row]
    tasks: list[Row]
    targets: list[Row]
    is_final: bool | None
    run_id: str | None
    published_at: datetime | None


@dataclass
class Published:
    """The departments whose forms are asked for, and what all of them share.

    Attributes:
        labels: Chinese labels of codes, by domain and code, as in dim_codes.
        unpublished: Tables that were delivered, of which nothing is published: the year is of a
            version that did not publish them.
    """

    departments: list[Department]
    measures: Measures
    labels: dict[tuple[str, str], str] = field(default_factory=dict)
    unpublished: frozenset[str] = frozenset()

    def label(self, domain: str, code: str) -> str:
        """The Chinese label of a code; the code itself where it has none."""
        return self.labels.get((domain, code), code)


def read(warehouse: Path, year: int, units: Sequence[str] = ()) -> Published:
    """Read a year's departments.

    Args:
        warehouse: The warehouse folder.
        year: The fiscal year.
        units: Codes of departments, or names or parts of them that no other has; none for all.

    Returns:
        The departments, in the order of their codes.

    Raises:
        CannotReport: Nothing is published there, or not what was asked for.
    """
    path = warehouse / "published" / "scores.duckdb"
    if not path.is_file():
        raise CannotReport(f"{path}: nothing is published there; jixiao run publishes")
    with duckdb.connect() as con:
        try:
            duck.attach(con, path, "scores")
            con.execute("use scores.marts")
            return _read(con, year, units)
        except duckdb.Error as error:
            reason = str(error).splitlines()[0]
            raise CannotReport(
                f"{path}: not what this version publishes ({reason}); jixiao run publishes anew"
            ) from error


def _read(con: duckdb.DuckDBPyConnection, year: int, units: Sequence[str]) -> Published:
    years = [y for (y,) in con.execute(
        "select distinct fiscal_year from dim_departments order by all"
    ).fetchall()]  # fmt: skip
    if not years:
        raise CannotReport("no year is published; jixiao run publishes")
    if year not in years:
        raise CannotReport(f"{year} is not published; published are {', '.join(map(str, years))}")
    known = {
        row["unit_code"]: row
        for row in _rows(
            con, "select * from dim_departments where fiscal_year = $year order by unit_code",
            year=year,
        )
    }  # fmt: skip
    wanted = _wanted(year, units, {code: row["unit_name"] for code, row in known.items()})
    rubrics = _rubrics(con)
    of_units = {
        name: _grouped(
            _rows(
                con,
                f"select * from ({query}) where fiscal_year = $year "
                f"and list_contains($units, unit_code) {OFFICIAL * (name in OF_ONE_RUBRIC)} "
                f"{ORDERS.get(name, '')}",
                year=year,
                units=wanted,
            ),
            "unit_code",
        )
        for name, query in OF_UNITS.items()
    }
    run = next(
        iter(_rows(
            con, "select run_id, published_at at time zone 'UTC' as published_at "
            "from scores.audit.runs where fiscal_year = $year and is_current", year=year,
        )), {},
    )  # fmt: skip

    (of_year,) = _rows(
        con,
        "select bool_and(is_final) as is_final from fct_evaluations where fiscal_year = $year",
        year=year,
    )

    def of(name: str, code: str) -> list[Row]:
        return of_units[name].get(code, [])

    departments = [
        Department(
            unit_code=code,
            unit_name=known[code]["unit_name"] or code,
            fiscal_year=year,
            rubric=rubrics.get(known[code]["official_rubric_id"]),
            evaluation=next(iter(of("evaluations", code)), None),
            scores={row["indicator_code"]: row for row in of("scores", code)},
            criteria={row["criterion_code"]: row for row in of("criteria", code)},
            assessments={row["criterion_code"]: row for row in of("assessments", code)},
            measures={row["measure_code"]: row for row in of("measures", code)},
            tasks=of("tasks", code),
            targets=of("targets", code),
            is_final=of_year["is_final"],
            run_id=run.get("run_id"),
            published_at=run["published_at"].replace(tzinfo=UTC) if run else None,
        )
        for code in wanted
    ]
    parts = _rows(
        con,
        "select * from dim_measure_inputs where input_measure is not null "
        "order by measure_code, role desc, input_measure",
    )
    return Published(
        departments,
        Measures(
            {row["measure_code"]: row for row in _rows(con, "select * from dim_measures")},
            _grouped(parts, "measure_code"),
        ),
        {
            (row["domain"], row["code"]): row["label_zh"]
            for row in _rows(con, "select domain, code, label_zh from dim_codes")
        },
        frozenset(
            table
            for table, mart in OF_TABLES.items()
            if _rows(
                con,
                f"""
                select 1 from scores.audit.loads
                where fiscal_year = $year and table_name = $table and rows_loaded > 0
                    and not exists (from {mart} where fiscal_year = $year)
                limit 1
                """,
                year=year,
                table=table,
            )
        ),
    )


def _wanted(year: int, units: Sequence[str], named: dict[str, str | None]) -> list[str]:
    try:
        return sorted({pick("department", unit, named) for unit in units} if units else named)
    except CannotExplain as none:
        raise CannotReport(f"{year}: {none}") from None


def _rubrics(con: duckdb.DuckDBPyConnection) -> dict[str, Rubric]:
    of_rubrics = {
        name: _grouped(_rows(con, query), "rubric_id") for name, query in OF_RUBRICS.items()
    }
    return {
        (code := row["rubric_id"]): Rubric(
            rubric_id=code,
            name=row["name"],
            score_decimals=row["score_decimals"],
            total_points=row["total_points"],
            indicators=_by_level(of_rubrics["indicators"].get(code, [])),
            criteria=_grouped(of_rubrics["criteria"].get(code, []), "indicator_code"),
            bands=_grouped(of_rubrics["bands"].get(code, []), "criterion_code"),
            grades=of_rubrics["grades"].get(code, []),
        )
        for row in _rows(con, "select * from dim_rubrics")
    }


def _by_level(indicators: list[Row]) -> list[Row]:
    """Indicators of a level together, each level where its first stands."""
    first: dict[tuple[str, ...], int] = {}
    for place, row in enumerate(indicators):
        first.setdefault((row["level1"],), place)
        first.setdefault((row["level1"], row["level2"]), place)
    return sorted(
        indicators,
        key=lambda row: (first[(row["level1"],)], first[(row["level1"], row["level2"])]),
    )


def _grouped(rows: Iterable[Row], column: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row[column]].append(row)
    return dict(found)


def _rows(con: duckdb.DuckDBPyConnection, query: str, **parameters: Any) -> list[Row]:
    return list(_each(con.execute(query, parameters or None)))


def _each(result: duckdb.DuckDBPyConnection) -> Iterator[Row]:
    names = [column[0] for column in result.description or ()]
    for row in result.fetchall():
        yield dict(zip(names, row, strict=True))
