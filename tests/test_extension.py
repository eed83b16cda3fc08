"""A rubric, a measure and a department are rows: nothing in SQL or Python knows them."""

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from orchestration.landing.contract import landing_contract
from orchestration.project import PROJECT_DIR
from tests.conftest import (
    DEPARTMENTS,
    LANDING,
    Published,
    append_rows,
    copy_of_the_project,
    write,
)
from tests.reference import Department, departments, fraction, quotient
from tests.rubric_reference import Rubric
from tests.synthetic import Generator
from tests.test_data_docs import pages
from tests.test_details import DETAILS, deliver, measures, payment

pytestmark = pytest.mark.builds

NANSHAN, YANTIAN, WAIVED = "440305-gxj", "440308-fzyj", "440308-waived"
RUBRIC, CODE = "guangming_2023", "39999"
# Every option of every method, some of them in no shipped rubric.
INDICATORS = {
    "thrift": [
        "public_use_per_head_band,10,band,public_use_per_head,,,,,,,,zero,,",
        "public_use_per_head_step,5,step,public_use_per_head,,,20000,above,7000,0.3,proportional,full,,",
        "adjustment_up,5,step,budget_adjustment_rate,,,0.05,above,0.03,0.7,up,zero,,",
    ],
    "pace": [
        "execution,10,linear,budget_execution_rate,0.95,cap,,,,,,full,,",
        "targets,10,linear,weighted_target_attainment_rate,0.8,cap,,,,,,full,,",
        "quarter,10,linear,q2_execution_rate,1,exceed,,,,,,zero,,",
        "around,10,step,q3_progress,,,0.75,both,0.07,0.5,proportional,zero,,",
        "below,10,step,satisfaction_rate,,,0.9,below,0.01,1,whole,full,,",
    ],
    "judged": [
        "effectiveness,15,assessed,,,,,,,,,,,",
        "budget_compliance,10,step,,,,0,above,1,2.5,whole,,,",
        "procurement_execution,5,linear,procurement_execution_rate,0.8,zero,,,,,,full,,",
        "spending_violation,0,veto,,,,,,,,,,,",
    ],
}
BANDS = ["15000,false,,false,0,", "12000,true,15000,true,4.5,", ",false,12000,false,10,"]


def add_rubric(seeds: Path) -> None:
    append_rows(seeds / "rubrics.csv", f"{RUBRIC},,光明区（虚构）,synthetic,3,")
    append_rows(seeds / "rubric_assignments.csv", f"深圳市,,,,2023,2023,{RUBRIC},comparison")
    append_rows(seeds / "grade_bands.csv", *(f"{RUBRIC},{g}" for g in ("高,70", "低,0")))
    append_rows(
        seeds / "rubric_bands.csv", *(f"{RUBRIC},public_use_per_head_band,{b}" for b in BANDS)
    )
    number = 0
    for order, (indicator, criteria) in enumerate(INDICATORS.items(), start=1):
        points = sum(Fraction(criterion.split(",")[1]) for criterion in criteria)
        append_rows(
            seeds / "rubric_indicators.csv",
            f"{RUBRIC},{indicator},一级,二级,{indicator},{indicator},{points},{order},,标准",
        )
        for criterion in criteria:
            number += 1
            code, rest = criterion.split(",", 1)
            append_rows(
                seeds / "rubric_criteria.csv", f"{RUBRIC},{indicator},{code},{number},{rest},细则"
            )


def add_growth(seeds: Path) -> None:
    """A rubric whose one criterion looks at the year before."""
    append_rows(seeds / "rubrics.csv", "growth_2023,,虚构市,synthetic,2,10")
    append_rows(seeds / "rubric_assignments.csv", "虚构市,,,,2022,,growth_2023,official")
    append_rows(seeds / "grade_bands.csv", "growth_2023,有,0")
    append_rows(
        seeds / "rubric_indicators.csv",
        "growth_2023,growth,一级,二级,预算变动,growth,10,1,,标准",
    )
    append_rows(
        seeds / "rubric_criteria.csv",
        "growth_2023,growth,growth,1,10,step,budget_change_rate,,,0.1,above,0.01,1,whole,zero,zero,"
        ",细则",
    )


