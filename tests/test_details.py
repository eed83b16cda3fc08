"""Line-level tables: the same department as summaries and as line items, and what is in doubt."""

import csv
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orchestration.landing.contract import landing_contract
from tests.conftest import Published

pytestmark = pytest.mark.builds

YEAR = 2023
Rows = list[dict[str, Any]]
Tables = dict[str, Rows]


def payment(number: int, month: int, amount: object, **cells: object) -> dict[str, object]:
    return {
        "payment_id": number, "paid_on": f"{YEAR}-{month:02}-28", "amount": amount,
        "budget_line": "project", "economic_code": "30201", "amount_unit": "元", **cells,
    }  # fmt: skip


SUMMARIES: Tables = {
    "budgets": [
        {"budget_line": "total", "initial_budget": 1000, "adjusted_budget": 1250,
         "executed": 940, "amount_unit": "元"},
        {"budget_line": "basic", "initial_budget": 400, "adjusted_budget": 500, "executed": 350,
         "amount_unit": "元"},
        {"budget_line": "project", "initial_budget": 600, "adjusted_budget": 700,
         "executed": 590, "amount_unit": "元"},
    ],
    "budget_execution": [
        {"month": 3, "adjusted_budget": 1000, "cumulative_executed": 300, "amount_unit": "元"},
        {"month": 6, "adjusted_budget": 1200, "cumulative_executed": 450, "amount_unit": "元"},
        {"month": 9, "adjusted_budget": 1200, "cumulative_executed": 650, "amount_unit": "元"},
        {"month": 12, "adjusted_budget": 1250, "cumulative_executed": 940, "amount_unit": "元"},
    ],
    "public_expenses": [
        {"item": "three_public", "budgeted": 100, "actual": 90, "amount_unit": "元"},
    ],
    "procurement": [
        {"category": "total", "planned": 500, "actual": 400, "sme_awarded": 100,
         "amount_unit": "元"},
    ],
    "petitions": [
        {"channel": "来访", "received": 3, "replied": 2, "replied_on_time": 1},
        {"channel": "12345", "received": 1, "replied": 0, "replied_on_time": 0},
    ],
    "assets": [{"fixed_assets_total": 300, "fixed_assets_in_use": 240, "amount_unit": "元"}],
}  # fmt: skip

DETAILS: Tables = {
    "budgets": [
        {k: v for k, v in row.items() if k not in ("adjusted_budget", "executed")}
        for row in SUMMARIES["budgets"]
    ],
    "public_expenses": [
        {"item": "three_public", "budgeted": 100, "actual": "", "amount_unit": "元"},
    ],
    "procurement": [{"category": "total", "planned": 500, "amount_unit": "元"}],
    "payments": [
        payment(1, 1, 200, budget_line="personnel"),
        payment(2, 3, 100, budget_line="basic", economic_code="30217", is_refund="false"),
        payment(3, 4, "0.015", amount_unit="万元"),
        payment(4, 7, 260),
        payment(5, 8, 60, is_refund="true"),
        payment(6, 10, 50, budget_line="public_use"),
        payment(7, 11, 250),
        payment(8, 12, 10, economic_code="30231", is_refund="true"),
    ],
    "budget_adjustments": [
        {"doc_no": "1号", "budget_line": "project", "decided_on": "2023-04-01", "amount": 100,
         "amount_unit": "元"},
        {"doc_no": "1号", "budget_line": "personnel", "decided_on": "2023-04-01", "amount": 150,
         "amount_unit": "元"},
        {"doc_no": "2号", "budget_line": "basic", "decided_on": "2023-06-30", "amount": -50,
         "amount_unit": "元"},
        {"doc_no": "3号", "budget_line": "total", "decided_on": "2023-12-31", "amount": 50,
         "amount_unit": "元"},
    ],
    "procurement_contracts": [
        {"contract_id": 1, "category": "goods", "contract_amount": 300, "supplier_is_sme": "false",
         "amount_unit": "元"},
        {"contract_id": 2, "category": "works", "contract_amount": 100, "supplier_is_sme": "true",
         "amount_unit": "元"},
    ],
    "petition_cases": [
        {"case_id": 1, "channel": "来访", "due_on": "2023-05-01", "replied_on": "2023-05-01"},
        {"case_id": 2, "channel": "来访", "due_on": "2023-05-01", "replied_on": "2023-05-02"},
        {"case_id": 3, "channel": "来访", "due_on": "2099-05-01"},
        {"case_id": 4, "channel": "12345"},
    ],
    "asset_cards": [
        {"card_id": 1, "original_value": 240, "in_use": "true", "amount_unit": "元"},
        {"card_id": 2, "original_value": 60, "in_use": "false", "amount_unit": "元"},
    ],
}  # fmt: skip


