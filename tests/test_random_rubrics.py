"""Random rubrics: every award, score, total and grade against the reference evaluation."""

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import partial
from itertools import pairwise, product
from pathlib import Path

import pytest

from orchestration.project import SEEDS_DIR
from orchestration.report import forms
from orchestration.report.read import read as read_forms
from tests.conftest import Published, copy_of_the_project
from tests.random_rubrics import (
    COLUMNS,
    DEDUCTION,
    DIRECTIONS,
    POINTS,
    ROUNDINGS,
    YEARS,
    Assessed,
    Rubrics,
    Taken,
    kind_of,
    levels_of,
    places_of,
)
from tests.reference import MISSING, UNBOUNDED, UNDEFINED, Measure, Row, departments, read
from tests.rubric_reference import (
    ASSESSED,
    COMPUTED,
    DEFAULT,
    EXCLUDED,
    NOT_CHOSEN,
    NOTHING_APPLIES,
    OFFICIAL,
    Evaluation,
    Rubric,
    alternatives,
    assessments_of,
    assigned,
    counts,
    holds,
    is_deduction,
    points_of,
    points_within,
    steps,
)
from tests.synthetic import Generator
from tests.test_report import compare as compare_workbook
from tests.test_report import computed

SEED = 20253
DEPARTMENTS = 300
WORKBOOKS = 7


def write(folder: Path, seed: int, number: int) -> tuple[Path, Path]:
    """Folders with the seeds of random rubrics, and with departments assessed by them."""
    sample = Generator(seed, SEEDS_DIR).landing(folder / "sample", YEARS[0], 200)
    taken = Taken(sample, YEARS[0])
    seeds = folder / "seeds"
    shutil.copytree(SEEDS_DIR, seeds)
    Rubrics(seed, SEEDS_DIR, taken, departments=number).add_to(seeds)
    generator = Assessed(seed, seeds)
    for year in YEARS:
        generator.landing(folder / "landing", year, number)
    return seeds, folder / "landing"


def faults(rubric: Rubric) -> Iterator[str]:
    """What a rubric must keep and does not."""
    if sum(map(points_of, rubric.indicators)) != rubric.total_points:
        yield "total"
    of_criteria = {c["indicator_code"] for c in rubric.criteria}
    if of_criteria != {i["indicator_code"] for i in rubric.indicators}:
        yield "an indicator without criteria, or a criterion without indicator"
    for indicator in rubric.indicators:
        code = indicator["indicator_code"]
        if places_of(points_of(indicator)) > rubric.decimals:
            yield f"{code}: decimals"
        own = [c for c in rubric.criteria if c["indicator_code"] == code]
        yield from (f"{code}: {fault}" for fault in faults_within(indicator, own))
    for criterion in rubric.criteria:
        bands = [b for b in rubric.bands if b["criterion_code"] == criterion["criterion_code"]]
        for fault in (*faults_of_criterion(criterion, bands), *faults_of_bands(criterion, bands)):
            yield f"{criterion['criterion_code']}: {fault}"
    lowers = sorted(Fraction(g["lower"]) for g in rubric.grades)
    if lowers[0] != 0 or lowers[-1] > rubric.total_points or len({*lowers}) < len(lowers):
        yield "grades"


def faults_within(indicator: Row, criteria: list[Row]) -> Iterator[str]:
    groups = alternatives(criteria)
    if sum(points_of(group[0]) for group in groups) != points_of(indicator):
        yield "points"
    if any(len({c["points"] for c in group}) > 1 for group in groups):
        yield "choice of unequal points"
    if any(group[0]["choice"] for group in groups if len(group) == 1):
        yield "choice of one"
    if len({c["sort_order"] for c in criteria}) < len(criteria):
        yield "sort_order"


def faults_of_criterion(criterion: Row, bands: list[Row]) -> Iterator[str]:
    method, points = criterion["method"], points_of(criterion)
    options = {
        "linear": ["measure_code", "full_mark_at", "over_target", "direction"],
        "step": [
            "measure_code", "threshold", "direction", "step_size", "points_per_step",
            "step_rounding",
        ],
        "band": ["measure_code"],
    }.get(method, [])  # fmt: skip
    options += ["when_undefined", "when_unbounded"] if criterion["measure_code"] else []
    options += ["choice"] if points > 0 else []
    if method == "linear" and criterion["direction"] == "below":
        options.remove("over_target")
    for column in COLUMNS["rubric_criteria"].split(",")[6:17]:
        if criterion[column] and column not in options:
            yield f"{column} is not read"
    if places_of(points) > 4 or (points == 0) != (method == "veto" or is_deduction(criterion)):
        yield "points"
    if (method == "band") != bool(bands):
        yield "bands"


