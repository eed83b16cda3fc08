"""Reading a rubric from the seeds, resolved as a run resolves it."""

import tempfile
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from orchestration import dbt, seeds
from orchestration.explain.evaluation import Band, pick
from orchestration.project import BUILD_FILE

RESOLVED = (
    "int_rubrics__defined int_rubrics__indicators int_rubrics__criteria int_rubrics__bands "
    "int_rubrics__grades"
)


class FaultySeeds(Exception):
    """What is wrong with the seeds, a line each."""


@dataclass(frozen=True)
class Criterion:
    """A criterion (评分要点) as it counts under the rubric.

    Attributes:
        stated_in: The rubric that its row stands under, this one or one that it is based on.
        kind: How values of its measure are shown: ratio, count or level; none without a measure.
        bands: Its bands, from below.
    """

    stated_in: str
    criterion_code: str
    points: Decimal
    method: str
    measure_code: str | None
    measure_zh: str | None
    definition: str | None
    kind: str | None
    full_mark_at: Decimal | None
    over_target: str | None
    threshold: Decimal | None
    direction: str | None
    step_size: Decimal | None
    points_per_step: Decimal | None
    step_rounding: str | None
    when_undefined: str | None
    when_unbounded: str | None
    choice: str | None
    standard_zh: str | None
    is_deduction: bool
    bands: tuple[Band, ...]


@dataclass(frozen=True)
class Indicator:
    """An indicator (三级指标) as it counts under the rubric."""

    stated_in: str
    indicator_code: str
    level1: str
    level2: str
    level3: str
    points: Decimal
    description_zh: str | None
    standard_zh: str | None
    criteria: tuple[Criterion, ...]


@dataclass(frozen=True)
class Assignment:
    """Where a rubric applies; an empty cell stands for all."""

    city: str | None
    district: str | None
    unit_type: str | None
    unit_code: str | None
    fiscal_year_from: int | None
    fiscal_year_to: int | None
    role: str


@dataclass(frozen=True)
class Rubric:
    """A rubric with all rows that count under it.

    Attributes:
        grades: Each grade and the total that it starts at, the best first.
    """

    rubric_id: str
    based_on: str | None
    name: str | None
    source: str | None
    score_decimals: int
    total_points: Decimal
    assignments: tuple[Assignment, ...]
    grades: tuple[tuple[str, Decimal], ...]
    indicators: tuple[Indicator, ...]


def read(asked: str) -> Rubric:
    """Read a rubric from the seeds.

    Args:
        asked: A rubric_id, a name, or a part of either.

    Returns:
        The rubric, its indicators and criteria in their order.

    Raises:
        CannotExplain: No rubric is meant, or several are.
        FaultySeeds: A run would refuse the seeds.
    """
    if faults := seeds.faults():
        raise FaultySeeds("\n".join(faults))
    with tempfile.TemporaryDirectory(prefix="jixiao-rubric-") as folder:
        database = Path(folder) / BUILD_FILE
        run = dbt.build(database, f"{dbt.SEEDS_ALONE} {RESOLVED}")
        if run.failures:
            raise FaultySeeds("\n".join(run.failures))
        with duckdb.connect(str(database), read_only=True) as con:
            return _read(con, asked)


def _read(con: duckdb.DuckDBPyConnection, asked: str) -> Rubric:
    names = dict(con.execute("select rubric_id, name from seeds.rubrics order by all").fetchall())
    rubric_id = pick("rubric", asked, names)

    def rows(query: str, *values: object) -> list[dict[str, Any]]:
        cursor = con.execute(query, [rubric_id, *values])
        columns = [column[0] for column in cursor.description]
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]

    bands: dict[str, list[Band]] = {}
    for row in rows(
        """
        select
            criterion_code, lower, lower_inclusive, upper, upper_inclusive, points, upper_points
        from intermediate.int_rubrics__bands
        where rubric_id = ?
        order by lower nulls first, upper
        """
    ):
        bands.setdefault(row.pop("criterion_code"), []).append(Band(**row))
    criteria: dict[str, list[Criterion]] = {}
    for row in rows(
        """
        select
            c.indicator_code, c.stated_in, c.criterion_code, c.points, c.method, c.measure_code,
            m.name_zh as measure_zh, m.definition, m.kind, c.full_mark_at, c.over_target,
            c.threshold, c.direction, c.step_size, c.points_per_step, c.step_rounding,
            c.when_undefined, c.when_unbounded, c.choice, c.standard_zh, c.is_deduction
        from intermediate.int_rubrics__criteria as c
        left join seeds.measures as m using (measure_code)
        where c.rubric_id = ?
        order by c.sort_order, c.criterion_code
        """
    ):
        of_criterion = tuple(bands.get(row["criterion_code"], ()))
        criteria.setdefault(row.pop("indicator_code"), []).append(
            Criterion(**row, bands=of_criterion)
        )
    indicators = tuple(
        Indicator(**row, criteria=tuple(criteria.get(row["indicator_code"], ())))
        for row in rows(
            """
            select
                stated_in, indicator_code, level1, level2, level3, points, description_zh,
                standard_zh
            from intermediate.int_rubrics__indicators
            where rubric_id = ?
            order by sort_order, indicator_code
            """
        )
    )
    assignments = rows(
        """
        select city, district, unit_type, unit_code, fiscal_year_from, fiscal_year_to, role
        from seeds.rubric_assignments
        where rubric_id = ?
        order by role desc, city, district, unit_type, unit_code, fiscal_year_from
        """
    )
    grades = rows(
        "select grade, lower from intermediate.int_rubrics__grades where rubric_id = ? "
        "order by lower desc"
    )
    (rubric,) = rows(
        "select rubric_id, based_on, name, source, score_decimals, total_points "
        "from intermediate.int_rubrics__defined where rubric_id = ?"
    )
    return Rubric(
        **rubric,
        assignments=tuple(Assignment(**row) for row in assignments),
        grades=tuple((row["grade"], row["lower"]) for row in grades),
        indicators=indicators,
    )
