"""A published score followed to the cells it came from: queries, a tree, and three ways to show it.

It reads the published copy alone, and imports nothing that takes long.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from decimal import Context, Decimal
from difflib import get_close_matches
from functools import reduce
from pathlib import Path
from typing import Any, TextIO

import duckdb

FORMATS = ("text", "json", "html")
SHOWN_CELLS = 20
NEAREST = 3
# Sums and products of decimals of 38 digits, without rounding.
EXACT = Context(prec=100)
TEMPLATES = Path(__file__).resolve().parent / "templates"

LABELS = {
    # methods
    "linear": "按比例",
    "band": "分档",
    "step": "逐项扣分",
    "assessed": "评定",
    "veto": "一票否决",
    # basis
    "computed": "计算",
    "default": "默认",
    "missing": "缺少",
    "withheld": "暂不计分",
    # status of a measure
    "defined": "有值",
    "undefined": "0 ÷ 0，无值",
    "unbounded": "分母为 0",
    # status of an evaluation
    "scored": "已评分",
    "incomplete": "资料不全",
    "blocked": "未通过数据规则",
    # roles
    "official": "正式",
    "comparison": "对照",
    "numerator": "分子",
    "denominator": "分母",
    "assessment": "评定",
    "reported": "自评",
    # verdicts
    "match": "一致",
    "mismatch": "不一致",
    "not_computable": "无法计算",
    # severity
    "critical": "严重",
    "warning": "警告",
    # parameters of the methods
    "full_mark_at": "满分值",
    "over_target": "超过满分值时",
    "threshold": "阈值",
    "direction": "方向",
    "step_size": "步长",
    "points_per_step": "每步扣分",
    "step_rounding": "步数取整",
    "when_undefined": "指标无值时",
}
PARAMETERS = ("full_mark_at", "over_target", "threshold", "direction", "step_size",
              "points_per_step", "step_rounding", "when_undefined")  # fmt: skip

Row = dict[str, Any]


class CannotExplain(Exception):
    """What was asked for is not published; the message says so, with the nearest names."""


@dataclass(frozen=True)
class Cell:
    """A delivered cell in one of its uses, as in fct_evidence; `counted` is weight × value."""

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
    source_file: str
    source_row: int
    source_sha256: str
    load_id: str
    loaded_at: str | None


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
    """A figure that the department's report prints, beside the computed one."""

    item_type: str
    item_code: str
    location: str
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
    """A band of a criterion's measure and the points that it earns."""

    lower: Decimal | None
    lower_inclusive: bool
    upper: Decimal | None
    upper_inclusive: bool
    points: Decimal


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
    """A violation of a data rule."""

    rule_id: str
    severity: str
    table_name: str
    record_key: str
    observed: str | None
    message_zh: str


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
    points_awarded: Decimal | None
    score_decimals: int
    score: Decimal | None
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
            # One that stays up sees a later publication; opened by itself a file would be cached.
            con.execute(f"attach '{str(path).replace(chr(39), chr(39) * 2)}' as scores (read_only)")
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
                rubric_role, status, status_reason, total_score, grade, district_rank,
                r.score_decimals, reported_total, reported_grade, total_difference,
                points_computed, points_assessed, points_default, points_missing
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
                    score_difference, explanation_zh
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
        is_whole = len(awarded) == len(criteria)
        return Score(
            **{name: row[name] for name in Score.__annotations__ if name in row},
            points_possible=row["points"],
            points_awarded=_sum(awarded) if is_whole else None,
            score_decimals=decimals,
            printed=own[0] if own and is_official else None,
            criteria=tuple(criteria),
            findings=tuple(self._concerning(code, criteria)),
        )

    def _concerning(self, indicator_code: str, criteria: list[Criterion]) -> Iterator[Finding]:
        """Findings of a record that the score read, or of a whole table."""
        records = {
            (cell.table_name, cell.record_key)
            for (indicator, *_), cells in self.cells.items()
            if indicator == indicator_code
            for cell in cells
        }
        tables = {table for table, _ in records}
        keys: set[str] = set()
        for criterion in criteria:
            if criterion.measure:
                # Rules on printed figures name the measure.
                keys |= {f"measure_code={m.measure_code}" for m in _with_parts(criterion.measure)}
                tables |= {
                    i.input_table
                    for measure in _with_parts(criterion.measure)
                    for i in measure.inputs
                    if i.input_table
                }
        for finding in self.findings:
            names_a_record = "=" in finding.record_key
            if (
                (finding.table_name, finding.record_key) in records
                or finding.record_key in keys
                or (finding.table_name in tables and not names_a_record)
            ):
                yield finding

    def _criteria(self) -> dict[str, list[Criterion]]:
        bands: dict[str, list[Band]] = defaultdict(list)
        for row in self.rows(
            """
            select criterion_code, lower, lower_inclusive, upper, upper_inclusive, points
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
            printed=tuple(p for p in self.printed[code] if p.item_type == "figure"),
        )

    def _cells(self) -> dict[tuple[str | None, str | None, str | None], list[Cell]]:
        """Cells by indicator, criterion and measure; printed ones of the total without any."""
        found = defaultdict(list)
        for row in self.rows(
            """
            select
                e.indicator_code, e.criterion_code, e.measure_code, e.role, e.table_name,
                e.record_key, e.column_name, e.weight, e.value, e.delivered_value, e.amount_unit,
                e.corrected_value, e.corrected_unit, e.correction, e.source_file, e.source_row,
                e.source_sha256, e.load_id,
                strftime(timezone('UTC', l.loaded_at), '%Y-%m-%d %H:%M:%S UTC') as loaded_at
            from fct_evidence as e
            left join scores.audit.loads as l using (load_id)
            where
                e.unit_code = $unit and e.fiscal_year = $year and e.rubric_id = $rubric
                and (e.indicator_code is null or list_contains($codes, e.indicator_code))
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
        """What the report prints, by the code of the item."""
        found = defaultdict(list)
        for row in self.rows(
            """
            select
                item_type, item_code, location, reported_text, computed_text, difference, verdict,
                explained_by
            from fct_reconciliation
            where unit_code = $unit and fiscal_year = $year
            order by item_type desc, location
            """
        ):
            column = "reported_grade" if row["item_type"] == "grade" else "reported_score"
            use = (None if row["item_code"] == "TOTAL" else row["item_code"], None, None)
            of_score = self.cells.get(use, []) if row["item_type"] != "figure" else []
            cells = tuple(cell for cell in of_score if cell.column_name == column)
            found[row["item_code"]].append(Printed(**row, cells=cells))
        return found

    def _findings(self) -> list[Finding]:
        return [
            Finding(**row)
            for row in self.rows(
                """
                select rule_id, severity, table_name, record_key, observed, message_zh
                from fct_findings
                where unit_code = $unit and fiscal_year = $year
                order by severity, rule_id, table_name, record_key
                """
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


def _with_parts(measure: Measure) -> Iterator[Measure]:
    yield measure
    for part in measure.parts:
        yield from _with_parts(part)


def _sum(numbers: Iterable[Decimal]) -> Decimal:
    return reduce(EXACT.add, numbers, Decimal(0))


def plain(number: Decimal | int | None) -> str:
    """A number as people write it, all its decimals and no more; a dash for none."""
    if number is None:
        return "—"
    text = f"{number:,f}" if isinstance(number, Decimal) else f"{number:,}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def fixed(number: Decimal | None, decimals: int) -> str:
    """A score with its rubric's decimals; a dash for none."""
    return "—" if number is None else f"{number:.{decimals}f}"


def signed(number: Decimal | None) -> str:
    """A difference with its sign."""
    return "—" if number is None else ("+" if number > 0 else "") + plain(number)


def label(code: str | None) -> str:
    """A code with its Chinese label."""
    return f"{LABELS[code]} {code}" if code in LABELS else str(code)


def sum_text(score: Score) -> str:
    """How the criteria's points come to the score."""
    if score.points_awarded is None or score.score is None:
        return "有要点没有得分，不合计"
    terms = " + ".join(plain(c.points_awarded) for c in score.criteria)
    steps = [f"{terms} = {plain(score.points_awarded)}"]
    held = min(max(score.points_awarded, Decimal(0)), score.points_possible)
    if score.is_vetoed:
        steps.append("一票否决，计 0")
    elif held != score.points_awarded:
        steps.append(f"限于 0 至 {plain(score.points_possible)} 分，计 {plain(held)}")
    steps.append(
        f"四舍五入至 {score.score_decimals} 位小数，得 {fixed(score.score, score.score_decimals)}"
    )
    return "；".join(steps)


def basis_text(score: Score) -> str:
    """Of how many points each basis decides."""
    points: dict[str, Decimal] = defaultdict(Decimal)
    for criterion in score.criteria:
        points[criterion.basis] += criterion.points_possible
    shown = {basis: p for basis, p in points.items() if p} or points
    return "，".join(f"{LABELS[basis]} {plain(p)}" for basis, p in shown.items())


def loss_text(score: Score) -> str:
    """What was lost and why, or what is missing, and how the printed score differs."""
    reasons = [score.explanation_zh] if score.explanation_zh else []
    if score.score is None:
        reasons += [
            c.explanation_zh or f"{c.criterion_code}：{LABELS[c.basis]}"
            for c in score.criteria
            if c.basis == "missing"
        ]
    if score.printed and score.printed.verdict == "mismatch":
        reasons.append(printed_text(score.printed))
    return "；".join(reasons)


def printed_text(printed: Printed) -> str:
    """A printed figure, what it was compared with, and what explains the difference."""
    where = f"（{printed.location}）" if printed.location else ""
    text = f"自评 {printed.reported_text or '—'}{where}，{LABELS[printed.verdict]}"
    if printed.verdict == "mismatch":
        text += f"：计算为 {printed.computed_text or '—'}，相差 {signed(printed.difference)}"
        text += f"，{printed.explained_by or '未找到解释'}"
    return text


def parameters_text(criterion: Criterion) -> str:
    """The parameters of a criterion's method."""
    given = [
        f"{label(name)} = {plain(value) if isinstance(value, Decimal) else value}"
        for name, value in criterion.parameters.items()
    ]
    for band in criterion.bands:
        lower = ("[" if band.lower_inclusive else "(") + plain(band.lower)
        upper = plain(band.upper) + ("]" if band.upper_inclusive else ")")
        bounds = f"{'(−∞' if band.lower is None else lower}, "
        given.append(f"{bounds}{'+∞)' if band.upper is None else upper} → {plain(band.points)} 分")
    return "；".join(given)


def quotient_text(measure: Measure) -> str:
    """The measure as a calculation."""
    if measure.status == "missing":
        return label(measure.status)
    value = plain(measure.value) if measure.status == "defined" else label(measure.status)
    if measure.numerator is None:
        return value
    return f"{plain(measure.numerator)} ÷ {plain(measure.denominator)} = {value}"


def part_text(measure: Measure, part: Measure) -> str:
    """What a part counts with in a derived measure."""
    texts = []
    for use in measure.inputs:
        if use.input_measure != part.measure_code:
            continue
        text = LABELS[use.role]
        if part.value is not None:
            text += f"计 {plain(part.value if use.cap is None else min(part.value, use.cap))}"
        if use.cap is not None:
            text += f"，至多 {plain(use.cap)}"
        texts.append(text if use.weight == 1 else f"{text} × {plain(use.weight)}")
    return "；".join(texts)


def needed_text(measure: Measure) -> list[str]:
    """What a missing measure is made of, a line for each alternative."""
    if not measure.inputs:
        return [f"unit_measures[measure_code={measure.measure_code}].numerator"]
    lines = []
    for alternative in sorted({i.alternative for i in measure.inputs}):
        inputs = [i for i in measure.inputs if i.alternative == alternative]
        lines.append("、".join(dict.fromkeys(_input_text(i) for i in inputs)))
    return lines


def _input_text(needed: Input) -> str:
    if needed.input_measure:
        return needed.input_measure
    year = "（上年）" if needed.year_offset < 0 else ""
    return f"{needed.input_table}[{needed.input_key or ''}].{needed.input_column}{year}"


def delivered_text(cell: Cell) -> str:
    """A cell as delivered, and as corrected."""
    unit = f" {cell.amount_unit}" if cell.amount_unit else ""
    text = "（空）" if cell.delivered_value is None else cell.delivered_value + unit
    if cell.correction is None:
        return text
    unit = f" {cell.corrected_unit or cell.amount_unit or ''}".rstrip()
    return f"{text} → {'（空）' if cell.corrected_value is None else cell.corrected_value + unit}"


def counted_text(cell: Cell) -> str:
    """What a cell counts with: its value, times its weight where that is not 1."""
    if cell.counted is None or cell.weight == 1:
        return plain(cell.counted)
    return f"{plain(cell.value)} × {plain(cell.weight)}"


def largest(cells: Iterable[Cell]) -> tuple[list[Cell], list[Cell]]:
    """The cells to show, and the rest: all of few, the largest of many."""
    shown = list(cells)
    if len(shown) > SHOWN_CELLS:
        shown.sort(key=lambda cell: abs(cell.counted or Decimal(0)), reverse=True)
    return shown[:SHOWN_CELLS], shown[SHOWN_CELLS:]


def by_role(cells: Iterable[Cell]) -> dict[str, list[Cell]]:
    """Cells by role, in their order."""
    roles = defaultdict(list)
    for cell in cells:
        roles[cell.role].append(cell)
    return dict(roles)


def total(cells: Iterable[Cell]) -> Decimal:
    """Σ weight × value."""
    return _sum(cell.counted for cell in cells if cell.counted is not None)


def all_cells(evaluation: Evaluation) -> Iterator[Cell]:
    """Every cell that is shown."""
    for printed in evaluation.printed:
        yield from printed.cells
    for score in evaluation.scores:
        if score.printed:
            yield from score.printed.cells
        for criterion in score.criteria:
            yield from criterion.assessments
            if criterion.measure:
                for measure in _with_parts(criterion.measure):
                    yield from measure.cells


def files(evaluation: Evaluation) -> list[tuple[str, str, str, str]]:
    """File, SHA-256, load and time of load of all cells, each once."""
    return sorted(
        {(c.source_file, c.source_sha256, c.load_id, c.loaded_at or "—")
         for c in all_cells(evaluation)}
    )  # fmt: skip


def run_text(run: Run | None) -> str:
    """The run, in a line."""
    if run is None:
        return "没有登记发布的运行"
    return (
        f"{run.published_at} 由运行 {run.run_id} 发布；程序版本 {run.code_version}，"
        f"评分标准 {run.seeds_sha256[:12]}，交付文件 {run.landing_sha256[:12]}"
    )


def notes_text(evaluation: Evaluation) -> list[str]:
    """Why there is no total, how it differs from the printed one, and what its points rest on."""
    e = evaluation
    bases = ("computed", "assessed", "default", "missing")
    rests_on = (f"{LABELS[basis]} {plain(getattr(e, f'points_{basis}'))}" for basis in bases)
    return [
        *([e.status_reason] if e.status_reason else []),
        *(printed_text(printed) for printed in e.printed),
        f"分值依据 {'，'.join(rests_on)}",
    ]


def to_json(evaluation: Evaluation) -> str:
    """The evaluation as JSON: every field of the tree by its name, decimals as exact text."""

    def exact(value: object) -> str:
        if isinstance(value, Decimal):
            return plain(value).replace(",", "")
        raise TypeError(type(value))

    return json.dumps(asdict(evaluation), ensure_ascii=False, indent=2, default=exact)


def to_html(evaluation: Evaluation, *, is_whole: bool) -> str:
    """The evaluation as one page that asks for nothing from outside."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        {f.__name__: f for f in (
            plain, fixed, signed, label, sum_text, basis_text, loss_text, printed_text,
            parameters_text, quotient_text, part_text, needed_text, delivered_text, counted_text,
            largest, by_role, total, files, run_text, notes_text,
        )}
    )  # fmt: skip
    environment.globals["labels"] = LABELS
    page = environment.get_template("explain.html.jinja")
    return page.render(e=evaluation, is_whole=is_whole)


def show(evaluation: Evaluation, out: TextIO, *, is_whole: bool) -> None:
    """Print the evaluation for a terminal: a line for each score, or one score down to its cells.

    Args:
        evaluation: What to show.
        out: Where to.
        is_whole: Whether all scores were asked for.
    """
    from rich.console import Console

    # Tables are as wide as the terminal, or as most of their lines; sentences are not broken.
    console = Console(
        file=out,
        width=None if out.isatty() else 140,
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=True,
    )
    e = evaluation
    console.print(f"{e.unit_name or ''} {e.unit_code}  {e.fiscal_year} 年度", style="bold")
    console.print(f"{e.rubric_name or ''} {e.rubric_id}（{label(e.rubric_role)}）")
    console.print(f"状态 {label(e.status)}")
    if e.total_score is not None:
        rank = f"，区内第 {e.district_rank} 名" if e.district_rank else ""
        console.print(f"总分 {fixed(e.total_score, e.score_decimals)}，等级 {e.grade}{rank}")
    for line in notes_text(e):
        console.print(line)
    console.print()
    if is_whole:
        _show_scores(console, e)
    else:
        for score in e.scores:
            _show_score(console, score)
        _show_files(console, e)
    findings = e.findings if is_whole else e.scores[0].findings
    for finding in findings:
        console.print(
            f"数据规则 {finding.rule_id}（{label(finding.severity)}）{finding.message_zh}"
        )
    console.print(run_text(e.run))


def _table(*columns: str, numbers: tuple[str, ...] = ()) -> Any:
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in numbers else "left", overflow="fold")
    return table


def _show_scores(console: Any, e: Evaluation) -> None:
    table = _table(
        "三级指标", "得分", "满分", "依据", "自评", "失分", "原因",
        numbers=("得分", "满分", "自评", "失分"),
    )  # fmt: skip
    for score in e.scores:
        table.add_row(
            f"{score.level3} {score.indicator_code}",
            fixed(score.score, score.score_decimals),
            plain(score.points_possible),
            basis_text(score),
            plain(score.reported_score),
            plain(score.points_lost) if score.points_lost else "",
            loss_text(score),
        )
    console.print(table, soft_wrap=False)
    console.print()


def _show_score(console: Any, score: Score) -> None:
    console.print(
        f"{score.level3} {score.indicator_code}（{score.level1} · {score.level2}）  "
        f"{fixed(score.score, score.score_decimals)} / {plain(score.points_possible)} 分",
        style="bold",
    )
    console.print(f"评分标准  {score.standard_zh or '—'}")
    console.print(f"合计  {sum_text(score)}")
    if score.explanation_zh:
        console.print(f"失分  {score.explanation_zh}")
    if score.printed:
        places = "、".join(f"{c.source_file} 第 {c.source_row} 行" for c in score.printed.cells)
        console.print(f"自评得分  {printed_text(score.printed)}（{places}）")
    for number, criterion in enumerate(score.criteria, 1):
        console.print()
        console.print(
            f"{number}. {criterion.criterion_code}  "
            f"{plain(criterion.points_awarded)} / {plain(criterion.points_possible)} 分，"
            f"{label(criterion.basis)}",
            style="bold",
        )
        console.print(f"条款  {criterion.standard_zh or '—'}")
        parameters = parameters_text(criterion)
        console.print(f"方法  {label(criterion.method)}{f'：{parameters}' if parameters else ''}")
        if criterion.explanation_zh:
            console.print(f"说明  {criterion.explanation_zh}")
        if criterion.measure:
            _show_measure(console, criterion.measure)
        if criterion.assessments:
            _show_cells(console, criterion.assessments)
    console.print()


def _show_measure(console: Any, measure: Measure, as_part: str = "") -> None:
    name = f"{measure.name_zh or ''} {measure.measure_code}"
    console.print(f"{f'其中  {name}（{as_part}）' if as_part else f'指标  {name}'}")
    console.print(f"  {quotient_text(measure)}    {measure.definition or ''}".rstrip())
    if measure.status == "missing":
        for line in needed_text(measure):
            console.print(f"  需要  {line}")
    for printed in measure.printed:
        console.print(f"  {printed_text(printed)}")
    if measure.cells:
        _show_cells(console, measure.cells)
    for part in measure.parts:
        _show_measure(console, part, part_text(measure, part))


def _show_cells(console: Any, cells: tuple[Cell, ...]) -> None:
    from rich.padding import Padding

    table = _table(
        "", "单元格", "交付值", "计入（金额为元）", "文件:行", numbers=("计入（金额为元）",)
    )
    corrections = {}
    for role, of_role in by_role(cells).items():
        shown, rest = largest(of_role)
        for cell in shown:
            table.add_row(
                LABELS[role],
                _cell_name(cell),
                delivered_text(cell),
                counted_text(cell),
                f"{cell.source_file}:{cell.source_row}",
            )
            if cell.correction:
                corrections[cell.correction] = cell
        if rest:
            table.add_row(LABELS[role], f"另有 {len(rest)} 个单元格", "", plain(total(rest)), "")
        if len(of_role) > 1:
            table.add_row(LABELS[role], "Σ", "", plain(total(of_role)), "")
    console.print(Padding(table, (0, 0, 0, 2)), soft_wrap=False)
    for correction, cell in corrections.items():
        console.print(f"  更正  {cell.record_key} {cell.column_name}：{correction}")


def _cell_name(cell: Cell) -> str:
    record = f"[{cell.record_key}]" if cell.record_key else ""
    return f"{cell.table_name}{record}.{cell.column_name}"


def _show_files(console: Any, e: Evaluation) -> None:
    used = files(e)
    if not used:
        return
    table = _table("文件", "SHA-256", "批次 load_id", "载入时间")
    for row in used:
        table.add_row(*row)
    console.print(table, soft_wrap=False)
    console.print()