def faults_of_bands(criterion: Row, bands: list[Row]) -> Iterator[str]:
    points = points_of(criterion)
    for band in bands:
        given = [Fraction(band[column]) for column in ("points", "upper_points") if band[column]]
        if not all(0 <= number <= points for number in given):
            yield "points of a band"
        if not band["points"] and (band["upper_points"] or not criterion["measure_code"]):
            yield "silent"
        if band["upper_points"] and not (
            band["lower"] and band["upper"] and Fraction(band["lower"]) < Fraction(band["upper"])
        ):
            yield "a slope without ends"
    if bands and all(band["lower"] == band["upper"] != "" for band in bands):
        if criterion["measure_code"] or len({band["lower"] for band in bands}) < len(bands):
            yield "levels"
    elif bands:
        yield from gaps(bands)


def gaps(bands: list[Row]) -> Iterator[str]:
    """Each bound, and each value between two, is in one band."""
    bounds = sorted({Fraction(b[c]) for b in bands for c in ("lower", "upper") if b[c]})
    between = [(a + b) / 2 for a, b in pairwise(bounds)]
    ends = [bounds[0] - 1, bounds[-1] + 1] if bounds else [Fraction(0)]
    for value in (*bounds, *between, *ends):
        if sum(holds(band, value) for band in bands) != 1:
            yield f"{value} is not in one band"


@pytest.mark.parametrize("seed", [1, 2, SEED])
def test_random_rubrics_are_valid(tmp_path: Path, seed: int) -> None:
    seeds, _ = write(tmp_path, seed, 30)
    rubrics = [Rubric(seeds, row["rubric_id"]) for row in read(seeds / "rubrics.csv")]
    assert len(rubrics) > 50
    kinds: dict[str, set[str]] = {}
    for rubric in rubrics:
        if rubric.rubric_id.startswith("random"):
            assert list(faults(rubric)) == [], rubric.rubric_id
        for criterion in rubric.criteria:
            kinds.setdefault(criterion["criterion_code"], set()).add(kind_of(criterion))
    assert {code: found for code, found in kinds.items() if len(found) > 1} == {}


Key = tuple[str, int, str]


@dataclass
class Expected:
    """An evaluation by the reference, with what it was made from."""

    role: str
    rubric: Rubric
    official: Rubric
    evaluation: Evaluation
    measures: dict[str, Measure]
    assessments: dict[str, Fraction | str]


def expected(seeds: Path, landing: Path) -> dict[Key, Expected]:
    rubrics = {r["rubric_id"]: Rubric(seeds, r["rubric_id"]) for r in read(seeds / "rubrics.csv")}
    assignments = read(seeds / "rubric_assignments.csv")
    found = {}
    for year in YEARS:
        for unit, department in departments(landing, year).items():
            (row,) = department.tables["departments"]
            roles = assigned(assignments, row, year)
            measures = department.measures()
            assessments = assessments_of(department.tables["assessments"])
            official = next((rubrics[r] for r, role in roles.items() if role == OFFICIAL), None)
            for rubric_id, role in roles.items():
                assert official is not None
                rubric = rubrics[rubric_id]
                evaluation = rubric.evaluate(measures, assessments, official)
                found[unit, year, rubric_id] = Expected(
                    role, rubric, official, evaluation, measures, assessments
                )
    return found


# What the data must reach, for the comparison to be worth something.


def ways(expected: Expected) -> Iterator[tuple[object, ...]]:
    """The ways that an evaluation takes through the rubric."""
    evaluation, rubric = expected.evaluation, expected.rubric
    yield "evaluation", expected.role, evaluation.status
    if evaluation.nothing_applies:
        yield ("nothing applies",)
    if evaluation.total is not None and any(
        score.is_excluded for score in evaluation.indicators.values()
    ):
        yield "total scaled", rubric.total_points != 100
    for indicator in rubric.indicators:
        own = [c for c in rubric.criteria if c["indicator_code"] == indicator["indicator_code"]]
        yield from ways_of_indicator(expected, indicator, own)
        for criterion in own:
            yield from ways_of_criterion(expected, criterion)


