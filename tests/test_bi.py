"""The questions of docs/bi.md: what each query answers, worked out otherwise."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.project import PROJECT_DIR, SEEDS_DIR
from tests.conftest import LANDING, City, Published
from tests.reference import Row, read
from tests.rubric_reference import Rubric

pytestmark = pytest.mark.builds

Answer = list[dict[str, Any]]
Key = tuple[Any, ...]
NANSHAN, YANTIAN = "440305-gxj", "440308-fzyj"
BLOCK = re.compile(r"^```sql\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# More than what is rounded off a number of steps.
HAIR = Fraction(1, 10**7)
RUBRICS = {
    r["rubric_id"]: Rubric(SEEDS_DIR, r["rubric_id"]) for r in read(SEEDS_DIR / "rubrics.csv")
}
# What a rule holds a record against, by hand.
AGAINST = {
    "completed_project_spent": [("work_completion", "work_type=project")],
    "year_end_ties": [("budgets", "budget_line=total")],
}


def questions() -> dict[str, list[str]]:
    """The queries of the page by its headings."""
    page = (PROJECT_DIR / "docs" / "bi.md").read_text("utf-8")
    sections = re.split(r"^## (.+)$", page, flags=re.MULTILINE)[1:]
    found = zip(sections[::2], sections[1::2], strict=True)
    return {title: BLOCK.findall(text) for title, text in found if BLOCK.search(text)}


class World:
    """What is published, and the files that it came from."""

    def __init__(self, published: Published, landing: Path) -> None:
        self.landing = landing
        self.con = duckdb.connect()
        path = published.warehouse / "published" / "scores.duckdb"
        self.con.execute(f"attach '{path}' as scores (read_only); use scores.marts")
        self.official = {
            (unit, year): rubric
            for unit, year, rubric in self.con.execute(
                "select unit_code, fiscal_year, official_rubric_id from dim_departments"
            ).fetchall()
        }

    def rows(self, query: str) -> Answer:
        result = self.con.execute(query)
        names = [column[0] for column in result.description or ()]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def by(self, query: str, *key: str) -> dict[Key, dict[str, Any]]:
        return {tuple(row[name] for name in key): row for row in self.rows(query)}

    def is_official(self, row: dict[str, Any]) -> bool:
        return bool(self.official[row["unit_code"], row["fiscal_year"]] == row["rubric_id"])

    def evaluations(self) -> Answer:
        return [e for e in self.rows("from fct_evaluations") if self.is_official(e)]

    def delivered(self, table: str, year: int) -> list[Row]:
        path = self.landing / str(year) / f"{table}.csv"
        return read(path) if path.exists() else []

    def years(self) -> list[int]:
        return sorted({year for _, year in self.official})


def unit_year(row: dict[str, Any]) -> Key:
    return row["unit_code"], row["fiscal_year"]


def average_score(world: World, answers: list[Answer]) -> None:
    totals: dict[int, list[Any]] = defaultdict(list)
    for e in world.evaluations():
        totals[e["fiscal_year"]].append(e["total_score"])
    for row in answers[0]:
        all_of_it = totals.pop(row["fiscal_year"])
        scored = [t for t in all_of_it if t is not None]
        assert (row["departments"], row["scored"]) == (len(all_of_it), len(scored))
        assert abs(Fraction(row["average_score"]) - Fraction(sum(scored)) / len(scored)) < 0.006
    assert totals == {}


def lost_points(world: World, answers: list[Answer]) -> None:
    lost, cells = answers
    scores = world.rows("from fct_indicator_scores")
    assert Counter((*unit_year(r), r["points_lost"]) for r in lost) == Counter(
        (*unit_year(s), s["points_possible"] - s["score"])
        for s in scores
        if world.is_official(s) and s["score"] is not None and s["score"] < s["points_possible"]
    )
    # Each number of the text is the measure's.
    names = {m["name_zh"]: m for m in world.rows("from dim_measures")}
    values = world.by("from fct_measures", "unit_code", "fiscal_year", "measure_code")
    seen = 0
    for row in lost:
        assert row["explanation_zh"]
        for text in (row["measures_zh"] or "").split("；"):
            told = re.fullmatch(r"(\S+) (.+?)(?:（(\S+?)(?: (\S+))? ÷ (\S+?)(?: (\S+))?）)?", text)
            if told is None or told[3] is None:
                continue
            value = values[(*unit_year(row), names[told[1]]["measure_code"])]
            assert Decimal(told[3].replace(",", "")) == value["numerator"], text
            assert Decimal(told[5].replace(",", "")) == value["denominator"], text
            unit = value["unit_zh"]
            assert unit is None or {told[4] or "1", told[6] or "1"} == set(unit.split("/")), text
            seen += 1
    assert seen > 4
    sums: dict[Key, Decimal] = defaultdict(Decimal)
    for cell in cells:
        key = (*unit_year(cell), cell["criterion_code"], cell["measure_code"], cell["role"])
        assert cell["source_file"] or cell["lines_count"]
        sums[key] += (cell["weight"] or 0) * (cell["value"] or 0)
    assert len(sums) > 20
    for (unit, year, _, measure, role), total in sums.items():
        value = values[unit, year, measure]
        if value["status"] != "missing":
            assert total == value[role], (unit, year, measure, role)


def self_reported(world: World, answers: list[Answer]) -> None:
    differing, districts = answers
    scores = world.by("from fct_indicator_scores", "unit_code", "fiscal_year", "rubric_id",
                      "indicator_code")  # fmt: skip
    expected, totals = Counter[Key](), defaultdict[Key, list[Decimal]](list)
    places = world.by("from dim_departments", "unit_code", "fiscal_year")
    evaluations = {unit_year(e): e for e in world.evaluations()}
    for year in world.years():
        for printed in world.delivered("reported_scores", year):
            key = (printed["unit_code"], year)
            reported = Decimal(printed["reported_score"])
            if printed["indicator_code"] == "TOTAL":
                total = evaluations[key]["total_score"]
                if total is not None:
                    totals[year, places[key]["district"]].append(reported - total)
                continue
            score = scores[(*key, world.official[key], printed["indicator_code"])]["score"]
            if score is not None and score != reported:
                expected[(*key, reported, score)] += 1
    assert Counter((*unit_year(r), r["reported_score"], r["score"]) for r in differing) == expected
    assert all(r["explained_by"] for r in differing)
    assert expected
    for row in districts:
        found = totals.pop((row["fiscal_year"], row["district"]), [])
        assert (row["compared"], row["reported_too_much"]) == (
            len(found), sum(excess > 0 for excess in found),
        )  # fmt: skip
    assert not totals


def other_rubrics(world: World, answers: list[Answer]) -> None:
    grades, indicators = answers
    lowers: dict[str, list[tuple[Decimal, str]]] = defaultdict(list)
    for band in world.rows("from dim_grades"):
        lowers[band["rubric_id"]].append((band["lower"], band["grade"]))

    def grade(rubric: str, total: Decimal) -> str:
        return max((lower, name) for lower, name in lowers[rubric] if total >= lower)[1]

    totals = {
        (*unit_year(e), e["rubric_id"]): e["total_score"]
        for e in world.rows("from fct_evaluations")
        if e["total_score"] is not None
    }
    changed, differences = set(), {}
    for (unit, year, rubric), total in totals.items():
        own = world.official[unit, year]
        if rubric != own and (unit, year, own) in totals:
            before = grade(own, totals[unit, year, own])
            differences[unit, year, rubric] = total - totals[unit, year, own]
            if before != grade(rubric, total):
                changed.add((unit, year, rubric, before, grade(rubric, total)))
    assert {
        (*unit_year(r), r["other_rubric_id"], r["grade"], r["other_grade"]) for r in grades
    } == changed
    summed: dict[Key, Decimal] = defaultdict(Decimal)
    for r in indicators:
        summed[(*unit_year(r), r["other_rubric_id"])] += r["difference"]
    assert {k: d for k, d in summed.items() if k in differences and d} == {
        k: d for k, d in differences.items() if d
    }


def missed_quarters(world: World, answers: list[Answer]) -> None:
    """Of the shipped rubrics a quarter is a point in proportion to what was executed."""
    values = world.by("from fct_measures", "unit_code", "fiscal_year", "measure_code")
    statuses = {unit_year(e): e["status"] for e in world.evaluations()}
    expected = {
        (unit, year, int(code[1])): v["value"]
        for (unit, year, code), v in values.items()
        if re.fullmatch(r"q[1-4]_execution_rate", code) and v["value"] is not None
        and v["value"] < 1 and statuses[unit, year] != "blocked"
    }  # fmt: skip
    found = {(*unit_year(r), r["quarter"]): r for r in answers[0]}
    unbounded = {k for k, r in found.items() if r["measure_value"] is None}
    assert {k for k in found if k not in unbounded} == set(expected)
    for key, value in expected.items():
        row = found[key]
        assert abs(row["cost"] - (1 - max(value, Decimal(0)))) <= Decimal("0.00005")
        assert row["measure_value"] == value
        assert row["numerator"] is not None
        assert row["unit_zh"] in ("元", None, "1/项")
    # Without a value there is nothing of the point, but what an assessor gives.
    for key in unbounded:
        assert found[key]["cost"] == 1 or found[key]["basis"] == "assessed"
        assert 0 < found[key]["cost"] <= 1


def what_it_rests_on(world: World, answers: list[Answer]) -> None:
    departments, criteria = answers
    evaluations = {unit_year(e): e for e in world.evaluations()}
    assert {unit_year(r) for r in departments} == set(evaluations)
    by_basis: dict[Key, Decimal] = defaultdict(Decimal)
    for row in criteria:
        by_basis[(*unit_year(row), row["basis"])] += row["points_possible"]
        assert row["explanation_zh"]
    for row in departments:
        e = evaluations[unit_year(row)]
        for basis, name in (("computed",) * 2, ("assessed",) * 2, ("default", "by_default")):
            assert row[name] == e[f"points_{basis}"]
            if basis != "computed":
                assert row[name] == by_basis[(*unit_year(row), basis)]
        assert row["missing"] == e["points_missing"]
        assert row["computed"] + row["assessed"] + row["by_default"] + row["missing"] == 100


def over_the_years(world: World, answers: list[Answer]) -> None:
    years = world.years()
    before: dict[Key, list[tuple[str, str]]] = defaultdict(list)
    for year in years:
        for s in world.delivered("unit_successions", year):
            before[s["unit_code"], year].append((s["predecessor_unit_code"], s["kind"]))
    values = world.by("from fct_measures", "unit_code", "fiscal_year", "measure_code")
    found = {(r["unit_code"], r["measure_code"], r["of_year"]): r for r in answers[0]}
    ratios = [m["measure_code"] for m in world.rows("from dim_measures")
              if (m["kind"], m["quotient"]) == ("ratio", "ratio")]  # fmt: skip
    expected_keys, several = set(), 0
    for unit, last in world.official:
        if last != years[-1]:
            continue
        units, year = {unit}, last
        while units:
            for code in ratios:
                key = (unit, code, year)
                expected_keys.add(key)
                row, parts = found[key], [values.get((u, year, code)) for u in sorted(units)]
                assert row["units"] == "、".join(sorted(units))
                numbers = [p for p in parts if p and p["value"] is not None]
                kinds = {p["unit_zh"] for p in numbers}
                if len(numbers) < len(units) or (
                    len(units) > 1 and (len(kinds) > 1 or None in kinds)
                ):
                    assert row["ratio"] is None, key
                    continue
                several += len(units) > 1
                over = sum(Fraction(p["numerator"]) for p in numbers)
                under = sum(Fraction(p["denominator"]) for p in numbers)
                assert (row["ratio"] is None) == (under == 0)
                assert under == 0 or abs(Fraction(row["ratio"]) - over / under) <= Fraction(
                    1, 10**6
                )
            units = {
                was
                for each in units
                for was, kind in before.get((each, year), [(each, "")])
                if kind != "split" and year > years[0]
            }
            year -= 1
    assert set(found) == expected_keys
    if len(years) > 1:
        assert several > 5
        # What the engine reads of the year before for a change is what its units had then.
        rate = "off_establishment_rate"
        assert [
            (found["twin-5", rate, y]["units"], int(found["twin-5", rate, y]["numerator"]))
            for y in reversed(years)
        ] == [("twin-5", 14), ("twin-1、twin-4", 28), ("twin-1、twin-2", 28)]
        change = values["twin-5", years[-1], "three_public_change_rate"]
        spent = found["twin-5", "three_public_control_rate", years[-2]]
        assert change["denominator"] == spent["denominator"] > 0


def ranks(world: World, answers: list[Answer]) -> None:
    places = world.by("from dim_departments", "unit_code", "fiscal_year")
    groups: dict[Key, dict[Key, Decimal]] = defaultdict(dict)
    for e in world.evaluations():
        if e["total_score"] is not None:
            d = places[unit_year(e)]
            groups[e["fiscal_year"], d["city"], d["district"]][unit_year(e)] = e["total_score"]
    found = {unit_year(r): r for r in answers[0]}
    assert len(found) == sum(map(len, groups.values()))
    for totals in groups.values():
        for key, total in totals.items():
            row, others = found[key], [t for k, t in totals.items() if k != key]
            assert row["district_rank"] == 1 + sum(t > total for t in others)
            assert row["sharing_the_rank"] == 1 + others.count(total)
            assert row["peers_count"] == len(others)
            if others:
                share = Fraction(sum(t < total for t in others), len(others))
                assert abs(Fraction(row["percentile"]) - share) <= Fraction(1, 10**4)
            else:
                assert row["percentile"] is None
    if ("twin-1", 2023) in found:
        assert [found[f"twin-{n}", 2023]["sharing_the_rank"] for n in (1, 2)] == [2, 2]


def one_step(world: World, answers: list[Answer]) -> None:
    near, grades = answers
    kinds = {m["measure_code"]: m["kind"] for m in world.rows("from dim_measures")}
    steps = [s for s in world.rows("from fct_next_steps") if world.is_official(s)]
    for s in steps:
        if s["value"] is not None and s["method"] != "veto":
            gives_what_it_says(s, kinds)
    assert {(*unit_year(r), r["method"], r["value"], r["next_value"]) for r in near} == {
        (*unit_year(s), s["method"], s["value"], s["next_value"])
        for s in steps
        if s["gap"] is not None
        and s["gap"] <= (Decimal("0.01") if kinds.get(s["measure_code"]) == "ratio" else 1)
    }
    # Whoever is not in the best band is told of the next one.
    told = {(*unit_year(s), s["criterion_code"]) for s in steps}
    for c in world.rows("from fct_criterion_scores where method = 'band' and basis = 'computed'"):
        if world.is_official(c) and c["measure_value"] is not None:
            is_less = c["points_awarded"] < c["points_possible"]
            assert ((*unit_year(c), c["criterion_code"]) in told) == is_less
    assert {
        unit_year(r): (
            r["next_grade"], r["points_to_next_grade"], r["steps_that_reach_it"], r["it_gains"],
        )
        for r in grades
    } == next_grades(world, steps)  # fmt: skip
    if len(world.years()) > 1:
        assert {s["method"] for s in steps} == {"linear", "band", "step", "assessed", "veto"}
        assert grades


def gives_what_it_says(s: dict[str, Any], kinds: dict[str, str]) -> None:
    """By the reference there are so many points more as a step says, and none before it."""
    rubric = RUBRICS[s["rubric_id"]]
    (criterion,) = (c for c in rubric.criteria if c["criterion_code"] == s["criterion_code"])
    value, target = Fraction(s["value"]), Fraction(s["next_value"])
    assert Fraction(s["gap"]) == abs(target - value)
    is_counted = s["measure_code"] is None or kinds[s["measure_code"]] == "count"
    beyond = target + (HAIR if s["comparison"][0] == ">" else -HAIR)
    now, on, further = (rubric.apply(criterion, v) for v in (value, target, beyond))
    got = on if s["comparison"].endswith("=") else further
    assert now is not None and got is not None and on is not None
    assert abs(got - now - Fraction(s["points_gained"])) < Fraction(1, 10**5), s
    assert got == on or on <= now, s
    if s["method"] in ("band", "step") and not is_counted and s["gap"]:
        short = value + (target - value) * Fraction(999, 1000)
        assert rubric.apply(criterion, short) == now, s


def next_grades(world: World, steps: Answer) -> dict[Key, Key]:
    """Who is within one step of the next grade, or one point."""
    expected = {}
    bands = world.rows("from dim_grades")
    for e in world.evaluations():
        if e["total_score"] is None:
            continue
        above = [(b["lower"] - e["total_score"], b["grade"]) for b in bands
                 if b["rubric_id"] == e["rubric_id"] and b["lower"] > e["total_score"]]  # fmt: skip
        own = [s["points_gained"] for s in steps if unit_year(s) == unit_year(e)]
        if above and own:
            lacking, name = min(above)
            reaching = sum(gained >= lacking for gained in own)
            if reaching or lacking <= 1:
                expected[unit_year(e)] = (name, lacking, reaching, max(own))
    return expected


def conflicts(world: World, answers: list[Answer]) -> None:
    high = {
        (*unit_year(s), s["indicator_code"])
        for s in world.rows("from fct_indicator_scores where score * 10 >= points_possible * 9")
        if world.is_official(s)
    }
    names = {
        (i["rubric_id"], i["indicator_code"]): i["level3"]
        for i in world.rows("from dim_indicators")
    }
    # By the cells themselves: what a score read, and the lines of what was rolled up.
    read_by: dict[Key, set[str]] = defaultdict(set)
    for e in world.rows("from fct_evidence where delivered_year = fiscal_year"):
        is_high = (*unit_year(e), e["indicator_code"]) in high
        if is_high and world.is_official(e) and e["role"] != "reported":
            record = (*unit_year(e), e["table_name"], e["record_key"])
            for place in (record, (*record, e["column_name"])):
                read_by[place].add(names[e["rubric_id"], e["indicator_code"]])
    lines: dict[Key, set[Key]] = defaultdict(set)
    for line in world.rows("from fct_evidence_lines where delivered_year = fiscal_year"):
        key = (*unit_year(line), line["line_table_name"], line["line_record_key"])
        lines[key].add((line["table_name"], line["record_key"], line["column_name"]))
    reads = world.rows("from dim_criteria join dim_measure_inputs using (measure_code)")
    findings = {f["message_zh"]: f for f in world.rows("from fct_findings")}
    expected = set()
    for message, f in findings.items():
        records = {(f["table_name"], f["record_key"]), *AGAINST.get(f["rule_id"], [])}
        records |= lines[(*unit_year(f), f["table_name"], f["record_key"])]
        concerned = set().union(*(read_by[(*unit_year(f), *record)] for record in records))
        if not f["record_key"]:
            # The only record of its table, whether or not it could be used.
            concerned |= {
                names[r["rubric_id"], r["indicator_code"]]
                for r in reads
                if r["input_table"] == f["table_name"]
                and r["rubric_id"] == world.official[unit_year(f)]
                and (*unit_year(f), r["indicator_code"]) in high
            }
        expected |= {(*unit_year(f), name, message) for name in concerned}
    found = {(*unit_year(r), r["level3"], r["message_zh"]) for r in answers[0] if r["is_used"]}
    assert found == expected
    assert {findings[message]["rule_id"] for *_, message in found} >= {
        "completed_project_spent", "sme_within_procurement",
    }  # fmt: skip


def level1(world: World, answers: list[Answer]) -> None:
    places = world.by("from dim_departments", "unit_code", "fiscal_year")
    levels = world.by("from dim_indicators", "rubric_id", "indicator_code")
    scores: dict[Key, list[tuple[Decimal, Decimal]]] = defaultdict(list)
    units: dict[Key, set[str]] = defaultdict(set)
    for s in world.rows("from fct_indicator_scores"):
        if world.is_official(s) and s["score"] is not None:
            district = places[unit_year(s)]["district"]
            level = levels[s["rubric_id"], s["indicator_code"]]["level1"]
            scores[s["fiscal_year"], district, level].append((s["score"], s["points_possible"]))
            units[s["fiscal_year"], district, level].add(s["unit_code"])
    found = {(r["fiscal_year"], r["district"], r["level1"]): r for r in answers[0]}
    assert set(found) == set(scores)
    for key, row in found.items():
        got, of = (sum(pair[side] for pair in scores[key]) for side in (0, 1))
        assert (row["score"], row["points"], row["departments"]) == (got, of, len(units[key]))
        assert abs(Fraction(row["percent"]) - 100 * Fraction(got) / Fraction(of)) < Fraction(1, 100)


def mid_year(world: World, answers: list[Answer]) -> None:
    """Where the figures are of June, progress and pace are the measures of the second quarter."""
    departments, behind = answers
    values = world.by(
        "from fct_measures where status = 'defined'", "unit_code", "fiscal_year", "measure_code"
    )
    months = {
        unit_year(r)
        for r in world.rows("from fct_midyear_monitoring where table_name = 'budget_execution'")
    }
    evaluated = world.by("from dim_departments", "unit_code", "fiscal_year")
    assert {unit_year(r) for r in departments} == set(evaluated)
    compared = 0
    for row in departments:
        # Of a budget that is not above zero there is no progress.
        if row["month"] == 6 and unit_year(row) in months and row["progress"] is not None:
            for column, measure in (("progress", "q2_progress"), ("pace", "q2_execution_rate")):
                assert row[column] == values[(*unit_year(row), measure)]["value"]
            pace = row["pace"]
            light = "green" if pace >= 1 else "red" if pace < Decimal("0.8") else "yellow"
            assert row["light"] in (light, "withheld")
            compared += 1
    assert compared >= 2
    counted = Counter((*unit_year(r), r["light"]) for r in behind)
    for row in departments:
        assert [counted[(*unit_year(row), light)] for light in ("red", "yellow")] == [
            row["red"], row["yellow"],
        ]  # fmt: skip
        assert all(r["explanation_zh"] for r in behind)


CHECKS: dict[str, Callable[[World, list[Answer]], None]] = {
    "What is the average score?": average_score,
    "Who lost points on each indicator, and from which numbers?": lost_points,
    "Where does the computed score differ from the self-reported one?": self_reported,
    "Who changes grade under another rubric?": other_rubrics,
    "Who missed which quarter, and what did it cost?": missed_quarters,
    "What rests on an assessor or a default?": what_it_rests_on,
    "How have ratios moved over the years, through reorganisations?": over_the_years,
    "Where does each stand among its peers, ties included?": ranks,
    "Who lies within one step of a band or a grade?": one_step,
    "Where do high scores conflict with what the data rules found?": conflicts,
    "How many points does each district get at level 1?": level1,
    "How far was each by mid-year, and what is behind?": mid_year,
}


def test_every_question_of_the_page_is_held() -> None:
    assert list(questions()) == list(CHECKS)


@pytest.mark.parametrize("title", CHECKS)
@pytest.mark.parametrize("of", ["two departments", "a city"])
def test_the_answer_is_what_it_comes_to_otherwise(
    title: str, of: str, request: pytest.FixtureRequest
) -> None:
    if of == "a city":
        city: City = request.getfixturevalue("city")
        world = World(city, city.landing)
    else:
        world = World(request.getfixturevalue("two_departments"), LANDING)
    answers = [world.rows(query) for query in questions()[title]]
    CHECKS[title](world, answers)
