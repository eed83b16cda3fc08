"""Rubrics drawn at random from the whole grammar, and departments that are assessed by them.

All of them are valid: what the seeds must keep holds for each, and no department violates a
critical data rule. The same seed gives the same rows.
"""

import copy
import csv
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import TypeVar

from tests.reference import DEFINED, UNBOUNDED, UNDEFINED, Row, departments, read
from tests.rubric_reference import (
    NOT_APPLICABLE,
    OFFICIAL,
    Rubric,
    alternatives,
    assigned,
    counts,
    is_deduction,
    points_of,
)
from tests.synthetic import Cell, Generator

COLUMNS = {
    "rubrics": "rubric_id,based_on,name,source,score_decimals,total_points",
    "rubric_assignments": (
        "city,district,unit_type,unit_code,fiscal_year_from,fiscal_year_to,rubric_id,role"
    ),
    "rubric_indicators": (
        "rubric_id,indicator_code,level1,level2,level3,name_en,points,sort_order,description_zh,"
        "standard_zh"
    ),
    "rubric_criteria": (
        "rubric_id,indicator_code,criterion_code,sort_order,points,method,measure_code,"
        "full_mark_at,over_target,threshold,direction,step_size,points_per_step,step_rounding,"
        "when_undefined,when_unbounded,choice,standard_zh"
    ),
    "rubric_bands": (
        "rubric_id,criterion_code,lower,lower_inclusive,upper,upper_inclusive,points,upper_points"
    ),
    "grade_bands": "rubric_id,grade,lower",
}
# What an assessment of a criterion is: points, points taken off, or a number.
POINTS, DEDUCTION, NUMBER = "points", "deduction", "number"
CODES = {
    POINTS: [f"judged_{n:02}" for n in range(60)],
    DEDUCTION: [f"taken_off_{n}" for n in range(14)],
    NUMBER: [f"counted_{n:02}" for n in range(24)],
}
INDICATORS = [f"indicator_{n:02}" for n in range(16)]
GRADES = ["优", "良", "中", "差", "甲等", "乙等", "丙等", "A"]
DIRECTIONS = ("", "above", "below", "both")
ROUNDINGS = ("", "whole", "up", "proportional")
OPTIONS = ("", "full", "zero", "assessed", "exclude")
# A rubric without one that it is based on, or with one, by turns.
DEPTHS = (0, 1, 2, 1, 3, 2)
CITY, OTHER_CITY = "虚构市", "别处市"
DISTRICTS = [f"{name}区" for name in "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉戌亥天地玄黄宇宙洪荒"]
TYPES = ("department", "head_office", "subordinate")
YEARS = (2023, 2024)
# Assigned to nobody.
NOWHERE = "random_00"

T = TypeVar("T")


def kind_of(criterion: Row) -> str:
    if counts(criterion):
        return NUMBER
    return DEDUCTION if is_deduction(criterion) else POINTS


def text(value: Decimal | int) -> str:
    """A number as a person writes it in a seed."""
    return f"{Decimal(value).normalize():f}"


def decimals(value: Decimal) -> int:
    return max(0, -int(value.normalize().as_tuple().exponent))


@dataclass
class Draft:
    """A rubric as it is to be, whatever it takes from another.

    Attributes:
        base: The one that it is based on.
        decimals: Of its scores.
    """

    rubric_id: str
    base: "Draft | None"
    decimals: int
    indicators: dict[str, Row]
    criteria: dict[str, Row]
    bands: dict[str, list[Row]]
    grades: list[Row]

    @property
    def total(self) -> Decimal:
        return sum((Decimal(row["points"]) for row in self.indicators.values()), Decimal(0))

    def groups(self, indicator: str) -> list[list[Row]]:
        """The criteria of an indicator, those of a choice together."""
        return alternatives([c for c in self.criteria.values() if c["indicator_code"] == indicator])

    def weighty(self, indicator: str) -> list[list[Row]]:
        return [group for group in self.groups(indicator) if Decimal(group[0]["points"]) > 0]

    def add_points(self, indicator: str, points: Decimal) -> None:
        row = self.indicators[indicator]
        row["points"] = text(Decimal(row["points"]) + points)