def deliver_successions(landing: Path) -> None:
    """Units that were renamed, merged and split, with their budgets of both years."""
    budgets = {
        2022: {"same": 100, "old": 100, "merged": 60, "gone": 40, "whole": 100, "half": 100},
        2023: {"same": 110, "new": 120, "merged": 105, "part": 50, "half": 110},
    }
    for year, of_units in budgets.items():
        units = [*of_units, *(["silent"] if year == 2022 else [])]
        write(
            landing / str(year) / "departments" / "continued.csv",
            DEPARTMENTS + "".join(f"{u},{year},{u},department,,虚构市,\n" for u in units),
        )
        write(
            landing / str(year) / "budgets" / "continued.csv",
            "unit_code,fiscal_year,budget_line,initial_budget,adjusted_budget,executed,amount_unit\n"
            + "".join(f"{u},{year},total,{amount},,,元\n" for u, amount in of_units.items()),
        )
    write(
        landing / "2023" / "单位沿革" / "continued.csv",
        "单位编码,预算年度,前身单位编码,沿革类型,依据\n"
        "new,2023,old,更名,编办〔2023〕1 号\n"
        "merged,2023,merged,合并,编办〔2023〕2 号\n"
        "merged,2023,gone,merged,编办〔2023〕2 号\n"
        "part,2023,whole,拆分,\n"
        "half,2023,half,合并,\n"
        "half,2023,silent,合并,\n",
    )


def add_measure(seeds: Path) -> None:
    """公用经费 per head: actual daily public-use expense over the staff in post."""
    append_rows(
        seeds / "measures.csv",
        "public_use_per_head,人均公用经费,public-use expense per head,level,ratio,"
        "日常公用经费决算数 ÷ 在编人数",
        "own_index,自报指数,an index of the bureau's own,level,ratio,部门自报",
    )
    staff = "|".join(f"staff_category={c}" for c in ("administrative", "institutional", "worker"))
    append_rows(
        seeds / "measure_inputs.csv",
        "public_use_per_head,1,numerator,public_expenses,item=daily_public_use,actual,,sum,1,,,0,true",
        f"public_use_per_head,1,denominator,staffing,{staff},actual,,sum,1,,,0,true",
    )


def add_rivals(seeds: Path) -> None:
    """What a printed figure may be instead, and how it may be printed."""
    append_rows(
        seeds / "measures.csv",
        "women_share,女性占比,share of women,ratio,ratio,部门自报",
        "vehicle_share,公车支出占比,share of vehicles,ratio,ratio,公车运行 ÷ 三公合计",
    )
    expense = "public_expenses,item={},{},,sum,1,,,0,true"
    append_rows(
        seeds / "measure_inputs.csv",
        f"vehicle_share,1,numerator,{expense.format('vehicle_operation', 'actual')}",
        f"vehicle_share,1,denominator,{expense.format('three_public', 'actual')}",
        f"vehicle_to_daily,1,numerator,{expense.format('vehicle_operation', 'actual')}",
        f"vehicle_to_daily,1,denominator,{expense.format('daily_public_use', 'actual')}",
    )
    append_rows(
        seeds / "rival_measures.csv",
        "vehicle_share,vehicle_to_daily,false,1,1,分母用日常公用经费",
        "vehicle_share,women_share,true,2,2,误抄女性占比的一半",
    )
    append_rows(seeds / "figure_variants.csv", "11,per_mille,own,1000,half_up,3,应带千分号")


def add_rollup(seeds: Path) -> None:
    """Of payments under a code that nobody else has."""
    key = f"public_expenses,item=daily_public_use,actual,payments,economic_code={CODE}&is_refund="
    append_rows(
        seeds / "detail_rollups.csv", f"{key}false,amount,1,record", f"{key}true,amount,-1,"
    )


