"""The data rules: each with data that breaks it and data on its edge."""

import csv
import json
import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from jinja2 import Environment

from expectations import runner, validations
from expectations.rules import Rule, _rule, _staged, rules
from orchestration import dbt, ledger
from orchestration.graph.steps import DELIVERED
from orchestration.landing.contract import landing_contract
from orchestration.landing.load import load_year
from orchestration.project import PROJECT_DIR
from tests.conftest import City, Published, append_rows, copy_department, write

pytestmark = pytest.mark.builds

Row = dict[str, str]
Edit = Callable[[list[Row]], list[Row]]

NANSHAN, YANTIAN = "440305-gxj", "440308-fzyj"
BLOCKED, MISPRINTED = "blocked", "misprinted"
CATALOGUE = (*rules("delivered"), *rules("waivers"), *rules("marts"))


def table(text: str, **cells: str) -> list[Row]:
    """Rows written as lines, the header first."""
    header, *lines = (line.split() for line in text.strip().splitlines())
    return [
        {k: v if v != "-" else "" for k, v in zip(header, line, strict=True)} | cells
        for line in lines
    ]


# A department that violates nothing.
SOUND = {
    "2022/departments": table("unit_name city district\n甲 深圳市 南山区"),
    "2022/budgets": table(
        """budget_line initial_budget adjusted_budget executed
        total 1000000 1100000 1000000
        carryover_out - - 5000""",
        amount_unit="元",
    ),
    "departments": table("unit_name city district\n甲 深圳市 南山区"),
    "budgets": table(
        """budget_line initial_budget adjusted_budget executed
        total 1000000 1200000 1100000
        basic 600000 700000 650000
        personnel 400000 450000 430000
        public_use 200000 250000 220000
        project 400000 500000 450000
        carryover_in - - 5000
        carryover_out - - 6000""",
        amount_unit="元",
    ),
    "budget_execution": table(
        """month adjusted_budget cumulative_executed progress_pct execution_rate_pct
        3 1200000 300000 25 100
        6 1200000 600000 50 100
        9 1200000 900000 75 100
        12 1200000 1100000 91.67 91.67""",
        amount_unit="元",
    ),
    "procurement": table(
        """category planned actual sme_awarded
        total 300000 240000 120000
        goods 100000 80000 40000
        services 100000 80000 40000
        works 100000 80000 40000""",
        amount_unit="元",
    ),
    "public_expenses": table(
        """item budgeted actual
        three_public 40000 30000
        overseas_travel 10000 7500
        vehicle_purchase 10000 7500
        vehicle_operation 10000 7500
        official_reception 10000 7500
        daily_public_use 5000 4000""",
        amount_unit="元",
    ),
    "staffing": table("staff_category authorised actual\nadministrative 10 9"),
    "assets": table("fixed_assets_total fixed_assets_in_use\n1000 900", amount_unit="元"),
    "projects": table(
        """project_code budget_total budget_fiscal executed_total executed_fiscal
        p1 300000 200000 280000 190000""",
        amount_unit="元",
    ),
    "work_completion": table(
        "work_type planned_count completed_on_time_count\nproject 2 2\nkey_task 3 3"
    ),
    "performance_targets": table(
        """target_no target_name operator expected_value actual_value is_applicable
        1 预算执行率 >= ≥90% 91.67% true
        2 未完成重点工作 <= ≤1 0项 true""",
    ),
    "petitions": table("channel received replied replied_on_time\n来访 10 10 9"),
    "satisfaction_surveys": table("survey_name satisfaction_pct respondents\n调查 95 10"),
    "disclosures": table("document status\nbudget compliant"),
    "assessments": table(
        """criterion_code value
        budget_rationality_1 1
        budget_compliance 0
        spending_violation 0
        effectiveness 25""",
    ),
    "unit_measures": [],
    "reported_scores": table(
        "indicator_code reported_score\nbudget_rationality 5\nbudget_compliance 4.5\nTOTAL 9.5"
    ),
    "reported_figures": table(
        "measure_code location printed\nbudget_execution_rate 甲处 91.67%\n"
        "budget_execution_rate 乙处 91.7%"
    ),
    "unit_successions": [],
    "payments": [],
    "budget_adjustments": [],
    "procurement_contracts": [],
    "petition_cases": [],
}  # fmt: skip


def put(where: str, **cells: str) -> Edit:
    """Change cells of the rows that `where` (column=value) names, of all where it is empty."""
    return lambda rows: [row | cells if _is(row, where) else row for row in rows]


def drop(where: str) -> Edit:
    """Remove rows."""
    return lambda rows: [row for row in rows if not _is(row, where)]


def new(**cells: str) -> Edit:
    """Add a row."""
    return lambda rows: [*rows, cells]


def figure(
    printed: str, measure: str = "", role: str = "", table: str = "", record: str = "",
    column: str = "", location: str = "丁处",
) -> Edit:  # fmt: skip
    """Add a printed figure of a measure, of a sum of one or of a cell."""
    return new(printed=printed, measure_code=measure, role=role, table_name=table,
               record_key=record, column_name=column, location=location)  # fmt: skip


def _is(row: Row, where: str) -> bool:
    column, _, value = where.partition("=")
    return not where or row[column] == value


def none(rows: list[Row]) -> list[Row]:
    """Deliver no row."""
    return []


@dataclass
class Case:
    """A department that differs from the sound one, and what its findings of a rule then say."""

    rule_id: str
    edits: dict[str, Edit | list[Edit]]
    messages: tuple[str, ...] = ()
    also: tuple[str, ...] = ()

    def rows(self, name: str) -> list[Row]:
        rows = SOUND[name]
        edits = self.edits.get(name, [])
        for edit in edits if isinstance(edits, list) else [edits]:
            rows = edit(rows)
        return rows


def breaks(
    rule_id: str, edits: dict[str, Edit | list[Edit]], *messages: str, also: str = ""
) -> Case:
    return Case(rule_id, edits, messages, tuple(also.split()))


def keeps(rule_id: str, edits: dict[str, Edit | list[Edit]], also: str = "") -> Case:
    """On the edge: nothing is found."""
    return Case(rule_id, edits, (), tuple(also.split()))