class Rubrics:
    """Random rubrics, and who is evaluated by them.

    Attributes:
        written: The rows by seed that are to be added to the shipped ones.
    """

    def __init__(
        self, seed: int, seeds: Path, taken: "Taken", rubrics: int = 54, departments: int = 300
    ) -> None:
        self.random = random.Random(seed)  # noqa: S311
        self.seeds, self.taken = seeds, taken
        self.written: dict[str, list[Row]] = defaultdict(list)
        self.decks: dict[str, list[tuple[str, ...]]] = defaultdict(list)
        self.drafts: dict[str, Draft] = {}
        shipped = [self._shipped(row["rubric_id"]) for row in read(seeds / "rubrics.csv")]
        while len(self.drafts) < rubrics:
            depth = DEPTHS[len(self.drafts) % len(DEPTHS)]
            # The base may have others based on it.
            if depth and self.random.random() < 0.9:
                bases = [d for d in self.drafts.values() if self._depth(d) == depth - 1]
                base = self.random.choice(bases or list(self.drafts.values()))
            else:
                base = self.random.choice(shipped) if depth else None
            draft = self._derived(base) if base else self._root()
            self.drafts[draft.rubric_id] = draft
            self._write(draft)
        self._assign(departments)

    def add_to(self, seeds: Path) -> None:
        """Write the shipped rows and the random ones."""
        for name, header in COLUMNS.items():
            shipped = read(self.seeds / f"{name}.csv")
            path = seeds / f"{name}.csv"
            with path.open(encoding="utf-8", newline="") as stream:
                found = next(csv.reader(stream))
            columns = header.split(",")
            columns = found if set(columns) <= set(found) else columns
            with path.open("w", encoding="utf-8", newline="") as stream:
                writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
                writer.writeheader()
                writer.writerows([*shipped, *self.written[name]])

    # Rubrics.

    def _shipped(self, rubric_id: str) -> Draft:
        rubric = Rubric(self.seeds, rubric_id)
        rows = lambda found: [  # noqa: E731
            {k: v for k, v in row.items() if k != "rubric_id"} for row in found
        ]
        bands = defaultdict(list)
        for band in rows(rubric.bands):
            bands[band["criterion_code"]].append({"upper_points": "", **band})
        return Draft(
            rubric_id,
            None,
            rubric.decimals,
            {r["indicator_code"]: {"description_zh": "", **r} for r in rows(rubric.indicators)},
            {
                r["criterion_code"]: {"when_unbounded": "", "choice": "", **r}
                for r in rows(rubric.criteria)
            },
            bands,
            rows(rubric.grades),
        )

    def _depth(self, draft: Draft) -> int:
        return 1 + self._depth(draft.base) if draft.base else 0

    def _name(self) -> str:
        return f"random_{len(self.drafts):02}"

    def _root(self) -> Draft:
        r = self.random
        draft = Draft(self._name(), None, r.choice([0, 1, 2, 2, 3, 4]), {}, {}, {}, [])
        total = Decimal(r.choice(["100", "100", "100", "10", "30", "120", "60.5", "1000"]))
        if decimals(total) > draft.decimals:
            total = Decimal(60)
        codes = r.sample(INDICATORS, r.randint(3, 8))
        places = min(draft.decimals, r.choice([0, 0, 1, draft.decimals]))
        for code, points in zip(
            codes, self._split(total, len(codes), places, decimals(total)), strict=False
        ):
            self._add_indicator(draft, code, points)
        self._regrade(draft)
        return draft

    def _derived(self, base: Draft) -> Draft:
        r = self.random
        draft = copy.deepcopy(base)
        draft.rubric_id, draft.base = self._name(), base
        least = max(decimals(Decimal(row["points"])) for row in draft.indicators.values())
        draft.decimals = r.choice([n for n in (2, 2, 0, 1, 3, 4) if n >= least])
        operations: list[Callable[[Draft], None]] = [
            self._change_options, self._change_options, self._reweigh, self._remove_group,
            self._add_group, self._remove_indicator, self._extend, self._move, self._widen,
            self._narrow, self._reword, self._regrade,
        ]  # fmt: skip
        for operation in r.choices(operations, k=r.choice([1, 3, 5, 8])):
            operation(draft)
        if r.random() < 0.5 and draft.total < 100:
            self._extend(draft, 100 - draft.total)
        return draft

    def _split(self, points: Decimal, number: int, *places: int) -> list[Decimal]:
        """Parts above 0 that add up."""
        unit = Decimal(1).scaleb(-max(*places, decimals(points)))
        units = int(points / unit)
        number = min(number, units)
        if units % number == 0 and self.random.random() < 0.3:
            return [points / number] * number
        cuts = sorted(self.random.sample(range(1, units), number - 1))
        return [(b - a) * unit for a, b in zip([0, *cuts], [*cuts, units], strict=True)]

    def _part(self, points: Decimal) -> Decimal:
        """A part of points, often nothing or all of it, with up to 4 decimals."""
        share = Decimal(self.random.choice(["0", "0", "1", "1", "0.5", "0.3", "0.7", "0.25"]))
        return (points * share).quantize(Decimal("0.0001"))

    def _chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def _free(self, draft: Draft, kind: str) -> str | None:
        return self._any([code for code in CODES[kind] if code not in draft.criteria])

    def _dealt(self, name: str, *options: tuple[str, ...]) -> tuple[str, ...]:
        """One of the combinations of options, each in turn before any comes again."""
        cards = self.decks[name]
        if not cards:
            cards += self.random.sample(combinations := [*product(*options)], len(combinations))
        return cards.pop()

    def _any(self, found: list[T]) -> T | None:
        return self.random.choice(found) if found else None

    def _place(self, rows: dict[str, Row]) -> str:
        taken = {row["sort_order"] for row in rows.values()}
        return text(self.random.choice([n for n in range(1, 999) if str(n) not in taken]))

    def _add_indicator(self, draft: Draft, code: str, points: Decimal) -> None:
        draft.indicators[code] = {
            "indicator_code": code,
            "level1": self.random.choice(["决策", "过程", "产出", "效益"]),
            "level2": "二级",
            "level3": f"指标{code[-2:]}",
            "name_en": code.replace("_", " "),
            "points": text(points),
            "sort_order": self._place(draft.indicators),
            "description_zh": self.random.choice(["", "指标说明"]),
            "standard_zh": "评分标准",
        }
        more = self.random.choice([0, 0, 0, 1, 2])
        parts = self._split(
            points, self.random.choice([1, 2, 2, 3, 4]), min(4, draft.decimals + more)
        )
        for part in parts:
            self._fill(draft, code, part)
        for _ in range(self.random.choice([0, 0, 1, 2])):
            self._fill(draft, code, Decimal(0))
        if self._chance(0.2):
            self._fill(draft, code, Decimal(0), is_veto=True)

    def _fill(
        self, draft: Draft, indicator: str, points: Decimal, *, is_veto: bool = False
    ) -> None:
        """Add a criterion, or those of a choice."""
        members = self.random.choice([2, 2, 3]) if points and self._chance(0.3) else 1
        choice = ""
        if members > 1:
            used = {
                c["choice"] for c in draft.criteria.values() if c["indicator_code"] == indicator
            }
            choice = next(name for name in "甲乙丙丁戊己庚辛" if name not in used)
        for _ in range(members):
            self._add_criterion(draft, indicator, points, choice, is_veto=is_veto)

    def _add_criterion(
        self, draft: Draft, indicator: str, points: Decimal, choice: str, *, is_veto: bool = False
    ) -> None:
        is_number = is_veto or self._chance(0.25 if points else 0.5)
        kind = NUMBER if is_number else POINTS if points else DEDUCTION
        code = self._free(draft, kind) or (self._free(draft, POINTS) if points else None)
        if code is None:
            assert not points, "more codes are needed"
            return
        row = {
            "indicator_code": indicator,
            "criterion_code": code,
            "sort_order": self._place(draft.criteria),
            "points": text(points),
            "choice": choice,
            "standard_zh": f"细则{code}。",
        }
        self._set_method(draft, row, kind_of_code(code), is_veto=is_veto)

    def _set_method(self, draft: Draft, row: Row, kind: str, *, is_veto: bool = False) -> None:
        """Give a criterion a method of its kind, with its options and bands."""
        r, points, code = self.random, Decimal(row["points"]), row["criterion_code"]
        options = dict.fromkeys(COLUMNS["rubric_criteria"].split(",")[6:16], "")
        method = {
            POINTS: r.choice(["linear", "linear", "band", "band", "step", "step", "assessed"]),
            DEDUCTION: "step",
            NUMBER: "veto" if is_veto else r.choice(["band", "step"]) if points else "step",
        }[kind]
        bands: list[Row] = []
        if kind != NUMBER and method != "assessed":
            rare = UNBOUNDED if kind == DEDUCTION and self._chance(0.6) else None
            options["measure_code"] = self.taken.measure(r, rare)
            undefined, unbounded = self._dealt(f"when {kind}", OPTIONS, OPTIONS)
            options |= {"when_undefined": undefined, "when_unbounded": unbounded}
        measure = options["measure_code"]
        if method == "linear":
            options |= self._linear(measure)
        elif method == "step":
            options |= self._step(measure, points)
        elif method == "band":
            bands = self._bands(code, measure, points)
        draft.criteria[code] = {**row, "method": method, **options}
        draft.bands.pop(code, None)
        if bands:
            draft.bands[code] = bands

    def _linear(self, measure: str) -> Row:
        r = self.random
        direction, over = self._dealt(
            "linear", ("", "above", "below"), ("", "cap", "exceed", "zero")
        )
        positive = [v for v in self.taken.often[measure] if v > 0] or [Decimal(1)]
        full = r.choice(["", "0.3", "0.9", *map(text, r.choices(positive, k=3))])
        over = "" if direction == "below" else over
        return {"full_mark_at": full, "direction": direction, "over_target": over}

    def _step(self, measure: str, points: Decimal) -> Row:
        r = self.random
        if measure:
            threshold = text(self.taken.value(r, measure))
            sizes = ["0.01", "0.1", "0.07", "0.3333333333", "0.3333333334", "1", ""]
            other = self.taken.value(r, measure)
            whole = abs(other - Decimal(threshold)) / r.choice([1, 2, 5, 10])
            if whole and decimals(whole) <= 10:
                sizes += [text(whole)] * 5
        else:
            threshold, sizes = r.choice(["0", "1", "2"]), ["", "1", "2", "3", "0.7"]
        direction, rounding = self._dealt(
            f"step {bool(measure)} {bool(points)}", DIRECTIONS, ROUNDINGS
        )
        cost = (points or Decimal(2)) / r.choice([1, 2, 3, 10])
        return {
            "threshold": r.choice(["", threshold, threshold]),
            "direction": direction,
            "step_size": r.choice(sizes),
            "points_per_step": text(max(cost.quantize(Decimal("0.0001")), Decimal("0.0001"))),
            "step_rounding": rounding,
        }

    def _bands(self, code: str, measure: str, points: Decimal) -> list[Row]:
        r = self.random
        if not measure and self._chance(0.6):
            # One that all have, so that a number may suit the several rubrics of a department.
            levels = sorted({1, *r.sample(range(6), r.randint(1, 4))})
            bands = [
                {"lower": str(n), "lower_inclusive": "true", "upper": str(n), "upper_inclusive": "true",
                 "points": text(self._part(points)), "upper_points": ""}
                for n in levels
            ]  # fmt: skip
            return [{"criterion_code": code, **band} for band in bands]
        if measure:
            cuts = sorted({self.taken.value(r, measure) for _ in range(r.randint(0, 5))})
        else:
            cuts = sorted(map(Decimal, r.sample(["0", "1", "2", "2.5", "3", "5"], r.randint(1, 4))))
        bands, lower, lower_in = [], "", "false"
        for cut in cuts:
            # A bound is in the band below it, in the one above it, or a band of its own.
            # A number is whole, so that no band holds just a half.
            is_possible = bool(measure) or cut == int(cut)
            where = r.choice(["below", "above", "below", "above", *["alone"] * is_possible])
            below = "true" if where == "below" else "false"
            bands.append((lower, lower_in, text(cut), below))
            if where == "alone":
                bands.append((text(cut), "true", text(cut), "true"))
            lower, lower_in = text(cut), "true" if where == "above" else "false"
        bands.append((lower, lower_in, "", "false"))
        r.shuffle(bands)
        found = []
        for lower, lower_in, upper, upper_in in bands:
            own, over = text(self._part(points)), ""
            if measure and self._chance(0.15):
                own = ""
            elif lower and upper and lower != upper and self._chance(0.5):
                over = text(self._part(points))
            found.append(
                {"criterion_code": code, "lower": lower, "lower_inclusive": lower_in, "upper": upper,
                 "upper_inclusive": upper_in, "points": own, "upper_points": over}
            )  # fmt: skip
        return found

    # What a derived rubric does otherwise than its base.

    def _change_options(self, draft: Draft) -> None:
        """Another method or other options; the bands may stay."""
        row = self.random.choice(list(draft.criteria.values()))
        bands = draft.bands.get(row["criterion_code"])
        is_veto = kind_of(row) == NUMBER and points_of(row) == 0 and self._chance(0.6)
        self._set_method(draft, row, kind_of(row), is_veto=is_veto)
        changed = draft.criteria[row["criterion_code"]]
        is_same = (row["method"], row["measure_code"]) == (
            changed["method"],
            changed["measure_code"],
        )
        if bands and is_same and self._chance(0.5):
            draft.bands[row["criterion_code"]] = bands

    def _reweigh(self, draft: Draft) -> None:
        """Other points for an indicator and its criteria."""
        indicator = self.random.choice(list(draft.indicators))
        row, groups = draft.indicators[indicator], draft.weighty(indicator)
        points = Decimal(row["points"]) * self.random.choice([1, 2, 3])
        if self._chance(0.3) and points >= 2:
            points = max(Decimal(1), points - 1)
        parts = self._split(points, len(groups), min(4, draft.decimals + 1))
        if len(parts) < len(groups):
            return
        draft.indicators[indicator] = row | {"points": text(points)}
        for group, part in zip(groups, parts, strict=True):
            self._set_points(draft, group, part)

    def _set_points(self, draft: Draft, group: list[Row], points: Decimal) -> None:
        for member in group:
            code = member["criterion_code"]
            changed = member | {"points": text(points)}
            draft.criteria[code] = changed
            most = [Decimal(b[c] or 0) for b in draft.bands.get(code, []) for c in
                    ("points", "upper_points")]  # fmt: skip
            if most and max(most) > points:
                bands = self._bands(code, member["measure_code"], points)
                draft.bands[code] = bands

    def _remove_group(self, draft: Draft) -> None:
        indicator = self.random.choice(list(draft.indicators))
        group = self.random.choice(draft.groups(indicator))
        points = Decimal(group[0]["points"])
        if decimals(points) > draft.decimals or (points and len(draft.weighty(indicator)) == 1):
            return
        for member in group:
            self._drop(draft, member["criterion_code"])
        draft.add_points(indicator, -points)

    def _drop(self, draft: Draft, code: str) -> None:
        del draft.criteria[code]
        draft.bands.pop(code, None)

    def _add_group(self, draft: Draft) -> None:
        indicator = self.random.choice(list(draft.indicators))
        points = Decimal(self.random.choice(["0", "1", "2", "5"]))
        before = len(draft.criteria)
        self._fill(draft, indicator, points, is_veto=not points and self._chance(0.4))
        if len(draft.criteria) > before:
            draft.add_points(indicator, points)

    def _remove_indicator(self, draft: Draft) -> None:
        if len(draft.indicators) < 3:
            return
        indicator = self.random.choice(list(draft.indicators))
        del draft.indicators[indicator]
        for criterion in list(draft.criteria.values()):
            if criterion["indicator_code"] == indicator:
                self._drop(draft, criterion["criterion_code"])

    def _extend(self, draft: Draft, points: Decimal | None = None) -> None:
        """Another indicator; often one that a base before has taken out."""
        free = [code for code in INDICATORS if code not in draft.indicators]
        known: set[str] = set()
        before = draft.base
        while before:
            known |= set(before.indicators)
            before = before.base
        again = [code for code in free if code in known]
        code = self._any(again) or self._any(free)
        if code:
            self._add_indicator(
                draft, code, points or Decimal(self.random.choice(["3", "5", "10"]))
            )

    def _move(self, draft: Draft) -> None:
        """A criterion to another indicator."""
        source, target = self.random.sample(list(draft.indicators), 2)
        group = self.random.choice(draft.groups(source))
        points = Decimal(group[0]["points"])
        if len(group) > 1 or decimals(points) > draft.decimals:
            return
        if points and len(draft.weighty(source)) == 1:
            return
        orders = {c["sort_order"] for g in draft.groups(target) for c in g}
        row = group[0] | {"indicator_code": target}
        if row["sort_order"] in orders:
            row["sort_order"] = self._place(draft.criteria)
        draft.criteria[row["criterion_code"]] = row
        draft.add_points(source, -points)
        draft.add_points(target, points)

    def _widen(self, draft: Draft) -> None:
        """Another criterion to choose from."""
        indicator = self.random.choice(list(draft.indicators))
        group = self._any(draft.weighty(indicator))
        if group is None or len(group) > 2:
            return
        used = {c["choice"] for c in draft.criteria.values() if c["indicator_code"] == indicator}
        choice = group[0]["choice"] or next(name for name in "甲乙丙丁戊己庚辛" if name not in used)
        before = len(draft.criteria)
        self._add_criterion(draft, indicator, Decimal(group[0]["points"]), choice)
        if len(draft.criteria) > before:
            for member in group:
                draft.criteria[member["criterion_code"]] = member | {"choice": choice}

    def _narrow(self, draft: Draft) -> None:
        """One less to choose from."""
        groups = [g for i in draft.indicators for g in draft.groups(i) if len(g) > 1]
        group = self._any(groups)
        if group is None:
            return
        self._drop(draft, group.pop()["criterion_code"])
        if len(group) == 1:
            draft.criteria[group[0]["criterion_code"]] = group[0] | {"choice": ""}

    def _reword(self, draft: Draft) -> None:
        code = self.random.choice(list(draft.indicators))
        row = draft.indicators[code]
        draft.indicators[code] = row | {"level3": row["level3"] + "（新）"}

    def _regrade(self, draft: Draft) -> None:
        unit = Decimal(1).scaleb(-draft.decimals)
        shares = self.random.sample(
            ["0.3", "0.5", "0.6", "0.8", "0.9", "1"], self.random.randint(0, 4)
        )
        lowers = {(draft.total * Decimal(share)).quantize(unit) for share in shares} | {Decimal(0)}
        names = self.random.sample(GRADES, len(lowers))
        draft.grades = [
            {"grade": name, "lower": text(min(lower, draft.total))}
            for name, lower in zip(names, sorted(lowers), strict=True)
        ]

    # Their rows.

    def _write(self, draft: Draft) -> None:
        r = self.random
        base = draft.base
        if any(Decimal(grade["lower"]) > draft.total for grade in draft.grades):
            self._regrade(draft)
        add = lambda seed, row: self.written[seed].append(  # noqa: E731
            {"rubric_id": draft.rubric_id, **row}
        )
        default = lambda value, usual: (  # noqa: E731
            "" if value == usual and self._chance(0.5) else text(value)
        )
        add(
            "rubrics",
            {
                "based_on": base.rubric_id if base else "",
                "name": f"随机评分标准 {draft.rubric_id}",
                "source": "虚构",
                "score_decimals": default(draft.decimals, 2),
                "total_points": default(draft.total, 100),
            },
        )
        self._write_rows(draft, "rubric_indicators", "indicator_code", add)
        self._write_rows(draft, "rubric_criteria", "criterion_code", add)
        for code, bands in draft.bands.items():
            before = base.criteria.get(code) if base else None
            # Where its indicator was taken out, its bands may have gone with it.
            is_kept = before and before["indicator_code"] in draft.indicators
            if not base or not is_kept or base.bands.get(code) != bands or self._chance(0.1):
                for band in bands:
                    add("rubric_bands", band)
        if not base or base.grades != draft.grades or self._chance(0.1):
            for grade in r.sample(draft.grades, len(draft.grades)):
                add("grade_bands", grade)

    def _write_rows(
        self, draft: Draft, seed: str, column: str, add: Callable[[str, Row], None]
    ) -> None:
        """The indicators or criteria that differ from the base's, or now and then do not."""
        of = lambda d: d.indicators if seed == "rubric_indicators" else d.criteria  # noqa: E731
        own, base = of(draft), of(draft.base) if draft.base else {}
        for code, row in own.items():
            if base.get(code) != row or self._chance(0.05):
                add(seed, row)
        for code, row in base.items():
            # The criteria of an indicator go with it.
            if code not in own and (
                own is draft.indicators or row["indicator_code"] in draft.indicators
            ):
                keys = {key: row[key] for key in ("indicator_code", column)}
                add(seed, {**(row if self._chance(0.5) else {}), **keys, "points": ""})

    # Who is evaluated by them.

    def _assign(self, departments: int) -> None:
        r = self.random
        places: list[Row] = [
            {"city": CITY, "unit_type": "head_office"}, {"city": OTHER_CITY, "unit_type": TYPES[0]},
            {"city": CITY}, {"unit_type": "subordinate"},
        ]  # fmt: skip
        # The last districts have none of their own.
        own = DISTRICTS[:-4]
        places += [{"city": r.choice([CITY, CITY, ""]), "district": d} for d in own]
        places += [{"district": d, "unit_type": r.choice(TYPES)} for d in r.sample(own, 12)]
        units = [unit_code(n) for n in r.sample(range(departments), min(20, departments))]
        places += [{"unit_code": unit} for unit in units[:10]]
        places += [
            {"unit_code": units[10], "city": CITY},
            {"unit_code": units[11], "unit_type": TYPES[0]},
        ]
        spans = [
            (place, span)
            for place in places
            for span in r.choice(
                [[("", "")], [("2023", "")], [("", "2023"), ("2024", "2024")], [("2020", "2024")]]
            )
        ]
        # One for all, in a year.
        spans.append(({}, ("2024", "")))
        names = [name for name in self.drafts if name != NOWHERE]
        assert len(spans) >= len(names), (len(spans), len(names))
        officials = names + r.choices(names, k=len(spans) - len(names))
        r.shuffle(officials)
        for (place, span), name in zip(spans, officials, strict=True):
            self._add_assignment(place, span, name, OFFICIAL)
            if self._chance(0.1):
                self._add_assignment(place, span, name, "comparison")
            if place.get("district") and self._chance(0.6):
                self._add_assignment(place, ("", ""), self._relative(name), "comparison")
        for name in r.sample(names, 3):
            self._add_assignment({"city": CITY}, ("", ""), name, "comparison")
        for place in (
            {"city": CITY, "unit_type": "department"}, {"unit_type": "subordinate"},
            *({"unit_code": unit} for unit in units[8:]),
        ):  # fmt: skip
            self._add_assignment(
                place, r.choice([("", ""), ("2024", "")]), r.choice(names), "comparison"
            )
        self._add_assignment({}, ("2023", "2023"), r.choice(names), "comparison")

    def _relative(self, name: str) -> str:
        """A rubric that has much in common with another."""
        draft = self.drafts[name]
        near = [d.rubric_id for d in self.drafts.values() if d.base is draft or d is draft.base
                or (d.base and d.base is draft.base)]  # fmt: skip
        if draft.base and draft.base.rubric_id not in self.drafts:
            near.append(draft.base.rubric_id)
        near = [other for other in near if other not in (name, NOWHERE)]
        return self.random.choice(near or [name])

    def _add_assignment(self, place: Row, span: tuple[str, str], name: str, role: str) -> None:
        row = {**place, "fiscal_year_from": span[0], "fiscal_year_to": span[1], "rubric_id": name,
               "role": role}  # fmt: skip
        row = dict.fromkeys(COLUMNS["rubric_assignments"].split(","), "") | row
        if row not in self.written["rubric_assignments"]:
            self.written["rubric_assignments"].append(row)