def ways_of_indicator(
    expected: Expected, indicator: Row, own: list[Row]
) -> Iterator[tuple[object, ...]]:
    score = expected.evaluation.indicators[indicator["indicator_code"]]
    awards = {c["criterion_code"]: expected.evaluation.criteria[c["criterion_code"]] for c in own}
    bases = {award.basis for award in awards.values()}
    weighty = {awards[c["criterion_code"]].basis for c in own if points_of(c) > 0}
    if score.score is None:
        yield "no score", bases - {NOT_CHOSEN} == {EXCLUDED}, score.is_vetoed, score.is_excluded
        if MISSING in bases and weighty <= {EXCLUDED}:
            yield ("missing comes first",)
    else:
        total = sum(award.points or 0 for award in awards.values())
        end = "lower" if total <= 0 else "upper" if total > points_of(indicator) else "between"
        yield "score", end, EXCLUDED in bases, score.is_vetoed
        lost = [awards[c["criterion_code"]].points for c in own if is_deduction(c)]
        if any(lost) and EXCLUDED in weighty:
            yield ("deduction scaled",)
    for group in alternatives(own):
        if len(group) == 1:
            continue
        alone = [expected.rubric.award(c, expected.measures, expected.assessments, expected.official)
                 for c in group]  # fmt: skip
        points = sorted(a.points for a in alone if a.points is not None)
        yield (
            "choice",
            len(group),
            tuple(sorted({a.basis for a in alone} & {MISSING, EXCLUDED})),
            ("none" if not points else "equal" if points[-2:].count(points[-1]) > 1 else "one"),
        )
        if points and points[-1] == 0:
            yield ("choice of nothing",)


def ways_of_criterion(expected: Expected, criterion: Row) -> Iterator[tuple[object, ...]]:
    code, method = criterion["criterion_code"], criterion["method"]
    basis = expected.evaluation.criteria[code].basis
    alone = expected.rubric.award(
        criterion, expected.measures, expected.assessments, expected.official
    )
    assessed = expected.assessments.get(code)
    if basis == NOT_CHOSEN:
        yield (NOT_CHOSEN,)
    kind = kind_of(criterion)
    if method == "veto":
        yield "veto", basis, isinstance(assessed, Fraction) and assessed > 0
    elif counts(criterion):
        is_level = levels_of(expected.rubric, criterion) is not None
        yield method, "number", is_deduction(criterion), is_level, alone.basis
        if isinstance(assessed, Fraction):
            yield from ways_of_value(expected.rubric, criterion, assessed)
    elif criterion["measure_code"]:
        measure = expected.measures[criterion["measure_code"]]
        if measure.value is not None:
            yield from ways_of_value(expected.rubric, criterion, measure.value)
            if alone.basis != COMPUTED:
                yield "silent", alone.basis
        else:
            column = {UNDEFINED: "when_undefined", UNBOUNDED: "when_unbounded"}.get(measure.status)
            option = criterion[column] if column else ""
            yield measure.status, option, alone.basis
            yield measure.status, kind, alone.basis
    else:
        yield "assessed", alone.basis
    if alone.basis == ASSESSED and kind == POINTS and isinstance(assessed, Fraction):
        there = expected.official.points.get(code)
        scale = points_of(criterion) if there is None else there
        yield (
            "points", expected.role, "none" if there is None else there == points_of(criterion),
            "below" if assessed < 0 else "above" if assessed > scale else "within",
        )  # fmt: skip


def ways_of_value(rubric: Rubric, criterion: Row, value: Fraction) -> Iterator[tuple[object, ...]]:
    points = points_of(criterion)
    match criterion["method"]:
        case "linear":
            full = Fraction(criterion["full_mark_at"] or 1)
            where = "at" if value == full else "over" if value > full else "under"
            yield "linear", criterion["direction"], criterion["over_target"], where
            yield "linear", bool(criterion["full_mark_at"]), value < 0
        case "step":
            number = steps(criterion, value)
            lost = Fraction(criterion["points_per_step"]) * number
            deduction, measured = is_deduction(criterion), bool(criterion["measure_code"])
            yield "step", measured, deduction, criterion["direction"], criterion["step_rounding"]
            yield (
                "step", criterion["direction"], "costs",
                "none" if not lost else "all" if not deduction and lost >= points else "some",
            )  # fmt: skip
            yield "step", bool(criterion["threshold"]), bool(criterion["step_size"])
            if criterion["step_rounding"] == "proportional":
                yield "step", "whole", number.denominator == 1
        case "band":
            (band,) = (
                b
                for b in rubric.bands
                if b["criterion_code"] == criterion["criterion_code"] and holds(b, value)
            )
            at = [c for c in ("lower", "upper") if band[c] and Fraction(band[c]) == value]
            slope = points_within(band, value) is not None and bool(band["upper_points"])
            yield "band", bool(criterion["measure_code"]), slope, tuple(at)


