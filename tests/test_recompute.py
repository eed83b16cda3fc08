"""Every score once more from the published evidence and the seeds alone, in exact fractions."""

from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from orchestration.project import SEEDS_DIR
from tests.conftest import City, Published, append_rows
from tests.reference import (
    DEFINED,
    MISSING,
    UNBOUNDED,
    UNDEFINED,
    Measure,
    Row,
    quotient,
    read,
    rounded,
)
from tests.rubric_reference import Rubric
from tests.synthetic import Generator

pytestmark = pytest.mark.builds

POINTS_DECIMALS = 18

Sums = dict[tuple[str, str], Fraction]
Key = tuple[str, int, str]


class Evidence:
    """What fct_evidence holds of one department, year and rubric."""

    def __init__(self) -> None:
        self.sums: dict[str, Sums] = defaultdict(lambda: defaultdict(Fraction))
        self.statuses: dict[tuple[str, str], str] = {}
        self.assessments: dict[str, Fraction | None] = {}

    def add(self, criterion: str, measure: str, role: str, status: str, weight: Decimal,
            value: Decimal | None) -> None:  # fmt: skip
        if role == "assessment":
            self.assessments[criterion] = None if value is None else Fraction(value)
            return
        self.statuses[criterion, measure] = status
        if value is not None and weight is not None:
            self.sums[criterion][measure, role] += Fraction(weight) * Fraction(value)


class Measures:
    """How measures are formed: seeds/measures.csv and seeds/measure_inputs.csv."""

    def __init__(self, seeds: Path) -> None:
        self.quotients = {r["measure_code"]: r["quotient"] for r in read(seeds / "measures.csv")}
        self.parts: dict[str, list[Row]] = defaultdict(list)
        for row in read(seeds / "measure_inputs.csv"):
            if row["input_measure"]:
                self.parts[row["measure_code"]].append(row)

    def value(self, code: str, criterion: str, evidence: Evidence) -> Measure:
        if code not in self.parts:
            # No row at all, or a sum that lacks some: nothing to form.
            if evidence.statuses.get((criterion, code), MISSING) == MISSING:
                return Measure(MISSING)
            sums = evidence.sums[criterion]
            numerator = sums.get((code, "numerator"), Fraction(0))
            if self.quotients[code] == "absolute":
                numerator = abs(numerator)
            return quotient(numerator, sums.get((code, "denominator"), Fraction(1)))
        values: dict[str, list[Fraction]] = defaultdict(list)
        found = []
        for part in self.parts[code]:
            measure = self.value(part["input_measure"], criterion, evidence)
            found.append(measure.status)
            if measure.value is not None:
                value = min(measure.value, Fraction(part["cap"])) if part["cap"] else measure.value
                values[part["role"]].append(Fraction(part["weight"]) * value)
        for status in (MISSING, UNBOUNDED, UNDEFINED):
            if status in found:
                return Measure(status)
        numerator = sum(values["numerator"], Fraction(0))
        if self.quotients[code] == "mean":
            return quotient(numerator, Fraction(len(values["numerator"])))
        if self.quotients[code] == "absolute":
            numerator = abs(numerator)
        under = values.get("denominator")
        return quotient(numerator, sum(under, Fraction(0)) if under else Fraction(1))


Award = tuple[Fraction | None, str]


def award(rubric: Rubric, official: Rubric, criterion: Row, evidence: Evidence,
          measure: Measure | None) -> Award:  # fmt: skip
    """Points and basis of a criterion."""
    code, points = criterion["criterion_code"], Fraction(criterion["points"] or 0)
    assessed = evidence.assessments.get(code)
    if measure and measure.status == DEFINED:
        return rubric.apply(criterion, measure.value), "computed"
    if measure and measure.status == UNBOUNDED:
        return Fraction(0), "computed"
    if measure and measure.status == UNDEFINED:
        return points if criterion["when_undefined"] == "full" else Fraction(0), "default"
    if assessed is None:
        is_clean = criterion["method"] == "veto" and code not in evidence.assessments
        return (Fraction(0), "default") if is_clean else (None, "missing")
    if criterion["method"] == "veto":
        return Fraction(0), "assessed"
    if criterion["method"] == "step" and not criterion["measure_code"]:
        return rubric.apply(criterion, assessed), "assessed"
    scale = official.points.get(code, points) or points
    return min(max(assessed, Fraction(0)), scale) * points / scale, "assessed"


