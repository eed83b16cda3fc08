"""The sentences that explain points never contradict the comparisons that the points rest on."""

import random
import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from itertools import cycle, pairwise
from pathlib import Path

import duckdb
import pytest

from orchestration import dbt
from orchestration.project import PROJECT_DIR, SEEDS_DIR
from tests.conftest import Published
from tests.reference import read

MODELS = (
    "int_points__band int_points__linear int_points__step int_criteria__awarded "
    "int_criteria__scored int_criteria__shown int_criteria__worded"
)
RUBRIC = "nanshan_2023"
MEASURE = {"ratio": "budget_execution_rate", "count": "unfinished_key_tasks"}
# Of few digits and of many.
BOUNDS = ["0.05", "0.1", "1", "0.99996", "0.123456789", "3", "15000.5", "0.0000000001"]
SIZES = ["0.01", "0.07", "1", "0.00003", "20000"]
HOLDS: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "不高于": lambda value, bound: value <= bound,
    "不低于": lambda value, bound: value >= bound,
    "高于": lambda value, bound: value > bound,
    "低于": lambda value, bound: value < bound,
    "偏离": lambda value, bound: value != bound,
    "等于": lambda value, bound: value == bound,
    "含至": lambda value, bound: value >= bound,
    "不含至": lambda value, bound: value > bound,
    "含": lambda value, bound: value <= bound,
    "不含": lambda value, bound: value < bound,
}


@dataclass
class Criterion:
    """A way to give or take points, and the bounds that it has."""

    kind: str
    columns: dict[str, str]
    bounds: list[Decimal]


@dataclass
class Sentence:
    """What is said of a value."""

    criterion: Criterion
    value: Decimal
    steps: Decimal | None
    text: str

    @property
    def subject(self) -> str:
        """All but what it costs, without the measure's name."""
        return self.text.split(" ", 1)[1]

    def numbers(self, pattern: str) -> list[Decimal]:
        """The numbers that a pattern finds, a percentage as a fraction."""
        found = re.search(pattern.replace("N", r"(-?[\d.]+%?)"), self.subject)
        assert found, self
        return [
            Decimal(text.rstrip("%")) / (100 if text.endswith("%") else 1)
            for text in found.groups()
        ]


def criteria() -> Iterator[Criterion]:
    roundings, overs, sizes = cycle(["whole", "up"]), cycle(["cap", "zero"]), cycle(SIZES)
    bounds = [Decimal(bound) for bound in BOUNDS]
    for kind in MEASURE:
        yield Criterion(kind, {"method": "band"}, sorted(bounds))
        for bound in bounds:
            yield Criterion(
                kind,
                {"method": "linear", "full_mark_at": str(bound), "over_target": next(overs)},
                [Decimal(0), bound],
            )
            for direction in ("above", "below", "both"):
                size = next(sizes)
                columns = {"method": "step", "threshold": str(bound), "direction": direction,
                           "step_size": size, "step_rounding": next(roundings),
                           "points_per_step": "0.1"}  # fmt: skip
                yield Criterion(
                    kind, columns, [bound + k * Decimal(size) for k in (-2, -1, 0, 1, 2, 7)]
                )


def values(bounds: list[Decimal]) -> list[Decimal]:
    """On bounds, next to them at every digit, and anywhere around them."""
    r = random.Random(7)  # noqa: S311
    near = [b + side * Decimal(10) ** -d for b in bounds for d in range(1, 11) for side in (-1, 1)]
    around = [b + Decimal(r.randint(-(10**k), 10**k)).scaleb(-10) for b in bounds for k in (5, 9)]
    return sorted({*bounds, *r.sample(near, 30), *around})