def to_be_reached() -> set[tuple[object, ...]]:
    both, ends = (False, True), ("under", "at", "over")
    found: set[tuple[object, ...]] = {
        *product(["evaluation"], ["official", "comparison"], ["scored", "incomplete"]),
        *product(["total scaled"], both),
        *product(["score"], ["lower", "between", "upper"], both, [False]),
        *product(["score"], ["between"], both, [True]),
        *product(["no score"], [False], both, both),
        *product(["choice"], [2, 3], [(), (MISSING,), (EXCLUDED,)], ["one"]),
        *product(["choice"], [2, 3], [()], ["equal"]),
        *product(["choice"], [3], [(MISSING,), (EXCLUDED,)], ["equal"]),
        *product(["choice"], [2, 3], [(MISSING,), (EXCLUDED,), (EXCLUDED, MISSING)], ["none"]),
        *product(["linear"], ["", "above"], ["", "cap", "exceed", "zero"], ends),
        *product(["linear"], ["below"], [""], ends),
        *product(["step"], both, both, DIRECTIONS, ROUNDINGS),
        *product(["step"], DIRECTIONS, ["costs"], ["none", "some", "all"]),
        *product(["step"], both, both),
        *product(["step"], ["whole"], both),
        *product(["band"], [True], both, [(), ("lower",), ("upper",)]),
        *product(["band"], both, [False], [(), ("lower",), ("upper",), ("lower", "upper")]),
        *product(["silent"], [ASSESSED, MISSING, EXCLUDED]),
        *product(["assessed"], [ASSESSED, MISSING, EXCLUDED]),
        *product(["points"], ["comparison"], ["none"], ["below", "within", "above"]),
        *product(["points"], ["comparison"], both, ["within"]),
        *product(["veto"], [ASSESSED], both),
        ("veto", DEFAULT, False),
        ("linear", True, False), ("linear", False, False),
        ("nothing applies",), ("missing comes first",), ("deduction scaled",),
        ("choice of nothing",), (NOT_CHOSEN,),
    }  # fmt: skip
    for method, is_deduction_, is_level in (
        ("band", False, True), ("band", False, False), ("step", False, False), ("step", True, False)
    ):  # fmt: skip
        for basis in (ASSESSED, MISSING, EXCLUDED):
            found.add((method, "number", is_deduction_, is_level, basis))
    found |= {(MISSING, "", basis) for basis in (ASSESSED, MISSING, EXCLUDED)}
    for status, usual in ((UNDEFINED, DEFAULT), (UNBOUNDED, COMPUTED)):
        found |= {(status, "", usual), (status, "zero", usual), (status, "full", DEFAULT)}
        found |= {(status, "assessed", basis) for basis in (ASSESSED, MISSING, EXCLUDED)}
        found.add((status, "exclude", EXCLUDED))
        for kind in (POINTS, DEDUCTION):
            found |= {(status, kind, basis) for basis in (DEFAULT, usual, ASSESSED, EXCLUDED)}
    return found


def reached(all_expected: Iterable[Expected]) -> set[tuple[object, ...]]:
    return {way for expected in all_expected for way in ways(expected)}


# What was published.

Found = dict[tuple[object, ...], tuple[object, ...]]
AWARD = Fraction(1, 10**12)


def published_rows(published: Published, table: str, key: str, columns: str) -> Found:
    """The columns of a mart by its key, numbers as fractions."""
    names = ["unit_code", "fiscal_year", "rubric_id", *([key] if key else [])]
    return {
        row[: len(names)]: tuple(
            Fraction(cell) if isinstance(cell, Decimal) else cell for cell in row[len(names) :]
        )
        for row in published.rows(f"select {', '.join(names)}, {columns} from {table}")
    }


def evaluations_of(all_expected: dict[Key, Expected]) -> Found:
    return {
        key: (
            e.role, e.evaluation.status, e.evaluation.total, e.evaluation.grade,
            *e.evaluation.points.values(),
        )
        for key, e in all_expected.items()
    }  # fmt: skip