TOTAL, PROJECT = "budget_line=total", "budget_line=project"
SCORE, FIGURE = "indicator_code=budget_rationality", "location=乙处"
TOTAL_EXECUTED = ("budgets", TOTAL, "executed")
UNKNOWN = "budgets total：单位编码不在当年的部门名录中"
# Two units of the year before, one of which goes on.
CONTINUES_TWO: dict[str, Edit | list[Edit]] = {
    "2022/departments": new(
        unit_code="p{number:03}", unit_name="乙", city="深圳市", district="南山区"
    ),
    "2022/budgets": new(
        unit_code="p{number:03}", budget_line="carryover_out", executed="2000", amount_unit="元"
    ),
    "unit_successions": [
        new(predecessor_unit_code="u{number:03}", kind="merged"),
        new(predecessor_unit_code="p{number:03}", kind="merged"),
    ],
}
EVERY_OTHER_TABLE = {
    name: none for name in SOUND if "/" not in name and name not in ("departments", "budgets")
}
CASES = [
    keeps("known_unit", {}),
    breaks("known_unit", {"departments": none, **EVERY_OTHER_TABLE,
                          "budgets": lambda rows: rows[:1]}, UNKNOWN),
    breaks("lookalike_unit", {"staffing": new(unit_code=" Ｕ-{number:03} ", staff_category="worker")},
           "staffing worker：单位编码写作 Ｕ-{number:03}，当年的部门名录中没有，与 u{number:03} 相近；"
           "请改为 u{number:03}，或将其列入名录"),
    breaks("lookalike_unit", {"staffing": new(unit_code="U\n{number:03}", staff_category="cook")},
           "staffing 2023/staffing.csv row {row}：单位编码写作 U<U+000A>{number:03}，当年的部门名录中没有，"
           "与 u{number:03} 相近；请改为 u{number:03}，或将其列入名录"),
    # Two departments that differ only so are two.
    keeps("lookalike_unit",
          {"departments": new(unit_code="U{number:03}", city="深圳市", district="南山区"),
           "staffing": new(unit_code="U{number:03}", staff_category="worker")}),
    breaks("file_complete", {},
           "staffing worker：2023/staffing/u{number:03}.csv 在此行中间结束，没有换行符，文件可能不完整"),
    keeps("file_complete", {}),
    breaks("readable_row", {"projects": new(project_code="p2", executed_total="abc",
                                            amount_unit="元")},
           "projects {file} row {row}：无法读取，已拒收（executed_total = abc; {reason}）"),
    breaks("readable_reported_row", {"reported_figures": [new(measure_code="q1_progress")]},
           "reported_figures {file} row {row}：无法读取，已拒收（{reason}）"),
    breaks("readable_reported_row", {"reported_figures": figure("1", "", "", "departments", "", "city")},
           "reported_figures {file} row {row}：无法读取，已拒收（{reason}）"),
    breaks("readable_reported_row", {"reported_figures": figure("1", "q1_progress", "quotient")},
           "reported_figures {file} row {row}：无法读取，已拒收（{reason}）"),
    breaks("has_official_rubric", {"departments": put("", district="宝安区")},
           "departments：没有为 深圳市 宝安区 指定正式评分标准，不作评价"),
    breaks("has_official_rubric", {"departments": put("", district="")},
           "departments：没有为 深圳市 指定正式评分标准，不作评价"),
    keeps("has_official_rubric", {"departments": put("", district="盐田区")}),

    breaks("amounts_not_negative", {"budgets": put("budget_line=carryover_out", executed="-0.01")},
           "budgets carryover_out：决算支出数 -0.01 元 是负数", also="unit_mixup"),
    breaks("amounts_not_negative",
           {"assets": put("", fixed_assets_total="-2", fixed_assets_in_use="-1234567.5")},
           "assets：在用固定资产总额 -1,234,567.5 元 是负数；固定资产总额 -2 元 是负数",
           also="unit_mixup"),
    keeps("amounts_not_negative", {"budgets": put("budget_line=carryover_out", executed="0")}),
    breaks("counts_not_negative", {"staffing": put("", actual="-1")},
           "staffing administrative：实有人数 -1 是负数"),
    keeps("counts_not_negative", {"staffing": put("", actual="0")}),
    breaks("counts_not_negative", {"performance_targets": put("target_no=2", weight="-0.5")},
           "performance_targets 2：分值 -0.5 是负数"),
    keeps("counts_not_negative", {"performance_targets": put("target_no=2", weight="0")}),
    breaks("percentages_in_range", {"satisfaction_surveys": put("", satisfaction_pct="100.0001")},
           "satisfaction_surveys 调查：满意度 100.0001% 超出范围 0%–100%"),
    keeps("percentages_in_range", {"satisfaction_surveys": put("", satisfaction_pct="100")}),
    keeps("percentages_in_range", {"satisfaction_surveys": put("", satisfaction_pct="0")}),
    breaks("percentages_in_range",
           {"budget_execution": put("month=6", progress_pct="-1", execution_rate_pct="-0.5")},
           "budget_execution 6：序时执行率 -0.5% 超出范围 ≥ 0%；支出进度 -1% 超出范围 0%–100%"),
    keeps("percentages_in_range", {"budget_execution": put("month=6", execution_rate_pct="135.3")}),
    breaks("percentages_in_range", {"performance_targets": put("target_no=2", attained_pct="100.5")},
           "performance_targets 2：完成程度 100.5% 超出范围 0%–100%"),
    keeps("percentages_in_range", {"performance_targets": put("target_no=2", attained_pct="100")}),
    breaks("rate_plausible", {"performance_targets": put("target_no=2", attained_pct="0.95")},
           "performance_targets 2：完成程度 0.95% 不合常理（通常不低于 1%），"
           "疑似百分数与小数混用，或放大了 100 倍"),
    keeps("rate_plausible", {"performance_targets": put("target_no=2", attained_pct="1")}),
    keeps("rate_plausible", {"performance_targets": put("target_no=2", attained_pct="0")}),

    breaks("rate_plausible", {"satisfaction_surveys": put("", satisfaction_pct="4.9999"),
                              "budget_execution": [put("", adjusted_budget="", progress_pct=""),
                                                   put("month=3", execution_rate_pct="1000.01")]},
           "budget_execution 3：序时执行率 1,000.01% 不合常理（通常不高于 1000%），"
           "疑似百分数与小数混用，或放大了 100 倍",
           "satisfaction_surveys 调查：满意度 4.9999% 不合常理（通常不低于 5%），"
           "疑似百分数与小数混用，或放大了 100 倍"),
    keeps("rate_plausible", {"satisfaction_surveys": put("", satisfaction_pct="5"),
                             "budget_execution": [put("", adjusted_budget="", progress_pct=""),
                                                  put("month=3", execution_rate_pct="1000")]}),
    # Against the month's own amounts, 25%: a fraction, and a percentage of another department.
    breaks("rate_plausible", {"budget_execution": put("month=3", progress_pct="0.5")},
           "budget_execution 3：支出进度 0.5% 不合常理（折合序时执行率 2%，按 3 月金额计算为 100%），"
           "疑似百分数与小数混用，或放大了 100 倍"),
    keeps("rate_plausible", {"budget_execution": put("month=3", progress_pct="0.5001")}),
    breaks("rate_plausible", {"budget_execution": [put("month=3", cumulative_executed="6000")]},
           "budget_execution 3：序时执行率 100% 不合常理（折合序时执行率 100%，按 3 月金额计算为 2%），"
           "疑似百分数与小数混用，或放大了 100 倍；"
           "支出进度 25% 不合常理（折合序时执行率 100%，按 3 月金额计算为 2%），"
           "疑似百分数与小数混用，或放大了 100 倍"),
    keeps("rate_plausible", {"budget_execution": put("month=3", cumulative_executed="6000.01")}),
    # Its own amounts bear out a slow start, whatever the other months are.
    keeps("rate_plausible", {"budget_execution": put("month=3", cumulative_executed="3000",
                                                     progress_pct="0.25", execution_rate_pct="1")}),
    # Without amounts, against the other months and the year's.
    breaks("rate_plausible", {"budget_execution": [
        put("", cumulative_executed="", execution_rate_pct=""), put("month=3", progress_pct="0.24"),
        put("month=6", progress_pct="0.5"), put("month=9", progress_pct="0.81"),
        put("month=12", progress_pct="93.9")]},
           *(f"budget_execution {month}：支出进度 {value}% 不合常理（折合序时执行率 {pace}%，"
             "12 月的支出进度折合为 93.9%），疑似百分数与小数混用，或放大了 100 倍"
             for month, value, pace in [(3, "0.24", "0.96"), (6, "0.5", "1"), (9, "0.81", "1.08")])),
    keeps("rate_plausible", {"budget_execution": [
        put("", cumulative_executed="", execution_rate_pct=""), put("month=3", progress_pct="0.51"),
        put("month=6", progress_pct="4.2"), put("month=12", progress_pct="93.9")]}),
    breaks("rate_plausible", {"budget_execution": [
        put("", cumulative_executed="", progress_pct=""), put("month=3", execution_rate_pct="0.646"),
        drop("month=6"), drop("month=9"), drop("month=12")]},
           "budget_execution 3：序时执行率 0.646% 不合常理（折合序时执行率 0.646%，"
           "按 12 月金额计算为 91.67%），疑似百分数与小数混用，或放大了 100 倍"),
    breaks("rate_plausible", {
        "budgets": put(TOTAL, executed=""),
        "budget_execution": [
            put("", cumulative_executed="", progress_pct=""), put("month=3", execution_rate_pct="2"),
            drop("month=6"), drop("month=9"), put("month=12", execution_rate_pct="2")]},
           "budget_execution 12：序时执行率 2% 不合常理（折合序时执行率 2%，全部支出为 100%），"
           "疑似百分数与小数混用，或放大了 100 倍"),
    keeps("rate_plausible", {
        "budgets": put(TOTAL, executed=""),
        "budget_execution": [
            put("", cumulative_executed="", progress_pct=""), put("month=3", execution_rate_pct="2.1"),
            drop("month=6"), drop("month=9"), put("month=12", execution_rate_pct="2.1")]}),
    # 0 is 0 in any unit.
    keeps("rate_plausible", {"budget_execution": [
        put("", cumulative_executed=""), put("month=3", progress_pct="0", execution_rate_pct="0")]}),

    breaks("execution_within_budget",
           {"budgets": put("budget_line=personnel", executed="450000.01"),
            "projects": put("", executed_total="300000.01")},
           "budgets personnel：支出数 450,000.01 元 大于 预算数 450,000 元",
           "projects p1：支出数 300,000.01 元 大于 预算数 300,000 元", also="budget_parts_sum"),
    keeps("execution_within_budget", {"projects": put("", executed_total="300000")}),
    keeps("execution_within_budget", {"projects": put("", budget_total="", executed_total="100000000")}),

    # Two parts: 200 yuan.
    keeps("budget_parts_sum", {"budgets": put(PROJECT, initial_budget="400200")}),
    breaks("budget_parts_sum", {"budgets": put(PROJECT, initial_budget="400200.01")},
           "budgets total：年初预算数：各项之和 1,000,200.01 元 不等于 合计 1,000,000 元"),
    # A third part gives 100 yuan more, an absent one counts nothing.
    keeps("budget_parts_sum", {"budgets": [
        put(PROJECT, initial_budget="400300"),
        new(budget_line="other", initial_budget="0", adjusted_budget="0", executed="0",
            amount_unit="元")]}),
    breaks("budget_parts_sum", {"budgets": drop(PROJECT)},
           "budgets total：调整预算数：各项之和 700,000 元 不等于 合计 1,200,000 元；"
           "决算支出数：各项之和 650,000 元 不等于 合计 1,100,000 元；"
           "年初预算数：各项之和 600,000 元 不等于 合计 1,000,000 元"),
    breaks("budget_parts_sum", {"budgets": put("budget_line=personnel", executed="429000")},
           "budgets basic：决算支出数：各项之和 649,000 元 不等于 合计 650,000 元"),
    # An empty cell silences its column, in a part and in the whole.
    keeps("budget_parts_sum", {"budgets": [
        put(PROJECT, initial_budget=""), put(TOTAL, initial_budget="1")]}, also="unit_mixup"),
    keeps("budget_parts_sum", {"budgets": put(TOTAL, initial_budget="")}),
    # A part that was rejected silences the table.
    keeps("budget_parts_sum", {"budgets": put(PROJECT, executed="x")}, also="readable_row"),

    breaks("execution_cumulative", {"budget_execution": put("month=6", cumulative_executed="299999.99")},
           "budget_execution 6：累计支出数 299,999.99 元 小于 3 月的 300,000 元"),
    keeps("execution_cumulative", {"budget_execution": put("month=6", cumulative_executed="300000")}),
    # The month before that was delivered counts, over a gap too.
    breaks("execution_cumulative", {"budget_execution": [
        put("month=6", cumulative_executed=""), put("month=9", cumulative_executed="299999")]},
           "budget_execution 9：累计支出数 299,999 元 小于 3 月的 300,000 元"),

    keeps("year_end_ties", {"budget_execution": put("month=12", cumulative_executed="1100100",
                                                    adjusted_budget="1199900")}),
    breaks("year_end_ties", {"budget_execution": put("month=12", cumulative_executed="1100100.01",
                                                     adjusted_budget="1199899.99")},
           "budget_execution 12：12 月调整预算数 1,199,899.99 元 与部门预算合计的 1,200,000 元 不符；"
           "12 月累计支出数 1,100,100.01 元 与部门预算合计的 1,100,000 元 不符"),
    keeps("year_end_ties", {"budget_execution": [
        put("month=12", cumulative_executed="", adjusted_budget=""), put("month=9", adjusted_budget="1")]},
          also="unit_mixup rate_plausible"),

    breaks("procurement_parts_sum", {"procurement": put("category=works", planned="100300.01")},
           "procurement total：采购计划金额：货物、服务、工程之和 300,300.01 元 不等于 合计 300,000 元"),
    keeps("procurement_parts_sum", {"procurement": put("category=works", planned="100300")}),
    breaks("sme_within_procurement", {"procurement": put("category=total", sme_awarded="240000.01")},
           "procurement total：授予中小企业合同金额 240,000.01 元 大于 实际采购金额 240,000 元",
           also="procurement_parts_sum"),
    keeps("sme_within_procurement", {"procurement": [drop("category=works"), drop("category=goods"),
          drop("category=services"), put("category=total", sme_awarded="240000")]}),
    breaks("three_public_parts_sum", {"public_expenses": put("item=overseas_travel", actual="7099.99")},
           "public_expenses three_public：实际支出数：四项之和 29,599.99 元 不等于 “三公”经费合计 30,000 元"),
    keeps("three_public_parts_sum", {"public_expenses": put("item=overseas_travel", actual="7100")}),

    breaks("fiscal_within_total",
           {"projects": put("", budget_fiscal="300000.01", executed_fiscal="280000.01")},
           "projects p1：预算数财政拨款 300,000.01 元 大于 预算数总额 300,000 元；"
           "执行数财政拨款 280,000.01 元 大于 执行数总额 280,000 元"),
    breaks("fiscal_within_total", {"projects": put("", budget_fiscal="300000.01")},
           "projects p1：预算数财政拨款 300,000.01 元 大于 预算数总额 300,000 元"),
    keeps("fiscal_within_total",
          {"projects": put("", budget_fiscal="300000", executed_fiscal="280000")}),
    keeps("fiscal_within_total", {"projects": put("", budget_fiscal="300001", budget_total="")}),
    breaks("in_use_within_assets", {"assets": put("", fixed_assets_in_use="1000.01")},
           "assets：在用固定资产总额 1,000.01 元 大于 固定资产总额 1,000 元"),
    keeps("in_use_within_assets", {"assets": put("", fixed_assets_in_use="1000")}),
    breaks("completed_within_planned", {"work_completion": put("work_type=project",
                                                               completed_on_time_count="3")},
           "work_completion project：按时完成数 3 大于 计划数 2"),
    keeps("completed_within_planned", {"work_completion": put("work_type=key_task", planned_count="")}),
    breaks("replied_within_received", {"petitions": put("", replied="11", replied_on_time="12")},
           "petitions 来访：回复件数 11 大于 收到件数 10；按时回复件数 12 大于 回复件数 11"),
    breaks("replied_within_received", {"petitions": put("", replied="11")},
           "petitions 来访：回复件数 11 大于 收到件数 10"),
    keeps("replied_within_received", {"petitions": put("", replied_on_time="10")}),

    breaks("assessment_in_range", {"assessments": put("criterion_code=budget_rationality_1", value="1.01")},
           "assessments budget_rationality_1：评定值 1.01 应为 0 至 1 分"),
    breaks("assessment_in_range", {"assessments": put("criterion_code=effectiveness", value="-0.01")},
           "assessments effectiveness：评定值 -0.01 应为 0 至 25 分"),
    breaks("assessment_in_range", {"assessments": [
        put("criterion_code=budget_compliance", value="0.5"),
        put("criterion_code=spending_violation", value="-1")]},
           "assessments budget_compliance：评定值 0.5 应为 违规次数：不小于 0 的整数",
           "assessments spending_violation：评定值 -1 应为 违规次数：不小于 0 的整数"),
    # Violations have no upper bound, and the points are those of the district's own rubric.
    keeps("assessment_in_range", {"assessments": [
        put("criterion_code=budget_compliance", value="7"),
        new(criterion_code="target_clarity_1", value="2")]}),
    breaks("assessment_in_range", {"departments": put("", district="盐田区"),
                                   "assessments": new(criterion_code="target_clarity_1", value="2")},
           "assessments target_clarity_1：评定值 2 应为 0 至 1 分"),
    keeps("assessment_in_range", {"assessments": put("criterion_code=effectiveness", value="")}),
    breaks("known_criterion", {"assessments": new(criterion_code="goodness", value="1")},
           "assessments goodness：适用的评分标准 nanshan_2023, shenzhen_2023 中没有这一评分细则"),
    keeps("known_criterion", {"assessments": new(criterion_code="goodness", value="1"),
                              "departments": put("", district="宝安区")}, also="has_official_rubric"),
    breaks("assessment_used", {"assessments": [
        new(criterion_code="asset_utilisation", value="1"), new(criterion_code="petition_reply", value="1"),
        new(criterion_code="satisfaction", value="", basis="不适用")],
        "petitions": put("", received="0", replied="0", replied_on_time="0")},
           "assessments asset_utilisation：评定值 1 未被使用：固定资产利用率 按所报数据计分",
           "assessments petition_reply：评定值 1 未被使用：群众信访办理回复率 按所报数据计分",
           "assessments satisfaction：评定值 不适用 未被使用：公众或服务对象满意度 按所报数据计分"),
    keeps("assessment_used", {"assessments": [
        new(criterion_code="asset_utilisation", value="1"), new(criterion_code="petition_reply", value="")],
        "assets": none}),
    breaks("known_code", {
        "unit_measures": [new(measure_code="budget_execution_rate", numerator="1"),
                          new(measure_code="goodness", numerator="1")],
        "reported_figures": new(measure_code="goodness", location="丙", printed="1%"),
        "reported_scores": [new(indicator_code="goodness", reported_score="0")]},
           "reported_figures goodness;丙：没有这一编码（应为 seeds/measures.csv 中的指标），所报数据未被使用",
           "reported_scores goodness：没有这一编码（应为 nanshan_2023 的三级指标或 TOTAL），所报数据未被使用",
           "unit_measures budget_execution_rate：没有这一编码（应为 seeds/measures.csv 中无数据来源的指标），"
           "所报数据未被使用",
           "unit_measures goodness：没有这一编码（应为 seeds/measures.csv 中无数据来源的指标），所报数据未被使用"),

    breaks("unit_mixup", {"public_expenses": put("item=daily_public_use", actual="5")},
           "public_expenses daily_public_use：实际支出数 5 元 与预算安排数 5,000 元 相差 1000 倍以上，"
           "疑似金额单位（元、万元）混用"),
    keeps("unit_mixup", {"public_expenses": put("item=daily_public_use", actual="5.01")}),
    keeps("unit_mixup", {"public_expenses": put("item=daily_public_use", actual="0")}),
    breaks("unit_mixup", {"2022/budgets": put(TOTAL, initial_budget="1000", adjusted_budget="1100",
                                              executed="1100.01")},
           "budgets total：调整预算数 1,200,000 元 与上年调整预算数 1,100 元 相差 1000 倍以上，"
           "疑似金额单位（元、万元）混用；"
           "年初预算数 1,000,000 元 与上年年初预算数 1,000 元 相差 1000 倍以上，疑似金额单位（元、万元）混用"),
    # Amounts and figures of any size are compared.
    keeps("unit_mixup", {"projects": put("", budget_total="9000000000000000",
                                         executed_total="9000000000000000"),
                         "reported_figures": put("", printed="99999999999999999.99%")}),
    keeps("carryover_continuous", {"budgets": put("budget_line=carryover_in", executed="4900")}),
    breaks("carryover_continuous", {"budgets": put("budget_line=carryover_in", executed="4899.99")},
           "budgets carryover_in：年初结转结余 4,899.99 元 与上年年末结转结余 5,000 元 不符"),
    keeps("carryover_continuous", {"2022/budgets": drop("budget_line=carryover_out"),
                                   "budgets": put("budget_line=carryover_in", executed="1")}),
    # What was carried out by all that are merged; nothing is compared with what was split.
    keeps("carryover_continuous", {
        **CONTINUES_TWO, "budgets": put("budget_line=carryover_in", executed="7200")}),
    breaks("carryover_continuous", {
        **CONTINUES_TWO, "budgets": put("budget_line=carryover_in", executed="7200.01")},
           "budgets carryover_in：年初结转结余 7,200.01 元 与上年年末结转结余 7,000 元 不符"),
    keeps("carryover_continuous", {
        "unit_successions": new(predecessor_unit_code="u{number:03}", kind="split"),
        "budgets": put("budget_line=carryover_in", executed="1")}),
    breaks("unit_mixup", {"unit_successions": new(predecessor_unit_code="p{number:03}", kind="renamed"),
                          "2022/departments": put("", unit_code="p{number:03}"),
                          "2022/budgets": [put("", unit_code="p{number:03}"),
                                           put(TOTAL, initial_budget="", adjusted_budget="",
                                               executed="1100")]},
           "budgets total：决算支出数 1,100,000 元 与上年决算支出数 1,100 元 相差 1000 倍以上，"
           "疑似金额单位（元、万元）混用"),
    # The sum of two amounts as large as any, which none is.
    breaks("unit_mixup", {
        **CONTINUES_TWO,
        "2022/budgets": [
            put(TOTAL, initial_budget="9000000000000000", adjusted_budget="", executed=""),
            new(unit_code="p{number:03}", budget_line="total", initial_budget="9000000000000000",
                amount_unit="元")]},
           "budgets total：年初预算数 1,000,000 元 与上年年初预算数 18,000,000,000,000,000 元 "
           "相差 1000 倍以上，疑似金额单位（元、万元）混用"),
    breaks("known_predecessor", {
        "unit_successions": [new(predecessor_unit_code="p{number:03}", kind="renamed"),
                             new(predecessor_unit_code="u{number:03}", kind="merged")]},
           "unit_successions p{number:03}：前身单位 p{number:03} 不在 2022 年的部门名录中；"
           "请改正编码，或将其列入该年名录"),
    breaks("known_predecessor", {
        "departments": new(unit_code="q{number:03}", unit_name="乙", city="深圳市", district="南山区"),
        "unit_successions": [new(predecessor_unit_code="u{number:03}", kind="renamed"),
                             new(unit_code="q{number:03}", predecessor_unit_code="u{number:03}",
                                 kind="merged")]},
           "unit_successions u{number:03}：前身单位 u{number:03} 更名或合并为 q{number:03}、u{number:03}，"
           "其数据会重复计入；只保留一个，其余请填 拆分"),
    keeps("known_predecessor", {
        "departments": new(unit_code="q{number:03}", unit_name="乙", city="深圳市", district="南山区"),
        "unit_successions": [new(predecessor_unit_code="u{number:03}", kind="split"),
                             new(unit_code="q{number:03}", predecessor_unit_code="u{number:03}",
                                 kind="split")],
        "budgets": drop("budget_line=carryover_in")}),
    breaks("project_budget_used", {"projects": put("", executed_total="0", executed_fiscal="0")},
           "projects p1：预算 300,000 元 全年未支出"),
    keeps("project_budget_used", {"projects": put("", executed_total="", executed_fiscal="")}),
    breaks("completed_project_spent", {"projects": put("", executed_total="149999.99",
                                                       executed_fiscal="1")},
           "projects p1：执行数 149,999.99 元 不足预算 300,000 元 的 50%，而 2 个项目均报告按时完成"),
    keeps("completed_project_spent", {"projects": put("", executed_total="150000",
                                                      executed_fiscal="1")}),
    keeps("completed_project_spent", {
        "projects": put("", executed_total="1", budget_total="900", executed_fiscal="", budget_fiscal=""),
        "work_completion": put("work_type=project", completed_on_time_count="1")}),

    breaks("reported_sum", {"reported_scores": put(SCORE, reported_score="4.99")},
           "reported_scores TOTAL：各指标自评得分之和 9.49 不等于 自评总分 9.5"),
    keeps("reported_sum", {"reported_scores": put(SCORE, reported_score="")}),
    keeps("reported_sum", {"reported_scores": put(SCORE, reported_score="x")},
          also="readable_reported_row"),
    keeps("reported_sum", {"reported_scores": drop("indicator_code=TOTAL")}),
    breaks("reported_in_range", {"reported_scores": [
        put(SCORE, reported_score="5.01"), put("indicator_code=budget_compliance", reported_score="-0.01"),
        put("indicator_code=TOTAL", reported_score="100.01")]},
           "reported_scores TOTAL：自评得分 100.01 不在 0 至 100 之间",
           "reported_scores budget_compliance：自评得分 -0.01 不在 0 至 5 之间",
           "reported_scores budget_rationality：自评得分 5.01 不在 0 至 5 之间", also="reported_sum"),
    # A printed figure names a measure, a sum of one, or a cell; each thing that is wrong with it.
    breaks("known_figure", {"reported_figures": [
        figure("1"), figure("1", "budget_execution_rate", "", *TOTAL_EXECUTED),
        figure("1", role="numerator"), figure("1", "", "", "budgets"),
        figure("1", "", "", "budgets", TOTAL), figure("1", "", "", "", TOTAL, "executed")]},
           "reported_figures 丁处：无法比较：没有写明所印的是什么；请填 measure_code，或填 table_name、record_key、column_name",
           "reported_figures budget_execution_rate;budgets;total;executed;丁处：无法比较：既写了指标，又写了单元格；"
           "请只留一种，两者都比较的各写一行",
           "reported_figures budgets;total;丁处：无法比较：单元格没有写全；请填 table_name 和 column_name",
           "reported_figures budgets;丁处：无法比较：单元格没有写全；请填 table_name 和 column_name",
           "reported_figures numerator;丁处：无法比较：写了分子或分母，没有写指标；请填 measure_code，单元格则不填 role",
           "reported_figures total;executed;丁处：无法比较：单元格没有写全；请填 table_name 和 column_name"),
    breaks("known_figure", {"reported_figures": [
        figure("1", "", "", "budgets", TOTAL, "actual"), figure("1", "", "", "budgets", TOTAL, "budget_line"),
        figure("1", "", "", "budgets", TOTAL, "amount_unit"),
        figure("1", "", "", "performance_targets", "target_no=1", "target_name")]},
           *(f"reported_figures budgets;total;{column};丁处：无法比较：budgets 没有这一数值字段；"
             "column_name 应为 initial_budget、adjusted_budget、executed 之一"
             for column in ("actual", "budget_line", "amount_unit")),
           "reported_figures performance_targets;1;target_name;丁处：无法比较：performance_targets 没有这一数值字段；"
           "column_name 应为 expected_value、actual_value、weight、attained_pct 之一"),
    breaks("known_figure", {"reported_figures": [
        figure("1", "", "", "budgets", "budget_line=other", "executed"),
        figure("1", "", "", "budgets", "total", "executed"), figure("1", "", "", "budgets", "", "executed"),
        figure("1", "", "", "assets", "unit_code=u", "fixed_assets_total"),
        figure("1", "", "", "payments", "payment_id=1", "amount")]},
           *(f"reported_figures budgets;{key}executed;丁处：无法比较：{what}；record_key 应为 "
             "budget_line=basic、budget_line=total、budget_line=project、budget_line=personnel、"
             "budget_line=public_use、budget_line=carryover_in、budget_line=carryover_out 之一"
             for key, what in (("other;", "没有报送这一记录"), ("total;", "没有报送这一记录"),
                               ("", "记录主键对应 7 条记录"))),
           "reported_figures assets;u;fixed_assets_total;丁处：无法比较：没有报送这一记录；record_key 应为 空 之一",
           "reported_figures payments;1;amount;丁处：无法比较：该单位当年没有报送 payments；请补报，或删去这一行"),
    breaks("known_figure", {
        "budgets": put("budget_line=carryover_in", adjusted_budget=""),
        "performance_targets": put("target_no=2", actual_value="已完成"),
        "reported_figures": [
            figure("1", "", "", "budgets", "budget_line=carryover_in", "adjusted_budget"),
            figure("1", "", "", "performance_targets", "target_no=2", "actual_value")]},
           *(f"reported_figures {cell};丁处：无法比较：该单元格为空，或其中没有数字；请补报，或删去这一行"
             for cell in ("budgets;carryover_in;adjusted_budget", "performance_targets;2;actual_value"))),
    breaks("known_figure", {
        "budget_adjustments": [new(doc_no="1", budget_line="total", amount="100000", amount_unit="元"),
                               new(doc_no="1", budget_line="basic", amount="1", amount_unit="元"),
                               new(doc_no="2", budget_line="total", amount="100000", amount_unit="元")],
        "reported_figures": [figure("10万元", "", "", "budget_adjustments", key, "amount")
                             for key in ("doc_no=1", "doc_no=2", "budget_line=total;doc_no=1",
                                         "doc_no=1;budget_line=total")]},
           "reported_figures budget_adjustments;1;amount;丁处：无法比较：记录主键对应 2 条记录；record_key 应为 "
           "doc_no=1;budget_line=basic、doc_no=1;budget_line=total 之一",
           "reported_figures budget_adjustments;2;amount;丁处：无法比较：没有报送这一记录；record_key 应为 "
           "doc_no=2;budget_line=total 之一",
           "reported_figures budget_adjustments;total;1;amount;丁处：无法比较：没有报送这一记录；record_key 应为 "
           "doc_no=1;budget_line=total 之一", also="detail_ties_to_summary"),
    # What is there and agrees: amounts in any unit, counts, percentages, a text, a score, a roll-up.
    keeps("known_figure", {
        "payments": new(payment_id="1", amount="1100000", amount_unit="元"),
        "budgets": put(TOTAL, executed=""),
        "reported_figures": [
            figure("110万元", "", "", *TOTAL_EXECUTED), figure("1100000", "", "", "payments", "payment_id=1", "amount"),
            figure("0.01 亿元", "", "", "budgets", TOTAL, "initial_budget"),
            figure("9 人", "", "", "staffing", "staff_category=administrative", "actual"),
            figure("95.0 分", "", "", "satisfaction_surveys", "survey_name=调查", "satisfaction_pct"),
            figure("95%", "", "", "satisfaction_surveys", "survey_name=调查", "respondents", "戊处"),
            figure("91.7%", "", "", "performance_targets", "target_no=1", "actual_value"),
            figure("9.5", "", "", "reported_scores", "indicator_code=TOTAL", "reported_score"),
            figure("0.1 万元", "", "", "assets", "", "fixed_assets_total"),
            figure("120 万元", "budget_execution_rate", "denominator"),
            figure("110.0万元", "budget_execution_rate", "numerator")]},
          also="reported_figures_agree"),
    keeps("reported_figures_agree", {"reported_figures": [
        figure("12.4 百万元", "", "", "budgets", TOTAL, "adjusted_budget", "己处"),
        figure("", "", "", *TOTAL_EXECUTED), figure("未公布", "budget_execution_rate", "numerator"),
        figure("10 元", "q1_progress_of_goods", "numerator")]}, also="known_code reported_figures_agree"),
    breaks("reported_figures_agree", {"reported_figures": [
        figure("110 万元", "", "", *TOTAL_EXECUTED), figure("105.5万元", "", "", *TOTAL_EXECUTED, "己处"),
        figure("1.2", "", "", "performance_targets", "target_no=1", "actual_value"),
        figure("95 分", "", "", "satisfaction_surveys", "survey_name=调查", "satisfaction_pct"),
        figure("94 分", "", "", "satisfaction_surveys", "survey_name=调查", "satisfaction_pct", "己处")]},
           "reported_figures budgets;total;executed：决算支出数 前后不一：105.5万元（己处，未找到解释）, 110 万元（丁处）, "
           "110万元（所报数据）",
           "reported_figures performance_targets;1;actual_value：实际完成指标值 前后不一：1.2（丁处，未找到解释）, "
           "91.67%（所报数据）",
           "reported_figures satisfaction_surveys;调查;satisfaction_pct：满意度 前后不一：94 分（己处，未找到解释）, "
           "95 分（丁处）, 95 分（所报数据）"),
    breaks("reported_figures_agree", {"reported_figures": [
        figure("120 万元", "budget_adjustment_rate", "numerator"),
        figure("100.0 万元", "budget_adjustment_rate", "denominator"),
        figure("200000", "budget_adjustment_rate", "numerator", location="己处"),
        figure("40万元", "", "", "budgets", "budget_line=public_use", "adjusted_budget"),
        figure("120万元", "", "", "budgets", TOTAL, "initial_budget")]},
           "reported_figures budget_adjustment_rate;numerator：预算调整率 的分子 前后不一：120 万元"
           "（丁处，印的是调整预算数，未减年初预算数：1200000）, 20 万元（按所报数据计算）, 200000（己处）",
           "reported_figures budgets;public_use;adjusted_budget：调整预算数 前后不一：25万元（所报数据）, "
           "40万元（丁处，未找到解释）",
           "reported_figures budgets;total;initial_budget：年初预算数 前后不一：100万元（所报数据）, "
           "120万元（丁处，印的是调整预算数：1200000）"),
    keeps("reported_figures_agree", {"reported_figures": put(FIGURE, printed="92%")}),
    keeps("reported_figures_agree", {"reported_figures": put(FIGURE, printed="0.9")}),
    breaks("reported_figures_agree", {"reported_figures": [
        put(FIGURE, printed="91.6%"), new(measure_code="budget_execution_rate", location="丙处",
                                          printed="92%")]},
           "reported_figures budget_execution_rate：预算执行率 前后不一：91.6%（乙处）, 91.67%（甲处）"),
    breaks("reported_figures_agree", {"reported_figures": put(FIGURE, printed="-91.7%")},
           "reported_figures budget_execution_rate：预算执行率 前后不一：-91.7%（乙处）, 91.67%（甲处）"),
    keeps("target_ties_to_measure",
          {"performance_targets": put("target_no=1", actual_value="91.6667%")}),
    breaks("target_ties_to_measure",
           {"performance_targets": put("target_no=1", actual_value="91.66%")},
           "performance_targets 1：预算执行率 填报 91.66%，而按所报数据计算为 91.6667%"),
    breaks("target_ties_to_measure",
           {"performance_targets": put("target_no=1", target_name="公众或服务对象满意度", actual_value="95.0%"),
            "satisfaction_surveys": put("", satisfaction_pct="94.94999")},
           "performance_targets 1：公众或服务对象满意度 填报 95.0%，而按所报数据计算为 94.94999%"),
    breaks("target_ties_to_measure", {"performance_targets": put("target_no=2", actual_value="1项")},
           "performance_targets 2：未完成重点工作 填报 1项，而按所报数据计算为 0"),
    keeps("target_ties_to_measure", {"performance_targets": put("target_no=1", actual_value="9%",
                                                                is_applicable="false")}),
    keeps("target_ties_to_measure", {"performance_targets": put("target_no=1", actual_value="基本完成")}),
    keeps("target_ties_to_measure", {"performance_targets": put("target_no=1", actual_value="9%"),
                                     "budgets": put(TOTAL, executed="")}),

    # A line that is rolled up: 100 yuan more than a rounded budget may be its rounding.
    breaks("execution_within_budget",
           {"payments": new(payment_id="1", amount="500100.01", budget_line="project",
                            amount_unit="元"),
            "budgets": put(PROJECT, executed="")},
           "budgets project：支出数 500,100.01 元 大于 预算数 500,000 元", also="detail_ties_to_summary"),
    keeps("execution_within_budget",
          {"payments": new(payment_id="1", amount="500100", budget_line="project",
                           amount_unit="元"),
           "budgets": put(PROJECT, executed="")}, also="detail_ties_to_summary"),
    breaks("detail_dated_in_year", {"payments": new(payment_id="1", paid_on="2024-01-01")},
           "payments 1：支付日期 2024-01-01 不在预算年度内"),
    breaks("detail_dated_in_year",
           {"budget_adjustments": new(doc_no="1号", budget_line="total", decided_on="2022-12-31")},
           "budget_adjustments 1号;total：批复日期 2022-12-31 不在预算年度内",
           also="detail_ties_to_summary"),
    breaks("detail_dated_in_year",
           {"procurement_contracts": new(contract_id="1", signed_on="2032-01-01")},
           "procurement_contracts 1：签订日期 2032-01-01 不在预算年度内"),
    breaks("detail_dated_in_year",
           {"petition_cases": new(case_id="1", received_on="2022-12-31")},
           "petition_cases 1：收到日期 2022-12-31 不在预算年度内"),
    keeps("detail_dated_in_year",
          {"payments": [new(payment_id="1", paid_on="2023-12-31"), new(payment_id="2")],
           "petition_cases": new(case_id="1", received_on="2023-01-01", replied_on="2024-01-31")}),
    keeps("detail_ties_to_summary",
          {"payments": new(payment_id="1", amount="110.01", amount_unit="万元")}),
    breaks("detail_ties_to_summary",
           {"payments": new(payment_id="1", amount="1100100.01", amount_unit="元")},
           "budgets total：决算支出数：填报 1,100,000，明细合计 1,100,100.01"),
    breaks("detail_ties_to_summary",
           {"petition_cases": [new(case_id=str(n), channel="来访", due_on="2023-05-01",
                                   replied_on="2023-05-01") for n in range(11)]},
           "petitions 来访：收到件数：填报 10，明细合计 11；回复件数：填报 10，明细合计 11；"
           "按时回复件数：填报 9，明细合计 11"),
    breaks("detail_rolls_up",
           {"procurement_contracts": [new(contract_id="1", contract_amount="240000",
                                          amount_unit="元")],
            "procurement": put("category=total", sme_awarded="")},
           "procurement total：授予中小企业合同金额 无法由明细汇总："
           "有明细未填科目、渠道、年内日期或是否标志，不知是否计入"),
    breaks("detail_rolls_up",
           {"petition_cases": new(case_id="1", channel="来访", replied_on="2023-05-01"),
            "petitions": none},
           "petitions 来访：按时回复件数 无法由明细汇总：有明细缺少金额或办理期限"),
    keeps("detail_rolls_up",
          {"procurement_contracts": [new(contract_id="1", contract_amount="240000",
                                         amount_unit="元")]}),
]  # fmt: skip
SIGNED = [
    (table.name, column.name)
    for table in landing_contract().values()
    for column in table.columns
    if SOUND.get(table.name) and (column.is_amount or column.is_count) and not column.is_signed
]