def places_of(points: Fraction) -> int:
    """The decimals that a number needs."""
    return next(n for n in range(19) if (points * 10**n).denominator == 1)


def kind_of_code(code: str) -> str:
    return next(kind for kind, codes in CODES.items() if code in codes)


def unit_code(number: int) -> str:
    return f"syn-{number:05}"


class Taken:
    """The values that departments' measures take.

    Attributes:
        values: By measure, those that a rubric may name as a bound.
    """

    def __init__(self, landing: Path, year: int) -> None:
        found: dict[str, list[Decimal]] = defaultdict(list)
        statuses: dict[str, set[str]] = defaultdict(set)
        for department in departments(landing, year).values():
            for code, measure in department.measures().items():
                statuses[code].add(measure.status)
                if measure.value is not None and abs(measure.value) < 5:
                    found[code].append(
                        Decimal(measure.value.numerator) / Decimal(measure.value.denominator)
                    )
        self.values = {code: sorted(set(v)) for code, v in found.items() if len(set(v)) > 1}
        self.often = {
            code: [v for v in values if found[code].count(v) > 2] or values
            for code, values in self.values.items()
        }
        self.by_status = {
            status: sorted(code for code in self.values if status in statuses[code])
            for status in (DEFINED, UNDEFINED, UNBOUNDED)
        }

    def measure(self, r: random.Random, status: str | None = None) -> str:
        return r.choice(self.by_status[status or r.choice(list(self.by_status))])

    def value(self, r: random.Random, measure: str) -> Decimal:
        return r.choice(self.often[measure] if r.random() < 0.9 else self.values[measure])


