"""The dbt tests on the seeds: each fault in a rubric or a measure is found and named."""

import csv
import itertools
import random
import re
import subprocess
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path

import duckdb
import pytest

from orchestration import dbt
from orchestration.project import PROJECT_DIR, SEEDS_DIR

pytestmark = pytest.mark.builds

# seeds/rubrics.csv row 2 and 3 more (rubric_id=…)
PLACE = re.compile(
    r"(\w+)\.csv(?= row \d| \()(?: row (\d+)(?: and (\d+) more)?)?(?: \((.*?)\)(?=[: ]))?"
)
NUMBER = re.compile(r"-?\d+(\.\d+)?$")
Row = dict[str, str]
Edit = Callable[[list[Row]], list[Row]]


class Seeds:
    """The shipped seeds as dbt loaded them, and the dbt tests on them as dbt compiled them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        database = folder / "warehouse.duckdb"
        self.run = dbt.build(database, dbt.SEEDS_ALONE)
        compiled = folder / "target" / "compiled" / "jixiao" / "tests" / "dbt" / "seeds"
        self.tests = {path.stem: path.read_text("utf-8") for path in compiled.glob("*.sql")}
        self.con = duckdb.connect(str(database))

    def messages(self, edits: dict[str, Edit], *tests: str) -> list[str]:
        """What tests say of the seeds while some are edited; by default all that read one of those."""
        edited = {seed: edit(shipped_rows(seed)) for seed, edit in edits.items()}
        named = re.compile("|".join(rf'"seeds"\."{seed}"' for seed in edited))
        asked = tests or [test for test, sql in self.tests.items() if named.search(sql)]
        assert asked
        self.con.execute("begin")
        try:
            for seed, rows in edited.items():
                file = write(self.folder, seed, rows)
                self.con.execute(f"delete from seeds.{seed}")
                # As dbt-duckdb loads a seed.
                self.con.execute(f"copy seeds.{seed} from '{file}' (format csv, header true)")
            found = [line for test in asked for line in self._messages(test)]
        finally:
            self.con.execute("rollback")
        return [PLACE.sub(partial(self._without_number, edited), line) for line in found]

    def _without_number(self, edited: dict[str, list[Row]], place: re.Match[str]) -> str:
        """Where rows are by their keys alone, if the row of the number has them and so have more."""
        seed, number, more, keys = place.groups(default="")
        wanted = dict(key.split("=", 1) for key in keys.split(", ") if key)
        rows = edited[seed] if seed in edited else shipped_rows(seed)
        told = [at for at, row in enumerate(rows, start=2) if _has(row, wanted)]
        # Empty cells are keys too, but not told.
        assert not number or int(number) in told[: -int(more or 0) or None], place[0]
        return f"{seed}.csv row {keys}"

    def _messages(self, test: str) -> list[str]:
        cursor = self.con.execute(self.tests[test])
        at = [column[0] for column in cursor.description].index("message")
        return [row[at] for row in cursor.fetchall()]


def _has(row: Row, wanted: Row) -> bool:
    """Whether a row has these cells, numbers being the same however they are written."""

    def same(cell: str, value: str) -> bool:
        return cell == value or bool(
            NUMBER.match(cell) and NUMBER.match(value) and Decimal(cell) == Decimal(value)
        )

    return all(same(row[name], value) for name, value in wanted.items())


def shipped_rows(seed: str) -> list[Row]:
    with (SEEDS_DIR / f"{seed}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def columns(seed: str) -> list[str]:
    return (SEEDS_DIR / f"{seed}.csv").read_text("utf-8").splitlines()[0].split(",")


def write(folder: Path, seed: str, rows: list[Row]) -> Path:
    """Write a seed with rows of one's own into a folder."""
    file = folder / f"{seed}.csv"
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns(seed))
        writer.writeheader()
        writer.writerows(rows)
    return file


def put(where: str, **cells: str) -> Edit:
    """Change cells of the rows that `where` (column=value, …) names."""

    def edit(rows: list[Row]) -> list[Row]:
        chosen = _chosen(rows, where)
        return [row | cells if row in chosen else row for row in rows]

    return edit


def drop(where: str) -> Edit:
    """Remove the rows that `where` names."""

    def edit(rows: list[Row]) -> list[Row]:
        chosen = _chosen(rows, where)
        return [row for row in rows if row not in chosen]

    return edit


def add(where: str, **cells: str) -> Edit:
    """Add a copy of the first row that `where` names, with other cells."""

    def edit(rows: list[Row]) -> list[Row]:
        return [*rows, _chosen(rows, where)[0] | cells]

    return edit


def _chosen(rows: list[Row], where: str) -> list[Row]:
    wanted = dict(term.split("=", 1) for term in where.split(", "))
    chosen = [row for row in rows if wanted.items() <= row.items()]
    assert chosen, f"no row with {where}"
    return chosen


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seeds]:
    loaded = Seeds(tmp_path_factory.mktemp("seeds"))
    yield loaded
    loaded.con.close()


def test_the_shipped_seeds_have_no_fault(seeds: Seeds) -> None:
    assert seeds.run.failures == []
    sources = {path.stem for path in (PROJECT_DIR / "tests" / "dbt" / "seeds").glob("*.sql")}
    assert set(seeds.tests) == sources
    assert seeds.messages({}) == []


N = "rubric_id=nanshan_2023"
SATISFACTION = f"{N}, criterion_code=satisfaction"
ADJUSTMENT = f"{N}, criterion_code=budget_adjustment"
TOTAL_EXECUTED = "measure_code=budget_execution_rate, role=numerator"
RIVAL = "rival_code=off_establishment_to_authorised"
RIVAL_SUM = f"{RIVAL}, role=denominator"
VARIANT = "variant_code=truncated"
AVERAGE = "measure_code=average_progress"
PACE = "subject_type=department, held_against=calendar"
AVERAGE_Q1 = f"{AVERAGE}, input_measure=q1_progress"

# A criterion of each method, and the options that it does not read with a value that they take.
OPTION_VALUES = {
    "measure_code": "satisfaction_rate", "full_mark_at": "1", "over_target": "cap",
    "threshold": "0.1", "direction": "above", "step_size": "1", "points_per_step": "1",
    "step_rounding": "whole", "when_undefined": "zero", "when_unbounded": "full", "choice": "either",
}  # fmt: skip
STEP_OPTIONS = ["threshold", "direction", "step_size", "points_per_step", "step_rounding"]
UNREAD = {
    "q1_execution": [option for option in STEP_OPTIONS if option != "direction"],
    "satisfaction": ["full_mark_at", "over_target", *STEP_OPTIONS],
    "key_tasks": ["full_mark_at", "over_target"],
    "budget_compliance": ["when_undefined", "when_unbounded"],
    "effectiveness": [option for option in OPTION_VALUES if option != "choice"],
    "spending_violation": list(OPTION_VALUES),
}

