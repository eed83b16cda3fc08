"""The rubrics once more, by hand in exact fractions: an independent reading of what they say.

It shares nothing with the models but the seeds.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from tests.reference import MISSING, UNBOUNDED, Measure, Row, read, rounded

COMPUTED, ASSESSED, DEFAULT = "computed", "assessed", "default"
EXCLUDED, NOT_CHOSEN = "excluded", "not_chosen"
COUNTED = (COMPUTED, ASSESSED, DEFAULT, MISSING)
OFFICIAL, COMPARISON = "official", "comparison"
NOT_APPLICABLE = "不适用"
NOTHING_APPLIES = "无适用指标"
ZERO = Fraction(0)

# What the rows of `assessments` say by criterion: a number, or 不适用.
Assessments = Mapping[str, Fraction | str]


@dataclass(frozen=True)
class Award:
    """What a criterion comes to."""

    points: Fraction | None
    basis: str


@dataclass(frozen=True)
class Score:
    """What an indicator comes to; without a score it is excluded, or something is missing."""

    score: Fraction | None
    is_vetoed: bool
    is_excluded: bool


@dataclass(frozen=True)
class Evaluation:
    """What a department comes to under a rubric."""

    criteria: dict[str, Award]
    indicators: dict[str, Score]
    status: str
    total: Fraction | None
    grade: str | None
    points: dict[str, Fraction]
    nothing_applies: bool


def points_of(row: Row) -> Fraction:
    return Fraction(row["points"] or 0)


def counts(criterion: Row) -> bool:
    """Whether its assessment is a number: of violations, a count or a level."""
    return criterion["method"] == "veto" or (
        criterion["method"] in ("band", "step") and not criterion["measure_code"]
    )


def is_deduction(criterion: Row) -> bool:
    return criterion["method"] == "step" and points_of(criterion) == 0


def by_key(rows: Iterable[Row], column: str) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for row in rows:
        assert row[column] not in found, f"{row[column]} twice"
        found[row[column]] = row
    return found


def replaced(base: list[Row], own: list[Row], column: str) -> list[Row]:
    """The base's rows, with the own ones in their place and without what they take out."""
    rows, mine = by_key(base, column), by_key(own, column)
    for key, row in mine.items():
        assert row["points"] or key in rows, f"{key} is not there to be taken out"
    return [row for row in (rows | mine).values() if row["points"]]


