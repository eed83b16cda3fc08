"""The two published self-evaluations: what they come to, and where they contradict themselves."""

import csv
import json
from decimal import Decimal

import pytest

from expectations.rules import STAGES
from orchestration.project import PROJECT_DIR
from tests.conftest import LANDING, Published
from tests.reference import read

pytestmark = pytest.mark.builds

NANSHAN, YANTIAN = "440305-gxj", "440308-fzyj"


def test_totals_and_grades(two_departments: Published) -> None:
    rows = two_departments.rows(
        "select unit_code, rubric_id, rubric_role, status, total_score, grade, reported_total, "
        "total_difference, district_rank from fct_evaluations order by unit_code, rubric_role desc"
    )
    d = Decimal
    assert rows == [
        (
            NANSHAN,
            "nanshan_2023",
            "official",
            "scored",
            d("96.57"),
            "优",
            d("97.47"),
            d("-0.90"),
            1,
        ),
        (NANSHAN, "shenzhen_2023", "comparison", "scored", d("96.63"), "优", None, None, 1),
        (YANTIAN, "yantian_2023", "official", "scored", d("96.08"), "优", d("96.08"), d("0"), 1),
        (YANTIAN, "shenzhen_2023", "comparison", "scored", d("96.08"), "优", None, None, 1),
    ]


def test_the_only_differing_score_is_financial_compliance(two_departments: Published) -> None:
    rows = two_departments.rows(
        "select unit_code, indicator_code, score, reported_score, score_difference "
        "from fct_indicator_scores where score_difference is distinct from 0 "
        "and rubric_id in ('nanshan_2023', 'yantian_2023')"
    )
    assert rows == [
        (NANSHAN, "financial_compliance", Decimal("2.1"), Decimal("3"), Decimal("-0.9"))
    ]
    (compared,) = two_departments.rows(
        "select count(*) from fct_indicator_scores where score_difference = 0"
    )
    assert compared == (41,)


def test_a_lost_point_is_explained_with_value_rule_and_points(two_departments: Published) -> None:
    sentences = dict(
        two_departments.rows(
            "select indicator_code, explanation_zh from fct_deductions "
            f"where unit_code = '{NANSHAN}' and rubric_id = 'nanshan_2023'"
        )
    )
    assert sentences["off_establishment_control"] == "编外人员控制率 22.22% 高于 10%，扣 1 分"
    assert sentences["financial_compliance"] == (
        "预算调整率 19.92% 高于 10%，超出部分每满 1% 扣 0.1 分，计 9 步，扣 0.9 分"
    )
    assert sentences["procurement"] == "政府采购执行率 88.15%，按 1 分 × 88.15% 计分，扣 0.12 分"
    assert sentences["budget_execution"].endswith("；合计扣 0.41 分")
    assert set(sentences) == {
        "off_establishment_control", "financial_compliance", "procurement", "budget_execution",
        "public_expense_control",
    }  # fmt: skip


def test_each_indicator_says_what_it_is_about(two_departments: Published) -> None:
    """指标说明 as printed: the districts' tables differ in whose policy counts."""
    (missing,) = two_departments.rows(
        "select count(*) from dim_indicators where description_zh is null"
    )
    assert missing == (0,)
    said = two_departments.rows(
        "select rubric_id, description_zh from dim_indicators "
        "where indicator_code = 'budget_rationality' order by rubric_id"
    )
    about = (
        "部门（单位）预算的合理性，即是否符合本部门职责、是否符合{}的方针政策和工作要求，"
        "资金有无根据项目的轻重缓急进行分配。"
    )
    assert said == [
        ("nanshan_2023", about.format("市委市政府")),
        ("shenzhen_2023", about.format("市委市政府")),
        ("yantian_2023", about.format("区委区政府")),
    ]


