"""The data rules: each with data that breaks it and data on its edge."""

import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from expectations import runner
from expectations.catalogue import Stage, rules
from tests.conftest import Published, append_rows, build

NANSHAN, YANTIAN = "440305-gxj", "440308-fzyj"


@pytest.fixture(scope="module")
def state(two_departments: Published) -> Path:
    """The whole warehouse that the two departments were published from."""
    (state,) = (two_departments.warehouse / "states").iterdir()
    return state


def findings(state: Path, folder: Path, stage: Stage, *changes: str) -> dict[str, list[str]]:
    """The findings by rule after some changes to a copy of the warehouse."""
    database = folder / "warehouse.duckdb"
    shutil.copyfile(state, database)
    with duckdb.connect(str(database)) as con:
        for change in changes:
            con.execute(change)
    outcomes = runner.check(database, stage)
    assert [outcome.rule for outcome in outcomes] == list(rules(stage))
    assert all(outcome.violations >= len(outcome.sample) for outcome in outcomes)
    return {o.rule.rule_id: o.sample for o in outcomes if o.violations}


def insert(table: str, **cells: Any) -> str:
    cells = {"unit_code": YANTIAN, "fiscal_year": 2023, **cells}
    selected = ", ".join(
        f"'{v}' as {k}" if isinstance(v, str) else f"{v} as {k}" for k, v in cells.items()
    )
    return f"insert into raw.{table} by name select {selected}"


def rolled_up(
    table: str, record_key: str, fact: str, value: float | str, status: str = "rolled_up"
) -> str:
    return (
        "insert into intermediate.int_rollups__valued by name select "
        f"'{YANTIAN}' as unit_code, 2023 as fiscal_year, '{table}' as table_name, "
        f"'{record_key}' as record_key, '{fact}' as fact, {value} as value, "
        f"false as is_open, '{status}' as status"
    )