def add_waivers(seeds: Path) -> None:
    append_rows(
        seeds / "waivers.csv",
        f"execution_within_budget,{WAIVED},2023,按文件<调整>,财政局,2999-12-31",
        f"execution_within_budgets,{WAIVED},2023,笔误,财政局,2999-12-31",
    )


def deliver_printed(year: Path) -> None:
    """Two departments with figures that are no measure of theirs."""
    write(
        year / "departments" / "printed.csv",
        DEPARTMENTS + "".join(f"{u},2023,{u},department,,深圳市,南山区\n" for u in ("A", "B")),
    )
    write(
        year / "public_expenses" / "printed.csv",
        "unit_code,fiscal_year,item,budgeted,actual,amount_unit\n"
        + "".join(
            f"{unit},2023,{item},,{actual},元\n"
            for unit in ("A", "B")
            for item, actual in (
                ("three_public", 700), ("vehicle_operation", 300), ("daily_public_use", 1100)
            )
        )
    )  # fmt: skip
    write(
        year / "reported_figures" / "printed.csv",
        "unit_code,fiscal_year,measure_code,location,printed\n"
        "A,2023,vehicle_share,right,42.86%\n"
        "A,2023,vehicle_share,rival,27.27%\n"
        "A,2023,vehicle_share,of what is printed,30.85%\n"
        "A,2023,women_share,anywhere,61.7%\n"
        "A,2023,vehicle_share,variant,428.57\n"
        "A,2023,vehicle_share,too few digits,30%\n"
        "A,2023,vehicle_share,nothing,55.55%\n"
        "A,2023,vehicle_to_daily,no measure,27.27%\n"
        "B,2023,vehicle_share,not its own print,30.85%\n",
    )


def deliver_waived(year: Path) -> None:
    """A department like Yantian's, which spent more than its budget."""
    for path in (LANDING / "2023").glob("*.csv"):
        header, *lines = path.read_text("utf-8").splitlines(keepends=True)
        own = [line.replace(YANTIAN, WAIVED) for line in lines if line.startswith(YANTIAN)]
        text = header + "".join(own).replace(",847.07,", ",853.51,")
        if path.stem != "corrections":
            write(year / path.stem / "waived.csv", text)


@dataclass
class Extended:
    """A run of the project with rows of every kind added.

    Attributes:
        seeds: The seeds that it was run with.
        landing: What was delivered.
        published: What it published.
        said: What it printed.
    """

    seeds: Path
    landing: Path
    published: Published
    said: str


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Extended:
    folder = tmp_path_factory.mktemp("extended")
    run = copy_of_the_project(folder / "project")
    seeds = folder / "project" / "seeds"
    for add in (add_rubric, add_growth, add_measure, add_rivals, add_rollup, add_waivers):
        add(seeds)
    landing = Generator(7, seeds).landing(folder / "landing", 2023, 200)
    year = landing / "2023"
    for path in (LANDING / "2023").glob("*.csv"):
        write(year / path.stem / "shipped.csv", path.read_bytes())
    append_rows(
        year / "unit_measures.csv",
        "unit_code,fiscal_year,measure_code,numerator,denominator",
        "syn-00001,2023,own_index,7.5,3",
        "syn-00002,2023,own_index,7.5,",
    )
    deliver_printed(year)
    deliver_waived(year)
    deliver_successions(landing)
    budgeted = {"item": "daily_public_use", "budgeted": 200, "amount_unit": "元"}
    paid = [payment(n, 10, amount, economic_code=CODE) for n, amount in ((91, 20), (92, 30))]
    tables = DETAILS | {
        "public_expenses": [*DETAILS["public_expenses"], budgeted],
        "payments": [*DETAILS["payments"], *paid],
    }
    deliver(folder / "own", {"own": tables})
    for path in (folder / "own" / "2023").iterdir():
        write(year / path.stem / "own.csv", path.read_bytes())
    ran = run("run", "--landing", str(landing), "--warehouse", str(folder / "warehouse"))
    assert (ran.returncode, ran.stderr.count("refused")) == (0, 0), ran.stderr
    return Extended(seeds, landing, Published(folder / "warehouse"), ran.stdout)