def test_contradictions_in_the_reports(two_departments: Published) -> None:
    rows = two_departments.rows(
        "select unit_code, item_code, reported_text, computed_text from fct_reconciliation "
        "where item_type = 'figure' and verdict = 'mismatch' "
        "and item_code in ('off_establishment_rate', 'q4_execution_rate', 'budget_execution_rate') "
        "order by all"
    )
    assert rows == [
        (NANSHAN, "budget_execution_rate", "99.01%", "98.80%"),
        (NANSHAN, "off_establishment_rate", "19.71%", "22.22%"),
        (NANSHAN, "off_establishment_rate", "24.56%", "22.22%"),
        (NANSHAN, "q4_execution_rate", "98.88%", "98.80%"),
        (YANTIAN, "budget_execution_rate", "99.5%", "99.2%"),
    ]
    matches = two_departments.rows(
        "select reported_text from fct_reconciliation where verdict = 'match' and item_code in "
        "('q4_execution_rate', 'budget_execution_rate', 'off_establishment_rate') order by all"
    )
    assert [text for (text,) in matches] == [
        "22.2%",
        "22.2%",
        "98.80%",
        "98.80%",
        "99.2%",
        "99.2%",
        "99.2%",
    ]


def test_mismatches_are_explained_where_something_explains_them(
    two_departments: Published,
) -> None:
    rows = two_departments.rows(
        "select unit_code, item_type, item_code, reported_text, explained_by "
        "from fct_reconciliation where verdict = 'mismatch' order by all"
    )
    cut = "截去尾数，未四舍五入"
    assert rows == [
        (NANSHAN, "figure", "budget_execution_rate", "99.01%", None),
        (NANSHAN, "figure", "off_establishment_rate", "19.71%",
         f"分母用核定编制数加编外人数：14 ÷ 71，{cut}"),
        (NANSHAN, "figure", "off_establishment_rate", "24.56%", "分母用核定编制数：14 ÷ 57"),
        # 105 场 in the table of targets
        (NANSHAN, "figure", "performance_targets/target_no=2/actual_value", "95场", None),
        *[(NANSHAN, "figure", "q1_execution_rate", "78.12%",
           "由所印的一季度支出进度除以序时进度：19.53% ÷ 0.25")] * 2,
        (NANSHAN, "figure", "q2_execution_rate", "135.30%",
         "由所印的二季度支出进度除以序时进度：67.65% ÷ 0.5"),
        *[(NANSHAN, "figure", "q2_progress", "67.65%", "末位相差 1，多为中间取整或笔误")] * 2,
        (NANSHAN, "figure", "q4_execution_rate", "98.88%", None),
        (NANSHAN, "figure", "q4_progress", "98.88%", None),
        (NANSHAN, "indicator_score", "financial_compliance", "3", "未扣 预算调整率 的 0.9 分"),
        (NANSHAN, "total_score", "TOTAL", "97.47", "各指标差额之和：财务合规性 +0.9"),
        (YANTIAN, "figure", "budget_adjustment_rate/numerator", "853.5万元",
         "印的是调整预算数，未减年初预算数：8535000"),
        (YANTIAN, "figure", "budget_execution_rate", "99.5%", None),
    ]  # fmt: skip
    assert two_departments.rows(
        "select count(*) from fct_reconciliation "
        "where verdict != 'mismatch' and explained_by is not null"
    ) == [(0,)]


def test_contradictions_with_a_cell_and_a_sum(two_departments: Published) -> None:
    rows = two_departments.rows(
        "select unit_code, location, measure_code, role, table_name, record_key, column_name, "
        "reported_value, computed_value, reported_text, computed_text, difference, verdict "
        "from fct_reconciliation where role is not null or table_name is not null order by all"
    )
    d = Decimal
    assert rows == [
        (NANSHAN, "二（二）主要履职情况", None, None,
         "performance_targets", "target_no=2", "actual_value",
         d(95), d(105), "95场", "105场", d(10), "mismatch"),
        (YANTIAN, "三（二）2", "budget_adjustment_rate", "numerator", None, None, None,
         d(8535000), d(3321500), "853.5万元", "332.2万元", d(-5213500), "mismatch"),
    ]  # fmt: skip


def test_rival_definitions_are_not_published_as_measures(two_departments: Published) -> None:
    shipped = {row["measure_code"] for row in read(PROJECT_DIR / "seeds" / "measures.csv")}
    for mart in ("dim_measures", "fct_measures"):
        rows = two_departments.rows(f"select distinct measure_code from {mart}")
        assert {code for (code,) in rows} == shipped


def test_every_delivered_item_is_reconciled(two_departments: Published) -> None:
    scores = read(LANDING / "2023" / "reported_scores.csv")
    figures = read(LANDING / "2023" / "reported_figures.csv")
    rows = dict(
        two_departments.rows("select item_type, count(*) from fct_reconciliation group by all")
    )
    assert rows == {
        "indicator_score": sum(row["indicator_code"] != "TOTAL" for row in scores),
        "total_score": sum(row["indicator_code"] == "TOTAL" for row in scores),
        "grade": sum(bool(row["reported_grade"]) for row in scores),
        "figure": len(figures),
    }