# The test that finds it, the seed, what is done to it, what the message says.
CASES: dict[str, tuple[str, str, Edit, str]] = {
    "indicators not 100": (
        "rubric_points_add_up",
        "rubric_indicators",
        put(f"{N}, indicator_code=petitions", points="4"),
        f"rubric_indicators.csv row {N}: the indicators add up to 101 points, expected 100",
    ),
    "indicators empty points": (
        "rubric_points_add_up",
        "rubric_indicators",
        put(f"{N}, indicator_code=petitions", points=""),
        f"rubric_indicators.csv row {N}: the indicators add up to 97 points, expected 100",
    ),
    "rubric without indicators": (
        "rubric_points_add_up",
        "rubrics",
        add(N, rubric_id="luohu_2023"),
        "row rubric_id=luohu_2023: the indicators add up to 0 points, expected 100",
    ),
    "criteria not the indicator's": (
        "rubric_points_add_up",
        "rubric_criteria",
        put(f"{N}, criterion_code=petition_reply", points="0.5"),
        f"{N}, indicator_code=petitions: the criteria add up to 2.5 points, expected the 3 of the",
    ),
    "indicator without criteria": (
        "rubric_points_add_up",
        "rubric_criteria",
        drop(f"{N}, indicator_code=petitions"),
        f"{N}, indicator_code=petitions: no criteria found, expected one at least",
    ),
    "negative points of an indicator": (
        "rubric_cells_are_valid",
        "rubric_indicators",
        put(f"{N}, indicator_code=petitions", points="-3"),
        f"{N}, indicator_code=petitions column points: found '-3', expected points, 0 or more",
    ),
    "negative points of a criterion": (
        "rubric_cells_are_valid",
        "rubric_criteria",
        put(SATISFACTION, points="-6"),
        "criterion_code=satisfaction column points: found '-6', expected points, 0 or more",
    ),
    "band gap": (
        "rubric_bands_hold_every_value",
        "rubric_bands",
        put(f"{SATISFACTION}, lower=0.8", upper="0.85"),
        f"{SATISFACTION}, lower=0.8, upper=0.85: leaves a gap before the next band, which begins "
        "at 0.9 inclusive",
    ),
    "band missing in the middle": (
        "rubric_bands_hold_every_value",
        "rubric_bands",
        drop(f"{SATISFACTION}, lower=0.8"),
        f"{SATISFACTION}, upper=0.8: leaves a gap before the next band, which begins at 0.9",
    ),
    "band overlap": (
        "rubric_bands_hold_every_value",
        "rubric_bands",
        put(f"{SATISFACTION}, lower=0.8", upper="0.92"),
        f"{SATISFACTION}, lower=0.8, upper=0.92: overlaps the next band, which begins at 0.9",
    ),
    "band twice": (
        "rubric_bands_hold_every_value",
        "rubric_bands",
        add(f"{SATISFACTION}, lower=0.8"),
        f"{SATISFACTION}, lower=0.8, upper=0.9: overlaps the next band",
    ),
    "band edge in both": (
        "rubric_bands_hold_every_value",
        "rubric_bands",
        put(f"{SATISFACTION}, lower=0.8", upper_inclusive="true"),
        f"{SATISFACTION}, lower=0.8, upper=0.9: overlaps the next band, which begins at 0.9 incl",
    ),
    "band edge in neither": (
        "rubric_bands_hold_every_value",
        "rubric_bands",
        put(f"{SATISFACTION}, lower=0.9", lower_inclusive="false"),
        f"{SATISFACTION}, lower=0.8, upper=0.9: leaves a gap before the next band, which begins at "
        "0.9 exclusive",
    ),
    "band edge not said": (
        "rubric_cells_are_valid",
        "rubric_bands",
        put(f"{SATISFACTION}, lower=0.9", lower_inclusive=""),
        f"{SATISFACTION}, lower=0.9, upper=0.95 column lower_inclusive: found nothing, expected "
        "true or false",
    ),
    "band upside down": (
        "rubric_bands_hold_every_value",
        "rubric_bands",
        put(f"{SATISFACTION}, lower=0.8", lower="0.9", upper="0.8"),
        f"{SATISFACTION}, lower=0.9, upper=0.8: a band without any value, expected lower below",
    ),
    "band of one value, exclusive": (
        "rubric_bands_hold_every_value",
        "rubric_bands",
        add(f"{SATISFACTION}, lower=0.9", upper="0.9"),
        f"{SATISFACTION}, lower=0.9, upper=0.9: a band without any value",
    ),
    "bands with a lowest value": (
        "rubric_bands_hold_every_value",
        "rubric_bands",
        put(f"{SATISFACTION}, lower=", lower="0", lower_inclusive="true"),
        f"{SATISFACTION}, lower=0, upper=0.8: the first band has a lower bound, expected none",
    ),
    "bands with a highest value": (
        "rubric_bands_hold_every_value",
        "rubric_bands",
        put(f"{SATISFACTION}, lower=0.95", upper="1", upper_inclusive="true"),
        f"{SATISFACTION}, lower=0.95, upper=1: the last band has an upper bound, expected none",
    ),
    "two bands without upper bound": (
        "rubric_bands_hold_every_value",
        "rubric_bands",
        put(f"{SATISFACTION}, lower=0.9", upper=""),
        f"{SATISFACTION}, lower=0.9: overlaps the next band, which begins at 0.95",
    ),
    "two bands without lower bound": (
        "rubric_bands_hold_every_value",
        "rubric_bands",
        put(f"{SATISFACTION}, lower=0.8", lower=""),
        f"{SATISFACTION}, upper=0.8: overlaps the next band, which has no lower bound either",
    ),
    "two bands without any bound": (
        "rubric_bands_hold_every_value",
        "rubric_bands",
        put(f"{N}, criterion_code=petition_reply", lower="", upper=""),
        f"{N}, criterion_code=petition_reply: overlaps the next band, which has no lower bound",
    ),
    "band points above the criterion's": (
        "rubric_bands_hold_every_value",
        "rubric_bands",
        put(f"{SATISFACTION}, lower=0.95", points="6.5"),
        f"{SATISFACTION}, lower=0.95: found 6.5 points, expected 0 to the 6 of its criterion",
    ),
    "band points negative": (
        "rubric_bands_hold_every_value",
        "rubric_bands",
        put(f"{SATISFACTION}, lower=", points="-1"),
        f"{SATISFACTION}, upper=0.8: found -1 points, expected 0 to the 6 of its criterion",
    ),
    "bands of another method": (
        "rubric_bands_hold_every_value",
        "rubric_bands",
        add(f"{SATISFACTION}, lower=", criterion_code="key_tasks", upper=""),
        f"{N}, criterion_code=key_tasks: found a band of a criterion with the method step",
    ),
    "band criterion without bands": (
        "rubric_bands_hold_every_value",
        "rubric_bands",
        drop(SATISFACTION),
        f"rubric_criteria.csv row {SATISFACTION}: found no bands, expected some",
    ),
    "assignment role": (
        "rubric_cells_are_valid",
        "rubric_assignments",
        put(N, role="offical"),
        f"{N} column role: found 'offical', expected official or comparison",
    ),
    "assignment years reversed": (
        "rubric_cells_are_valid",
        "rubric_assignments",
        put(N, fiscal_year_to="2022"),
        f"{N} column fiscal_year_to: found '2022', expected no year before fiscal_year_from",
    ),
    "assignment blank district": (
        "rubric_cells_are_valid",
        "rubric_assignments",
        put(N, district=" "),
        "column district: found ' ', expected a text, or an empty cell for any",
    ),
    "assignment unknown rubric": (
        "seed_references_exist",
        "rubric_assignments",
        put(N, rubric_id="nanshan_2032"),
        "rubric_assignments.csv row rubric_id=nanshan_2032: not found in seeds/rubrics.csv",
    ),
    "two official rubrics of a district": (
        "rubric_assignments_do_not_clash",
        "rubric_assignments",
        put("rubric_id=yantian_2023", district="南山区"),
        f"city=深圳市, district=南山区, fiscal_year_from=2023, {N}: official like "
        "seeds/rubric_assignments.csv row city=深圳市, district=南山区, fiscal_year_from=2023, "
        "rubric_id=yantian_2023",
    ),
    "two official rubrics of a city": (
        "rubric_assignments_do_not_clash",
        "rubric_assignments",
        put("role=official", district=""),
        f"row city=深圳市, fiscal_year_from=2023, {N}: official like",
    ),
    "official rubrics that share one year": (
        "rubric_assignments_do_not_clash",
        "rubric_assignments",
        lambda rows: [
            *put(N, fiscal_year_to="2025")(rows),
            rows[1] | {"district": "南山区", "fiscal_year_from": "2025"},
        ],
        "in years that both hold, expected one official rubric of a reach and year",
    ),
    "points here, violations there": (
        "criteria_are_assessed_alike",
        "rubric_criteria",
        put(f"{N}, criterion_code=target_completeness", method="assessed"),
        f"{N}, criterion_code=target_completeness: an assessment of it is points, but a number under "
        "yantian_2023",
    ),
    "method": (
        "rubric_cells_are_valid",
        "rubric_criteria",
        put(ADJUSTMENT, method="stepp"),
        "criterion_code=budget_adjustment column method: found 'stepp', expected linear, band, "
        "step, assessed or veto; correct the cell",
    ),
    "option of a measure without one": (
        "method_options_are_read",
        "rubric_criteria",
        put(SATISFACTION, measure_code=""),
        "column when_undefined: found 'zero', expected an empty cell, as the criterion has no "
        "measure_code",
    ),
    "linear without measure": (
        "method_options_are_read",
        "rubric_criteria",
        put(f"{N}, criterion_code=q1_execution", measure_code=""),
        "criterion_code=q1_execution column measure_code: found nothing, expected a value, as the",
    ),
    "assessed with measure": (
        "method_options_are_read",
        "rubric_criteria",
        put(f"{N}, criterion_code=effectiveness", measure_code="satisfaction_rate"),
        "column measure_code: found 'satisfaction_rate', expected an empty cell, as the method is "
        "assessed",
    ),
    "veto with measure": (
        "method_options_are_read",
        "rubric_criteria",
        put(f"{N}, criterion_code=spending_violation", measure_code="satisfaction_rate"),
        "column measure_code: found 'satisfaction_rate', expected an empty cell, as the method is "
        "veto",
    ),
    "veto with points": (
        "rubric_cells_are_valid",
        "rubric_criteria",
        put(f"{N}, criterion_code=spending_violation", points="1"),
        "criterion_code=spending_violation column points: found '1', expected 0, as a veto",
    ),
    "unknown measure": (
        "seed_references_exist",
        "rubric_criteria",
        put("criterion_code=satisfaction", measure_code="satisfaction"),
        "rubric_criteria.csv row measure_code=satisfaction: not found in "
        "seeds/measures.csv",
    ),
    "unknown indicator": (
        "seed_references_exist",
        "rubric_criteria",
        put(SATISFACTION, indicator_code="satisfied"),
        f"{N}, indicator_code=satisfied: not found in seeds/rubric_indicators.csv",
    ),
    "criterion of an unknown rubric": (
        "seed_references_exist",
        "rubric_criteria",
        put(SATISFACTION, rubric_id="nanshan"),
        "rubric_id=nanshan, indicator_code=satisfaction: not found in seeds/rubric_indicators.csv",
    ),
    "indicator of an unknown rubric": (
        "seed_references_exist",
        "rubric_indicators",
        put(N, rubric_id="nanshan"),
        "rubric_indicators.csv row rubric_id=nanshan: not found in seeds/rubrics.csv",
    ),
    "band of an unknown criterion": (
        "seed_references_exist",
        "rubric_bands",
        put(f"{SATISFACTION}, lower=0.95", criterion_code="satisfied"),
        f"{N}, criterion_code=satisfied: not found in seeds/rubric_criteria.csv",
    ),
    "grade of an unknown rubric": (
        "seed_references_exist",
        "grade_bands",
        put(f"{N}, grade=优", rubric_id="nanshan"),
        "grade_bands.csv row rubric_id=nanshan: not found in seeds/rubrics.csv",
    ),
    "criterion twice": (
        "seed_keys_are_unique",
        "rubric_criteria",
        add(SATISFACTION, sort_order="47"),
        f"rubric_criteria.csv row {SATISFACTION}: found 2 rows, expected one",
    ),
    "criterion of two indicators": (
        "seed_keys_are_unique",
        "rubric_criteria",
        add(SATISFACTION, indicator_code="petitions"),
        f"rubric_criteria.csv row {SATISFACTION}: found 2 rows, expected one",
    ),
    "over_target": (
        "rubric_cells_are_valid",
        "rubric_criteria",
        put(f"{N}, criterion_code=q1_execution", over_target="capped"),
        "column over_target: found 'capped', expected cap, exceed or zero, or an empty cell",
    ),
    "direction": (
        "rubric_cells_are_valid",
        "rubric_criteria",
        put(ADJUSTMENT, direction="over"),
        "column direction: found 'over', expected above, below or both, or an empty cell",
    ),
    "step_rounding": (
        "rubric_cells_are_valid",
        "rubric_criteria",
        put(ADJUSTMENT, step_rounding="down"),
        "column step_rounding: found 'down', expected whole, up or proportional",
    ),
    "when_undefined": (
        "rubric_cells_are_valid",
        "rubric_criteria",
        put(SATISFACTION, when_undefined="none"),
        "column when_undefined: found 'none', expected full, zero, assessed or exclude, or an empty",
    ),
    "when_unbounded": (
        "rubric_cells_are_valid",
        "rubric_criteria",
        put(SATISFACTION, when_unbounded="none"),
        "column when_unbounded: found 'none', expected full, zero, assessed or exclude, or an empty",
    ),
    "full_mark_at": (
        "rubric_cells_are_valid",
        "rubric_criteria",
        put(f"{N}, criterion_code=q1_execution", full_mark_at="0"),
        "column full_mark_at: found '0', expected a value above 0, or an empty cell for 1",
    ),
    "step_size": (
        "rubric_cells_are_valid",
        "rubric_criteria",
        put(ADJUSTMENT, step_size="-0.01"),
        "column step_size: found '-0.01', expected a value above 0, or an empty cell for 1",
    ),
    "points_per_step missing": (
        "method_options_are_read",
        "rubric_criteria",
        put(ADJUSTMENT, points_per_step=""),
        "column points_per_step: found nothing, expected a value, as the method is step; fill in",
    ),
    "points_per_step negative": (
        "rubric_cells_are_valid",
        "rubric_criteria",
        put(ADJUSTMENT, points_per_step="-0.1"),
        "column points_per_step: found '-0.1', expected the points that a step costs, above 0",
    ),
    "full_mark_at in percent": (
        "ratio_bounds_are_fractions",
        "rubric_criteria",
        put(f"{N}, criterion_code=project_timeliness", full_mark_at="90"),
        "criterion_code=project_timeliness column full_mark_at: found '90', expected a fraction, as "
        "project_completion_rate is a ratio, of which 1 is 100%; write 0.9 if it is a percentage",
    ),
    "threshold in percent": (
        "ratio_bounds_are_fractions",
        "rubric_criteria",
        put(ADJUSTMENT, threshold="10"),
        "column threshold: found '10', expected a fraction, as budget_adjustment_rate is a ratio",
    ),
    "step_size in percent": (
        "ratio_bounds_are_fractions",
        "rubric_criteria",
        put(ADJUSTMENT, step_size="5"),
        "column step_size: found '5', expected a fraction",
    ),
    "bound in percent": (
        "ratio_bounds_are_fractions",
        "rubric_bands",
        put(f"{SATISFACTION}, lower=0.8", upper="92.5"),
        f"{SATISFACTION}, lower=0.8, upper=92.5 column upper: found '92.5', expected a fraction, "
        "as satisfaction_rate is a ratio, of which 1 is 100%; write 0.925 if",
    ),
    "negative bound in percent": (
        "ratio_bounds_are_fractions",
        "rubric_bands",
        put(f"{SATISFACTION}, lower=0.8", lower="-10"),
        "column lower: found '-10', expected a fraction",
    ),
    "cap in percent": (
        "ratio_bounds_are_fractions",
        "measure_inputs",
        put(AVERAGE_Q1, cap="100"),
        f"row {AVERAGE_Q1} column cap: found '100', expected a fraction, as q1_progress is a ratio",
    ),
    "grade above the total": (
        "grade_bands_hold_every_total",
        "grade_bands",
        put(f"{N}, grade=优", lower="100.5"),
        f"{N}, grade=优 column lower: found '100.5', expected a total from 0 to 100",
    ),
    "grade below 0": (
        "grade_bands_hold_every_total",
        "grade_bands",
        put(f"{N}, grade=差", lower="-1"),
        f"{N}, grade=差 column lower: found '-1', expected a total from 0 to 100",
    ),
    "clause missing": (
        "rubric_cells_are_valid",
        "rubric_criteria",
        put(f"{N}, criterion_code=effectiveness", standard_zh=""),
        "criterion_code=effectiveness column standard_zh: found nothing, expected the clause",
    ),
    "score_decimals": (
        "rubric_cells_are_valid",
        "rubrics",
        put(N, score_decimals="5"),
        f"rubrics.csv row {N} column score_decimals: found '5', expected a number of decimals",
    ),
    "rubric twice": (
        "seed_keys_are_unique",
        "rubrics",
        add(N),
        f"rubrics.csv row {N}: found 2 rows, expected one; keep one or correct it",
    ),
    "rubric without grades": (
        "grade_bands_hold_every_total",
        "grade_bands",
        drop(N),
        f"grade_bands.csv row {N}: no grades found, expected one that begins at 0",
    ),
    "lowest grade above 0": (
        "grade_bands_hold_every_total",
        "grade_bands",
        drop(f"{N}, grade=差"),
        f"grade_bands.csv row {N}: the lowest grade begins at 60, expected 0",
    ),
    "grade twice": (
        "seed_keys_are_unique",
        "grade_bands",
        add(f"{N}, grade=良", lower="85"),
        f"grade_bands.csv row {N}, grade=良: found 2 rows",
    ),
    "two grades from the same total": (
        "seed_keys_are_unique",
        "grade_bands",
        put(f"{N}, grade=良", lower="90"),
        f"grade_bands.csv row {N}, lower=90.0000: found 2 rows",
    ),
    "indicator twice": (
        "seed_keys_are_unique",
        "rubric_indicators",
        add(f"{N}, indicator_code=petitions", sort_order="22"),
        f"rubric_indicators.csv row {N}, indicator_code=petitions: found 2 rows",
    ),
    "indicators in the same place": (
        "seed_keys_are_unique",
        "rubric_indicators",
        put(f"{N}, indicator_code=petitions", sort_order="21"),
        f"rubric_indicators.csv row {N}, sort_order=21: found 2 rows",
    ),
    "indicator of blanks": (
        "rubric_cells_are_valid",
        "rubric_indicators",
        put(f"{N}, indicator_code=petitions", name_en="  "),
        f"{N}, indicator_code=petitions column name_en: found '  ', expected a text",
    ),
    "measure twice": (
        "seed_keys_are_unique",
        "measures",
        add("measure_code=satisfaction_rate"),
        "measures.csv row measure_code=satisfaction_rate: found 2 rows",
    ),
    "kind": (
        "measure_cells_are_valid",
        "measures",
        put("measure_code=satisfaction_rate", kind="percent"),
        "measure_code=satisfaction_rate column kind: found 'percent', expected ratio, count or",
    ),
    "quotient": (
        "measure_cells_are_valid",
        "measures",
        put("measure_code=satisfaction_rate", quotient="average"),
        "measure_code=satisfaction_rate column quotient: found 'average', expected ratio, absolute",
    ),
    "input of an unknown measure": (
        "seed_references_exist",
        "measures",
        drop("measure_code=carryover_rate"),
        "measure_inputs.csv row measure_code=carryover_rate: not found in",
    ),
    "unknown input_measure": (
        "seed_references_exist",
        "measure_inputs",
        put(AVERAGE_Q1, input_measure="q5_progress"),
        "measure_inputs.csv row input_measure=q5_progress: not found in seeds/measures.csv",
    ),
    "input role": (
        "measure_cells_are_valid",
        "measure_inputs",
        put(TOTAL_EXECUTED, role="nominator"),
        "column role: found 'nominator', expected numerator or denominator",
    ),
    "input aggregate": (
        "measure_cells_are_valid",
        "measure_inputs",
        put(TOTAL_EXECUTED, aggregate="avg"),
        "column aggregate: found 'avg', expected sum or count",
    ),
    "input of a table and a measure": (
        "measure_cells_are_valid",
        "measure_inputs",
        put(TOTAL_EXECUTED, input_measure="q1_progress"),
        "column input_table: found 'budgets', expected an empty cell, as there is an input_measure",
    ),
    "input of nothing": (
        "measure_cells_are_valid",
        "measure_inputs",
        put(AVERAGE_Q1, input_measure=""),
        "column input_table: found nothing, expected a table of the landing contract",
    ),
    "input table without column": (
        "measure_cells_are_valid",
        "measure_inputs",
        put(TOTAL_EXECUTED, input_column=""),
        "input_table=budgets, input_key=budget_line=total, year_offset=0 column input_column: "
        "found nothing, expected a column of the input_table",
    ),
    "cap of a column": (
        "measure_cells_are_valid",
        "measure_inputs",
        put(TOTAL_EXECUTED, cap="1"),
        "column cap: found '1', expected an empty cell, as it counts for an input_measure only",
    ),
    "weight_column of a measure": (
        "measure_cells_are_valid",
        "measure_inputs",
        put(AVERAGE_Q1, weight_column="respondents"),
        "column weight_column: found 'respondents', expected an empty cell",
    ),
    "next year's input": (
        "measure_cells_are_valid",
        "measure_inputs",
        put(TOTAL_EXECUTED, year_offset="1"),
        "column year_offset: found '1', expected 0 for the year itself, -1 for the year before",
    ),
    "last year's measure": (
        "measure_cells_are_valid",
        "measure_inputs",
        put(AVERAGE_Q1, year_offset="-1"),
        "input_measure=q1_progress, year_offset=-1 column year_offset: found '-1', expected 0",
    ),
    "alternative 0": (
        "measure_cells_are_valid",
        "measure_inputs",
        put("measure_code=budget_execution_rate", alternative="0"),
        "column alternative: found '0', expected the number of the alternative, from 1",
    ),
    "alternatives with a gap": (
        "measure_inputs_form_measures",
        "measure_inputs",
        put("measure_code=q1_progress, alternative=2", alternative="4"),
        "row measure_code=q1_progress: found 3 alternatives up to number 4, expected numbers from",
    ),
    "alternative without numerator": (
        "measure_inputs_form_measures",
        "measure_inputs",
        drop("measure_code=satisfaction_rate, alternative=2, role=numerator"),
        "row measure_code=satisfaction_rate, alternative=2: found no numerator",
    ),
    "input twice": (
        "seed_keys_are_unique",
        "measure_inputs",
        add(TOTAL_EXECUTED),
        "input_table=budgets, input_key=budget_line=total, input_column=executed, aggregate=sum, "
        "year_offset=0: found 2 rows",
    ),
    "mean with a denominator": (
        "measure_inputs_form_measures",
        "measure_inputs",
        add(AVERAGE_Q1, role="denominator"),
        f"measures.csv row {AVERAGE}: found the quotient mean with a denominator, expected",
    ),
    "mean with weights": (
        "measure_inputs_form_measures",
        "measure_inputs",
        put(AVERAGE, weight="0.25"),
        "row measure_code=average_progress: found the quotient mean with weights other than 1",
    ),
    "mean of columns": (
        "measure_inputs_form_measures",
        "measures",
        put("measure_code=satisfaction_rate", quotient="mean"),
        "measure_code=satisfaction_rate: found the quotient mean with inputs that are no measures",
    ),
    "mean of nothing": (
        "measure_inputs_form_measures",
        "measure_inputs",
        drop(AVERAGE),
        "row measure_code=average_progress: found the quotient mean with no inputs",
    ),
    "measure of a measure of measures": (
        "measure_inputs_form_measures",
        "measure_inputs",
        put(AVERAGE_Q1, input_measure="average_execution_rate"),
        f"row {AVERAGE}, input_measure=average_execution_rate: found an input_measure that is made "
        "of measures itself",
    ),
    "measure of itself": (
        "measure_inputs_form_measures",
        "measure_inputs",
        put(AVERAGE_Q1, input_measure="average_progress"),
        f"row {AVERAGE}, input_measure=average_progress: found an input_measure that is made",
    ),
    "measures beside columns": (
        "measure_inputs_form_measures",
        "measure_inputs",
        lambda rows: [
            *rows,
            _chosen(rows, AVERAGE_Q1)[0] | {"measure_code": "budget_execution_rate"},
        ],
        "row measure_code=budget_execution_rate: found inputs from measures beside inputs from",
    ),
    "rival of an unknown measure": (
        "seed_references_exist",
        "rival_measures",
        put(RIVAL, measure_code="off_rate"),
        "rival_measures.csv row measure_code=off_rate: not found in seeds/measures.csv, expected",
    ),
    "rival without inputs": (
        "seed_references_exist",
        "rival_measures",
        put(RIVAL, rival_code="off_to_posts"),
        "rival_measures.csv row rival_code=off_to_posts: not found in seeds/measures.csv or "
        "seeds/measure_inputs.csv, expected a row of it",
    ),
    "inputs of no rival": (
        "seed_references_exist",
        "rival_measures",
        drop(RIVAL),
        "measure_inputs.csv row measure_code=off_establishment_to_authorised: not found in "
        "seeds/measures.csv or seeds/rival_measures.csv",
    ),
    "rival of itself": (
        "rival_cells_are_valid",
        "rival_measures",
        put(RIVAL, rival_code="off_establishment_rate"),
        "column rival_code: found 'off_establishment_rate', expected another measure, or a code of",
    ),
    "rival that nobody can print": (
        "rival_cells_are_valid",
        "rival_measures",
        put(RIVAL, is_reported="true"),
        "found 'off_establishment_to_authorised', expected a measure of seeds/measures.csv, as it",
    ),
    "rival divided by nothing": (
        "rival_cells_are_valid",
        "rival_measures",
        put(RIVAL, divisor="0"),
        "column divisor: found '0', expected what the rival is divided by, above 0",
    ),
    "rivals in the same place": (
        "seed_keys_are_unique",
        "rival_measures",
        put("measure_code=off_establishment_rate", sort_order="1"),
        "rival_measures.csv row measure_code=off_establishment_rate, sort_order=1: found 3 rows",
    ),
    "rival formed in two ways": (
        "measure_inputs_form_measures",
        "rival_measures",
        put("rival_code=average_execution_rate_uncapped, sort_order=1",
            measure_code="budget_execution_rate"),
        "rival_measures.csv row rival_code=average_execution_rate_uncapped: found it for measures "
        "of the quotients mean, ratio, expected one quotient",
    ),
    "rival mean of columns": (
        "measure_inputs_form_measures",
        "rival_measures",
        put(RIVAL, measure_code="average_progress", sort_order="9"),
        "rival_measures.csv row rival_code=off_establishment_to_authorised: found the quotient mean "
        "with inputs that are no measures",
    ),
    "rival sum of an unknown measure": (
        "seed_references_exist",
        "rival_sums",
        put(RIVAL_SUM, measure_code="off_rate"),
        "rival_sums.csv row measure_code=off_rate: not found in seeds/measures.csv, expected",
    ),
    "rival sum of no rival of the measure": (
        "rival_cells_are_valid",
        "rival_sums",
        put(RIVAL_SUM, rival_code="adjusted_to_initial_budget"),
        "column rival_code: found 'adjusted_to_initial_budget', expected a measure, or a rival of "
        "the measure in seeds/rival_measures.csv",
    ),
    "rival sum that is none": (
        "rival_cells_are_valid",
        "rival_sums",
        put(RIVAL_SUM, role="quotient"),
        "column role: found 'quotient', expected numerator or denominator",
    ),
    "rival sum of another kind": (
        "rival_cells_are_valid",
        "rival_sums",
        put(RIVAL_SUM, rival_role="sum"),
        "column rival_role: found 'sum', expected numerator or denominator",
    ),
    "rival sum of itself": (
        "rival_cells_are_valid",
        "rival_sums",
        put(RIVAL_SUM, rival_code="off_establishment_rate"),
        "column rival_role: found 'denominator', expected numerator or denominator, and of the "
        "measure itself the other one",
    ),
    "rival sums in the same place": (
        "seed_keys_are_unique",
        "rival_sums",
        put("measure_code=off_establishment_rate", sort_order="1"),
        "rival_sums.csv row measure_code=off_establishment_rate, role=denominator, sort_order=1: "
        "found 3 rows",
    ),
    "variant on neither": (
        "rival_cells_are_valid",
        "figure_variants",
        put(VARIANT, definition="both"),
        f"figure_variants.csv row {VARIANT} column definition: found 'both', expected own or rival",
    ),
    "variant with an unknown rounding": (
        "rival_cells_are_valid",
        "figure_variants",
        put(VARIANT, rounding="ceiling"),
        "column rounding: found 'ceiling', expected half_up, half_even, down or off_by_one",
    ),
    "variant times nothing": (
        "rival_cells_are_valid",
        "figure_variants",
        put(VARIANT, factor="0"),
        "column factor: found '0', expected what the value is multiplied by",
    ),
    "variant for any digits": (
        "rival_cells_are_valid",
        "figure_variants",
        put(VARIANT, digits_needed="0"),
        "column digits_needed: found '0', expected the number of significant digits",
    ),
    "variants in the same place": (
        "seed_keys_are_unique",
        "figure_variants",
        put(VARIANT, sort_order="1"),
        "figure_variants.csv row sort_order=1: found 2 rows",
    ),
    "sentence with a name that nothing stands for": (
        "explanation_patterns_are_valid",
        "explanation_patterns",
        put("pattern_code=band_any", pattern_zh="{subject} {valeu}"),
        "explanation_patterns.csv row pattern_code=band_any column pattern_zh: found '{valeu}', "
        "expected one of {each}, {beyond}",
    ),
    "sentence with a brace of its own": (
        "explanation_patterns_are_valid",
        "explanation_patterns",
        put("pattern_code=band_any", pattern_zh="{subject} {value"),
        "column pattern_zh: found '{', expected one of {each}",
    ),
    "sentence of monitoring with a name of another": (
        "explanation_patterns_are_valid",
        "explanation_patterns",
        put("pattern_code=monitored_year", pattern_zh="{subject} {value}"),
        "row pattern_code=monitored_year column pattern_zh: found '{value}', expected one of {range}",
    ),
    "sentences of the same case": (
        "seed_keys_are_unique",
        "explanation_patterns",
        put("pattern_code=band_any", pattern_code="band_below"),
        "explanation_patterns.csv row pattern_code=band_below: found 2 rows",
    ),
    "light of no colour": (
        "monitoring_bands_are_valid",
        "monitoring_bands",
        put(f"{PACE}, light=red", light="blue"),
        f"monitoring_bands.csv row {PACE}, upper=0.8 column light: found 'blue', "
        "expected green, yellow, red; correct the cell",
    ),
    "monitored month that is none": (
        "monitoring_bands_are_valid",
        "monitoring_bands",
        put("city=", month="13"),
        f"row {PACE}, lower=1 column month: found '13', expected the last month that is monitored",
    ),
    "two months of a place": (
        "monitoring_bands_are_valid",
        "monitoring_bands",
        put(f"{PACE}, light=red", month="8"),
        f"row {PACE}, upper=0.8 column month: found '8', expected 7 as in other rows of the place",
    ),
    "monitoring of a district of no city": (
        "monitoring_bands_are_valid",
        "monitoring_bands",
        add(f"{PACE}, light=red", district="盐田区", upper=""),
        f"row district=盐田区, {PACE} column city: found nothing, expected the city of the district",
    ),
    "execution held against a ceiling": (
        "monitoring_bands_are_valid",
        "monitoring_bands",
        put(f"{PACE}, light=red", held_against="ceiling"),
        "column held_against: found 'ceiling', expected calendar; correct the cell",
    ),
    "gap between two lights": (
        "monitoring_bands_are_valid",
        "monitoring_bands",
        put(f"{PACE}, light=red", upper="0.7"),
        f"row {PACE}, upper=0.7: leaves a gap before the next band, which begins at 0.8 inclusive",
    ),
    "two lights of one value": (
        "monitoring_bands_are_valid",
        "monitoring_bands",
        put(f"{PACE}, light=red", upper_inclusive="true"),
        f"row {PACE}, upper=0.8: overlaps the next band, which begins at 0.8 inclusive",
    ),
    "values below any light": (
        "monitoring_bands_are_valid",
        "monitoring_bands",
        drop(f"{PACE}, light=red"),
        f"row {PACE}, lower=0.8, upper=1: the first band has a lower bound, expected none",
    ),
    "values above any light": (
        "monitoring_bands_are_valid",
        "monitoring_bands",
        drop(f"{PACE}, light=green"),
        f"row {PACE}, lower=0.8, upper=1: the last band has an upper bound, expected none",
    ),
    "lights of single values": (
        "monitoring_bands_are_valid",
        "monitoring_bands",
        lambda rows: [
            row | ({"lower": row["upper"], "lower_inclusive": "true", "upper_inclusive": "true"}
                   if row["held_against"] == "statement" and row["light"] == "yellow" else {})
            for row in rows
        ],
        "subject_type=target, held_against=statement, lower=1, upper=1: the first band has a lower",
    ),
    "bands of one district alone": (
        "monitoring_bands_are_valid",
        "monitoring_bands",
        lambda rows: [
            row | ({"city": "深圳市"} if row["held_against"] == "ceiling" else {}) for row in rows
        ],
        "seeds/monitoring_bands.csv: found no bands of subject_type target and held_against ceiling "
        "without a city, expected some, which hold where a place has none; add them",
    ),
    "alternatives of a measure of measures": (
        "measure_inputs_form_measures",
        "measure_inputs",
        put(AVERAGE_Q1, alternative="2"),
        f"row {AVERAGE}: found 2 alternatives of a measure of measures, expected one",
    ),
    "table not of the contract": (
        "measure_inputs_are_delivered",
        "measure_inputs",
        put(TOTAL_EXECUTED, input_table="budget"),
        "column input_table: found 'budget', expected one of assets, budget_execution, budgets, ",
    ),
    "table that gives no facts": (
        "measure_inputs_are_delivered",
        "measure_inputs",
        put(TOTAL_EXECUTED, input_table="reported_scores"),
        "column input_table: found 'reported_scores', expected one of assets, ",
    ),
    "column not of the table": (
        "measure_inputs_are_delivered",
        "measure_inputs",
        put(TOTAL_EXECUTED, input_column="spent"),
        "column input_column: found 'spent', expected a column to be summed: initial_budget, "
        "adjusted_budget, executed",
    ),
    "sum of a code": (
        "measure_inputs_are_delivered",
        "measure_inputs",
        put(
            "measure_code=budget_disclosure, role=numerator, weight=1",
            aggregate="sum",
        ),
        "column input_column: found 'status', expected aggregate count, as the table has no column",
    ),
    "weight_column not of the table": (
        "measure_inputs_are_delivered",
        "measure_inputs",
        put("measure_code=satisfaction_rate, weight_column=respondents", weight_column="people"),
        "column weight_column: found 'people', expected a column to be summed: satisfaction_pct, "
        "respondents",
    ),
    "unknown key column": (
        "measure_inputs_are_delivered",
        "measure_inputs",
        put(TOTAL_EXECUTED, input_key="line=total"),
        "column input_key: found 'line=total', expected column=value, the column one of "
        "budget_line",
    ),
    "unknown key value": (
        "measure_inputs_are_delivered",
        "measure_inputs",
        put(TOTAL_EXECUTED, input_key="budget_line=totals"),
        "column input_key: found 'budget_line=totals', expected budget_line= with one of total, ",
    ),
    "month 13": (
        "measure_inputs_are_delivered",
        "measure_inputs",
        put("input_key=month=3", input_key="month=13"),
        "column input_key: found 'month=13', expected month= with one of 1, 2, 3",
    ),
    "key without value": (
        "measure_inputs_are_delivered",
        "measure_inputs",
        put(TOTAL_EXECUTED, input_key="budget_line=total|"),
        "column input_key: found '', expected column=value",
    ),
    "key that counts a record twice": (
        "measure_inputs_are_delivered",
        "measure_inputs",
        put(
            "input_key=level1=效益指标&is_applicable=true",
            input_key="level1=效益指标|is_applicable=true",
        ),
        "column input_key: found 'level1=效益指标|is_applicable=true', expected parts that hold no "
        "record in common",
    ),
}  # fmt: skip