def landing_of(folder: Path, cases: Sequence[Case]) -> Path:
    """A landing folder with a department for each case, named by its place."""
    written: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for number, case in enumerate(cases):
        for name in SOUND:
            year, _, table = name.rpartition("/")
            year = year or "2023"
            for row in case.rows(name):
                named = {"unit_code": "u{number:03}"} | row
                codes = {
                    column: code.format(number=number)
                    for column, code in named.items()
                    if column.endswith("unit_code")
                }
                written[year, table].append(row | codes | {"fiscal_year": year})
    for (year, table), rows in written.items():
        file = folder / year / f"{table}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        columns = [column.name for column in landing_contract()[table].columns]
        with file.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, columns)
            writer.writeheader()
            writer.writerows(rows)
    for number, case in enumerate(cases):
        if case.rule_id == "file_complete":
            end = "" if case.messages else "\n"
            write(
                folder / "2023" / "staffing" / f"u{number:03}.csv",
                f"unit_code,fiscal_year,staff_category,actual\nu{number:03},2023,worker,1{end}",
            )
    return folder


def prepared(landing: Path, folder: Path) -> Path:
    """A build's warehouse file on which the rules on what was delivered can run."""
    database = folder / "warehouse.duckdb"
    for year in (2022, 2023):
        with duckdb.connect(str(database)) as con:
            ledger.start_run(con, f"run-{year}", [year])
            load_year(con, landing, year)
        run = dbt.build(database, DELIVERED)
        assert run.failures == []
    return database