class Rubric:
    """One rubric of the seeds, with what it takes from the one that it is based on."""

    def __init__(self, seeds: Path, rubric_id: str, derived: tuple[str, ...] = ()) -> None:
        assert rubric_id not in derived, f"{rubric_id} is based on itself"

        def of(name: str) -> list[Row]:
            return [r for r in read(seeds / f"{name}.csv") if r["rubric_id"] == rubric_id]

        self.rubric_id = rubric_id
        (row,) = of("rubrics")
        self.decimals = int(row["score_decimals"] or 2)
        self.total_points = Fraction(row.get("total_points") or 100)
        self.indicators, self.criteria = of("rubric_indicators"), of("rubric_criteria")
        self.bands, self.grades = of("rubric_bands"), of("grade_bands")
        self.based_on = row.get("based_on", "")
        if self.based_on:
            self._take_from(Rubric(seeds, self.based_on, (*derived, rubric_id)))
        self.points = {c["criterion_code"]: points_of(c) for c in self.criteria}

    def _take_from(self, base: "Rubric") -> None:
        taken_out = {r["indicator_code"] for r in self.indicators if not r["points"]}
        for row in self.criteria:
            assert row["indicator_code"] not in taken_out, row["criterion_code"]
        own = {r["criterion_code"] for r in self.criteria}
        self.indicators = replaced(base.indicators, self.indicators, "indicator_code")
        self.criteria = replaced(
            # An own row may name another indicator than the one that is taken out.
            [
                c
                for c in base.criteria
                if c["criterion_code"] in own or c["indicator_code"] not in taken_out
            ],
            self.criteria,
            "criterion_code",
        )
        banded = {c["criterion_code"] for c in self.criteria if c["method"] == "band"}
        of_own = {b["criterion_code"] for b in self.bands}
        assert of_own <= banded, of_own - banded
        self.bands += [b for b in base.bands if b["criterion_code"] in banded - of_own]
        self.grades = self.grades or base.grades

    def evaluate(
        self, measures: Mapping[str, Measure], assessments: Assessments, official: "Rubric"
    ) -> Evaluation:
        awards: dict[str, Award] = {}
        scores: dict[str, Score] = {}
        by_basis = dict.fromkeys(COUNTED, ZERO)
        for indicator in self.indicators:
            code = indicator["indicator_code"]
            own = [c for c in self.criteria if c["indicator_code"] == code]
            found = {
                c["criterion_code"]: self.award(c, measures, assessments, official) for c in own
            }
            left = ZERO
            for members in alternatives(own):
                choose(members, found)
                bases = {found[c["criterion_code"]].basis for c in members} - {NOT_CHOSEN}
                if bases == {EXCLUDED}:
                    continue
                # One counts, or all that are not excluded are missing.
                (basis,) = bases - {EXCLUDED}
                points = points_of(members[0])
                by_basis[basis] += points
                left += points
            violations = [
                assessments.get(c["criterion_code"], 0) for c in own if c["method"] == "veto"
            ]
            is_vetoed = any(isinstance(n, Fraction) and n > 0 for n in violations)
            scores[code] = self._score(indicator, found, left, is_vetoed)
            awards |= found
        return self._evaluation(awards, scores, by_basis)

    def _score(
        self, indicator: Row, awards: dict[str, Award], left: Fraction, is_vetoed: bool
    ) -> Score:
        points = points_of(indicator)
        bases = {award.basis for award in awards.values()}
        if MISSING in bases:
            return Score(None, is_vetoed, False)
        if EXCLUDED in bases and left == 0:
            return Score(None, is_vetoed, True)
        total = sum((a.points for a in awards.values() if a.points is not None), ZERO)
        if EXCLUDED in bases:
            total = total * points / left
        if is_vetoed:
            total = ZERO
        return Score(rounded(min(max(total, ZERO), points), self.decimals), is_vetoed, False)

    def _evaluation(
        self, awards: dict[str, Award], scores: dict[str, Score], by_basis: dict[str, Fraction]
    ) -> Evaluation:
        counting = {
            indicator["indicator_code"]: points_of(indicator)
            for indicator in self.indicators
            if not scores[indicator["indicator_code"]].is_excluded
        }
        found = [scores[code].score for code in counting]
        if None in found or not counting:
            return Evaluation(
                awards, scores, "incomplete", None, None, by_basis, not counting
            )  # fmt: skip
        total = sum((score for score in found if score is not None), ZERO)
        if len(counting) < len(scores):
            total = rounded(total * self.total_points / sum(counting.values(), ZERO), self.decimals)
        reached = [g for g in self.grades if total >= Fraction(g["lower"])]
        grade = max(reached, key=lambda g: Fraction(g["lower"]))["grade"]
        return Evaluation(awards, scores, "scored", total, grade, by_basis, False)

    def score(
        self, measures: Mapping[str, Measure], assessments: Assessments, official: "Rubric"
    ) -> tuple[dict[str, Fraction | None], Fraction | None, str | None]:
        """The scores by indicator, the total and the grade."""
        found = self.evaluate(measures, assessments, official)
        scores = {code: score.score for code, score in found.indicators.items()}
        return scores, found.total, found.grade

    def award(
        self,
        criterion: Row,
        measures: Mapping[str, Measure],
        assessments: Assessments,
        official: "Rubric",
    ) -> Award:
        """What a criterion comes to by itself, whatever else its choice has."""
        code, assessed = criterion["criterion_code"], assessments.get(criterion["criterion_code"])
        if criterion["method"] == "veto":
            return Award(ZERO, DEFAULT if assessed is None else ASSESSED)
        if criterion["measure_code"]:
            award = self._measured(criterion, measures[criterion["measure_code"]])
            if award is not None:
                return award
        if assessed is None:
            return Award(None, MISSING)
        if isinstance(assessed, str):
            return Award(None, EXCLUDED)
        if counts(criterion):
            return Award(self.apply(criterion, assessed), ASSESSED)
        if is_deduction(criterion):
            return Award(-assessed, ASSESSED)
        points = points_of(criterion)
        scale = official.points.get(code, points)
        return Award(min(max(assessed, ZERO), scale) * points / scale, ASSESSED)

    def _measured(self, criterion: Row, measure: Measure) -> Award | None:
        """What its measure decides; None where that is left to an assessment."""
        if measure.value is not None:
            points = self.apply(criterion, measure.value)
            return None if points is None else Award(points, COMPUTED)
        if measure.status == MISSING:
            return None
        is_unbounded = measure.status == UNBOUNDED
        match criterion.get("when_unbounded" if is_unbounded else "when_undefined", ""):
            case "exclude":
                return Award(None, EXCLUDED)
            case "full":
                return Award(points_of(criterion), DEFAULT)
            case "" | "zero":
                return Award(ZERO, COMPUTED if is_unbounded else DEFAULT)
        return None

    def apply(self, criterion: Row, value: Fraction) -> Fraction | None:
        """The points for a value, None where the rubric is silent about it."""
        points = points_of(criterion)
        match criterion["method"]:
            case "linear":
                full = Fraction(criterion["full_mark_at"] or 1)
                if criterion["direction"] == "below":
                    return points if value <= full else points * full / value
                if value > full and criterion["over_target"] != "exceed":
                    return ZERO if criterion["over_target"] == "zero" else points
                return max(points * value / full, ZERO)
            case "band":
                (band,) = (
                    b
                    for b in self.bands
                    if b["criterion_code"] == criterion["criterion_code"] and holds(b, value)
                )
                return points_within(band, value)
            case "step":
                lost = Fraction(criterion["points_per_step"]) * steps(criterion, value)
                return -lost if points == 0 else max(points - lost, ZERO)
        raise AssertionError(criterion)