TOTAL_PAID = "summary_key=budget_line=total, summary_column=executed, weight=1"
CHANNEL = "summary_table=petitions, summary_column=received"

CASES |= {
    f"roll-up: {name}": ("detail_rollups_are_valid", "detail_rollups", edit, message)
    for name, (edit, message) in {
        "unknown summary table": (
            put(TOTAL_PAID, summary_table="budget"),
            "row summary_table=budget, summary_key=budget_line=total, summary_column=executed, "
            "input_table=payments, input_key=is_refund=false, input_column=amount column "
            "summary_table: found 'budget', expected one of assets, budget_execution, budgets, ",
        ),
        "a line-level table as summary": (
            put(TOTAL_PAID, summary_table="payments"),
            "column summary_table: found 'payments', expected one of assets,",
        ),
        "unknown input table": (
            put(TOTAL_PAID, input_table="payment"),
            "column input_table: found 'payment', expected one of asset_cards, assets,",
        ),
        "unknown summary column": (
            put(TOTAL_PAID, summary_column="spent"),
            "column summary_column: found 'spent', expected one of initial_budget, adjusted_budget",
        ),
        "unknown input column": (
            put(TOTAL_PAID, input_column="amount_yuan"),
            "column input_column: found 'amount_yuan', expected one of amount;",
        ),
        "a text as input": (
            put(TOTAL_PAID, input_column="economic_code"),
            "column input_column: found 'economic_code', expected one of amount;",
        ),
        "unknown key column of the summary": (
            put(TOTAL_PAID, summary_key="line=total"),
            "column summary_key: found 'line=total', expected column=value, the column one of",
        ),
        "unknown code of the summary": (
            put(TOTAL_PAID, summary_key="budget_line=all"),
            "found 'budget_line=all', expected budget_line= with one of total, basic,",
        ),
        "a summary without its key": (
            put(TOTAL_PAID, summary_key=""),
            "column summary_key: found '', expected the key of budgets, budget_line=…;",
        ),
        "a key for a table without one": (
            put("summary_table=assets, summary_column=fixed_assets_total", summary_key="class=a"),
            "column summary_key: found 'class=a', expected the key of assets, which is empty;",
        ),
        "two summary records": (
            put(TOTAL_PAID, summary_key="budget_line=total|budget_line=other"),
            "column summary_key: found 'budget_line=other', expected the key of budgets",
        ),
        "unknown attribute": (
            put(TOTAL_PAID, input_key="project_code=a"),
            "column input_key: found 'project_code=a', expected column=value, the column one of "
            "budget_line, economic_code, quarter, is_refund",
        ),
        "unknown code of an attribute": (
            put(TOTAL_PAID, input_key="quarter=5"),
            "column input_key: found 'quarter=5', expected quarter= with one of 1, 2, 3, 4;",
        ),
        "unknown truth": (
            put(TOTAL_PAID, input_key="is_refund=no"),
            "found 'is_refund=no', expected is_refund= with one of true, false",
        ),
        "parts that overlap": (
            put(TOTAL_PAID, input_key="quarter=1|budget_line=basic"),
            "found 'quarter=1|budget_line=basic', expected parts that hold no record in common",
        ),
        "a * on one side": (
            put(CHANNEL, input_key=""),
            "column input_key: found 'no *', expected the same * as in the summary_key",
        ),
        "a * on the other side": (
            put(TOTAL_PAID, input_key="budget_line=*"),
            "column input_key: found 'budget_line=*', expected the same * as in the summary_key",
        ),
        "a * beside a code": (
            add(CHANNEL, summary_key="channel=来访", input_key="channel=来访"),
            "column summary_key: found 'channel=*', expected no other summary_key beside it",
        ),
        "a roll-up of a roll-up": (
            put(TOTAL_PAID, input_table="budgets", input_key="budget_line=basic",
                input_column="executed"),
            "column input_column: found 'executed', expected cells that are delivered;",
        ),
        "a share": (put(TOTAL_PAID, weight="2"), "column weight: found '2', expected 1, -1 or 0;"),
        "no weight": (put(TOTAL_PAID, weight=""), "column weight: found nothing, expected 1, -1"),
        "unknown requirement": (
            put(TOTAL_PAID, requires="row"),
            "column requires: found 'row', expected record, table or an empty cell;",
        ),
        "no summary column": (
            put(TOTAL_PAID, summary_column=""),
            "column summary_column: found nothing, expected one of initial_budget, adjusted_budget",
        ),
    }.items()
}  # fmt: skip
CASES["roll-up input twice"] = (
    "seed_keys_are_unique",
    "detail_rollups",
    add(TOTAL_PAID, weight="-1"),
    "detail_rollups.csv row summary_table=budgets, summary_key=budget_line=total, "
    "summary_column=executed, input_table=payments, input_key=is_refund=false, "
    "input_column=amount: found 2 rows",
)


