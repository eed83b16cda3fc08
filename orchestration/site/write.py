"""Writing the site: the pages of a year, its departments some at a time, and what all share."""

import json
import shlex
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cache, lru_cache
from itertools import groupby
from math import floor, log10
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
from jinja2 import Environment, Template
from markupsafe import Markup, escape

from orchestration.html import STYLE, templates
from orchestration.labels import NOT_FINAL, labels
from orchestration.landing.contract import landing_contract
from orchestration.plain import plain as as_written
from orchestration.site import read, vega
from orchestration.site.names import page
from orchestration.site.read import Chunk, Row, Rubrics

TEMPLATES = Path(__file__).parent / "pages"
# Departments that an indicator's page lists, those that lost most; changes that a year's lists.
LISTED = 2_000
BARS = 20
MONTHS_OF_YEAR = 12
DASH = "—"
# What a criterion that the rubric no longer has is told by.
GONE = SimpleNamespace(possible=DASH, measure=None)


@dataclass(frozen=True)
class Before:
    """The site of the publication before.

    Attributes:
        database: The database that it shows.
        built: The fiscal year that has been built since.
        stays: Called with another year and the folder of its pages: whether they are there already,
            as those of that publication.
    """

    database: Path
    built: int
    stays: Callable[[int, Path], bool]


def write(con: duckdb.DuckDBPyConnection, folder: Path, before: Before | None = None) -> None:
    """Write the site: the years, and of each its overview, its departments and its indicators.

    A page says nothing of years after its own. Of those before it, the page of a department says
    how it was evaluated in them, and no other page says anything.

    Args:
        con: A connection to the database that is published.
        folder: Where the pages go, in the folder of the publication; it does not exist yet.
        before: Where pages may be taken from; all are written by default.
    """
    con.execute(read.PREPARE)
    folder.mkdir(parents=True)
    _assets(con, folder / "assets")
    site = _Site(con, folder)
    years = read.rows(con, read.YEARS)
    grades = {y.fiscal_year: read.rows(con, read.GRADES, year=y.fiscal_year) for y in years}
    site.render("index", folder / "index.html", root="", plots=False, years=years, grades=grades)
    for year in years:
        number, pages = year.fiscal_year, folder / str(year.fiscal_year)
        if not year.is_whole:
            continue
        if before is None or not before.stays(number, pages):
            site.year(year, grades[number])
        elif number > before.built and (others := read.other_trends(con, before.database, number)):
            site.units(year, pages / "units", others)