@dataclass
class Findings:
    """What a check found, by department and rule."""

    outcomes: list[runner.Outcome]
    messages: dict[str, dict[str, list[str]]]


def found_in(database: Path) -> Findings:
    """Run the rules on what was delivered, and read their findings."""
    outcomes = [*runner.check(database, "delivered"), *runner.check(database, "waivers")]
    messages: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    with duckdb.connect(str(database)) as con:
        for unit, rule_id, message, english in con.execute(
            "select unit_code, rule_id, message_zh, message_en from audit.findings order by all"
        ).fetchall():
            messages[unit][rule_id].append(message.removeprefix(f"2023 {unit} "))
            assert "{" not in message + english
    return Findings(outcomes, messages)


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every case is a department of one city, loaded once."""
    folder = tmp_path_factory.mktemp("rules")
    negative = [Case("", {name: [_negative(column)]}) for name, column in SIGNED]
    return prepared(landing_of(folder / "landing", [*CASES, *negative]), folder)


def _negative(column: str) -> Edit:
    return lambda rows: [rows[0] | {column: "-1"}, *rows[1:]]


@pytest.fixture(scope="module")
def found(delivered: Path) -> Findings:
    return found_in(delivered)


def row_of(said: list[str]) -> str:
    """The row of a file that a finding names."""
    return next((text.split(" row ")[1].split("：")[0] for text in said if " row " in text), "")


@pytest.mark.parametrize(
    ("number", "case"), [pytest.param(n, case, id=f"{case.rule_id}-{n}") for n, case in enumerate(CASES)]
)  # fmt: skip
def test_delivered(number: int, case: Case, found: Findings) -> None:
    of_unit = found.messages[f"u{number:03}"]
    said = of_unit.get(case.rule_id, [])
    if case.rule_id.startswith("readable"):  # where the row stands depends on the other cases
        assert len(said) == 1
        assert said[0].startswith(case.messages[0].split("{file}")[0])
        assert "2023/" in said[0]
        assert "无法读取，已拒收（" in said[0]
    elif case.rule_id not in case.also:
        messages = [message.format(number=number, row=row_of(said)) for message in case.messages]
        assert sorted(said) == sorted(messages)
    assert set(of_unit) == {*case.also, *([case.rule_id] if case.messages else [])}


@pytest.mark.parametrize(
    ("number", "name", "column"),
    [(len(CASES) + n, *signed) for n, signed in enumerate(SIGNED)],
)
def test_no_amount_and_no_count_may_be_negative(
    number: int, name: str, column: str, found: Findings
) -> None:
    of_unit = found.messages[f"u{number:03}"]
    (said,) = of_unit.get("amounts_not_negative") or of_unit.get("counts_not_negative") or [""]
    label = next(c.label_zh for c in landing_contract()[name].columns if c.name == column)
    assert said.startswith(name)
    assert f"：{label} -1 " in said


def test_every_rule_is_tested_on_both_sides() -> None:
    def tested(side: bool) -> set[str]:
        return {case.rule_id for case in CASES if bool(case.messages) == side}

    delivered = {rule.rule_id for rule in rules("delivered")}
    assert tested(True) == delivered
    assert tested(False) | {"readable_row", "readable_reported_row", "known_code",
                            "reported_in_range"} == delivered  # fmt: skip
    assert {rule_id for rule_id, *_ in MARTS} == {rule.rule_id for rule in rules("marts")}


def test_every_column_of_numbers_can_be_named_by_a_printed_figure() -> None:
    """The models cannot read the contract; what they know of it is what it says."""
    tables = [t for t in landing_contract().values() if any(c.is_number for c in t.columns)]
    source = (PROJECT_DIR / "macros" / "number_cells.sql").read_text("utf-8")
    known: list[dict[str, dict[str, object]]] = []
    macros = Environment(extensions=["jinja2.ext.do"]).from_string(  # noqa: S701
        source.split("{% macro number_cells")[0] + "{% do number_columns() %}"
    )
    macros.render({"return": lambda found: known.append(found) or ""})
    assert known == [
        {
            table.name: {
                "keys": [name for name in table.key if name not in ("unit_code", "fiscal_year")],
                "columns": {
                    column.name: [_staged(column), column.label_zh]
                    for column in table.columns
                    if column.is_number
                },
            }
            for table in tables
        }
    ]
    assert {(t.name, c.name) for t in tables for c in t.columns if c.is_printed} == {
        ("performance_targets", "expected_value"), ("performance_targets", "actual_value")
    }  # fmt: skip
    assert {c for t in tables for c in t.columns if c.is_percent} == {
        c for t in tables for c in t.columns if c.name.endswith("_pct")
    }
    (named,) = (
        column.accepted_values
        for column in landing_contract()["reported_figures"].columns
        if column.name == "table_name"
    )
    assert named == {table.name: table.label_zh for table in tables}


def test_every_percentage_of_the_contract_has_its_bounds() -> None:
    parameters = {rule.rule_id: rule.parameters for rule in CATALOGUE}
    percentages = {
        (table.name, column.name)
        for table in landing_contract().values()
        for column in table.columns
        if column.is_percent
    }
    ranges = parameters["percentages_in_range"]["ranges"]
    assert {(r["table"], r["column"]) for r in ranges} == percentages
    # Those of a month are compared with the other months too.
    bounded = {bound["column"] for bound in parameters["rate_plausible"]["bounds"]}
    assert {c for table, c in percentages if table != "budget_execution"} <= bounded


def test_an_outcome_counts_records_and_departments(found: Findings) -> None:
    outcomes = {o.rule.rule_id: o for o in found.outcomes}
    assert [o.rule for o in found.outcomes] == [*rules("delivered"), *rules("waivers")]
    for rule_id, outcome in outcomes.items():
        units = {unit: said[rule_id] for unit, said in found.messages.items() if rule_id in said}
        assert outcome.violations == sum(map(len, units.values()))
        assert outcome.departments == len(units)
        assert len(outcome.sample) == len(outcome.keys) == min(5, outcome.violations)
    assert outcomes["has_official_rubric"].keys[0].endswith(" departments ")


def test_the_checkpoint_counts_what_the_findings_are_made_of(
    found: Findings, delivered: Path
) -> None:
    """Every rule is violated here: standard expectations say exactly what the queries say."""
    assert all(o.rows >= o.violations > 0 for o in found.outcomes if o.rule.stage == "delivered")
    with duckdb.connect(str(delivered)) as con:
        assert validations.disagreements(con, "run-2023", 2023) == [
            "the checkpoint marts did not run"
        ]


def result_of(database: Path, stage: str) -> dict[str, Any]:
    with duckdb.connect(str(database)) as con:
        ((result,),) = con.execute(
            "select result from audit.validations where stage = ?", [stage]
        ).fetchall()
    return json.loads(result)  # type: ignore[no-any-return]


def test_each_table_that_rules_are_about_has_a_suite_and_is_its_batch(
    found: Findings, delivered: Path
) -> None:
    suites = {
        of_table["suite"]: of_table["expectations"]
        for of_table in result_of(delivered, "delivered")["validation_results"]
    }
    assert set(suites) == {rule.table for rule in rules("delivered")} | {
        expected.table for rule in rules("delivered") for expected in rule.expectations
    }
    for table, expectations in suites.items():
        with duckdb.connect(str(delivered)) as con:
            ((count,),) = con.execute(
                f"select count(*) from {table} where fiscal_year = 2023"
            ).fetchall()
        for entry in expectations:
            # A query's own table is read as the batch; other expectations count its rows.
            query = entry["kwargs"].get("unexpected_rows_query")
            assert "{batch}" in query if query else entry["result"]["element_count"] == count
            assert query is None or not re.search(rf"\b{re.escape(table)}\b", query)
    standard = {rule.rule_id for rule in CATALOGUE if rule.expectations}
    assert standard == {
        entry["rule_id"]
        for expectations in suites.values()
        for entry in expectations
        if entry["expectation_type"] != "expect_query_to_return_no_rows"
    }
    assert len(standard) == 6


def test_what_a_checkpoint_says_follows_from_the_year_alone(
    found: Findings, delivered: Path, tmp_path: Path
) -> None:
    """Other years do not change it, nor does another run: `verify` compares it byte by byte."""
    database = copied(delivered, tmp_path)
    with duckdb.connect(str(database)) as con:
        con.execute(
            "insert into raw.petitions by name select 'x' as unit_code, 2022 as fiscal_year, "
            "'来访' as channel, 1 as received, 2 as replied, 3 as replied_on_time"
        )
        con.execute("update audit.run_years set run_id = 'another'")
    runner.check(database, "delivered")
    assert result_of(database, "delivered") == result_of(delivered, "delivered")


@pytest.fixture(scope="module")
def state(two_departments: Published, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole warehouse that the two departments were published from."""
    (state,) = (two_departments.warehouse / "states").iterdir()
    # Views name the catalogue that they were made in, which is the file's stem.
    copy = tmp_path_factory.mktemp("state") / "warehouse.duckdb"
    return Path(shutil.copyfile(state, copy))