@pytest.fixture(scope="module")
def sentences(
    two_departments: Published, tmp_path_factory: pytest.TempPathFactory
) -> list[Sentence]:
    """What the models say of many values under many criteria, each value a department."""
    (state,) = (two_departments.warehouse / "states").iterdir()
    folder = tmp_path_factory.mktemp("explanations")
    database = Path(shutil.copyfile(state, folder / "warehouse.duckdb"))
    written = {f"c{n}": criterion for n, criterion in enumerate(criteria())}
    rows: dict[str, list[dict[str, object]]] = defaultdict(list)
    for code, criterion in written.items():
        key = {"rubric_id": RUBRIC, "indicator_code": "i", "criterion_code": code}
        measured = key | {"measure_code": MEASURE[criterion.kind]}
        rows["intermediate.int_rubrics__criteria"].append(
            measured | {"sort_order": len(rows), "points": "5"} | criterion.columns
        )
        if criterion.columns["method"] == "band":
            rows["intermediate.int_rubrics__bands"] += [
                {"rubric_id": RUBRIC, "criterion_code": code, "points": "1",
                 "lower": lower and str(lower), "lower_inclusive": n % 2 == 0,
                 "upper": upper and str(upper), "upper_inclusive": n % 2 == 0}
                for n, (lower, upper) in enumerate(pairwise([None, *criterion.bounds, None]))
            ]  # fmt: skip
        rows["intermediate.int_criteria__valued"] += [
            measured
            | {"unit_code": f"v{n}", "fiscal_year": 2023, "method": criterion.columns["method"],
               "measure_status": "defined", "takes_number": False, "is_deduction": False, "points_possible": "5",
               "basis": "computed", "value": str(value)}
            for n, value in enumerate(values(criterion.bounds))
        ]  # fmt: skip
    with duckdb.connect(str(database)) as con:
        for table, records in rows.items():
            names = list(dict.fromkeys(name for record in records for name in record))
            con.execute(f"delete from {table}")
            con.execute(
                f"insert into {table} by name select "
                + ", ".join(f"unnest(${name}) as {name}" for name in names),
                {name: [record.get(name) for record in records] for name in names},
            )
    run = dbt.build(database, f"{MODELS} int_criteria__explained", exclude="resource_type:test")
    assert run.failures == []
    with duckdb.connect(str(database)) as con:
        found = con.execute(
            """
            select e.criterion_code, e.value, s.steps, e.explanation_zh
            from intermediate.int_criteria__explained as e
            left join intermediate.int_points__step as s
                using (unit_code, fiscal_year, rubric_id, criterion_code)
            """
        ).fetchall()
    assert len(found) == len(rows["intermediate.int_criteria__valued"])
    return [Sentence(written[code], *rest) for code, *rest in found]


def test_a_value_is_shown_as_it_is_up_to_its_decimals(sentences: list[Sentence]) -> None:
    for sentence in sentences:
        (shown,) = sentence.numbers("^N")
        text = re.split("[ ，]", sentence.subject)[0]
        places = len(text.rstrip("%").partition(".")[2]) + 2 * text.endswith("%")
        # A hair off a whole step is shown as the step.
        hair = Decimal(sentence.criterion.columns.get("step_size", 0)) / 2_000_000
        off = Decimal(1).scaleb(-max(places, 4 if text.endswith("%") else 2)) / 2
        assert abs(shown - sentence.value) <= max(off, hair), sentence


def test_a_value_is_shown_on_its_side_of_every_bound_named(sentences: list[Sentence]) -> None:
    said = set()
    for sentence in sentences:
        comparisons = re.findall(
            r"(?<![不])(不?高于|不?低于|偏离|等于) (-?[\d.]+%?)", sentence.subject
        )
        between = re.search(r"在 (\S+)（(不?含)）至 (\S+)（(不?含)）之间", sentence.subject)
        if between:
            lower, at_lower, upper, at_upper = between.groups()
            comparisons += [(at_lower + "至", lower), (at_upper, upper)]
        (shown,) = sentence.numbers("^N")
        for relation, text in comparisons:
            bound = Decimal(text.rstrip("%")) / (100 if text.endswith("%") else 1)
            assert bound in {*sentence.criterion.bounds, 0}, sentence
            assert HOLDS[relation](shown, bound), sentence
            assert HOLDS[relation](sentence.value, bound), sentence
            said.add(relation)
    assert said == set(HOLDS)