def test_evidence_leads_to_the_delivered_cell(two_departments: Published) -> None:
    files: dict[str, list[list[str]]] = {}
    rows = two_departments.rows(
        "select source_file, source_row, column_name, delivered_value, amount_unit, role "
        "from fct_evidence"
    )
    assert {row[-1] for row in rows} == {"numerator", "denominator", "assessment", "reported"}
    for name, number, column, delivered, unit, _ in rows:
        if name not in files:
            with (LANDING / name).open(encoding="utf-8", newline="") as stream:
                files[name] = list(csv.reader(stream))
        header, record = files[name][0], files[name][number - 1]
        cell = record[header.index(column)]
        if column in ("status", "reported_grade"):
            assert cell == delivered
        else:
            assert Decimal(cell) == Decimal(delivered), (name, number, column)
        if unit is not None:
            assert record[header.index("amount_unit")] == unit


def test_every_mart_is_published_as_parquet_too(two_departments: Published) -> None:
    folder = two_departments.warehouse / "published" / "parquet"
    tables = two_departments.tables()
    assert len(tables) == 25
    for name, rows in tables.items():
        years = two_departments.rows(
            f"select count(*) from duckdb_columns() where schema_name = 'marts' "
            f"and table_name = '{name}' and column_name = 'fiscal_year'"
        )
        pattern = (
            folder / name / ("fiscal_year=2023/*.parquet" if years[0][0] else f"{name}.parquet")
        )
        assert two_departments.rows(f"select count(*) from read_parquet('{pattern}')") == [
            (len(rows),)
        ], name


def test_the_result_of_each_checkpoint_is_published(two_departments: Published) -> None:
    folder = two_departments.warehouse / "published" / "validations"
    texts = {
        path.relative_to(folder).as_posix(): path.read_text("utf-8")
        for path in folder.rglob("*.json")
    }
    assert set(texts) == {f"2023/{stage}.json" for stage in STAGES}
    ((run_id,),) = two_departments.rows("select run_id from scores.audit.runs")
    found = {}
    for text in texts.values():
        # Nothing of the machine and the run that it comes from.
        assert str(PROJECT_DIR) not in text
        assert str(two_departments.warehouse) not in text
        assert run_id not in text
        result = json.loads(text)
        found[result["checkpoint"]] = {
            entry["rule_id"]: entry["result"].get(
                "observed_value", entry["result"].get("unexpected_count")
            )
            for of_table in result["validation_results"]
            for entry in of_table["expectations"]
            if not entry["success"]
        }
        assert result["success"] == (not found[result["checkpoint"]])
    assert found == {
        "delivered": {
            "sme_within_procurement": 1,
            "reported_figures_agree": 7,
            "target_ties_to_measure": 1,
            "project_budget_used": 1,
            "completed_project_spent": 1,
        },
        "waivers": {},
        "marts": {},
    }


def test_the_readme_shows_what_is_published(two_departments: Published) -> None:
    readme = (PROJECT_DIR / "README.md").read_text("utf-8")
    for total in two_departments.totals().values():
        assert f"{total:.2f}" in readme


def test_the_fourteen_tasks_add_up_to_the_printed_total() -> None:
    projects = [r for r in read(LANDING / "2023" / "projects.csv") if r["unit_code"] == NANSHAN]
    (basic,) = (
        r
        for r in read(LANDING / "2023" / "budgets.csv")
        if r["unit_code"] == NANSHAN and r["budget_line"] == "basic"
    )
    assert len(projects) == 13
    assert (basic["amount_unit"], {r["amount_unit"] for r in projects}) == ("元", {"元"})
    for column, of_basic, printed in (
        ("budget_total", "adjusted_budget", "2964361055.66"),
        ("budget_fiscal", "adjusted_budget", "2962809456.95"),
        ("executed_total", "executed", "2928889653.05"),
        ("executed_fiscal", "executed", "2928889653.05"),
    ):
        total = sum(Decimal(r[column]) for r in projects) + Decimal(basic[of_basic])
        assert total == Decimal(printed), column