def test_a_rubric_and_measures_are_rows(extended: Extended) -> None:
    published, seeds = extended.published, extended.seeds
    assert published.rows(
        "select unit_code, cast(value as varchar) from fct_measures "
        "where measure_code = 'own_index' and status = 'defined' order by 1"
    ) == [("syn-00001", "2.5000000000"), ("syn-00002", "7.5000000000")]

    rubrics = {r: Rubric(seeds, r) for r in (RUBRIC, "nanshan_2023", "yantian_2023")}
    expected = {}
    for unit, department in departments(extended.landing, 2023).items():
        district = department.tables["departments"][0]["district"]
        official = rubrics["nanshan_2023" if district == "南山区" else "yantian_2023"]
        measures = department.measures() | {"public_use_per_head": per_head(department)}
        assessments = {
            row["criterion_code"]: Fraction(row["value"])
            for row in department.tables["assessments"]
        }
        scores, total, grade = rubrics[RUBRIC].score(measures, assessments, official)
        expected |= {(unit, code): score for code, score in scores.items()}
        expected[unit, "TOTAL"], expected[unit, "grade"] = total, grade
    found = {
        (unit, code): fraction(score)
        for unit, code, score in published.rows(
            "select unit_code, indicator_code, score from fct_indicator_scores "
            f"where rubric_id = '{RUBRIC}' union all "
            f"select unit_code, 'TOTAL', total_score from fct_evaluations where rubric_id = '{RUBRIC}'"
        )
    }
    found |= {
        (unit, "grade"): grade
        for unit, grade in published.rows(
            f"select unit_code, grade from fct_evaluations where rubric_id = '{RUBRIC}'"
        )
    }
    assert {key: found[key] for key in expected} == expected
    assert sum(value is not None for value in expected.values()) > 250
    # The shipped rubrics come to what they came to without the new rows.
    assert {
        (unit, str(total))
        for unit, total in published.rows(
            "select unit_code, total_score from fct_evaluations "
            f"where rubric_role = 'official' and unit_code in ('{NANSHAN}', '{YANTIAN}')"
        )
    } == {(NANSHAN, "96.5700"), (YANTIAN, "96.0800")}


def per_head(department: Department):  # type: ignore[no-untyped-def]
    return quotient(
        department.cell("public_expenses", "actual", item="daily_public_use"),
        department.total(
            "staffing", "actual", "staff_category", ("administrative", "institutional", "worker")
        ),
    )


def test_weighted_targets_rest_on_their_evidence(extended: Extended) -> None:
    """Σ weight × value of the evidence is what is published, to the last digit."""
    rows = extended.published.rows(
        f"""
        select
            m.unit_code, m.numerator, m.denominator,
            cast(sum(e.weight * e.value) filter (where e.role = 'numerator') as decimal(38, 16)),
            cast(sum(e.weight * e.value) filter (where e.role = 'denominator') as decimal(38, 16)),
            bool_or(e.column_name = 'weight')
        from fct_measures as m
        inner join fct_evidence as e using (unit_code, fiscal_year, measure_code)
        where
            m.measure_code = 'weighted_target_attainment_rate' and m.status != 'missing'
            and e.rubric_id = '{RUBRIC}'
        group by all
        """
    )
    assert {weighted for *_, weighted in rows} == {True, False}
    for unit, numerator, denominator, above, below, _ in rows:
        assert (numerator, denominator) == (above, below), unit