DELIVERED = [
    # rule, changes, what the first finding says; None: no finding
    ("known_unit", [insert("petitions", unit_code="x", channel="来访")],
     "2023 x petitions 来访：单位编码不在当年的部门名录中"),
    ("known_unit", [insert("departments", unit_code="x"),
                    insert("petitions", unit_code="x", channel="来访")], None),
    ("readable_row", ["insert into audit.rejected_rows select 'l', 2023, 'budgets', "
                      f"'2023/budgets.csv', 9, '{YANTIAN}', 'executed', 'abc', 'expected a number'"],
     f"2023 {YANTIAN} budgets 2023/budgets.csv row 9：无法读取，已拒收（executed = abc; expected a number）"),
    ("readable_reported_row", ["insert into audit.rejected_rows select 'l', 2023, "
                               f"'reported_scores', 'f.csv', 9, '{YANTIAN}', 'c', 'v', 'why'"],
     f"2023 {YANTIAN} reported_scores f.csv row 9：无法读取，已拒收（c = v; why）"),
    ("has_official_rubric", [insert("departments", unit_code="x", city="深圳市", district="宝安区")],
     "2023 x departments：没有为 深圳市 宝安区 指定正式评分标准，不作评价"),
    ("has_official_rubric", [insert("departments", unit_code="x", city="深圳市")],
     "2023 x departments：没有为 深圳市 指定正式评分标准，不作评价"),
    ("execution_within_budget", ["update raw.budgets set executed = 853.500001 "
                                 f"where unit_code = '{YANTIAN}' and budget_line = 'total'"],
     f"2023 {YANTIAN} budgets total：支出数 8,535,000.01 元 大于 预算数 8,535,000 元"),
    ("execution_within_budget", ["update raw.budgets set executed = 853.5 "
                                 f"where unit_code = '{YANTIAN}' and budget_line = 'total'"], None),
    ("execution_within_budget", ["update raw.projects set executed_total = budget_total + 1 "
                                 "where project_code = 'gxj-01'"],
     f"2023 {NANSHAN} projects gxj-01：支出数 3,500,001 元 大于 预算数 3,500,000 元"),
    ("execution_within_budget", ["update raw.budgets set executed = 1e9, adjusted_budget = null"], None),
    # basic + project = total, two parts: 200 yuan
    ("budget_parts_sum", ["update raw.budgets set initial_budget = 141.02 "
                          f"where unit_code = '{YANTIAN}' and budget_line = 'project'"], None),
    ("budget_parts_sum", ["update raw.budgets set initial_budget = 141.020001 "
                          f"where unit_code = '{YANTIAN}' and budget_line = 'project'"],
     f"2023 {YANTIAN} budgets total：initial_budget：各项之和 5,213,700.01 元 不等于 合计 5,213,500 元"),
    # a third part gives 100 yuan more
    ("budget_parts_sum", [insert("budgets", budget_line="other", initial_budget=0, amount_unit="元"),
                          "update raw.budgets set initial_budget = 141.03 "
                          f"where unit_code = '{YANTIAN}' and budget_line = 'project'"], None),
    # an empty cell in a part silences the column
    ("budget_parts_sum", [insert("budgets", budget_line="other", amount_unit="元"),
                          "update raw.budgets set initial_budget = 999 "
                          f"where unit_code = '{YANTIAN}' and budget_line = 'project'"], None),
    ("budget_parts_sum", ["update raw.budgets set initial_budget = 364 "
                          f"where unit_code = '{YANTIAN}' and budget_line = 'personnel'"],
     f"2023 {YANTIAN} budgets basic：initial_budget：各项之和 3,794,400 元 不等于 合计 3,803,500 元"),
    # and so does a part that was rejected
    ("budget_parts_sum", [f"delete from raw.budgets where unit_code = '{YANTIAN}' "
                          "and budget_line = 'project'",
                          "insert into audit.rejected_rows by name select 2023 as fiscal_year, "
                          f"'{YANTIAN}' as unit_code, 'budgets' as table_name"], None),
    ("budget_parts_sum", [f"delete from raw.budgets where unit_code = '{YANTIAN}' "
                          "and budget_line = 'project'"],
     f"2023 {YANTIAN} budgets total：initial_budget：各项之和 3,803,500 元 不等于 合计 5,213,500 元"),
    ("procurement_parts_sum", ["update raw.procurement set actual = 21.33 "
                               f"where unit_code = '{NANSHAN}' and category = 'goods'"],
     f"2023 {NANSHAN} procurement total：actual：货物、服务、工程之和 24,106,600 元 "
     "不等于 合计 24,106,300 元"),
    ("procurement_parts_sum", ["update raw.procurement set actual = 21.32 "
                               f"where unit_code = '{NANSHAN}' and category = 'goods'"], None),
    ("three_public_parts_sum", [insert("public_expenses", item="official_reception", actual=98301,
                                       amount_unit="元")],
     f"2023 {YANTIAN} public_expenses three_public：actual：四项之和 98,301 元 "
     "不等于 “三公”经费合计 98,800 元"),
    ("three_public_parts_sum", [insert("public_expenses", item="official_reception", actual=98700,
                                       amount_unit="元")], None),
    # what is rolled up from details: 100 yuan more than a rounded budget may be its rounding
    ("execution_within_budget", [rolled_up("budgets", "budget_line=other", "executed", "100.01"),
                                 rolled_up("budgets", "budget_line=other", "adjusted_budget", 0)],
     f"2023 {YANTIAN} budgets other：支出数 100.01 元 大于 预算数 0 元"),
    ("execution_within_budget", [rolled_up("budgets", "budget_line=other", "executed", 100),
                                 rolled_up("budgets", "budget_line=other", "adjusted_budget", 0)],
     None),
    ("execution_within_budget", [rolled_up("budgets", "budget_line=other", "executed", 200)], None),
    ("detail_dated_in_year", [insert("payments", payment_id="p", paid_on="2024-01-01")],
     f"2023 {YANTIAN} payments p：paid_on 2024-01-01 不在预算年度内"),
    ("detail_dated_in_year", [insert("budget_adjustments", doc_no="1号", budget_line="total",
                                     decided_on="2022-12-31")],
     f"2023 {YANTIAN} budget_adjustments 1号;total：decided_on 2022-12-31 不在预算年度内"),
    ("detail_dated_in_year", [insert("procurement_contracts", contract_id="c", signed_on="2032-01-01")],
     f"2023 {YANTIAN} procurement_contracts c：signed_on 2032-01-01 不在预算年度内"),
    ("detail_dated_in_year", [insert("petition_cases", case_id="k", received_on="2022-12-31")],
     f"2023 {YANTIAN} petition_cases k：received_on 2022-12-31 不在预算年度内"),
    ("detail_dated_in_year", [insert("payments", payment_id="p", paid_on="2023-12-31"),
                              insert("payments", payment_id="q"),
                              insert("petition_cases", case_id="k", received_on="2023-01-01",
                                     replied_on="2024-01-31")], None),
    # Yantian: 847.07 万元 executed, 40.34 万元 of fixed assets
    ("detail_ties_to_summary", [rolled_up("budgets", "budget_line=total", "executed", "8470800.01")],
     f"2023 {YANTIAN} budgets total：executed：填报 8,470,700，明细合计 8,470,800.01"),
    ("detail_ties_to_summary", [rolled_up("budgets", "budget_line=total", "executed", 8470800),
                                rolled_up("budgets", "budget_line=other", "executed", 1),
                                rolled_up("assets", "", "fixed_assets_total", "null", "in_doubt")],
     None),
    ("detail_ties_to_summary", [
        "insert into intermediate.int_facts__delivered by name select unit_code: "
        f"'{YANTIAN}', fiscal_year: 2023, table_name: 'petitions', record_key: 'channel=12345', "
        "fact: 'received', column_name: 'received', value: 7, delivered_value: '7'",
        rolled_up("petitions", "channel=12345", "received", 8)],
     f"2023 {YANTIAN} petitions 12345：received：填报 7，明细合计 8"),
    ("detail_rolls_up", [rolled_up("budgets", "budget_line=other", "executed", "null", "in_doubt")],
     f"2023 {YANTIAN} budgets other：executed 无法由明细汇总："
     "有明细未填科目、渠道、年内日期或是否标志，不知是否计入"),
    ("detail_rolls_up", [rolled_up("petitions", "channel=网上", "received", "null", "empty_cell")],
     f"2023 {YANTIAN} petitions 网上：received 无法由明细汇总：有明细缺少金额或办理期限"),
    # delivered, so nobody asks the details; or not asked for at all
    ("detail_rolls_up", [rolled_up("budgets", "budget_line=total", "executed", "null", "in_doubt"),
                         rolled_up("budgets", "budget_line=other", "executed", "null", "missing")],
     None),
]  # fmt: skip