def test_the_steps_said_are_those_of_the_value_shown(sentences: list[Sentence]) -> None:
    counted = 0
    for sentence in sentences:
        columns = sentence.criterion.columns
        if sentence.steps is None or "在规定范围" in sentence.subject:
            assert not sentence.steps, sentence
            continue
        shown, threshold = sentence.numbers("^N (?:高于|低于|偏离) N")
        if sentence.steps == 0:
            (size,) = sentence.numbers("超出部分不足(?: 1 |百万分之一)步（N）")
            assert "不扣分" in sentence.subject
        else:
            (size,) = sentence.numbers("超出部分每满? ?N")
            assert sentence.numbers("计 N 步") == [sentence.steps]
        assert size == Decimal(columns["step_size"])
        # A hair off a whole step is a whole step.
        exact = abs(shown - threshold) / size
        near = exact.quantize(Decimal("1e-6"), ROUND_HALF_UP)
        rounding = ROUND_CEILING if columns["step_rounding"] == "up" else ROUND_FLOOR
        assert sentence.steps in {s.to_integral_value(rounding) for s in (exact, near)}, sentence
        counted += 1
    assert counted > 1000


def test_the_models_name_the_cases_that_have_a_sentence() -> None:
    sql = "\n".join(
        path.read_text("utf-8")
        for path in (PROJECT_DIR / "models" / "intermediate" / "scores").glob("*.sql")
    )
    codes = {
        code for row in read(SEEDS_DIR / "explanation_patterns.csv")
        if not (code := row["pattern_code"]).startswith("monitored_")
    }  # fmt: skip
    # The words are named by an option of the rubric.
    words = {code for code in codes if re.match("(beyond|within|each)_", code)}
    # Put together from what is given and why an assessor has the word, or the measure no value.
    statuses, whys = ("undefined", "unbounded"), ("measure", "undefined", "unbounded")
    composed = {
        f"{what}_for_{why}" for what in ("missing", "assessed") for why in (*whys, "silent")
    }
    composed |= {f"assessed_off_for_{why}" for why in whys}
    composed |= {f"{status}_{given}" for status in statuses for given in ("full", "zero")}
    composed |= {f"{status}_nothing_off" for status in statuses}
    composed |= {f"excluded_as_{status}" for status in statuses}
    assert composed <= codes
    named = r"'((?:veto|linear|band|step|bound)_\w+)'"
    assert set(re.findall(named, sql)) - {"step_size", "band_holds"} <= codes
    assert [code for code in codes - words - composed if f"'{code}'" not in sql] == []
    assert len(words) == 3 * 3


def test_monitoring_names_the_cases_that_have_a_sentence() -> None:
    """As the models have them: a case without monitored_, the words with it."""
    models = PROJECT_DIR / "models"
    sql = "\n".join(
        path.read_text("utf-8")
        for path in (
            *(models / "intermediate" / "monitoring").glob("*.sql"),
            models / "marts" / "fct_midyear_monitoring.sql",
        )
    )
    cases = {
        row["pattern_code"].removeprefix("monitored_")
        for row in read(SEEDS_DIR / "explanation_patterns.csv")
        if row["pattern_code"].startswith("monitored_")
    }
    ranges = {f"range_{code}" for code in ("any", "below", "up_to", "above", "from", "between")}
    words = {code for code in cases - ranges if f"'monitored_{code}'" in sql}
    assert words == {"light_of_range", "light", "withheld"}
    assert ranges <= cases
    assert [code for code in cases - ranges - words if f"'{code}'" not in sql] == []