def copied(database: Path, folder: Path) -> Path:
    return Path(shutil.copyfile(database, folder / database.name))


MARTS = [
    ("departments_complete", f"delete from marts.dim_departments where unit_code = '{YANTIAN}'",
     f"2023 {YANTIAN} dim_departments：已载入而未发布，请重新运行该年度"),
    ("departments_complete", f"delete from raw.departments where unit_code = '{YANTIAN}'",
     f"2023 {YANTIAN} dim_departments：未载入而已发布，请重新运行该年度"),
    ("evaluations_assigned", "delete from marts.fct_evaluations where rubric_id = 'yantian_2023'",
     f"2023 {YANTIAN} fct_evaluations yantian_2023：没有按所指定评分标准作出的评价"),
    ("grid_complete", "delete from marts.fct_indicator_scores where indicator_code = 'procurement' "
     f"and unit_code = '{YANTIAN}' and rubric_id = 'yantian_2023'",
     f"2023 {YANTIAN} fct_indicator_scores yantian_2023：应有 21 个指标，实有 20 个"),
    ("scores_in_range", "update marts.fct_indicator_scores set score = 5.01 where rubric_id = "
     f"'yantian_2023' and indicator_code = 'target_clarity' and unit_code = '{YANTIAN}'",
     f"2023 {YANTIAN} fct_indicator_scores yantian_2023/target_clarity：得分 5.01 不在 0 至 5 之间"),
    ("totals_add_up", "update marts.fct_evaluations set total_score = 96.09 "
     f"where rubric_id = 'yantian_2023' and unit_code = '{YANTIAN}'",
     f"2023 {YANTIAN} fct_evaluations yantian_2023：总分 96.09 不等于各指标得分之和 96.08"),
    ("totals_add_up", "update marts.fct_evaluations set total_score = null, grade = null "
     f"where rubric_id = 'yantian_2023' and unit_code = '{YANTIAN}'",
     f"2023 {YANTIAN} fct_evaluations yantian_2023：总分 — 不等于各指标得分之和 96.08"),
    ("grade_matches", "update marts.fct_evaluations set grade = '良' "
     f"where rubric_id = 'yantian_2023' and unit_code = '{YANTIAN}'",
     f"2023 {YANTIAN} fct_evaluations yantian_2023：等级 良 与总分 96.08 不符，应为 优"),
]  # fmt: skip


