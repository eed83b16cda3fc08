"""Synthetic departments: invented figures, full of gaps, zeros and values on an edge.

None of them violates a critical data rule.
"""

import csv
import random
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

from orchestration.contract import landing_contract
from tests.reference import ESTABLISHMENT, QUARTERS, THREE_PUBLIC, read

Cell = str | int | Decimal


class Generator:
    """Writes landing folders of invented departments; the same seed gives the same files."""

    def __init__(self, seed: int, seeds: Path) -> None:
        self.random = random.Random(seed)  # noqa: S311
        self.criteria = {
            district: [c for c in read(seeds / "rubric_criteria.csv") if c["rubric_id"] == rubric]
            for district, rubric in (("南山区", "nanshan_2023"), ("盐田区", "yantian_2023"))
        }

    def landing(self, folder: Path, year: int, departments: int) -> Path:
        """Write a year's files for a number of departments of both districts."""
        rows: dict[str, list[dict[str, Cell]]] = defaultdict(list)
        for number in range(departments):
            for table, row in self.department(number):
                rows[table].append({"unit_code": f"syn-{number:05}", "fiscal_year": year, **row})
        target = folder / str(year)
        target.mkdir(parents=True)
        for table, records in rows.items():
            columns = [column.name for column in landing_contract()[table].columns]
            with (target / f"{table}.csv").open("w", encoding="utf-8", newline="") as stream:
                writer = csv.DictWriter(stream, columns, lineterminator="\n")
                writer.writeheader()
                writer.writerows(records)
        return folder

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