def test_the_year_before_is_that_of_the_units_continued(extended: Extended) -> None:
    published = extended.published
    assert published.rows(
        "select unit_code, cast(numerator as integer), cast(denominator as integer), status, score "
        "from fct_measures inner join fct_indicator_scores using (unit_code, fiscal_year) "
        "where fiscal_year = 2023 and measure_code = 'budget_change_rate' "
        "and rubric_id = 'growth_2023' order by unit_code"
    ) == [
        ("half", None, None, "missing", None),
        ("merged", 5, 100, "defined", 10),
        ("new", 20, 100, "defined", 0),
        ("part", None, None, "missing", None),
        ("same", 10, 100, "defined", 10),
    ]
    # Whose cells they are; of what is missing, what was delivered of it.
    assert published.rows(
        "select unit_code, delivered_unit_code, delivered_year, cast(weight * value as integer), "
        "source_file from fct_evidence where fiscal_year = 2023 and role = 'numerator' "
        "and rubric_id = 'growth_2023' order by 1, 3 desc, 2"
    ) == [
        (unit, whose, year, value, f"{year}/budgets/continued.csv")
        for unit, whose, year, value in (
            ("half", "half", 2023, 110), ("half", "half", 2022, -100),
            ("merged", "merged", 2023, 105), ("merged", "gone", 2022, -40),
            ("merged", "merged", 2022, -60),
            ("new", "new", 2023, 120), ("new", "old", 2022, -100),
            ("part", "part", 2023, 50),
            ("same", "same", 2023, 110), ("same", "same", 2022, -100),
        )
    ]  # fmt: skip
    assert published.rows(
        "select count(*) from fct_evidence where fiscal_year = 2023 "
        "and delivered_unit_code != unit_code and rubric_id != 'growth_2023'"
    ) == [(0,)]


def test_a_rival_definition_is_rows(extended: Extended) -> None:
    published = extended.published
    assert published.rows(
        "select unit_code, location, verdict, explained_by from fct_reconciliation "
        "where unit_code in ('A', 'B') order by all"
    ) == [
        ("A", "anywhere", "not_computable", None),
        ("A", "no measure", "not_computable", None),
        ("A", "nothing", "mismatch", None),
        ("A", "of what is printed", "mismatch", "误抄女性占比的一半：61.7% ÷ 2"),
        ("A", "right", "match", None),
        ("A", "rival", "mismatch", "分母用日常公用经费：300 ÷ 1100"),
        ("A", "too few digits", "mismatch", None),
        ("A", "variant", "mismatch", "应带千分号"),
        ("B", "not its own print", "mismatch", None),
    ]
    assert published.rows(
        "select count(*) from fct_measures where measure_code = 'vehicle_to_daily'"
    ) == [(0,)]


def test_a_roll_up_is_rows(extended: Extended) -> None:
    found = measures(extended.published, "own")
    assert found["daily_public_use_control_rate"] == [50, 200, Decimal("0.25"), "defined"]


def test_a_waived_department_is_scored_and_its_finding_shown(extended: Extended) -> None:
    waived = "按文件<调整>（财政局 批准，有效期至 2999-12-31）"
    assert f"；豁免：{waived}" in extended.said
    assert "豁免无效：没有这条规则" in extended.said
    published = extended.published
    assert published.rows(
        "select status, status_reason from fct_evaluations "
        f"where unit_code = '{WAIVED}' and rubric_role = 'official'"
    ) == [("scored", None)]
    assert published.rows(
        "select rule_id, severity, is_waived, waiver_reason is not null from fct_findings "
        f"where unit_code = '{WAIVED}' and rule_id != 'reported_figures_agree' order by all"
    ) == [
        ("execution_within_budget", "critical", True, True),
        ("waiver_in_force", "warning", False, False),
    ]
    found = pages(published)["2023.html"].findings("execution_within_budget")
    (finding,) = (cells for cells in found if any(WAIVED in cell for cell in cells))
    assert f"◇ 已豁免 waived：{waived}" in finding[2]


def test_a_unit_of_money_is_worth_what_the_contract_says() -> None:
    """One that is in the contract alone would end the run, as no amount may be lost."""
    macro = (PROJECT_DIR / "macros" / "to_yuan.sql").read_text("utf-8")
    worth = {
        unit: int(yuan)
        for units, yuan in re.findall(r"when \{\{ unit \}\} in \((.+)\) then (\d+)", macro)
        for unit in re.findall("'(.+?)'", units)
    }
    units = [c for t in landing_contract().values() for c in t.columns if c.yuan_per_unit]
    assert units
    assert {column.name for column in units} == {"amount_unit"}
    assert [column.yuan_per_unit for column in units] == [worth] * len(units)