def changed(table: str, where: Callable[[dict[str, Any]], bool], **cells: object) -> Tables:
    """The line items with some cells of some rows changed."""
    rows = [row | cells if where(row) else row for row in DETAILS[table]]
    assert rows != DETAILS[table]
    return DETAILS | {table: rows}


def number(key: str, value: object) -> Callable[[dict[str, Any]], bool]:
    return lambda row: row[key] == value


# What is changed, and the measures that are missing for it.
QUARTERS = {f"q{q}_{part}" for q in (1, 2, 3, 4) for part in ("progress", "execution_rate")}
MEANS = {"average_progress", "average_execution_rate"}
PAID = {
    "budget_execution_rate", "project_budget_execution_rate", "basic_budget_execution_rate",
    *QUARTERS, *MEANS,
}  # fmt: skip
DOUBTS: dict[str, tuple[Tables, set[str]]] = {
    "no_code": (changed("payments", number("payment_id", 3), economic_code=""),
                {"three_public_control_rate"}),
    "no_line": (changed("payments", number("payment_id", 3), budget_line=""),
                {"project_budget_execution_rate", "basic_budget_execution_rate"}),
    "no_day": (changed("payments", number("payment_id", 3), paid_on=""), QUARTERS | MEANS),
    "last_year": (changed("payments", number("payment_id", 3), paid_on="2022-12-31"),
                  QUARTERS | MEANS),
    "no_amount": (changed("payments", number("payment_id", 4), amount=""),
                  {"budget_execution_rate", "project_budget_execution_rate", *MEANS}
                  | {q for q in QUARTERS if q[:2] in ("q3", "q4")}),
    "no_code_paid": (changed("payments", lambda row: True, economic_code=""),
                     {"three_public_control_rate"}),
    "half_year": (DETAILS | {"payments": DETAILS["payments"][:3]},
                  MEANS | {q for q in QUARTERS if q[:2] in ("q3", "q4")}),
    "only_refunds": (changed("payments", lambda row: True, is_refund="true"),
                     PAID | {"three_public_control_rate"}),
    "no_ledger": ({k: v for k, v in DETAILS.items() if k != "budget_adjustments"},
                  {"budget_adjustment_rate", "carryover_rate"} | PAID),
    "no_initial": (changed("budgets", number("budget_line", "total"), initial_budget=""),
                   {"budget_execution_rate", "budget_adjustment_rate", *QUARTERS, *MEANS}),
    "undecided": (changed("budget_adjustments", number("doc_no", "2号"), decided_on=""),
                  QUARTERS | MEANS),
    "no_size": (changed("procurement_contracts", number("contract_id", 1), supplier_is_sme=""),
                {"procurement_sme_share"}),
    "no_channel": (changed("petition_cases", number("case_id", 4), channel=""),
                   {"petition_reply_rate", "petition_on_time_rate"}),
    "no_due_day": (changed("petition_cases", number("case_id", 2), due_on=""),
                   {"petition_on_time_rate"}),
    "no_use": (changed("asset_cards", number("card_id", 2), in_use=""),
               {"fixed_asset_utilisation_rate"}),
}  # fmt: skip
BESIDE = SUMMARIES | {
    "petitions": [{"channel": "合计", "received": 4, "replied": 2, "replied_on_time": 1}],
    "payments": [*DETAILS["payments"], payment(9, 12, 101)],
    "petition_cases": DETAILS["petition_cases"],
    "asset_cards": DETAILS["asset_cards"],
}
CORRECTED = DETAILS | {
    "payments": [
        row | {2: {"paid_on": "", "amount": 10}, 5: {"is_refund": ""}}.get(row["payment_id"], {})
        for row in DETAILS["payments"]
    ],
    "petition_cases": [
        row | {1: {"replied_on": ""}, 3: {"replied_on": "2023-05-01"}}.get(row["case_id"], {})
        for row in DETAILS["petition_cases"]
    ],
    "corrections": [
        {"table_name": table, "key": key, "column_name": column, "old_value": old,
         "new_value": new, "reason": "录入错误", "approved_by": "张三", "approved_on": "2024-01-05"}
        for table, key, column, old, new in (
            ("payments", "payment_id=2", "paid_on", "", "2023-03-28"),
            ("payments", "payment_id=2", "amount", "10", "100"),
            ("payments", "payment_id=5", "is_refund", "", "true"),
            ("petition_cases", "case_id=1", "replied_on", "", "2023-05-01"),
            ("petition_cases", "case_id=3", "replied_on", "2023-05-01", ""),
        )
    ],
}  # fmt: skip
EXCEEDED = DETAILS | {"payments": [*DETAILS["payments"], payment(9, 12, 411)]}


