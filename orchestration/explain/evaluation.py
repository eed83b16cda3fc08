"""A published score followed to the cells it came from, as a tree.

It reads the published copy alone, and imports nothing that takes long.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Context, Decimal
from difflib import get_close_matches
from functools import reduce
from pathlib import Path
from typing import Any

import duckdb

from orchestration import duck

NEAREST = 3
# Sums and products of decimals of 38 digits, without rounding.
EXACT = Context(prec=100)

PARAMETERS = ("full_mark_at", "over_target", "threshold", "direction", "step_size",
              "points_per_step", "step_rounding", "when_undefined", "when_unbounded",
              "choice")  # fmt: skip

Row = dict[str, Any]


class CannotExplain(Exception):
    """What was asked for is not published; the message says so, with the nearest names."""


@dataclass(frozen=True)
class Cell:
    """A delivered cell in one of its uses, as in fct_evidence.

    Attributes:
        counted: weight × value.
        predecessor: The unit that delivered it, where that is one that the department continues.
        origin: Where its file was fetched from, as audit.loads has it; none for a delivered file.
    """

    role: str
    table_name: str
    record_key: str
    column_name: str
    weight: Decimal | None
    value: Decimal | None
    counted: Decimal | None
    delivered_value: str | None
    amount_unit: str | None
    corrected_value: str | None
    corrected_unit: str | None
    correction: str | None
    predecessor: str | None
    source_file: str
    source_row: int
    source_sha256: str
    load_id: str
    loaded_at: str | None
    # No part of what makes two cells the same, as it follows from the load.
    origin: dict[str, str] | None = field(default=None, hash=False)


@dataclass(frozen=True)
class Input:
    """What a measure sums, as in dim_measure_inputs."""

    alternative: int
    role: str
    input_table: str | None
    input_key: str | None
    input_column: str | None
    input_measure: str | None
    weight: Decimal
    cap: Decimal | None
    year_offset: int
    is_required: bool


@dataclass(frozen=True)
class Printed:
    """What the department's report prints, beside what is computed or was delivered.

    A figure is a measure; with a role, its numerator or denominator; or a delivered cell.
    """

    item_type: str
    item_code: str
    location: str
    role: str | None
    table_name: str | None
    record_key: str | None
    column_name: str | None
    reported_text: str | None
    computed_text: str | None
    difference: Decimal | None
    verdict: str
    explained_by: str | None
    cells: tuple[Cell, ...] = ()


@dataclass(frozen=True)
class Measure:
    """A measure with its cells; of a derived one the `parts`, each with its own."""

    measure_code: str
    name_zh: str | None
    definition: str | None
    quotient: str | None
    numerator: Decimal | None
    denominator: Decimal | None
    value: Decimal | None
    status: str
    cells: tuple[Cell, ...]
    inputs: tuple[Input, ...]
    parts: tuple["Measure", ...]
    printed: tuple[Printed, ...]


@dataclass(frozen=True)
class Band:
    """A band of a criterion's measure and the points that it earns; an empty bound is none."""

    lower: Decimal | None
    lower_inclusive: bool
    upper: Decimal | None
    upper_inclusive: bool
    points: Decimal | None
    upper_points: Decimal | None


@dataclass(frozen=True)
class Criterion:
    """A clause of the rubric, the points that it gave, and on what they rest."""

    criterion_code: str
    standard_zh: str | None
    method: str
    parameters: dict[str, Decimal | str]
    bands: tuple[Band, ...]
    points_possible: Decimal
    points_awarded: Decimal | None
    basis: str
    explanation_zh: str | None
    measure: Measure | None
    assessments: tuple[Cell, ...]


@dataclass(frozen=True)
class Finding:
    """A violation of a data rule, and the indicators that it concerns."""

    rule_id: str
    severity: str
    table_name: str
    record_key: str
    observed: str | None
    message_zh: str
    indicator_codes: tuple[str, ...]