class Assessed(Generator):
    """Departments of the invented cities, or of some districts, assessed by whatever rubrics reach them."""

    def __init__(self, seed: int, seeds: Path, districts: list[str] | None = None) -> None:
        super().__init__(seed, seeds)
        self.cities = [CITY] if districts else [CITY] * 9 + [OTHER_CITY]
        self.districts = districts or DISTRICTS
        self.assignments = read(seeds / "rubric_assignments.csv")
        self.rubrics = {
            r["rubric_id"]: Rubric(seeds, r["rubric_id"]) for r in read(seeds / "rubrics.csv")
        }

    def landing(self, folder: Path, year: int, departments: int) -> Path:
        self.year = year
        return super().landing(folder, year, departments)

    def department(self, number: int) -> list[tuple[str, dict[str, Cell]]]:
        r = self.random
        city = r.choice(self.cities)
        place = {
            "city": city,
            "district": r.choice(self.districts) if city == CITY else "某区",
            "unit_type": r.choice(TYPES),
        }
        rows = [row for row in super().department(number) if row[0] != "assessments"]
        if r.random() < 0.06:
            rows = [row for row in rows if row[0] == "departments"]
        for table, cells in rows:
            if table == "departments":
                cells |= place
        return [*rows, *(("assessments", row) for row in self._assessments(number, place))]

    def _assessments(self, number: int, place: Row) -> Iterator[dict[str, Cell]]:
        r = self.random
        roles = assigned(self.assignments, place | {"unit_code": unit_code(number)}, self.year)
        if not roles:
            return
        official = next(self.rubrics[name] for name, role in roles.items() if role == OFFICIAL)
        gap, waived = r.choice([0, 0, 0, 0.02, 0.1, 0.5]), r.choice([0, 0, 0.03, 0.2, 0.2, 0.8, 1])
        found: dict[str, list[tuple[Rubric, Row]]] = defaultdict(list)
        for name in sorted(roles):
            for criterion in self.rubrics[name].criteria:
                found[criterion["criterion_code"]].append((self.rubrics[name], criterion))
        for code, criteria in sorted(found.items()):
            row: dict[str, Cell] = {
                "criterion_code": code,
                "assessor": "虚构评审组",
                "basis": "评审",
            }
            vetoes = [criterion["method"] == "veto" for _, criterion in criteria]
            is_vetoing = any(vetoes)
            if r.random() < (0.6 if all(vetoes) else gap):
                if not is_vetoing and r.random() < 0.3:
                    yield row | {"value": "", "basis": r.choice(["", "未评"])}
                continue
            if not is_vetoing and r.random() < waived:
                yield row | {"value": "", "basis": NOT_APPLICABLE}
                continue
            value = self._value(code, criteria, official)
            if value is not None:
                yield row | {"value": value, "basis": r.choice(["评审", "评审", NOT_APPLICABLE])}

    def _value(
        self, code: str, criteria: list[tuple[Rubric, Row]], official: Rubric
    ) -> Cell | None:
        r = self.random
        criterion = criteria[0][1]
        if kind_of(criterion) == NUMBER:
            possible = set(range(8))
            for rubric, own in criteria:
                if (levels := levels_of(rubric, own)) is not None:
                    possible &= levels
            usual = [n for n in possible if n < 3] or list(possible)
            return r.choice(usual if r.random() < 0.8 else list(possible)) if possible else None
        if kind_of(criterion) == DEDUCTION:
            return Decimal(r.choice(["0", "0.1", "0.5", "1", "2.5"]))
        if code in official.points:
            points = Decimal(str(float(official.points[code])))
            shares = ["0", "1", "1", "0.5", "0.3", str(round(r.random(), 4))]
            share = Decimal(r.choice(shares))
            value = (points * share).quantize(Decimal("0.0001"))
            return r.choice([value, value, min(points, Decimal(int(value) + 1))])
        most = max(points_of(own) for _, own in criteria)
        points = Decimal(str(float(most)))
        return r.choice(
            [points, points + 1, points / 2, Decimal("0.1"), Decimal("-0.5"), Decimal(0)]
        )


def levels_of(rubric: Rubric, criterion: Row) -> set[int] | None:
    """The levels that an assessment may name, None for any number."""
    if criterion["method"] != "band" or criterion["measure_code"]:
        return None
    bands = [b for b in rubric.bands if b["criterion_code"] == criterion["criterion_code"]]
    if any(band["lower"] != band["upper"] or not band["lower"] for band in bands):
        return None
    return {int(band["lower"]) for band in bands}