def differences(found: Found, wanted: Found, within: Fraction = Fraction(0)) -> list[str]:
    """What was published otherwise than it should be."""
    assert found.keys() == wanted.keys(), sorted(found.keys() ^ wanted.keys(), key=str)[:5]

    def same(one: object, other: object) -> bool:
        if isinstance(one, Fraction) and isinstance(other, Fraction):
            return abs(one - other) <= within
        return one == other

    return [
        f"{key}: found {found[key]}, expected {wanted[key]}"
        for key in sorted(wanted)
        if not all(map(same, found[key], wanted[key]))
    ]


def compare(published: Published, all_expected: dict[Key, Expected]) -> list[str]:
    """Where a mart says otherwise than the reference."""
    criteria, scores = {}, {}
    for key, e in all_expected.items():
        criteria |= {(*key, c): (a.points, a.basis) for c, a in e.evaluation.criteria.items()}
        scores |= {
            (*key, code): (s.score, None if s.score is None else s.is_vetoed)
            for code, s in e.evaluation.indicators.items()
        }
    rows = partial(published_rows, published)
    return [
        *differences(
            rows("fct_criterion_scores", "criterion_code", "points_awarded, basis"),
            criteria,
            AWARD,
        ),
        *differences(
            rows(
                "fct_indicator_scores",
                "indicator_code",
                "score, case when score is not null then is_vetoed end",
            ),
            scores,
        ),
        *differences(
            rows(
                "fct_evaluations",
                "",
                "rubric_role, status, total_score, grade, points_computed, points_assessed, "
                "points_default, points_missing",
            ),
            evaluations_of(all_expected),
        ),
    ]


@dataclass
class World:
    """Departments under random rubrics, as they were published and as they should be."""

    published: Published
    expected: dict[Key, Expected]


def run(folder: Path, seed: int, number: int) -> World:
    seeds, landing = write(folder, seed, number)
    jixiao = copy_of_the_project(folder / "project")
    shutil.copytree(seeds, folder / "project" / "seeds", dirs_exist_ok=True)
    warehouse = folder / "warehouse"
    ran = jixiao("run", "--landing", str(landing), "--warehouse", str(warehouse))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return World(Published(warehouse), expected(seeds, landing))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return run(tmp_path_factory.mktemp("random"), SEED, DEPARTMENTS)


@pytest.mark.builds
def test_nobody_is_blocked(world: World) -> None:
    blocked = world.published.rows(
        "select distinct rule_id, observed from fct_findings where severity = 'critical'"
    )
    assert blocked == []


@pytest.mark.builds
def test_every_evaluation_is_what_the_reference_says(world: World) -> None:
    assert compare(world.published, world.expected)[:20] == []


@pytest.mark.builds
def test_workbooks_come_to_what_is_published(world: World) -> None:
    """The formulas of the score form, with every method and option among a few departments."""
    published = read_forms(world.published.warehouse, YEARS[0])
    departments = {each.unit_code: each for each in published.departments}
    ways_of = {
        key[0]: set(ways(e)) for key, e in world.expected.items()
        if key[1] == YEARS[0] and e.role == OFFICIAL
    }  # fmt: skip
    passed: set[tuple[object, ...]] = set()
    for _ in range(WORKBOOKS):
        unit = max(ways_of, key=lambda unit: (len(ways_of[unit] - passed), unit))
        passed |= ways_of.pop(unit)
        department = departments[unit]
        form = forms.forms(department, published)[0]
        compare_workbook(computed(form, department, published), department, published)
    assert {way[1:3] for way in passed if way[0] == "linear" and len(way) == 4} >= {
        ("", "cap"), ("", "exceed"), ("", "zero"), ("below", ""),
    }  # fmt: skip
    assert {way[3:] for way in passed if way[0] == "step" and len(way) == 5} >= {
        *product(DIRECTIONS, ROUNDINGS),
    }  # fmt: skip


@pytest.mark.builds
def test_nothing_applies_is_said(world: World) -> None:
    said = world.published.rows(
        "select unit_code, fiscal_year, rubric_id from fct_evaluations "
        f"where status_reason like '%{NOTHING_APPLIES}%'"
    )
    assert {*said} == {k for k, e in world.expected.items() if e.evaluation.nothing_applies}


@pytest.mark.builds
def test_departments_go_everywhere(world: World) -> None:
    """The comparison is worth something only where the data reach every case."""
    assert to_be_reached() - reached(world.expected.values()) == set()
    officials = {rubric for (_, _, rubric), e in world.expected.items() if e.role == OFFICIAL}
    assert len(officials) > 45