@dataclass(frozen=True)
class Score:
    """An indicator's score; `points_awarded` is the exact sum of its criteria."""

    indicator_code: str
    level1: str
    level2: str
    level3: str
    name_en: str | None
    standard_zh: str | None
    points_possible: Decimal
    points_counted: Decimal | None
    points_awarded: Decimal | None
    score_decimals: int
    score: Decimal | None
    is_excluded: bool | None
    points_lost: Decimal | None
    is_vetoed: bool | None
    explanation_zh: str | None
    reported_score: Decimal | None
    score_difference: Decimal | None
    printed: Printed | None
    criteria: tuple[Criterion, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Run:
    """The run that published the year."""

    run_id: str
    published_at: str
    code_version: str
    seeds_sha256: str
    landing_sha256: str


@dataclass(frozen=True)
class Evaluation:
    """A department's evaluation under one rubric: the root of what is shown."""

    unit_code: str
    unit_name: str | None
    fiscal_year: int
    city: str | None
    district: str | None
    rubric_id: str
    rubric_name: str | None
    rubric_role: str
    status: str
    status_reason: str | None
    is_final: bool | None
    total_score: Decimal | None
    grade: str | None
    district_rank: int | None
    score_decimals: int
    reported_total: Decimal | None
    reported_grade: str | None
    total_difference: Decimal | None
    points_computed: Decimal
    points_assessed: Decimal
    points_default: Decimal
    points_missing: Decimal
    points_excluded: Decimal
    printed: tuple[Printed, ...]
    findings: tuple[Finding, ...]
    run: Run | None
    scores: tuple[Score, ...]


def explain(
    warehouse: Path, unit: str, indicator: str | None, year: int | None, rubric: str | None
) -> Evaluation:
    """Read one evaluation from the published copy, down to its cells.

    Args:
        warehouse: The warehouse folder.
        unit: Code of the department, its name or a part of it that no other has.
        indicator: Code or Chinese name of the one indicator to read; None for all.
        year: Fiscal year; the latest published by default.
        rubric: The rubric; the official one by default.

    Returns:
        The evaluation with the scores asked for.

    Raises:
        CannotExplain: What was asked for is not published, or nothing that can be read is.
    """
    path = warehouse / "published" / "scores.duckdb"
    if not path.is_file():
        raise CannotExplain(f"{path}: nothing is published there; jixiao run publishes")
    with duckdb.connect() as con:
        try:
            duck.attach(con, path, "scores")
            con.execute("use scores.marts")
            return _Reader(con, unit, year, rubric).evaluation(indicator)
        except duckdb.Error as error:
            reason = str(error).splitlines()[0]
            raise CannotExplain(
                f"{path}: not what this version publishes ({reason}); jixiao run publishes anew"
            ) from error


def pick(what: str, asked: str, named: dict[str, str | None]) -> str:
    """Find the one code that was meant.

    Args:
        what: What the codes are codes of, as people are told.
        asked: A code, a name, or a part of either.
        named: Names by code.

    Returns:
        The code.

    Raises:
        CannotExplain: None fits, or several do.
    """
    exact = [code for code, name in named.items() if asked in (code, name)]
    fitting = exact or [code for code, name in named.items() if asked in code + f"\n{name or ''}"]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        several = "; ".join(_named(code, named) for code in fitting[:NEAREST])
        raise CannotExplain(
            f"{what} {asked!r} fits {len(fitting)}: {several}"
            f"{'; …' if len(fitting) > NEAREST else ''}; give the code of one"
        )
    near: dict[str, None] = {}
    by_text = {text: code for code, name in named.items() for text in (name, code) if text}
    for text in get_close_matches(asked, by_text, n=2 * NEAREST, cutoff=0.3):
        near[by_text[text]] = None
    listed = "; ".join(_named(code, named) for code in list(near or named)[:NEAREST])
    more = "; …" if not near and len(named) > NEAREST else ""
    raise CannotExplain(
        f"no {what} {asked!r}; {'nearest' if near else 'there are'}: {listed}{more}"
    )


def _named(code: str, named: dict[str, str | None]) -> str:
    name = named[code]
    return f"{code} {name}" if name else code


class _Reader:
    """The queries on one department's evaluation."""

    def __init__(
        self, con: duckdb.DuckDBPyConnection, unit: str, year: int | None, rubric: str | None
    ) -> None:
        self.con = con
        self.key: Row = {}
        self.key = {"year": self._year(year)}
        self.key["unit"] = self._unit(unit)
        self.key["rubric"] = self._rubric(rubric)

    def rows(self, query: str, **parameters: object) -> list[Row]:
        """Rows as columns by name; $unit, $year, $rubric are those of the evaluation."""
        known = {**self.key, **parameters}
        used = {name: value for name, value in known.items() if f"${name}" in query}
        result = self.con.execute(query, used)
        names = [column[0] for column in result.description or ()]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def _year(self, year: int | None) -> int:
        years = [
            int(row["fiscal_year"])
            for row in self.rows("select distinct fiscal_year from dim_departments order by 1")
        ]
        if not years:
            raise CannotExplain("no year is published; jixiao run publishes")
        if year is not None and year not in years:
            raise CannotExplain(
                f"{year} is not published; published are {', '.join(map(str, years))}"
            )
        return years[-1] if year is None else year

    def _unit(self, unit: str) -> str:
        named = {
            row["unit_code"]: row["unit_name"]
            for row in self.rows(
                """
                select unit_code, unit_name from dim_departments where fiscal_year = $year
                union all by name
                select distinct unit_code from fct_findings
                where fiscal_year = $year and unit_code not in (
                    select unit_code from dim_departments where fiscal_year = $year
                )
                order by unit_code
                """
            )
        }
        try:
            return pick("department", unit, named)
        except CannotExplain as none:
            elsewhere = self.rows(
                "select distinct fiscal_year from dim_departments "
                "where $asked in (unit_code, unit_name) order by 1",
                asked=unit,
            )
            if not elsewhere:
                raise CannotExplain(f"{self.key['year']}: {none}") from None
            years = ", ".join(str(row["fiscal_year"]) for row in elsewhere)
            raise CannotExplain(
                f"{self.key['year']} has no department {unit!r}; it is in {years}: give --year"
            ) from None

    def _rubric(self, rubric: str | None) -> str:
        roles = {
            row["rubric_id"]: row["rubric_role"]
            for row in self.rows(
                """
                select rubric_id, rubric_role from fct_evaluations
                where unit_code = $unit and fiscal_year = $year
                order by rubric_role desc, rubric_id
                """
            )
        }
        if not roles:
            why = "；".join(finding.message_zh for finding in self._findings())
            raise CannotExplain(
                f"{self.key['unit']} has no evaluation for {self.key['year']}: "
                f"{why or 'no rubric is official for it; see seeds/rubric_assignments.csv'}"
            )
        if rubric is None:
            return str(next(code for code, role in roles.items() if role == "official"))
        return pick("rubric of this department", rubric, roles)

    def evaluation(self, indicator: str | None) -> Evaluation:
        """The evaluation with one of its scores, or all."""
        indicators = self.rows(
            "select * from dim_indicators where rubric_id = $rubric order by sort_order"
        )
        if indicator is not None:
            named = {row["indicator_code"]: row["level3"] for row in indicators}
            code = pick(f"indicator of {self.key['rubric']}", indicator, named)
            indicators = [row for row in indicators if row["indicator_code"] == code]
        self.codes = [row["indicator_code"] for row in indicators]
        self.cells = self._cells()
        self.findings = self._findings()
        self.printed = self._printed()
        self.inputs: dict[str, list[Input]] = defaultdict(list)
        for row in self.rows(
            """
            select * exclude (aggregate, weight_column) from dim_measure_inputs
            order by measure_code, alternative, role desc, input_table, input_key, input_column
            """
        ):
            self.inputs[row.pop("measure_code")].append(Input(**row))
        self.measures = {
            row["measure_code"]: row
            for row in self.rows(
                """
                select
                    measure_code, name_zh, definition, quotient,
                    numerator, denominator, value, status
                from fct_measures left join dim_measures using (measure_code)
                where unit_code = $unit and fiscal_year = $year
                """
            )
        }
        criteria = self._criteria()
        (head,) = self.rows(
            """
            select
                unit_code, unit_name, fiscal_year, city, district, rubric_id, r.name as rubric_name,
                rubric_role, status, status_reason, is_final, total_score, grade, district_rank,
                r.score_decimals, reported_total, reported_grade, total_difference,
                points_computed, points_assessed, points_default, points_missing, points_excluded
            from fct_evaluations
            left join dim_departments using (unit_code, fiscal_year)
            left join dim_rubrics as r using (rubric_id)
            where unit_code = $unit and fiscal_year = $year and rubric_id = $rubric
            """
        )
        scores = {
            row["indicator_code"]: row
            for row in self.rows(
                """
                select
                    indicator_code, score, s.points_lost, is_vetoed, reported_score,
                    score_difference, points_counted, is_excluded, explanation_zh
                from fct_indicator_scores as s
                left join fct_deductions
                    using (unit_code, fiscal_year, rubric_id, indicator_code)
                where unit_code = $unit and fiscal_year = $year and rubric_id = $rubric
                """
            )
        }
        is_official = head["rubric_role"] == "official"
        return Evaluation(
            **head,
            printed=tuple(
                printed
                for printed in (self.printed["TOTAL"] if is_official else ())
                if printed.item_type != "figure"
            ),
            findings=tuple(self.findings),
            run=self._run(),
            scores=tuple(
                self._score(
                    {**row, **scores[row["indicator_code"]]},
                    criteria[row["indicator_code"]],
                    head["score_decimals"],
                    is_official,
                )
                for row in indicators
            ),
        )

    def _score(
        self, row: Row, criteria: list[Criterion], decimals: int, is_official: bool
    ) -> Score:
        code = row["indicator_code"]
        own = [p for p in self.printed[code] if p.item_type == "indicator_score"]
        awarded = [c.points_awarded for c in criteria if c.points_awarded is not None]
        is_whole = not any(c.basis in ("missing", "withheld") for c in criteria)
        return Score(
            **{name: row[name] for name in Score.__annotations__ if name in row},
            points_possible=row["points"],
            points_awarded=exact_sum(awarded) if is_whole else None,
            score_decimals=decimals,
            printed=own[0] if own and is_official else None,
            criteria=tuple(criteria),
            findings=tuple(f for f in self.findings if code in f.indicator_codes),
        )

    def _criteria(self) -> dict[str, list[Criterion]]:
        bands: dict[str, list[Band]] = defaultdict(list)
        for row in self.rows(
            """
            select criterion_code, lower, lower_inclusive, upper, upper_inclusive, points,
                upper_points
            from dim_bands where rubric_id = $rubric order by lower nulls first
            """
        ):
            bands[row.pop("criterion_code")].append(Band(**row))
        criteria: dict[str, list[Criterion]] = defaultdict(list)
        for row in self.rows(
            """
            select s.*, c.* exclude (method, measure_code)
            from fct_criterion_scores as s
            left join dim_criteria as c using (rubric_id, indicator_code, criterion_code)
            where
                s.unit_code = $unit and s.fiscal_year = $year and s.rubric_id = $rubric
                and list_contains($codes, s.indicator_code)
            order by c.sort_order
            """,
            codes=self.codes,
        ):
            use = (row["indicator_code"], row["criterion_code"])
            of_measure = row["measure_code"] and row["measure_code"] in self.measures
            criteria[row["indicator_code"]].append(
                Criterion(
                    **{name: row[name] for name in Criterion.__annotations__ if name in row},
                    parameters={p: row[p] for p in PARAMETERS if row[p] is not None},
                    bands=tuple(bands[row["criterion_code"]]),
                    measure=self._measure(row["measure_code"], *use) if of_measure else None,
                    assessments=tuple(
                        cell
                        for (*cell_use, _), cells in self.cells.items()
                        if tuple(cell_use) == use
                        for cell in cells
                        if cell.role == "assessment"
                    ),
                )
            )
        return criteria

    def _measure(self, code: str, indicator_code: str, criterion_code: str) -> Measure:
        cells = self.cells.get((indicator_code, criterion_code, code), [])
        parts = {i.input_measure for i in self.inputs[code] if i.input_measure}
        return Measure(
            **self.measures[code],
            cells=tuple(cell for cell in cells if cell.role != "assessment"),
            inputs=tuple(self.inputs[code]),
            parts=tuple(
                self._measure(part, indicator_code, criterion_code)
                for part in sorted(parts)
                if part in self.measures
            ),
            printed=(
                *(p for p in self.printed[code] if p.item_type == "figure"),
                *dict.fromkeys(p for cell in cells for p in self.printed.get(_item_code(cell), ())),
            ),
        )

    def _cells(self) -> dict[tuple[str | None, str | None, str | None], list[Cell]]:
        """Cells by indicator, criterion and measure; printed ones of the total without any.

        In the place of one that is rolled up stand its lines.
        """
        found = defaultdict(list)
        for row in self.rows(
            """
            with used as (
                from fct_evidence
                where
                    unit_code = $unit and fiscal_year = $year and rubric_id = $rubric
                    and (indicator_code is null or list_contains($codes, indicator_code))
            ),

            lines as (
                from fct_evidence_lines where unit_code = $unit and fiscal_year = $year
            ),

            cells as (
                from used where lines_count is null
                union all by name
                select
                    lines.* exclude (line_table_name, line_record_key, line_column_name)
                    replace (
                        lines.line_table_name as table_name,
                        lines.line_record_key as record_key,
                        lines.line_column_name as column_name,
                        cast(used.weight * lines.weight as decimal(28, 6)) as weight
                    ),
                    used.indicator_code, used.criterion_code, used.measure_code, used.role
                from used
                inner join lines
                    using (
                        table_name, record_key, column_name, delivered_unit_code, delivered_year
                    )
            )

            select
                e.indicator_code, e.criterion_code, e.measure_code, e.role, e.table_name,
                e.record_key, e.column_name, e.weight, e.value, e.delivered_value, e.amount_unit,
                e.corrected_value, e.corrected_unit, e.correction, e.source_file, e.source_row,
                e.source_sha256, e.load_id,
                nullif(e.delivered_unit_code, e.unit_code) as predecessor,
                strftime(timezone('UTC', l.loaded_at), '%Y-%m-%d %H:%M:%S UTC') as loaded_at,
                l.origin
            from cells as e
            left join scores.audit.loads as l using (load_id)
            order by
                e.role desc, e.table_name, e.source_file, e.source_row, e.column_name, e.weight
            """,
            codes=self.codes,
        ):
            use = tuple(row.pop(n) for n in ("indicator_code", "criterion_code", "measure_code"))
            weight, value = row["weight"], row["value"]
            counted = None if None in (weight, value) else EXACT.multiply(weight, value)
            found[use].append(Cell(**row, counted=counted))
        return dict(found)

    def _printed(self) -> dict[str, list[Printed]]:
        """What the report prints, by the code of the item; a sum by that of its measure."""
        found = defaultdict(list)
        for row in self.rows(
            """
            select
                item_type, item_code, location, role, table_name, record_key, column_name,
                reported_text, computed_text, difference, verdict, explained_by, measure_code
            from fct_reconciliation
            where unit_code = $unit and fiscal_year = $year
            order by item_type desc, location
            """
        ):
            column = "reported_grade" if row["item_type"] == "grade" else "reported_score"
            use = (None if row["item_code"] == "TOTAL" else row["item_code"], None, None)
            of_score = self.cells.get(use, []) if row["item_type"] != "figure" else []
            cells = tuple(cell for cell in of_score if cell.column_name == column)
            of_measure = row.pop("measure_code")
            found[of_measure or row["item_code"]].append(Printed(**row, cells=cells))
        return found

    def _findings(self) -> list[Finding]:
        return [
            Finding(**{**row, "indicator_codes": tuple(row["indicator_codes"] or ())})
            for row in self.rows(
                """
                select
                    rule_id, severity, table_name, record_key, observed, message_zh,
                    list(indicator_code order by indicator_code)
                        filter (where indicator_code is not null) as indicator_codes
                from fct_findings
                left join (from fct_finding_indicators where rubric_id = $rubric)
                    using (unit_code, fiscal_year, rule_id, table_name, record_key)
                where unit_code = $unit and fiscal_year = $year
                group by all
                order by severity, rule_id, table_name, record_key
                """,
                rubric=self.key.get("rubric"),
            )
        ]

    def _run(self) -> Run | None:
        runs = self.rows(
            """
            select
                run_id, code_version, seeds_sha256, landing_sha256,
                strftime(timezone('UTC', published_at), '%Y-%m-%d %H:%M:%S UTC') as published_at
            from scores.audit.runs
            where fiscal_year = $year and published_at is not null
            order by runs.published_at desc
            limit 1
            """
        )
        return Run(**runs[0]) if runs else None


def _item_code(cell: Cell) -> str:
    """The code of a printed figure that is the cell."""
    return f"{cell.table_name}/{cell.record_key}/{cell.column_name}"


def with_parts(measure: Measure) -> Iterator[Measure]:
    """A measure and, of a derived one, the measures that it is made of."""
    yield measure
    for part in measure.parts:
        yield from with_parts(part)


def exact_sum(numbers: Iterable[Decimal]) -> Decimal:
    """A sum of decimals of any length, without rounding."""
    return reduce(EXACT.add, numbers, Decimal(0))