def _assets(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    folder.mkdir()
    style = STYLE.read_text("utf-8") + (TEMPLATES / "site.css").read_text("utf-8")
    (folder / "site.css").write_text(style, encoding="utf-8")
    shutil.copyfile(TEMPLATES / "site.js", folder / "site.js")
    shutil.copyfile(vega.bundle(), folder / "vega.js")
    text = json.dumps(_english(con), ensure_ascii=False, sort_keys=True, indent=0)
    (folder / "labels.js").write_text(f"window.LABELS = {text};\n", encoding="utf-8")


def _english(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """English labels by the Chinese ones: of columns and tables, codes, measures and indicators."""
    found: dict[str, str] = {}
    for table in landing_contract().values():
        for column in table.columns:
            found.setdefault(column.label_zh, column.name.replace("_", " "))
    queries = (
        "select label_zh, min(label_en) from marts.dim_codes group by all order by all",
        "select name_zh, min(name_en) from marts.dim_measures group by all order by all",
        "select level3, min(name_en) from marts.dim_indicators group by all order by all",
    )
    for query in queries:
        found |= {zh: en for zh, en in con.execute(query).fetchall() if zh and en}
    return found


class _Site:
    """The pages of a site, which share what the rubrics say."""

    def __init__(self, con: duckdb.DuckDBPyConnection, folder: Path) -> None:
        self.con = con
        self.folder = folder
        self.environment = _environment()
        self.rubrics = read.rubrics(con)
        self.months = read.rows(con, read.MONTHS)
        self.uses = _Uses(self.rubrics)

    def render(self, template: str, path: Path, **values: Any) -> None:
        """Fill in a template."""
        _write(self.environment.get_template(f"{template}.html.jinja"), path, values)

    def year(self, year: Row, grades: list[Row]) -> None:
        """Write the pages of a year."""
        folder = self.folder / str(year.fiscal_year)
        for name in ("units", "indicators"):
            (folder / name).mkdir(parents=True)
        indicators = self._of(read.INDICATORS, year)
        changes = self._of(read.CHANGES, year) if year.changes else []
        self.render(
            "year", folder / "index.html",
            root="../", plots=True, year=year, grades=grades, indicators=indicators,
            units=self._of(read.RANKING, year),
            findings=self._of(read.RULES, year),
            histogram=_histogram(self._of(read.TOTALS, year), "总分"),
            rates=[
                {"name": i.level3, "rate": float(i.score / i.points),
                 "page": f"indicators/{page(i.indicator_code)}"}
                for i in indicators if i.points
            ],
            lights=_lights(self._of(read.LIGHTS, year)),
            changes=changes[:LISTED],
            more_changes=max(0, len(changes) - LISTED),
        )  # fmt: skip
        self._indicators(year, folder / "indicators", indicators)
        self.units(year, folder / "units")

    def _of(self, query: str, year: Row) -> list[Row]:
        return read.rows(self.con, query, year=year.fiscal_year, listed=LISTED)

    def units(self, of: Row, folder: Path, only: list[str] | None = None) -> None:
        """Write the pages of a year's departments, or of some of them anew."""
        year = of.fiscal_year
        template = self.environment.get_template("unit.html.jinja")
        measures = {m for x in self.months for m in (x.progress, x.rate) if m}
        for chunk in read.chunks(self.con, year, measures, only):
            for unit in chunk.units:
                values = _unit(unit, chunk, self.rubrics, self.months, self.uses)
                values |= {"root": "../../", "year": year, "is_final": of.is_final}
                _write(template, folder / page(unit.unit_code), values)

    def _indicators(self, of: Row, folder: Path, indicators: list[Row]) -> None:
        year = of.fiscal_year
        bars, lost, measures = (
            read.by_unit(read.rows(self.con, query, year=year, listed=LISTED, bars=BARS))
            for query in (read.SHARES, read.LOST, read.MEASURES)
        )
        for i in indicators:
            code = i.indicator_code
            listed = lost.get(code, [])
            self.render(
                "indicator", folder / page(code),
                root="../../", plots=True, year=year, is_final=of.is_final, i=i,
                histogram=_bars(
                    [(b.bar / BARS, (b.bar + 1) / BARS, b.departments) for b in bars.get(code, [])],
                    "得分率", percents=True,
                ),
                measures=list(self._measures(measures.get(code, []))),
                standards=[
                    SimpleNamespace(
                        rubric_id=s.rubric_id, rubric_name=s.rubric_name, possible=s.possible,
                        description_zh=s.description_zh, standard_zh=s.standard_zh,
                        criteria=self.rubrics.criteria.get((s.rubric_id, code), []),
                    )
                    for s in self.rubrics.standards.get(code, [])
                    if s.rubric_id in i.rubrics
                ],
                lost=listed,
                more_lost=i.lost_listed - len(listed),
            )  # fmt: skip

    def _measures(self, values: list[Row]) -> Iterator[dict[str, Any]]:
        """How the values of an indicator's measures are spread, with the bounds of its bands."""
        for name, group in groupby(values, key=lambda row: row.name_zh):
            rows = list(group)
            marks = sorted({float(bound) for row in rows for bound in row.bounds})
            bars = [(float(r.low), float(r.high), r.departments) for r in rows]
            percents = rows[0].kind == "ratio"
            yield {"name": name, "histogram": _bars(bars, name, percents=percents, marks=marks)}


def _write(template: Template, path: Path, values: dict[str, Any]) -> None:
    # One that stayed is a file of the publication before, too.
    path.unlink(missing_ok=True)
    path.write_text(template.render(values), encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = templates(TEMPLATES, compiled=True)
    environment.filters.update(json=_json, quoted=shlex.quote)
    environment.globals.update(
        count=lambda number: f"{number:,}", plain=plain, points=plain, percent=percent, fixed=fixed,
        record=_told, difference=difference, mean=mean, number_or_dash=plain, page=page,
        not_final=NOT_FINAL,
        codes=SimpleNamespace(
            evaluation=labels("fct_evaluations.status"), severity=labels("severity"),
            unit_type=labels("unit_type"), item=labels("item_type"), basis=labels("basis"),
            method=labels("method"), kind=labels("unit_successions.kind"),
            light=labels("light"), subject=labels("subject_type"),
        ),
    )  # fmt: skip
    return environment


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def plain(number: Decimal | int | None) -> str:
    """A number as people write it; a dash for none."""
    return DASH if number is None else as_written(number)


def fixed(number: Decimal | None, decimals: int) -> str:
    """A score with its rubric's decimals; a dash for none."""
    return DASH if number is None else f"{number:.{decimals}f}"


def signed(number: Decimal) -> str:
    """A difference with its sign."""
    return f"{'−' if number < 0 else '+' if number else ''}{as_written(abs(number))}"


def difference(number: Decimal, decimals: int) -> str:
    """A difference of scores with its sign and their decimals, or more where it has more."""
    if number != _rounded(number, decimals):
        return signed(number)
    return f"{'−' if number < 0 else '+' if number else ''}{abs(number):.{decimals}f}"


def mean(total: Decimal | None, count: int) -> Decimal | None:
    """A sum divided, with two decimals; none of nothing."""
    return None if total is None else _rounded(total / count, 2)


def percent(part: Decimal, whole: Decimal) -> str:
    """A share in percent, with two decimals at most."""
    return f"{as_written(_rounded(100 * part / whole, 2))}%"


def _rounded(number: Decimal, decimals: int) -> Decimal:
    return number.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


def _bars(
    bars: Iterable[tuple[Any, Any, int]],
    x: str,
    *,
    percents: bool = False,
    marks: Iterable[float] = (),
) -> dict[str, Any]:
    """A histogram as the plot takes it: from, to and number of departments of each bar."""
    return {
        "bars": [{"from": low, "to": high, "count": number} for low, high, number in bars],
        "x": x, "y": "单位数", "percents": percents, "marks": list(marks),
    }  # fmt: skip


def _lights(counts: list[Row]) -> list[SimpleNamespace]:
    """How many subjects of each kind have which light; none where no subject has one."""
    if all(c.light == "not_delivered" for c in counts):
        return []
    return [
        SimpleNamespace(subject_type=kind, subjects={c.light: c.subjects for c in group})
        for kind, group in groupby(counts, key=lambda c: c.subject_type)
    ]


def _histogram(totals: list[Row], x: str) -> dict[str, Any]:
    """Totals in bars of a width that suits them, by grade."""
    if not totals:
        return _bars([], x)
    low, high = (float(f(t.total_score for t in totals)) for f in (min, max))
    width = _width((high - low) / BARS)
    found: dict[tuple[int, str], int] = defaultdict(int)
    for t in totals:
        found[floor(float(t.total_score) / width), t.grade or DASH] += 1
    plot = _bars([], x)
    plot["bars"] = [
        {"from": at * width, "to": (at + 1) * width, "count": number, "group": grade}
        for (at, grade), number in found.items()
    ]
    return plot


def _width(least: float) -> float:
    """The width of a bar: 1, 2 or 5 in some place, one at least."""
    place = 10 ** floor(log10(least)) if least > 1 else 1
    return float(next(place * times for times in (1, 2, 5, 10) if place * times >= least))


def _unit(
    unit: Row, chunk: Chunk, rubrics: Rubrics, months: list[Row], uses: "_Uses"
) -> dict[str, Any]:
    """What the page of a department says."""
    code, rubric = unit.unit_code, unit.official_rubric_id
    is_scored = unit.status == "scored"
    scores = chunk.scores.get(code, [])
    criteria: dict[str, list[tuple[Row, Row]]] = defaultdict(list)
    for c in chunk.criteria.get(code, []):
        rule = rubrics.rules.get((rubric, c.criterion_code), GONE)
        criteria[c.indicator_code].append((c, rule))
    cells = _cells(chunk.cells.get(code, []), rubric, uses)
    findings = chunk.findings.get(code, [])
    beside: dict[str, list[Row]] = defaultdict(list)
    loose = []
    for f in findings:
        for indicator in f.indicators or ():
            beside[indicator].append(f)
        if not f.indicators:
            loose.append(f)
    most = max((s.points_possible for s in scores), default=1)
    indicators = [
        SimpleNamespace(
            code=s.indicator_code, level1=s.level1, level2=s.level2, level3=s.level3,
            points=s.points_possible, score=s.score, lost=s.points_lost, why=s.explanation_zh,
            is_vetoed=s.is_vetoed, is_excluded=s.is_excluded, reported=s.reported_score,
            difference=s.score_difference,
            track=f"{100 * s.points_possible / most:.4g}",
            fill=f"{100 * s.score / s.points_possible:.4g}" if s.score and s.points_possible else 0,
            findings=beside.get(s.indicator_code, ()),
            worst="critical"
            if any(f.severity == "critical" for f in beside.get(s.indicator_code, ()))
            else "warning",
            criteria=criteria.get(s.indicator_code, ()),
            cells=cells.get(s.indicator_code, ""),
        )
        for s in scores
    ]  # fmt: skip
    monitored = chunk.monitored.get(code, [])
    by_month = {m.measure_code: m for m in chunk.months.get(code, [])}
    reconciled = [_reconciled(r) for r in chunk.reconciled.get(code, [])]
    trend = chunk.trend.get(code, [])
    return {
        "u": unit,
        "name": unit.unit_name or code,
        "is_scored": is_scored,
        "plots": True,
        "indicators": indicators,
        "lost": [i for i in indicators if i.lost],
        "has_reported": any(i.reported is not None for i in indicators),
        "others": chunk.others.get(code, []),
        "findings": findings,
        "loose": loose,
        "next_grade": _next_grade(unit, rubrics) if is_scored else None,
        "steps": list(_steps(chunk.steps.get(code, []))) if is_scored else [],
        **_months(months, by_month),
        "monitored": [m for m in monitored if m.light != "not_delivered"],
        "unmonitored": [m for m in monitored if m.light == "not_delivered"],
        "reconciled": reconciled,
        "mismatches": [r for r in reconciled if r.verdict == "mismatch"],
        "others_reported": [r for r in reconciled if r.verdict == "not_computable"],
        "matches": [r for r in reconciled if r.verdict == "match"],
        "trend": trend,
        "trend_values": _trend(trend),
    }


class _Uses:
    """What cells are used for, told once for all departments that have it alike."""

    def __init__(self, rubrics: Rubrics) -> None:
        self.known: dict[tuple[str, str], dict[str, Markup]] = {}
        self.numbers = {
            (c.rubric_id, c.criterion_code): number
            for criteria in rubrics.criteria.values()
            for number, c in enumerate(criteria, start=1)
        }

    def of(self, rubric: str, text: str) -> dict[str, Markup]:
        """What the text of the uses of a cell says, by indicator."""
        if (rubric, text) not in self.known:
            told: dict[str, set[tuple[int, str]]] = defaultdict(set)
            for use in text.split("\n"):
                indicator, criterion, role, weight = use.split("\t")
                counted = f" ×{as_written(Decimal(weight))}".replace("-", "−") if weight else ""
                number = self.numbers.get((rubric, criterion), 0)
                told[indicator].add((number, f"{labels('role')[role]}{counted}"))
            self.known[rubric, text] = {
                indicator: escape("，".join(f"{n} {use}" if n else use for n, use in sorted(uses)))
                for indicator, uses in told.items()
            }
        return self.known[rubric, text]


def _cells(cells: list[Row], rubric: str, uses: _Uses) -> dict[str, Markup]:
    """The rows of the cells of each indicator.

    They are put together here: most of a page is these rows, and indicators share a cell.
    """
    of_indicator: dict[str, list[str]] = defaultdict(list)
    for cell in cells:
        told = _told(cell.table_name, cell.record_key, cell.column_name)
        note = f"<tr class=note><td colspan=4>{escape(_note(cell))}" if _has_note(cell) else ""
        start = f"<tr><td>{told}<td>{escape(_value(cell))}<td>"
        end = f"<td>{escape(cell.place or DASH)}{note}\n"
        for indicator, use in uses.of(rubric, cell.uses).items():
            of_indicator[indicator].append(f"{start}{use}{end}")
    return {code: Markup("".join(rows)) for code, rows in of_indicator.items()}  # noqa: S704


def _has_note(cell: Row) -> bool:
    return cell.correction is not None or cell.predecessor is not None


def _value(cell: Row) -> str:
    """A cell as delivered, and as corrected; one that lines add up to, as their sum."""
    if cell.lines_count is not None:
        return f"{cell.summed or DASH}（明细 {cell.lines_count} 行合计）"
    unit = f" {cell.amount_unit}" if cell.amount_unit else ""
    text = "（空）" if cell.delivered_value is None else f"{cell.delivered_value}{unit}"
    if cell.correction is None:
        return text
    unit = f" {cell.corrected_unit or cell.amount_unit or ''}".rstrip()
    return f"{text} → {'（空）' if cell.corrected_value is None else cell.corrected_value + unit}"


def _note(cell: Row) -> str:
    notes = [f"更正：{cell.correction}"] if cell.correction else []
    if cell.predecessor:
        notes.append(f"前身单位 {cell.predecessor} 所报")
    return "；".join(notes)


@cache
def _column_labels() -> dict[tuple[str, str], str]:
    return {
        (table.name, column.name): column.label_zh
        for table in landing_contract().values()
        for column in table.columns
    }


@lru_cache(100_000)
def _told(table: str, key: str, column: str = "") -> Markup:
    """A record or a cell in Chinese: its table, what tells it from others, and its column."""
    parts = [labels("table_name").get(table, table)]
    for term in key.split(";") if key else ():
        name, _, code = term.partition("=")
        parts.append(labels(name, f"{table}.{name}").get(code, code) if code else term)
    if column:
        parts.append(_column_labels().get((table, column), column))
    return escape(" · ".join(parts))


def _next_grade(unit: Row, rubrics: Rubrics) -> SimpleNamespace | None:
    """The grade above, and what is lacking to it."""
    above = [
        SimpleNamespace(grade=grade, gap=lower - unit.total_score)
        for grade, lower in rubrics.grades.get(unit.official_rubric_id, ())
        if lower > unit.total_score
    ]
    return above[-1] if above else None


def _steps(steps: list[Row]) -> Iterator[SimpleNamespace]:
    """What one step further gives, as the page says it."""
    for s in steps:
        distance = 100 * s.gap if s.is_rate and s.gap is not None else s.gap
        is_bound = s.method != "linear" or s.full_mark is None
        sign = None if s.full_mark is None else ">=" if s.full_mark > s.value else "<="
        yield SimpleNamespace(
            s=s, name=s.measure or s.level3, standard=None if s.measure else s.standard_zh,
            target=_target(s.next_value, s.comparison, is_rate=s.is_rate, is_bound=is_bound),
            distance=DASH if distance is None else as_written(_visible(distance)),
            gain=as_written(_visible(s.points_gained)),
            full=_target(s.full_mark, sign, is_rate=s.is_rate, is_bound=True),
            full_gain=as_written(_visible(s.points_to_full)),
        )  # fmt: skip


def _target(
    value: Decimal | None, comparison: str | None, *, is_rate: bool, is_bound: bool
) -> Markup | None:
    """A value to reach with how it is to be compared, and exactly for programs; none for none."""
    if value is None or comparison is None:
        return None
    told = 100 * value if is_rate else value
    # A bound of the rubric as it is; what is a step from a value is rounded as the value is.
    text = as_written(told if is_bound and told == _rounded(told, 4) else _rounded(told, 2))
    sign = comparison.replace(">=", "≥").replace("<=", "≤")
    percents = "%" if is_rate else ""
    return escape(f"{sign} ") + _exact(value, f"{text}{percents}")


def _exact(value: Decimal, shown: str) -> Markup:
    """A number as people read it, and exactly for programs."""
    # Put together here: a page has dozens, and Markup.format takes its pattern apart each time.
    return Markup(f'<data value="{value}">{escape(shown)}</data>')  # noqa: S704


def _visible(number: Decimal) -> Decimal:
    """A number with two decimals; with four, or all, where it would be nothing else."""
    return _rounded(number, 2) or _rounded(number, 4) or number


def _months(months: list[Row], by_month: dict[str, Row]) -> dict[str, Any]:
    """What was spent up to some months, beside the calendar."""
    shown, values = [], []
    for x in months:
        progress, rate = (by_month.get(name) for name in (x.progress, x.rate))
        if progress is None:
            continue
        calendar = percent(Decimal(x.month), Decimal(MONTHS_OF_YEAR))
        shown.append(SimpleNamespace(
            month=x.month, calendar=calendar,
            progress=_measured(progress), rate=_measured(rate) if rate else DASH,
        ))  # fmt: skip
        told = [("序时进度", x.month / MONTHS_OF_YEAR)]
        if progress.value is not None:
            told.insert(0, ("支出进度", float(progress.value)))
        values += [{"month": x.month, "series": name, "value": value} for name, value in told]
    is_any = any(row.value is not None for row in by_month.values())
    return {"months": shown if is_any else [], "month_values": values}


def _measured(measure: Row) -> str | Markup:
    """A rate with its exact value for programs; what it is where it has none."""
    if measure.value is None:
        return labels("fct_measures.status")[measure.status]
    return _exact(measure.value, measure.shown)


def _reconciled(row: Row) -> SimpleNamespace:
    told = row.name or labels("item_type").get(row.item_type, row.item_type)
    if row.table_name:
        told = _told(row.table_name, row.record_key or "", row.column_name)
    if row.role:
        told = f"{told} · {labels('role')[row.role]}"
    if row.gap is None:
        difference: str | Markup = DASH
    else:
        text = signed(_visible(100 * row.gap) if row.is_rate else row.gap)
        unit = Markup(" <span class=t>个百分点</span>") if row.is_rate else ""
        difference = _exact(row.gap, text) + unit
    return SimpleNamespace(
        told=told, location=row.location, reported_text=row.reported_text,
        computed_text=row.computed_text, difference=difference, verdict=row.verdict,
        explained_by=row.explained_by,
    )  # fmt: skip


def _trend(rows: list[Row]) -> list[dict[str, Any]]:
    """The totals over the years; several units that were merged are points without a line."""
    scored = [r for r in rows if r.total_score is not None and not r.is_exempt]
    years = [r.fiscal_year for r in scored]
    return [
        {"year": r.fiscal_year, "total": float(r.total_score), "name": r.unit_name or r.unit_code,
         "shown": fixed(r.total_score, r.decimals), "alone": years.count(r.fiscal_year) == 1}
        for r in reversed(scored)
    ]  # fmt: skip