@pytest.mark.parametrize(("test", "seed", "edit", "message"), CASES.values(), ids=CASES)
def test_a_fault_is_found_and_named(
    seeds: Seeds, test: str, seed: str, edit: Edit, message: str
) -> None:
    found = seeds.messages({seed: edit}, test)
    assert [line for line in found if message in line], found
    assert all(line.startswith("seeds/") for line in found)


@pytest.mark.parametrize(
    ("criterion", "option"), [(name, option) for name, of in UNREAD.items() for option in of]
)
def test_an_option_that_the_method_does_not_read_is_told(
    seeds: Seeds, criterion: str, option: str
) -> None:
    value = OPTION_VALUES[option]
    found = seeds.messages(
        {"rubric_criteria": put(f"{N}, criterion_code={criterion}", **{option: value})},
        "method_options_are_read",
    )
    told = f"column {option}: found '{value}', expected an empty cell, as the "
    assert [line for line in found if f"criterion_code={criterion} {told}" in line], found


# A rubric that is based on nanshan's, with a row of its own in each seed.
M = "rubric_id=mawan_2023"


def based(seed: str, *rows: dict[str, str], base: str = "nanshan_2023") -> dict[str, Edit]:
    """The derived rubric, and rows of its own in a seed."""
    blank = dict.fromkeys(columns(seed), "")
    mawan = {"rubric_id": "mawan_2023"}
    edits: dict[str, Edit] = {
        "rubrics": lambda found: [
            *found,
            dict.fromkeys(columns("rubrics"), "") | mawan | {"based_on": base, "name": "马湾"},
        ]
    }
    if rows:
        edits[seed] = lambda found: [*found, *(blank | mawan | row for row in rows)]
    return edits