@pytest.mark.parametrize(("rule_id", "change", "message"), MARTS)
def test_marts(rule_id: str, change: str, message: str, state: Path, tmp_path: Path) -> None:
    with duckdb.connect(str(copied(state, tmp_path))) as con:
        con.execute(change)
    said = {o.rule.rule_id: o.sample for o in runner.check(tmp_path / state.name, "marts")}
    assert message in said[rule_id]


def test_what_is_published_violates_nothing(state: Path, tmp_path: Path) -> None:
    outcomes = runner.check(copied(state, tmp_path), "marts")
    assert [o.rule for o in outcomes] == list(rules("marts"))
    assert not any(o.violations or o.sample or o.keys for o in outcomes)


def test_the_contradictions_of_the_two_reports(two_departments: Published) -> None:
    """Those that the reports contain, by hand; data/README.md lists them with their places."""
    rows = two_departments.rows(
        "select unit_code, rule_id, table_name, record_key, severity, is_waived, waiver_reason "
        "from fct_findings order by all"
    )
    assert rows == [
        (unit, rule_id, name, key, "warning", False, None)
        for unit, rule_id, name, key in [
            # 35% spent, and nothing, of projects that are all reported completed
            (NANSHAN, "completed_project_spent", "projects", "project_code=gxj-10"),
            (NANSHAN, "project_budget_used", "projects", "project_code=gxj-04"),
            # 98.80% and 99.01%; 24.56% and 19.71%; 98.80% and 98.88%, as rate and as progress
            (NANSHAN, "reported_figures_agree", "reported_figures",
             "measure_code=budget_execution_rate"),
            (NANSHAN, "reported_figures_agree", "reported_figures",
             "measure_code=off_establishment_rate"),
            (NANSHAN, "reported_figures_agree", "reported_figures",
             "measure_code=q4_execution_rate"),
            (NANSHAN, "reported_figures_agree", "reported_figures", "measure_code=q4_progress"),
            # 95场 in the text, 105 场 in the table of targets
            (NANSHAN, "reported_figures_agree", "reported_figures",
             "table_name=performance_targets;record_key=target_no=2;column_name=actual_value"),
            # 2,410.64 of 2,410.63
            (NANSHAN, "sme_within_procurement", "procurement", "category=total"),
            # 99.01%, computed 98.80%
            (NANSHAN, "target_ties_to_measure", "performance_targets", "target_no=12"),
            # 853.5万元 adjusted, which is the adjusted budget
            (YANTIAN, "reported_figures_agree", "reported_figures",
             "measure_code=budget_adjustment_rate;role=numerator"),
            # 99.5% and 99.2%
            (YANTIAN, "reported_figures_agree", "reported_figures",
             "measure_code=budget_execution_rate"),
        ]
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("total", "said"), [("96.93", []), ("96.92", ["总分 96.92 不等于各指标得分之和 96.9263"])]
)
def test_a_total_without_what_is_not_applicable(
    total: str, said: list[str], state: Path, tmp_path: Path
) -> None:
    """Without the 4 of 5 points of an indicator: 92.08 of 95 is 96.93 of 100."""
    database = copied(state, tmp_path)
    of_yantian = f"where rubric_id = 'yantian_2023' and unit_code = '{YANTIAN}'"
    with duckdb.connect(str(database)) as con:
        con.execute(
            "update marts.fct_indicator_scores set score = null, is_excluded = true "
            f"{of_yantian} and indicator_code = 'target_clarity'; "
            f"update marts.fct_evaluations set total_score = {total}, points_excluded = 5 "
            f"{of_yantian}"
        )
    outcomes = {o.rule.rule_id: o for o in runner.check(database, "marts")}
    assert [line.split("：")[1] for line in outcomes["totals_add_up"].sample] == said