def recompute(published: Published, seeds: Path) -> None:
    """Assert that evidence and seeds give what is published, each criterion, score and total."""
    evidence: dict[Key, Evidence] = defaultdict(Evidence)
    for unit, year, rubric_id, *cell in published.rows(
        "select unit_code, fiscal_year, rubric_id, criterion_code, measure_code, role, "
        "measure_status, weight, value from fct_evidence where role != 'reported'"
    ):
        evidence[unit, year, rubric_id].add(*cell)
    evaluations = published.rows(
        "select unit_code, fiscal_year, e.rubric_id, official_rubric_id, status, total_score, "
        "grade from fct_evaluations as e join dim_departments using (unit_code, fiscal_year)"
    )
    criteria: dict[Key, dict[str, tuple[Decimal | None, str]]] = defaultdict(dict)
    for *key, code, points, basis in published.rows(
        "select unit_code, fiscal_year, rubric_id, criterion_code, points_awarded, basis "
        "from fct_criterion_scores"
    ):
        criteria[tuple(key)][code] = (points, basis)
    scores: dict[Key, dict[str, Decimal | None]] = defaultdict(dict)
    for *key, code, score in published.rows(
        "select unit_code, fiscal_year, rubric_id, indicator_code, score from fct_indicator_scores"
    ):
        scores[tuple(key)][code] = score
    rubrics = {r["rubric_id"]: Rubric(seeds, r["rubric_id"]) for r in read(seeds / "rubrics.csv")}
    measures = Measures(seeds)
    blocked = set(
        published.rows(
            "select distinct unit_code, fiscal_year from fct_findings where severity = 'critical'"
        )
    )
    assert evaluations
    for unit, year, rubric_id, official_id, status, total, grade in evaluations:
        key = (unit, year, rubric_id)
        rubric, found = rubrics[rubric_id], evidence[key]
        awards = {
            c["criterion_code"]: award(
                rubric, rubrics[official_id], c, found,
                measures.value(c["measure_code"], c["criterion_code"], found)
                if c["measure_code"] else None,
            )
            for c in rubric.criteria
        }  # fmt: skip
        if (unit, year) in blocked:
            awards = {code: (None, "withheld") for code in awards}
        assert criteria[key] == {
            code: (points if points is None else rounded(points, POINTS_DECIMALS), basis)
            for code, (points, basis) in awards.items()
        }, key
        expected = {}
        for indicator in rubric.indicators:
            code = indicator["indicator_code"]
            own = [c["criterion_code"] for c in rubric.criteria if c["indicator_code"] == code]
            points = [awards[c][0] for c in own]
            vetoes = {c["criterion_code"] for c in rubric.criteria if c["method"] == "veto"}
            if None in points:
                expected[code] = None
            elif any((found.assessments.get(c) or 0) > 0 for c in vetoes & set(own)):
                expected[code] = Fraction(0)
            else:
                held = min(
                    max(sum(points, Fraction(0)), Fraction(0)), Fraction(indicator["points"])
                )
                expected[code] = rounded(held, rubric.decimals)
        assert scores[key] == expected, key
        if None in expected.values():
            assert (status, total, grade) == (
                "blocked" if (unit, year) in blocked else "incomplete", None, None,
            )  # fmt: skip
            continue
        assert total == sum(expected.values()), key
        reached = [g for g in rubric.grades if total >= Fraction(g["lower"])]
        assert grade == max(reached, key=lambda g: Fraction(g["lower"]))["grade"], key
        assert status == "scored"


def test_the_two_departments(two_departments: Published) -> None:
    recompute(two_departments, SEEDS_DIR)


def deliver_after(landing: Path) -> None:
    """A year after another one, some departments blocked and some with gaps of every kind."""
    Generator(20241, SEEDS_DIR).landing(landing, 2024, City.DEPARTMENTS)
    assessments = landing / "2024" / "assessments.csv"
    delivered = {(r["unit_code"], r["criterion_code"]) for r in read(assessments)}
    # A veto about which a row is delivered without a number: not found is not said.
    undecided = [
        unit for unit in (f"syn-{n:05}" for n in range(20))
        if (unit, "spending_violation") not in delivered
    ]  # fmt: skip
    append_rows(assessments, *(f"{unit},2024,spending_violation,,," for unit in undecided))
    surveys = landing / "2024" / "satisfaction_surveys.csv"
    append_rows(surveys, *(f"syn-{n:05},2024,另一调查,无法读取,1" for n in range(30, 40)))


def test_invented_departments(troubled: City) -> None:
    recompute(troubled, SEEDS_DIR)


def test_invented_departments_go_everywhere(troubled: City) -> None:
    """The comparison is worth something only where the data reach every case."""
    assert {s for (s,) in troubled.rows("select distinct measure_status from fct_evidence")} == {
        DEFINED, UNDEFINED, UNBOUNDED, MISSING, None,
    }  # fmt: skip
    assert {b for (b,) in troubled.rows("select distinct basis from fct_criterion_scores")} == {
        "computed", "assessed", "default", "missing", "withheld",
    }  # fmt: skip
    (empty,) = troubled.rows(
        "select count(*) from fct_evidence where role = 'assessment' and value is null"
    )
    assert empty[0] > 0
    (vetoed,) = troubled.rows("select count(*) from fct_indicator_scores where is_vetoed")
    assert vetoed[0] > 0


def test_the_inputs_of_a_measure_are_published(two_departments: Published) -> None:
    """So that a derived measure can be formed from its parts by the published copy alone."""
    shipped = {r["measure_code"] for r in read(SEEDS_DIR / "measures.csv")}
    expected = [r for r in read(SEEDS_DIR / "measure_inputs.csv") if r["measure_code"] in shipped]
    found = two_departments.rows(
        "select measure_code, alternative, role, input_table, input_column, input_measure, cap "
        "from dim_measure_inputs"
    )
    assert len(found) == len(expected)
    as_text = {
        tuple(None if c is None else f"{c.normalize():f}" if isinstance(c, Decimal) else str(c)
              for c in row)
        for row in found
    }  # fmt: skip
    assert as_text == {
        tuple(r[c] or None for c in ("measure_code", "alternative", "role", "input_table",
                                     "input_column", "input_measure", "cap"))
        for r in expected
    }  # fmt: skip