def copied(seed: str, where: str, **cells: str) -> dict[str, str]:
    """A row of nanshan's as one of the derived rubric."""
    return _chosen(shipped_rows(seed), where)[0] | {"rubric_id": "mawan_2023"} | cells


LEVEL = {"lower_inclusive": "true", "upper_inclusive": "true"}


def levels(*values: str, **cells: str) -> list[dict[str, str]]:
    return [
        {"criterion_code": "effectiveness", "lower": value, "upper": value, "points": "0"}
        | LEVEL | cells
        for value in values
    ]  # fmt: skip


GRADED = copied(
    "rubric_criteria", f"{N}, criterion_code=effectiveness", method="band", criterion_code="graded"
)
EFFECTIVENESS_OUT = {"criterion_code": "effectiveness"}
DERIVED: dict[str, tuple[str, list[dict[str, Edit]], str | None]] = {
    "nothing of its own": ("rubrics", [based("rubrics")], None),
    "a criterion replaced": (
        "rubric_criteria",
        [based("rubric_criteria", copied("rubric_criteria", SATISFACTION, when_undefined="full"))],
        None,
    ),
    "a criterion taken out": (
        "rubric_criteria",
        [based("rubric_criteria", {"criterion_code": "satisfaction"})],
        "indicator_code=satisfaction in mawan_2023: no criteria found, expected one",
    ),
    "an indicator taken out": (
        "rubric_indicators",
        [based("rubric_indicators", {"indicator_code": "satisfaction"})],
        "the indicators add up to 94 points, expected 100",
    ),
    "taking out what is not there": (
        "rubric_criteria",
        [based("rubric_criteria", {"criterion_code": "gone"})],
        f"{M}, criterion_code=gone column points: found nothing, which takes gone out, but "
        "nanshan_2023 has none; fill in the points, or remove the row",
    ),
    "a criterion under an indicator taken out": (
        "rubric_criteria",
        [
            based("rubric_indicators", {"indicator_code": "satisfaction"}),
            based("rubric_criteria", copied("rubric_criteria", SATISFACTION)),
        ],
        f"rubric_criteria.csv row {M}, indicator_code=satisfaction: not found in",
    ),
    "bands of a criterion that has another method": (
        "rubric_bands",
        [based("rubric_bands", {"criterion_code": "key_tasks", "points": "1"})],
        f"{M}, criterion_code=key_tasks: found a band of a criterion with the method step",
    ),
    "bands of the base beyond the points of an own criterion": (
        "rubric_criteria",
        [based("rubric_criteria", copied("rubric_criteria", SATISFACTION, points="5"))],
        f"rubric_bands.csv row {SATISFACTION}, lower=0.95: found 6 points, expected 0 to the 5 of "
        "its criterion of mawan_2023",
    ),
    "a base that is based on it": (
        "rubrics",
        [based("rubrics", base="mawan_2023")],
        f"row {M} column based_on: found 'mawan_2023', which is based on mawan_2023 in turn",
    ),
    "a base that is not there": (
        "rubrics",
        [based("rubrics", base="nanshan_2022")],
        "rubrics.csv row based_on=nanshan_2022: not found in seeds/rubrics.csv",
    ),
    "levels": (
        "rubric_bands",
        [
            based("rubric_criteria", GRADED, EFFECTIVENESS_OUT),
            based("rubric_bands", *levels("0", "3", "6", criterion_code="graded")),
        ],
        None,
    ),
    "the same level twice": (
        "rubric_bands",
        [
            based("rubric_criteria", GRADED, EFFECTIVENESS_OUT),
            based("rubric_bands", *levels("3", criterion_code="graded"),
                  *levels("3", criterion_code="graded", points="1")),
        ],
        f"{M}, criterion_code=graded, lower=3, upper=3: overlaps the next band",
    ),
    "a level that nobody can give": (
        "rubric_bands",
        [
            based("rubric_criteria", GRADED, EFFECTIVENESS_OUT),
            based("rubric_bands", *levels("0.5", criterion_code="graded")),
        ],
        "found a level of 0.5, expected a whole number, 0 or more, as an assessor gives it",
    ),
    "silence about a number": (
        "rubric_bands",
        [
            based("rubric_criteria", GRADED, EFFECTIVENESS_OUT),
            based("rubric_bands", *levels("1", criterion_code="graded", points="")),
        ],
        f"{M}, criterion_code=graded, lower=1, upper=1: found no points, expected some as the",
    ),
    "a number here, points in the base": (
        "rubric_bands",
        [
            based("rubric_criteria", GRADED | {"criterion_code": "effectiveness"}),
            based("rubric_bands", *levels("1")),
        ],
        f"rubric_criteria.csv row {N}, criterion_code=effectiveness: an assessment of it is points, "
        "but a number under mawan_2023",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("seed", "edits", "message"), DERIVED.values(), ids=DERIVED)
def test_a_rubric_that_is_based_on_another(
    seeds: Seeds, seed: str, edits: list[dict[str, Edit]], message: str | None
) -> None:
    found = seeds.messages({name: edit for one in edits for name, edit in one.items()})
    if message is None:
        assert found == []
    else:
        assert [line for line in found if message in line], found


CHOICE = f"{N}, indicator_code=disclosure"
OPTIONS = {
    "a choice counts once": (
        "rubric_criteria", put(CHOICE, choice="either"),
        "indicator_code=disclosure: the criteria add up to 1.5 points, expected the 3",
    ),
    "unequal points of a choice": (
        "rubric_criteria",
        lambda rows: put(f"{N}, criterion_code=budget_disclosure", points="3")(
            put(CHOICE, choice="either")(rows)
        ),
        "the choice 'either' has criteria of 1.5 and of 3 points, expected the same points",
    ),
    "a choice of a deduction": (
        "rubric_criteria", put(ADJUSTMENT, points="0", choice="either"),
        "column choice: found 'either', expected an empty cell, as a criterion of 0 points takes",
    ),
    "more than the target where less is better": (
        "rubric_criteria",
        put(f"{N}, criterion_code=q1_execution", direction="below", over_target="exceed"),
        "column over_target: found 'exceed', expected an empty cell, as less is better with the",
    ),
    "linear both ways": (
        "rubric_criteria", put(f"{N}, criterion_code=q1_execution", direction="both"),
        "column direction: found 'both', expected above or below, or an empty cell for above",
    ),
    "a line without an end": (
        "rubric_bands", put(f"{SATISFACTION}, lower=0.95", upper_points="6"),
        "lower=0.95 column upper_points: found '6', expected an empty cell, as a straight line needs",
    ),
    "a line without a beginning": (
        "rubric_bands", put(f"{SATISFACTION}, lower=0.9", points="", upper_points="6"),
        "upper=0.95 column points: found nothing, expected the points at the lower bound",
    ),
    "a line beyond the points": (
        "rubric_bands", put(f"{SATISFACTION}, lower=0.9", upper_points="7"),
        "found 7 upper points, expected 0 to the 6 of its criterion",
    ),
    "another total": (
        "rubrics", put(N, total_points="120"),
        f"row {N}: the indicators add up to 100 points, expected 120; correct their points",
    ),
    "no total": (
        "rubrics", put(N, total_points="0"),
        "column total_points: found '0', expected points above 0, or an empty cell for 100",
    ),
    "points finer than scores": (
        "rubric_indicators", put(f"{N}, indicator_code=petitions", points="3.125"),
        "column points: found '3.125', expected no more than the 2 decimals that scores of "
        "nanshan_2023 are rounded to",
    ),
    "unknown unit_type": (
        "rubric_assignments", put(N, unit_type="bureau"),
        "column unit_type: found 'bureau', expected one of department, head_office, subordinate, or",
    ),
    "two official rubrics of one department": (
        "rubric_assignments", put("role=official", city="", district="", unit_code="440305-gxj"),
        f"unit_code=440305-gxj, fiscal_year_from=2023, {N}: official like",
    ),
    "two official rubrics of a type": (
        "rubric_assignments",
        put("role=official", unit_type="department", city="", district="", fiscal_year_from=""),
        f"row unit_type=department, {N}: official like",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("seed", "edit", "message"), OPTIONS.values(), ids=OPTIONS)
def test_a_fault_of_an_option_is_told(seeds: Seeds, seed: str, edit: Edit, message: str) -> None:
    found = seeds.messages({seed: edit})
    assert [line for line in found if message in line], found


SOUND: dict[str, tuple[str, Edit]] = {
    "an official rubric of the city beside those of its districts": (
        "rubric_assignments",
        put("rubric_id=shenzhen_2023", role="official"),
    ),
    "official rubrics of one district, one after the other": (
        "rubric_assignments",
        lambda rows: [
            *put(N, fiscal_year_to="2024")(rows),
            rows[1] | {"district": "南山区", "fiscal_year_from": "2025"},
        ],
    ),
    "a rubric of one year": (
        "rubric_assignments",
        put(N, fiscal_year_to="2023"),
    ),
    "a band of one value": (
        "rubric_bands",
        lambda rows: [
            *put(f"{SATISFACTION}, lower=0.95", lower_inclusive="false")(rows),
            _chosen(rows, f"{SATISFACTION}, lower=0.95")[0]
            | {"upper": "0.95", "upper_inclusive": "true"},
        ],
    ),
    "one band for all values": (
        "rubric_bands",
        lambda rows: [
            *drop(SATISFACTION)(rows),
            _chosen(rows, SATISFACTION)[0] | {"lower": "", "lower_inclusive": "", "upper": ""},
        ],
    ),
    "settings left to their defaults": (
        "rubric_criteria",
        lambda rows: [
            row | dict.fromkeys(("full_mark_at", "step_size", "step_rounding", "direction"), "")
            | ({"over_target": ""} if row["over_target"] == "cap" else {})
            for row in rows
        ],
    ),
    "a bound of a hundred million yuan": (
        "rubric_criteria",
        put(f"{N}, criterion_code=key_tasks", threshold="100000000"),
    ),
    "a measure of the bureau's own": (
        "measures",
        add("measure_code=satisfaction_rate", measure_code="own_index"),
    ),
    "an official rubric of a type beside one of the district": (
        "rubric_assignments",
        lambda rows: [*rows, rows[1] | {"district": "南山区", "unit_type": "subordinate"}],
    ),
    "official rubrics of two types": (
        "rubric_assignments",
        lambda rows: [
            *put(N, unit_type="department")(rows),
            rows[1] | {"district": "南山区", "unit_type": "subordinate"},
        ],
    ),
    "what happens to a measure without a value": (
        "rubric_criteria",
        put(SATISFACTION, when_undefined="exclude", when_unbounded="assessed"),
    ),
    "a band about which the rubric is silent": (
        "rubric_bands",
        put(f"{SATISFACTION}, lower=0.9", points=""),
    ),
    "a band of a straight line": (
        "rubric_bands",
        put(f"{SATISFACTION}, lower=0.9", upper_points="6"),
    ),
    "less is better": (
        "rubric_criteria",
        put(f"{N}, criterion_code=q1_execution", direction="below", over_target=""),
    ),
    "a district's own lights and month": (
        "monitoring_bands",
        lambda rows: [
            *rows,
            *(row | {"city": "深圳市", "district": "盐田区", "month": "9"}
              for row in rows if row["subject_type"] == "department"),
        ],
    ),
    "a capped, weighted sum of measures": (
        "measure_inputs",
        lambda rows: [
            *drop("measure_code=budget_change_rate")(rows),
            _chosen(rows, AVERAGE_Q1)[0]
            | {"measure_code": "budget_change_rate", "weight": "0.25", "cap": "1"},
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("seed", "edit"), SOUND.values(), ids=SOUND)
def test_what_is_sound_raises_nothing(seeds: Seeds, seed: str, edit: Edit) -> None:
    assert seeds.messages({seed: edit}) == []


REQUIRED = {
    "rubrics": ["rubric_id", "name"],
    "rubric_assignments": ["rubric_id", "role"],
    "rubric_indicators": [n for n in columns("rubric_indicators") if n != "description_zh"],
    "rubric_criteria": [
        "rubric_id", "indicator_code", "criterion_code", "sort_order", "points", "method"
    ],
    "rubric_bands": ["rubric_id", "criterion_code"],
    "grade_bands": columns("grade_bands"),
    "measures": ["measure_code", "name_zh", "name_en", "kind", "quotient"],
    "measure_inputs": [
        "measure_code", "alternative", "role", "input_table", "input_column", "aggregate",
        "weight", "year_offset", "is_required",
    ],
    "detail_rollups": [
        "summary_table", "summary_column", "input_table", "input_column", "weight"
    ],
    "rival_measures": columns("rival_measures"),
    "rival_sums": columns("rival_sums"),
    "figure_variants": columns("figure_variants"),
    "explanation_patterns": columns("explanation_patterns"),
    "monitoring_bands": ["month", "subject_type", "held_against", "light", "source"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("seed", "column"), [(seed, column) for seed, names in REQUIRED.items() for column in names]
)
def test_an_empty_cell_is_found_where_one_is_required(seeds: Seeds, seed: str, column: str) -> None:
    found = seeds.messages({seed: lambda rows: [rows[0] | {column: ""}, *rows[1:]]})
    assert sum(f"column {column}: found nothing, expected" in line for line in found) == 1, found
    assert all(line.startswith("seeds/") for line in found)


WAIVER = {
    "rule_id": "known_criterion", "unit_code": "440305-gxj", "fiscal_year": "2023",
    "reason": "已报备", "approved_by": "财政局", "expires_on": "2024-12-31",
}  # fmt: skip


def test_no_waiver_is_shipped_and_a_whole_one_raises_nothing(seeds: Seeds) -> None:
    assert shipped_rows("waivers") == []
    kinds = seeds.con.execute("select column_name, column_type from (describe seeds.waivers)")
    assert dict(kinds.fetchall()) == dict.fromkeys(columns("waivers"), "VARCHAR") | {
        "fiscal_year": "INTEGER",
        "expires_on": "DATE",
    }
    assert (
        seeds.messages({"waivers": lambda rows: [WAIVER, WAIVER | {"fiscal_year": "2024"}]}) == []
    )


@pytest.mark.parametrize("column", list(WAIVER))
def test_a_waiver_with_an_empty_cell_is_refused(seeds: Seeds, column: str) -> None:
    (said,) = seeds.messages({"waivers": lambda rows: [WAIVER | {column: ""}]})
    assert said.startswith("seeds/waivers.csv row ")
    assert f"column {column}: found nothing, expected " in said


def test_a_waiver_is_there_once(seeds: Seeds) -> None:
    assert seeds.messages({"waivers": lambda rows: [WAIVER, WAIVER | {"reason": "又"}]}) == [
        "seeds/waivers.csv row rule_id=known_criterion, unit_code=440305-gxj, fiscal_year=2023: "
        "found 2 rows, expected one; keep one or correct it"
    ]


def test_bands_have_a_fault_just_where_a_value_has_no_band_or_two(seeds: Seeds) -> None:
    chance = random.Random(20230331)  # noqa: S311
    bounds = ["", "0", "0.5", "1"]

    def band(criterion: str, lower: str, upper: str) -> Row:
        return {
            "rubric_id": "nanshan_2023",
            "criterion_code": criterion,
            "lower": lower,
            "lower_inclusive": chance.choice(["true", "false"]),
            "upper": upper,
            "upper_inclusive": chance.choice(["true", "false"]),
            "points": "1",
        }

    def random_bands(criterion: str) -> list[Row]:
        edges = ["", *sorted(chance.sample(bounds[1:], chance.randint(0, 3))), ""]
        bands = [band(criterion, *pair) for pair in itertools.pairwise(edges)]
        for one, other in itertools.pairwise(bands):
            if chance.random() < 0.8:
                inclusive = one["upper_inclusive"] == "true"
                other["lower_inclusive"] = "false" if inclusive else "true"
        if chance.random() < 0.3:
            bands.append(band(criterion, chance.choice(bounds), chance.choice(bounds)))
        if chance.random() < 0.2:
            bands.pop(chance.randrange(len(bands)))
        chance.shuffle(bands)
        return bands

    def holds(row: Row, value: Decimal) -> bool:
        above = not row["lower"] or value > Decimal(row["lower"]) or (
            value == Decimal(row["lower"]) and row["lower_inclusive"] == "true"
        )  # fmt: skip
        below = not row["upper"] or value < Decimal(row["upper"]) or (
            value == Decimal(row["upper"]) and row["upper_inclusive"] == "true"
        )  # fmt: skip
        return above and below

    def are_levels(rows: list[Row]) -> bool:
        levels = [row["lower"] for row in rows if row["lower"] and row["lower"] == row["upper"]]
        return len({*levels}) == len(rows) > 0

    values = [Decimal(number) / 4 for number in range(-1, 6)]
    bands = {f"c{number}": random_bands(f"c{number}") for number in range(2000)}
    faulty = {
        criterion
        for criterion, rows in bands.items()
        if (
            not are_levels(rows)
            and any(sum(holds(row, value) for row in rows) != 1 for value in values)
        )
        or any(not any(holds(row, value) for value in values) for row in rows)
    }
    found = seeds.messages(
        {
            "rubric_bands": lambda _: [row for rows in bands.values() for row in rows],
            "rubric_criteria": lambda rows: [
                _chosen(rows, SATISFACTION)[0] | {"criterion_code": criterion}
                for criterion in bands
            ],
        },
        "rubric_bands_hold_every_value",
    )
    assert 200 < len(faulty) < 1800
    assert {re.findall(r"criterion_code=(c\d+)", line)[0] for line in found} == faulty


def test_the_commands_refuse_broken_seeds(
    project: Callable[..., "subprocess.CompletedProcess[str]"], tmp_path: Path
) -> None:
    folder: Path = project.folder / "seeds"  # type: ignore[attr-defined]
    write(
        folder, "rubric_criteria", put(ADJUSTMENT, method="stepp")(shipped_rows("rubric_criteria"))
    )
    write(
        folder,
        "rubric_bands",
        put(f"{SATISFACTION}, lower=0.8", upper="0.85")(shipped_rows("rubric_bands")),
    )
    check = project("check")
    run = project("run", "--warehouse", str(tmp_path / "warehouse"))
    told = sorted(
        line.partition("refused: ")[2] for line in run.stderr.splitlines() if "refused" in line
    )
    assert told == [
        "rubric_bands_hold_every_value: seeds/rubric_bands.csv row 29 (rubric_id=nanshan_2023, "
        "criterion_code=satisfaction, lower=0.8, upper=0.85): leaves a gap before the next band, "
        "which begins at 0.9 inclusive; expected that they meet at one value, inclusive in one of "
        "them; correct the bounds",
        "rubric_cells_are_valid: seeds/rubric_criteria.csv row 17 (rubric_id=nanshan_2023, "
        "indicator_code=financial_compliance, criterion_code=budget_adjustment) column method: "
        "found 'stepp', expected linear, band, step, assessed or veto; correct the cell",
    ]
    assert sorted(check.stderr.splitlines()) == [f"refused: {line}" for line in told]
    assert (check.returncode, run.returncode) == (1, 1)
    assert "Traceback" not in run.stderr + run.stdout + check.stderr + check.stdout
    assert not (tmp_path / "warehouse" / "published").exists()
