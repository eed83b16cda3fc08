"""Synthetic departments: invented figures, full of gaps, zeros and values on an edge.

None of them violates a critical data rule.
"""

import csv
import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal
from pathlib import Path

from orchestration.landing.contract import landing_contract
from tests.reference import ECONOMIC, ESTABLISHMENT, LINES, QUARTERS, THREE_PUBLIC
from tests.rubric_reference import Rubric

Cell = str | int | Decimal


class Generator:
    """Writes landing folders of invented departments; the same seed gives the same files."""

    def __init__(self, seed: int, seeds: Path) -> None:
        self.random = random.Random(seed)  # noqa: S311
        self.criteria = {
            district: Rubric(seeds, rubric).criteria
            for district, rubric in (("南山区", "nanshan_2023"), ("盐田区", "yantian_2023"))
        }

    def landing(self, folder: Path, year: int, departments: int) -> Path:
        """Write a year's files for a number of departments of both districts."""
        rows: dict[str, list[dict[str, Cell]]] = defaultdict(list)
        for number in range(departments):
            for table, row in self.with_details(self.department(number), year):
                rows[table].append({"unit_code": f"syn-{number:05}", "fiscal_year": year, **row})
        if (folder / str(year - 1)).exists():
            rows["unit_successions"] += self.successions(year, departments)
        target = folder / str(year)
        target.mkdir(parents=True)
        for table, records in rows.items():
            columns = [column.name for column in landing_contract()[table].columns]
            with (target / f"{table}.csv").open("w", encoding="utf-8", newline="") as stream:
                writer = csv.DictWriter(stream, columns, lineterminator="\n")
                writer.writeheader()
                writer.writerows(records)
        return folder

    def successions(self, year: int, departments: int) -> Iterator[dict[str, Cell]]:
        """Some continue one or several units of the year before, which nobody else continues."""
        r = self.random
        free = r.sample(range(departments), departments)
        for number in r.sample(range(departments), departments // 3):
            kind, *more = r.choice(["renamed", "split", "merged", "merged merged"]).split()
            for each in (kind, *more):
                yield {
                    "unit_code": f"syn-{number:05}",
                    "fiscal_year": year,
                    "predecessor_unit_code": f"syn-{free.pop():05}",
                    "kind": each,
                    "basis": "",
                }

    def maybe(self, value: Cell, gap: float = 0.05) -> Cell:
        """The value, or now and then an empty cell."""
        return "" if self.random.random() < gap else value

    def there(self, gap: float = 0.1) -> bool:
        """Whether a record is delivered at all."""
        return self.random.random() >= gap

    def amount(self, whole: Decimal, *shares: str) -> Decimal:
        """A part of an amount, often on the edge of a band."""
        share = Decimal(self.random.choice([*shares, str(round(self.random.random(), 6))]))
        return (whole * share).quantize(Decimal("0.01"))

    def department(self, number: int) -> list[tuple[str, dict[str, Cell]]]:  # noqa: C901
        r = self.random
        unit = r.choice(["元", "万元", "亿元"])
        district = r.choice(["南山区", "盐田区"])
        rows: list[tuple[str, dict[str, Cell]]] = [
            (
                "departments",
                {
                    "unit_name": f"虚构单位{number}",
                    "unit_type": r.choice(["department", "head_office", "subordinate"]),
                    "city": "深圳市",
                    "district": district,
                },
            )
        ]

        def add(table: str, gap: float = 0.1, **cells: Cell) -> None:
            if self.there(gap):
                rows.append((table, cells))

        initial = Decimal(r.choice([0, 100, 1000, r.randint(1, 10**7)]))
        adjusted = initial + self.amount(initial, "0", "0.1", "0.11", "0.1999", "0.2", "0.5")
        for line, share in (("total", "1"), ("carryover_out", "0.01")):
            add(
                "budgets",
                budget_line=line,
                initial_budget=self.maybe(initial),
                adjusted_budget=self.maybe(adjusted),
                executed=self.maybe(self.amount(adjusted * Decimal(share), "0", "1", "0.5")),
                amount_unit=unit,
            )
        spent = Decimal(0)
        for month in QUARTERS.values():
            spent = max(spent, self.amount(adjusted * month / 12, "0", "1"))
            way = r.choice(["amounts", "progress", "rate"])
            add(
                "budget_execution",
                0.03,
                month=month,
                adjusted_budget=self.maybe(adjusted) if way == "amounts" else "",
                cumulative_executed=(
                    self.maybe(spent) if way == "amounts" else ""
                ),
                progress_pct=self.maybe(r.choice(["0", "100", "33.333333", f"{month * 8.1:.2f}"]))
                if way == "progress" else "",
                execution_rate_pct=self.maybe(r.choice(["0", "64.6", "100", "135.3", "98.88"]))
                if way == "rate" else "",
                amount_unit=unit,
            )  # fmt: skip
        for table, key, total, parts, columns in (
            ("procurement", "category", "total", ("goods", "services", "works"),
             ("planned", "actual", "sme_awarded")),
            ("public_expenses", "item", "three_public", THREE_PUBLIC, ("budgeted", "actual")),
        ):  # fmt: skip
            names = r.choice([(total,), parts])
            for name in names:
                plan = Decimal(r.choice([0, 100, r.randint(1, 10**6)]))
                cells = [plan, *(self.amount(plan, "0", "0.9", "1", "1.1") for _ in columns[1:])]
                add(
                    table,
                    **{key: name, "amount_unit": unit},
                    **{c: self.maybe(v) for c, v in zip(columns, cells, strict=True)},
                )
        budgeted = Decimal(r.choice([0, 100, 200]))
        add(
            "public_expenses",
            item="daily_public_use",
            budgeted=self.maybe(budgeted),
            actual=self.maybe(self.amount(budgeted, "0.8999999", "0.9", "1", "1.01")),
            amount_unit=unit,
        )
        for category in ESTABLISHMENT:
            posts = r.choice([0, 10, 19, 20])
            add(
                "staffing",
                staff_category=category,
                authorised=self.maybe(posts),
                actual=self.maybe(max(0, posts + r.choice([-1, 0, 0, 1]))),
            )
        add(
            "staffing",
            staff_category="off_establishment",
            actual=self.maybe(r.choice([0, 1, 2, 3])),
        )
        total = Decimal(r.choice([0, 1000]))
        add(
            "assets",
            fixed_assets_total=self.maybe(total),
            fixed_assets_in_use=self.maybe(self.amount(total, "1", "0.9", "0.75", "0.6", "0.5999")),
            amount_unit=unit,
        )
        for work in ("project", "key_task"):
            planned = r.choice([0, 3, 7])
            add(
                "work_completion",
                work_type=work,
                planned_count=self.maybe(planned),
                completed_on_time_count=self.maybe(r.randint(0, planned)),
            )
        for channel in r.sample(["12345", "来访", "网上"], r.choice([0, 1, 3])):
            received = r.choice([0, 5])
            replied = r.choice([received, r.randint(0, received)])
            add(
                "petitions",
                channel=channel,
                received=self.maybe(received),
                replied=self.maybe(replied),
                replied_on_time=self.maybe(r.randint(0, replied)),
            )
        for survey in range(r.choice([0, 1, 3])):
            add(
                "satisfaction_surveys",
                survey_name=f"调查{survey}",
                satisfaction_pct=self.maybe(r.choice(["95", "94.99", "90", "80", "79.99", "100"])),
                respondents=self.maybe(r.choice([1, 3, 100]), 0.3),
            )
        for document in ("budget", "final_accounts"):
            add(
                "disclosures",
                document=document,
                status=self.maybe(r.choice(["compliant", "partial", "not_disclosed", "exempt"])),
            )
        for target in self.targets():
            add("performance_targets", **target)
        for criterion in self.criteria[district]:
            if criterion["method"] == "veto":
                add(
                    "assessments",
                    0.7,
                    criterion_code=criterion["criterion_code"],
                    value=r.choice([0, 1]),
                )
            elif criterion["method"] == "assessed" or not criterion["measure_code"]:
                points = Decimal(criterion["points"])
                add(
                    "assessments",
                    0.002,
                    criterion_code=criterion["criterion_code"],
                    value=r.choice([0, 1, 2]) if criterion["method"] == "step"
                    else self.amount(points, "0", "1", "0.5"),
                )  # fmt: skip
            else:
                add(
                    "assessments",
                    0.2,
                    criterion_code=criterion["criterion_code"],
                    value=self.amount(Decimal(criterion["points"]), "0", "1", "0.5"),
                )
        return rows

    def targets(self) -> Iterator[dict[str, Cell]]:
        """Targets with every operator; all with a weight, none, or with a gap now and then."""
        r = self.random
        weighted = r.choice([0, 0.05, 1])
        gap, unsaid = r.choice([0, 0.02]), r.choice([0, 0, 0, 0.1])
        for number in range(r.choice([0, 1, 3, 8])):
            operator = r.choice([">=", "<=", "=", "before", "text", ">="])
            expected, actual = (
                (f"2023 年 {r.choice([6, 12])} 月 30 日前", f"2023-{r.choice(['06-30', '12-01'])}")
                if operator == "before"
                else [
                    f"{r.choice(['', '≥', '约'])}{r.choice(['8', '1,234.5', '0', '-3', '7'])}"
                    f"{r.choice([' 场', '%', '', ' 万元', '元以内', '千万元'])}"
                    for _ in range(2)
                ]
            )
            if r.random() < 0.1:
                actual = r.choice(["已完成", "", "2023-05-05"])
            yield {
                "target_no": str(number + 1),
                "level1": r.choice(["产出指标", "效益指标"]),
                "operator": self.maybe(operator, gap),
                "expected_value": expected,
                "actual_value": actual,
                "is_attained": self.maybe(r.choice(["true", "false"]), 0.3),
                "is_applicable": self.maybe(r.choice(["true", "true", "true", "false"]), gap),
                "weight": self.maybe(r.choice(["0", "10", "2.5", "33.333333"]), weighted),
                "attained_pct": self.maybe(r.choice(["100", "87.5", "0", "33.3333333333"]), 0.5),
            } | ({} if unsaid else {"is_attained": r.choice(["true", "false"])})

    def with_details(
        self, rows: list[tuple[str, dict[str, Cell]]], year: int
    ) -> list[tuple[str, dict[str, Cell]]]:
        """The rows with line items beside some of the summaries, or instead of them."""
        added: list[tuple[str, dict[str, Cell]]] = []
        for ledger, tables, columns in (
            (self._payments, ("budgets", "budget_execution", "public_expenses"),
             ("executed", "cumulative_executed", "actual")),
            (self._adjustments, ("budgets", "budget_execution"), ("adjusted_budget",)),
            (self._contracts, ("procurement",), ("actual", "sme_awarded")),
            (self._cases, ("petitions",), ("received", "replied", "replied_on_time")),
            (self._cards, ("assets",), ("fixed_assets_total", "fixed_assets_in_use")),
        ):  # fmt: skip
            way = self.random.choice(["summaries", "beside", "cells", "records"])
            if way == "summaries":
                continue
            added += ledger(rows, year)
            if way == "beside":
                continue
            if way == "records":
                rows = [row for row in rows if row[0] not in tables or row[0] == "budgets"]
            for table, cells in rows:
                if table in tables and cells.get("budget_line") != "carryover_out":
                    cells |= dict.fromkeys(set(columns) & set(cells), "")
        return [*rows, *added]

    def day(self, year: int) -> Cell:
        """A day of the year; now and then none, or one of another year."""
        chosen = date(year, 1, 1) + timedelta(self.random.randrange(365))
        if self.random.random() < 0.01:
            chosen += timedelta(self.random.choice([-366, 366]))
        return self.maybe(str(chosen), 0.01)

    def _total(self, rows: list[tuple[str, dict[str, Cell]]]) -> tuple[dict[str, Cell], str]:
        lines = [cells for table, cells in rows if table == "budgets"]
        total = next((cells for cells in lines if cells["budget_line"] == "total"), {})
        return total, str(total.get("amount_unit", "元"))

    def _payments(self, rows: list[tuple[str, dict[str, Cell]]], year: int):  # type: ignore[no-untyped-def]
        total, unit = self._total(rows)
        number = self.random.choice([1, 5, 12])
        share = (Decimal(total.get("executed") or 0) / number).quantize(Decimal("0.01"), ROUND_DOWN)
        codes = [*ECONOMIC.values(), "30101", "302"]
        gap = self.random.choice([0, 0, 0.05, 1])
        for item in range(number):
            yield (
                "payments",
                {
                    "payment_id": f"支{item}",
                    "paid_on": self.day(year),
                    "amount": self.maybe(share, 0.01),
                    "budget_line": self.maybe(self.random.choice(LINES), gap),
                    "economic_code": self.maybe(self.random.choice(codes), gap),
                    "is_refund": self.random.choice(["", "", "", "false", "true"]),
                    "amount_unit": unit,
                },
            )

    def _adjustments(self, rows: list[tuple[str, dict[str, Cell]]], year: int):  # type: ignore[no-untyped-def]
        total, unit = self._total(rows)
        ends = [total.get("initial_budget", ""), total.get("adjusted_budget", "")]
        # Enough for whatever was spent where the budget is not said.
        added = Decimal(2 * 10**7) if "" in ends else Decimal(ends[1]) - Decimal(ends[0])
        for item, amount in enumerate([added + 100, Decimal(-100)]):
            yield (
                "budget_adjustments",
                {
                    "doc_no": f"调{item}",
                    "budget_line": self.random.choice(["total", *LINES]),
                    "decided_on": self.day(year),
                    "amount": self.maybe(amount, 0.01),
                    "amount_unit": unit,
                },
            )

    def _contracts(self, rows: list[tuple[str, dict[str, Cell]]], year: int):  # type: ignore[no-untyped-def]
        gap = self.random.choice([0, 0, 0.2])
        for item in range(self.random.choice([0, 1, 6])):
            yield (
                "procurement_contracts",
                {
                    "contract_id": f"合{item}",
                    "category": self.maybe(
                        self.random.choice(["goods", "services", "works"]), gap / 2
                    ),
                    "contract_amount": self.maybe(self.amount(Decimal(10**4), "0", "1"), gap / 4),
                    "signed_on": self.day(year),
                    "supplier_is_sme": self.maybe(self.random.choice(["true", "false"]), gap),
                    "amount_unit": self.random.choice(["元", "万元"]),
                },
            )

    def _cases(self, rows: list[tuple[str, dict[str, Cell]]], year: int):  # type: ignore[no-untyped-def]
        gap = self.random.choice([0, 0, 0.1])
        channels = self.random.sample(["12345", "来访", "网上"], self.random.choice([1, 2, 3]))
        for item in range(self.random.choice([0, 1, 8])):
            due = date(year, 6, 1) + timedelta(self.random.randrange(9))
            replied = due + timedelta(self.random.choice([-1, 0, 0, 1]))
            yield (
                "petition_cases",
                {
                    "case_id": f"访{item}",
                    "channel": self.maybe(self.random.choice(channels), gap / 2),
                    "received_on": self.day(year),
                    "due_on": self.maybe(str(due), gap),
                    "replied_on": self.maybe(str(replied), 0.1),
                },
            )

    def _cards(self, rows: list[tuple[str, dict[str, Cell]]], year: int):  # type: ignore[no-untyped-def]
        gap = self.random.choice([0, 0, 0.1])
        for item in range(self.random.choice([0, 1, 8])):
            yield (
                "asset_cards",
                {
                    "card_id": f"资{item}",
                    "original_value": self.maybe(self.random.choice([0, 100, 1000]), gap / 2),
                    "in_use": self.maybe(self.random.choice(["true", "true", "false"]), gap),
                    "amount_unit": "元",
                },
            )