def test_a_query_that_fails_names_its_rule(state: Path, tmp_path: Path) -> None:
    database = copied(state, tmp_path)
    with duckdb.connect(str(database)) as con:
        con.execute("alter table marts.dim_indicators rename column points to most_points")
    with pytest.raises(
        RuntimeError, match=r"the rule scores_in_range cannot be checked: .*Binder Error"
    ):
        runner.check(database, "marts")


def test_every_violation_is_found_however_many(state: Path, tmp_path: Path) -> None:
    """The library returns 200 rows at most; the findings are all of them."""
    database = copied(state, tmp_path)
    with duckdb.connect(str(database)) as con:
        con.execute(
            "insert into raw.petitions by name select 'x' || i as unit_code, "
            "2023 as fiscal_year, '来访' as channel from range(1000) as r (i)"
        )
    outcomes = runner.check(database, "delivered")
    (known_unit,) = (o for o in outcomes if o.rule.rule_id == "known_unit")
    assert (known_unit.violations, known_unit.departments) == (1000, 1000)
    with duckdb.connect(str(database)) as con:
        assert con.execute(
            "select count(*) from audit.findings where rule_id = 'known_unit'"
        ).fetchall() == [(1000,)]


def unit_of(rule_id: str) -> str:
    """The first department that breaks a rule and no other."""
    return next(
        f"u{n:03}" for n, case in enumerate(CASES)
        if case.rule_id == rule_id and case.messages and not case.also
    )  # fmt: skip


# The rule, the department, the last day; what is said of it, None: it lifts the block
WAIVERS = [
    ("in_use_within_assets", unit_of("in_use_within_assets"), "2026-11-22", None),
    ("completed_within_planned", unit_of("completed_within_planned"), "2026-11-21",
     "已于 2026-11-21 到期"),
    ("in_use_within_assets", unit_of("budget_parts_sum"), "2027-01-01", "该单位当年没有违反这条规则"),
    ("in_use_within_asset", unit_of("in_use_within_assets"), "2027-01-01", "没有这条规则"),
    ("waiver_in_force", unit_of("fiscal_within_total"), "2027-01-01", "没有这条规则"),
    ("readable_row", unit_of("readable_row"), "2027-01-01", "这条规则不可豁免"),
    ("known_unit", unit_of("known_unit"), "2027-01-01", "这条规则不可豁免"),
    ("carryover_continuous", unit_of("carryover_continuous"), "2027-01-01",
     "这条规则只作提示，不需豁免"),
    ("known_criterion", "nobody", "2027-01-01", "该单位当年没有违反这条规则"),
]  # fmt: skip