def steps(criterion: Row, value: Fraction) -> Fraction:
    threshold = Fraction(criterion["threshold"] or 0)
    excess = {
        "above": value - threshold,
        "below": threshold - value,
        "both": abs(value - threshold),
    }[criterion["direction"] or "above"]
    number = max(excess, ZERO) / Fraction(criterion["step_size"] or 1)
    match criterion["step_rounding"]:
        case "" | "whole":
            return Fraction(math.floor(rounded(number, 6)))
        case "up":
            return Fraction(math.ceil(rounded(number, 6)))
    return number


def points_within(band: Row, value: Fraction) -> Fraction | None:
    if not band["points"]:
        return None
    points = Fraction(band["points"])
    if not band.get("upper_points"):
        return points
    lower, upper = Fraction(band["lower"]), Fraction(band["upper"])
    return points + (Fraction(band["upper_points"]) - points) * (value - lower) / (upper - lower)


def holds(band: Row, value: Fraction) -> bool:
    if band["lower"]:
        lower = Fraction(band["lower"])
        if value < lower or (value == lower and band["lower_inclusive"] != "true"):
            return False
    if band["upper"]:
        upper = Fraction(band["upper"])
        if value > upper or (value == upper and band["upper_inclusive"] != "true"):
            return False
    return True


def alternatives(criteria: list[Row]) -> list[list[Row]]:
    """An indicator's criteria, those of a choice together."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for criterion in criteria:
        choice = criterion.get("choice", "")
        groups[choice, "" if choice else criterion["criterion_code"]].append(criterion)
    return list(groups.values())


def choose(members: list[Row], awards: dict[str, Award]) -> None:
    """Leave the points of one member alone, where any has some."""
    numbered = [c for c in members if awards[c["criterion_code"]].points is not None]
    if not numbered:
        return
    first = min(
        numbered, key=lambda c: (-(awards[c["criterion_code"]].points or 0), int(c["sort_order"]))
    )
    for criterion in members:
        code = criterion["criterion_code"]
        if criterion is not first and awards[code].basis != EXCLUDED:
            awards[code] = Award(None, NOT_CHOSEN)


PLACE = ("city", "district", "unit_type", "unit_code")


def reach(assignment: Row) -> tuple[bool, ...]:
    """How closely an assignment names a department; the greatest wins."""
    city, district, unit_type, unit_code = (bool(assignment.get(column)) for column in PLACE)
    if unit_code:
        return (True,)
    if district:
        return (False, True, unit_type)
    if city:
        return (False, False, True, unit_type)
    return (False, False, False, unit_type)


def applies(assignment: Row, department: Row, year: int) -> bool:
    return (
        all(department[c] == assignment[c] for c in PLACE if assignment.get(c))
        and int(assignment["fiscal_year_from"] or 0) <= year
        and year <= int(assignment["fiscal_year_to"] or 9999)
    )


def assigned(assignments: list[Row], department: Row, year: int) -> dict[str, str]:
    """The roles by rubric under which a department is evaluated; none without an official one."""
    mine = [row for row in assignments if applies(row, department, year)]
    official = sorted((row for row in mine if row["role"] == OFFICIAL), key=reach)
    if not official:
        return {}
    best = official[-1]
    assert [reach(row) for row in official].count(reach(best)) == 1, official
    roles = {row["rubric_id"]: COMPARISON for row in mine if row["role"] == COMPARISON}
    return roles | {best["rubric_id"]: OFFICIAL}


def assessments_of(rows: Iterable[Row]) -> dict[str, Fraction | str]:
    """What the rows of `assessments` say; an empty value says nothing, but for 不适用."""
    return {
        row["criterion_code"]: Fraction(row["value"]) if row["value"] else NOT_APPLICABLE
        for row in rows
        if row["value"] or row["basis"] == NOT_APPLICABLE
    }