TOO_MUCH = DETAILS | {
    "payments": [
        payment(n, 1, "99999999", amount_unit="亿元", budget_line="other") for n in range(300)
    ],
}
UNITS = {
    "summaries": SUMMARIES, "details": DETAILS, "beside": BESIDE, "exceeded": EXCEEDED,
    "corrected": CORRECTED, "too_much": TOO_MUCH,
    **{name: tables for name, (tables, _) in DOUBTS.items()},
}  # fmt: skip
OURS = f"unit_code in {(*UNITS,)}"


@pytest.fixture
def published(invented: Published) -> Published:
    return invented


def deliver(landing: Path, units: dict[str, Tables] = UNITS) -> None:
    (landing / str(YEAR)).mkdir(parents=True)
    files: Tables = {}
    for unit, tables in units.items():
        own = {"departments": [{"city": "深圳市", "district": "南山区"}]} | tables
        for table, rows in own.items():
            files.setdefault(table, []).extend(
                {"unit_code": unit, "fiscal_year": YEAR, **row} for row in rows
            )
    for table, rows in files.items():
        columns = [column.name for column in landing_contract()[table].columns]
        with (landing / str(YEAR) / f"{table}.csv").open("w", encoding="utf-8", newline="") as f:
            writer = csv.DictWriter(f, columns)
            writer.writeheader()
            writer.writerows(rows)


def measures(published: Published, unit: str) -> dict[str, tuple[Any, ...]]:
    rows = published.rows(
        "select measure_code, numerator, denominator, value, status from fct_measures "
        f"where unit_code = '{unit}'"
    )
    return {code: rest for code, *rest in rows}


def test_line_items_come_to_what_the_summaries_come_to(published: Published) -> None:
    as_details = measures(published, "details")
    assert as_details == measures(published, "summaries")
    defined = {code for code, (*_, status) in as_details.items() if status == "defined"}
    assert defined >= {
        "petition_on_time_rate", "procurement_sme_share", "three_public_control_rate",
        "fixed_asset_utilisation_rate", "budget_adjustment_rate",
    } | PAID  # fmt: skip
    scores = (
        "select rubric_id, indicator_code, score from fct_indicator_scores "
        "where unit_code = '{}' order by all"
    )
    assert published.rows(scores.format("details")) == published.rows(scores.format("summaries"))


def test_corrected_lines_come_to_the_same(published: Published) -> None:
    assert measures(published, "corrected") == measures(published, "details")
    evidence = published.rows(
        "select distinct line_record_key, line_column_name, value, delivered_value, "
        "corrected_value from fct_evidence_lines "
        "where unit_code = 'corrected' and correction is not null order by all"
    )
    assert evidence == [
        ("case_id=1", "replied_on", 1, None, "2023-05-01"),
        ("case_id=3", "case_id", 0, "3", "3"),
        ("payment_id=2", "amount", 100, "10", "100"),
        ("payment_id=5", "amount", 60, "60", "60"),
    ]


def test_a_delivered_summary_counts_and_a_difference_is_shown(published: Published) -> None:
    assert measures(published, "beside") == measures(published, "summaries")
    found = published.rows(
        "select table_name, record_key, observed from fct_findings "
        "where unit_code = 'beside' and rule_id = 'detail_ties_to_summary' order by all"
    )
    # 101 yuan more in December: project, total, and the last quarter.
    assert found == [
        ("budget_execution", "month=12",
         "column=cumulative_executed; summary=940; details=1,041"),
        ("budgets", "budget_line=project", "column=executed; summary=590; details=691"),
        ("budgets", "budget_line=total", "column=executed; summary=940; details=1,041"),
    ]  # fmt: skip


@pytest.mark.parametrize("unit", DOUBTS)
def test_what_is_in_doubt_is_missing(unit: str, published: Published) -> None:
    of_details, found = measures(published, "details"), measures(published, unit)
    missing = {code for code, (*_, status) in found.items() if status == "missing"}
    before = {code for code, (*_, status) in of_details.items() if status == "missing"}
    assert missing - before == DOUBTS[unit][1] - before