@pytest.mark.parametrize(("rule_id", "changes", "message"), DELIVERED)
def test_delivered(
    rule_id: str, changes: list[str], message: str | None, state: Path, tmp_path: Path
) -> None:
    found = findings(state, tmp_path, "delivered", *changes)
    assert found.get(rule_id) == (None if message is None else [message])


MARTS = [
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
    assert message in findings(state, tmp_path, "marts", change)[rule_id]


def test_every_rule_is_tested() -> None:
    tested = {rule_id for rule_id, *_ in (*DELIVERED, *MARTS)}
    assert tested == {rule.rule_id for stage in ("delivered", "marts") for rule in rules(stage)}


def test_the_shipped_departments_violate_nothing(state: Path, tmp_path: Path) -> None:
    assert findings(state, tmp_path, "delivered") == {}
    assert findings(state, tmp_path, "marts") == {}


def test_every_violation_is_found_however_many(state: Path, tmp_path: Path) -> None:
    """The library returns 200 rows at most; the findings are all of them."""
    database = tmp_path / "warehouse.duckdb"
    shutil.copyfile(state, database)
    with duckdb.connect(str(database)) as con:
        con.execute(
            "insert into raw.petitions by name select 'x' || i as unit_code, "
            "2023 as fiscal_year, '来访' as channel from range(1000) as r (i)"
        )
    runner.check(database, "delivered")
    with duckdb.connect(str(database)) as con:
        assert con.execute("select count(*) from audit.findings").fetchall() == [(1000,)]


def test_a_critical_finding_blocks_its_department_alone(landing: Path, tmp_path: Path) -> None:
    budgets = landing / "2023" / "budgets.csv"
    budgets.write_text(budgets.read_text("utf-8").replace(",847.07,", ",853.51,"), "utf-8")
    append_rows(landing / "2023" / "staffing.csv", "unknown,2023,worker,1,1")
    append_rows(landing / "2023" / "projects.csv", f"{YANTIAN},2023,p,名称,1,1,x,1,元")
    append_rows(landing / "2023" / "reported_scores.csv", f"{NANSHAN},2023,procurement,x,")
    published = Published(tmp_path / "warehouse")
    assert build(landing, published.warehouse) == {2023: []}
    rows = {
        (unit, rubric): rest
        for unit, rubric, *rest in published.rows(
            "select unit_code, rubric_id, status, total_score, grade, points_computed, status_reason "
            "from fct_evaluations"
        )
    }
    for rubric in ("yantian_2023", "shenzhen_2023"):
        status, total, grade, computed, reason = rows[YANTIAN, rubric]
        assert (status, total, grade, computed) == ("blocked", None, None, 0)
        assert "execution_within_budget（1 处）" in reason
        assert "readable_row（1 处）" in reason
    assert rows[NANSHAN, "nanshan_2023"][0] == "scored"
    assert published.rows(
        "select count(*), count(score), count(is_vetoed) from fct_indicator_scores "
        f"where unit_code = '{YANTIAN}'"
    ) == [(42, 0, 0)]
    assert published.rows(
        "select distinct basis, points_awarded from fct_criterion_scores "
        f"where unit_code = '{YANTIAN}'"
    ) == [("withheld", None)]
    # Its measures stay.
    assert published.rows(
        f"select count(*) from fct_measures where unit_code = '{YANTIAN}' and status = 'defined'"
    )[0][0] > 15  # fmt: skip
    assert published.rows(
        "select unit_code, rule_id, table_name, record_key, severity from fct_findings order by all"
    ) == [
        *((NANSHAN, "readable_reported_row", "reported_scores",
           f"2023/reported_scores.csv row {row}", "warning") for row in (46, 6)),
        (YANTIAN, "execution_within_budget", "budgets", "budget_line=total", "critical"),
        (YANTIAN, "readable_row", "projects", "2023/projects.csv row 18", "critical"),
        ("unknown", "known_unit", "staffing", "staff_category=worker", "critical"),
    ]  # fmt: skip