def test_a_waiver_lifts_a_critical_finding_or_is_told(delivered: Path, tmp_path: Path) -> None:
    database = copied(delivered, tmp_path)
    with duckdb.connect(str(database)) as con:
        # 23:59 on 22 November in Shanghai.
        con.execute("update audit.runs set started_at = '2026-11-22 15:59:00+00'")
        for rule_id, unit, expires_on, _ in WAIVERS:
            con.execute(
                "insert into seeds.waivers values (?, ?, 2023, '经费已补记', '张局', ?)",
                [rule_id, unit, expires_on],
            )
        # Of another year: neither counts nor is told.
        con.execute("insert into seeds.waivers values ('x', 'u001', 2022, 'r', 'a', '2020-01-01')")
    said = {
        (unit, message)
        for unit, of_unit in found_in(database).messages.items()
        for message in of_unit.get("waiver_in_force", [])
    }
    assert said == {
        (unit, f"waivers {rule_id}：豁免无效：{fault}；请更正或删除 seeds/waivers.csv 中的这一行")
        for rule_id, unit, _, fault in WAIVERS
        if fault
    }  # fmt: skip
    with duckdb.connect(str(database)) as con:
        waived = con.execute(
            "select unit_code, rule_id, severity, waiver_reason from audit.findings where is_waived"
        ).fetchall()
    assert waived == [
        (unit, rule_id, "critical", f"经费已补记（张局 批准，有效期至 {expires_on}）")
        for rule_id, unit, expires_on, fault in WAIVERS
        if fault is None
    ]


CRITICAL = {rule.rule_id for rule in rules("delivered") if rule.severity == "critical"}
# The year before is not delivered there.
BROKEN = [
    case
    for case in CASES
    if case.rule_id in CRITICAL and case.messages and " 2022 " not in case.messages[0]
]


def deliver_broken(folder: Path) -> None:
    """Add broken departments to those that are delivered for a year."""
    for file in (landing_of(folder / "broken", BROKEN) / "2023").iterdir():
        header, *lines = file.read_text("utf-8").splitlines()
        beside = folder / "landing" / "2023" / file.name
        append_rows(beside, *(lines if beside.exists() else [header, *lines]))


def test_broken_departments_are_blocked_and_no_other_is_touched(city: City, troubled: City) -> None:
    without, both = city, troubled
    assert {case.rule_id for case in BROKEN} == CRITICAL
    units = {f"u{n:03}": case for n, case in enumerate(BROKEN)}
    found = both.rows(
        "select unit_code, rule_id from fct_findings "
        "where severity = 'critical' and fiscal_year = 2023"
    )
    for unit, case in units.items():
        assert (unit, case.rule_id) in found
    # A case may have a second department, which its finding names as well.
    named = {
        unit.lower().replace("\n", "").replace("ｕ-", "u").replace("q", "u") for unit, _ in found
    }
    assert named == set(units)
    # One that is not in `departments` has no evaluation.
    assert {
        unit.replace("q", "u")
        for (unit,) in both.rows(
            "select unit_code from fct_evaluations where status = 'blocked' and fiscal_year = 2023"
        )
    } == {unit for unit, case in units.items() if case.rule_id != "known_unit"}
    assert without.rows(
        "select 1 from fct_evaluations where status = 'blocked' and fiscal_year = 2023"
    ) == []  # fmt: skip
    columns = defaultdict(list)
    for name, column in both.rows(
        "select table_name, column_name from duckdb_columns() where schema_name = 'marts'"
    ):
        if column not in ("load_id", "source_sha256"):  # of the file, which has other rows too
            columns[name].append(column)
    compared = {name: listed for name, listed in columns.items() if "unit_code" in listed}
    assert len(compared) == 20
    for name, listed in compared.items():
        query = (
            f"select {', '.join(listed)} from {name} where fiscal_year = 2023 "
            "and (unit_code like 'syn-%' or unit_code like 'twin-%') order by all"
        )
        assert both.rows(query) == without.rows(query), name


def shown(rule: Rule) -> str:
    """A rule as docs/concepts.md lists it."""
    effect = {"marts": "refuses publishing"}.get(rule.stage, rule.severity)
    if rule.severity == "critical" and not rule.can_be_waived:
        effect += ", cannot be waived"
    tolerance = "—" if rule.tolerance is None else f"{rule.tolerance} yuan a term"
    return f"| `{rule.rule_id}` | {rule.holds.strip()} | {effect} | {tolerance} |"


def test_a_rule_on_what_was_delivered_sees_the_year_and_the_one_before() -> None:
    """Whatever else was ever delivered does not slow it."""
    tables = [
        of.sql([2024])[table.end() :]
        for of in rules("delivered")
        for table in re.finditer(r"staging\.stg_\w+", of.sql([2024]))
    ]
    assert len(tables) > len(rules("delivered"))
    assert {after[:33] for after in tables} == {" where fiscal_year in (2023, 2024"}
    for of in rules("delivered"):
        assert of.sql([2024], "{batch}").format(batch=of.table) == of.sql([2024])
    entry = {
        **{name: "x" for name in ("rule_id", "stage", "severity", "holds")},
        **{name: "x" for name in ("message_zh", "message_en")},
        "asset": "staging/stg_budgets", "query": "from staging.stg_budgets, staging.stg_projects",
    }  # fmt: skip
    seen = {
        every: _rule({**entry, "every_year": every}, Environment(autoescape=True)).sql([2024])
        for every in (False, True)
    }
    assert [seen[every].count("2023, 2024") for every in (False, True)] == [2, 0]


def test_the_documentation_lists_the_catalogue() -> None:
    text = (PROJECT_DIR / "docs" / "concepts.md").read_text("utf-8")
    listed = [line for line in text.splitlines() if line in {shown(rule) for rule in CATALOGUE}]
    assert listed == [shown(rule) for rule in CATALOGUE], "\n".join(map(shown, CATALOGUE))


def deliver(landing: Path) -> None:
    """The two departments under other codes: one to be blocked, and one that misprints a score."""
    for code, real in ((MISPRINTED, NANSHAN), (BLOCKED, YANTIAN)):
        copy_department(landing, 2023, code, real)
    budgets = landing / "2023" / "budgets.csv"
    text = budgets.read_text("utf-8")
    assert text.count(",847.07,") == 1
    budgets.write_text(text.replace(",847.07,", ",853.51,"), "utf-8")
    append_rows(landing / "2023" / "staffing.csv", "unknown,2023,worker,1,1")
    append_rows(landing / "2023" / "staffing.csv", f"第 3 页,{BLOCKED},2023,worker,1,1")
    append_rows(landing / "2023" / "projects.csv", f"{BLOCKED},2023,p,名称,1,1,x,1,元")
    append_rows(landing / "2023" / "reported_scores.csv", f"{MISPRINTED},2023,procurement,x,")


def test_a_critical_finding_blocks_its_department_alone(invented: Published) -> None:
    published = invented
    rows = {
        (unit, rubric): rest
        for unit, rubric, *rest in published.rows(
            "select unit_code, rubric_id, status, total_score, grade, points_computed, status_reason "
            "from fct_evaluations"
        )
    }
    for rubric in ("yantian_2023", "shenzhen_2023"):
        status, total, grade, computed, reason = rows[BLOCKED, rubric]
        assert (status, total, grade, computed) == ("blocked", None, None, 0)
        assert "execution_within_budget（1 处）" in reason
        assert "readable_row（2 处）" in reason
    assert rows[MISPRINTED, "nanshan_2023"][0] == "scored"
    assert published.rows(
        "select count(*), count(score), count(is_vetoed) from fct_indicator_scores "
        f"where unit_code = '{BLOCKED}'"
    ) == [(42, 0, 0)]
    assert published.rows(
        "select distinct basis, points_awarded from fct_criterion_scores "
        f"where unit_code = '{BLOCKED}'"
    ) == [("withheld", None)]
    # Its measures stay.
    assert published.rows(
        f"select count(*) from fct_measures where unit_code = '{BLOCKED}' and status = 'defined'"
    )[0][0] > 15  # fmt: skip
    assert published.rows(
        "select unit_code, rule_id, table_name, record_key, severity from fct_findings "
        "where (severity = 'critical' or rule_id = 'readable_reported_row') and unit_code in "
        f"('{BLOCKED}', '{MISPRINTED}', 'unknown', '第 3 页') order by all"
    ) == [
        (BLOCKED, "execution_within_budget", "budgets", "budget_line=total", "critical"),
        (BLOCKED, "readable_row", "projects", "2023/projects/rules.csv row 18", "critical"),
        (BLOCKED, "readable_row", "staffing", "2023/staffing/rules.csv row 8", "critical"),
        *((MISPRINTED, "readable_reported_row", "reported_scores",
           f"2023/reported_scores/rules.csv row {row}", "warning") for row in (46, 6)),
        ("unknown", "known_unit", "staffing", "staff_category=worker", "critical"),
        ("第 3 页", "readable_row", "staffing", "2023/staffing/rules.csv row 8", "critical"),
    ]  # fmt: skip