def test_a_person_is_told_what_is_in_doubt(published: Published) -> None:
    found = published.rows(
        "select unit_code, table_name, message_zh from fct_findings "
        "where rule_id = 'detail_rolls_up' and unit_code in ('no_code', 'no_use', 'details') "
        "order by all"
    )
    # A reception, and what might be one.
    doubt = "无法由明细汇总：有明细未填科目、渠道、年内日期或是否标志，不知是否计入"
    assert [message for *_, message in found] == [
        f"2023 no_code public_expenses official_reception：实际支出数 {doubt}",
        f"2023 no_code public_expenses three_public：实际支出数 {doubt}",
        f"2023 no_use assets：在用固定资产总额 {doubt}",
    ]


def test_a_ledger_beyond_the_budget_blocks(published: Published) -> None:
    assert published.rows(
        f"select distinct unit_code from fct_evaluations where status = 'blocked' and {OURS}"
    ) == [("exceeded",)]
    found = published.rows(
        "select message_zh from fct_findings "
        f"where rule_id = 'execution_within_budget' and {OURS} order by all"
    )
    assert found == [
        ("2023 exceeded budgets project：支出数 1,001 元 大于 预算数 700 元",),
        ("2023 exceeded budgets total：支出数 1,351 元 大于 预算数 1,250 元",),
    ]


def test_evidence_leads_to_the_lines_and_sums_up(published: Published) -> None:
    cells = published.rows(
        "select role, table_name, record_key, column_name, weight, value, delivered_value, "
        "source_file, lines_count from fct_evidence "
        "where unit_code = 'details' and rubric_id = 'nanshan_2023' "
        "and criterion_code = 'q2_execution' order by all"
    )
    month = ("budget_execution", "month=6")
    assert cells == [
        ("denominator", *month, "adjusted_budget", Decimal("0.5"), 1200, None, None, 4),
        ("numerator", *month, "cumulative_executed", 1, 450, None, None, 3),
    ]
    lines = published.rows(
        "select column_name, line_table_name, line_record_key, line_column_name, weight, value, "
        "delivered_value, amount_unit, source_file from fct_evidence_lines "
        "where unit_code = 'details' and table_name = 'budget_execution' "
        "and record_key = 'month=6' order by all"
    )
    file = f"{YEAR}/payments/details.csv"
    assert [row[1:8] for row in lines if row[8] == file] == [
        ("payments", f"payment_id={n}", "amount", 1, Decimal(value), text, unit)
        for n, value, text, unit in (
            (1, 200, "200", "元"), (2, 100, "100", "元"), (3, 150, "0.015", "万元"),
        )
    ]  # fmt: skip
    assert [row[:6] for row in lines if row[8] != file] == [
        ("adjusted_budget", *line)
        for line in (
            ("budget_adjustments", "doc_no=1号;budget_line=personnel", "amount", 1, 150),
            ("budget_adjustments", "doc_no=1号;budget_line=project", "amount", 1, 100),
            ("budget_adjustments", "doc_no=2号;budget_line=basic", "amount", 1, -50),
            ("budgets", "budget_line=total", "initial_budget", 1, 1000),
        )
    ]
    # Once each, whatever the number of rubrics; and what they add up to is the cell.
    ((count, distinct),) = published.rows(
        "select (select count(*) from fct_evidence_lines), "
        "(select count(*) from (select distinct * from fct_evidence_lines))"
    )
    assert count == distinct
    assert (
        published.rows(
            """
            select c.unit_code, c.table_name, c.record_key, c.column_name
            from fct_evidence_cells as c
            left join fct_evidence_lines as l using (
                unit_code, fiscal_year, delivered_unit_code, delivered_year, table_name, record_key,
                column_name
            )
            where c.lines_count is not null
            group by
                c.unit_code, c.fiscal_year, c.delivered_unit_code, c.delivered_year, c.table_name,
                c.record_key, c.column_name, c.value, c.lines_count
            having
                c.value is distinct from sum(l.weight * l.value)
                or c.lines_count != count(l.line_record_key)
            """
        )
        == []
    )
    wrong = published.rows(
        """
        select e.unit_code, e.criterion_code, e.measure_code
        from fct_evidence as e
        join fct_measures as m using (unit_code, fiscal_year, measure_code)
        where e.role in ('numerator', 'denominator') and m.status != 'missing'
        group by e.unit_code, e.fiscal_year, e.criterion_code, e.measure_code, e.rubric_id
        having
            any_value(m.numerator) != sum(weight * e.value) filter (where role = 'numerator')
            or any_value(m.denominator)
            != coalesce(sum(weight * e.value) filter (where role = 'denominator'), 1)
        """
    )
    assert wrong == []


def test_a_sum_beyond_every_amount_stops_nobody(published: Published) -> None:
    assert measures(published, "too_much")["budget_execution_rate"][-1] == "missing"
    assert measures(published, "details")["budget_execution_rate"][-1] == "defined"
