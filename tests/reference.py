"""The evaluation once more, by hand in exact fractions: an independent reading of the rules.

It shares nothing with the models but the rubric seeds. Measures are written out one by one as
their definitions say, from the delivered rows.
"""

import csv
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

YUAN = {"元": 1, "万元": 10_000, "亿元": 100_000_000}
MISSING, UNDEFINED, UNBOUNDED, DEFINED = "missing", "undefined", "unbounded", "defined"
THREE_PUBLIC = ("overseas_travel", "vehicle_purchase", "vehicle_operation", "official_reception")
ESTABLISHMENT = ("administrative", "institutional", "worker")
QUARTERS = {"q1": 3, "q2": 6, "q3": 9, "q4": 12}
BASIC = ("basic", "personnel", "public_use", "family_subsidies")
LINES = (*BASIC, "project", "other")
ECONOMIC = {
    "overseas_travel": "30212",
    "official_reception": "30217",
    "vehicle_operation": "30231",
    "vehicle_purchase": "31013",
}
KEYS = {
    "budgets": "budget_line",
    "budget_execution": "month",
    "procurement": "category",
    "public_expenses": "item",
    "petitions": "channel",
}
ZERO = Fraction(0)

Row = dict[str, str]
# Whether a line belongs to a cell; None where it does not say.
Asked = Callable[[Row], bool | None]


@dataclass(frozen=True)
class Measure:
    status: str
    value: Fraction | None = None


def rounded(value: Fraction, decimals: int) -> Fraction:
    """Half away from zero."""
    scaled = abs(value) * 10**decimals
    whole = math.floor(scaled + Fraction(1, 2))
    return Fraction(whole, 10**decimals) * (-1 if value < 0 else 1)


def yuan(row: Row, column: str) -> Fraction:
    """A cell's number; an amount in yuan."""
    unit = "" if column.endswith("_pct") else row.get("amount_unit", "")
    return Fraction(row[column]) * YUAN.get(unit, 1)


def number(record: dict[str, Any], column: str) -> Fraction | None:
    value = record.get(column)
    if value is None or value == "":
        return None
    return value if isinstance(value, Fraction) else yuan(record, column)


def quotient(numerator: Fraction | None, denominator: Fraction | None) -> Measure:
    if numerator is None or denominator is None:
        return Measure(MISSING)
    if denominator == 0:
        return Measure(UNDEFINED if numerator == 0 else UNBOUNDED)
    return Measure(DEFINED, rounded(numerator / denominator, 10))


def is_true(row: Row, column: str) -> bool:
    return row[column] == "true"


def quarter(row: Row, column: str) -> str | None:
    """The quarter of a day of the fiscal year, None for any other."""
    day = row[column]
    if not day or day[:4] != row["fiscal_year"]:
        return None
    return str((int(day[5:7]) + 2) // 3)


MULTIPLES = {"": 1, "万": 10**4, "百万": 10**6, "千万": 10**7, "亿": 10**8}


def compared(row: Row) -> tuple[Any, Any] | None:
    """The actual and the expected value of a target, both dates or both numbers."""
    texts = row["actual_value"], row["expected_value"]
    dates = [re.search(r"(\d{4})\D{1,3}(\d{1,2})\D{1,3}(\d{1,2})", text) for text in texts]
    if any(dates):
        days = [d and date(*map(int, d.groups())) for d in dates]
        return None if None in days else (days[0], days[1])
    numbers = [re.search(r"-?\d+(\.\d+)?", text.replace(",", "")) for text in texts]
    if row["operator"] == "before" or None in numbers:
        return None
    actual, expected = (Fraction(found[0]) for found in numbers)
    units = [re.fullmatch(r"([百千万亿]*)(元?)(.*)", after(text)) for text in texts]
    (unit, *thing), (expected_unit, *expected_thing) = (
        (found[1], found[2] or found[3].strip()) for found in units
    )
    if unit != expected_unit and thing == expected_thing and thing not in (["%"], [""]):
        return actual * MULTIPLES[unit], expected * MULTIPLES[expected_unit]
    return actual, expected


def after(text: str) -> str:
    """What stands behind the first number of a text, up to the next number."""
    return re.match(r"[^\d]*[\d.,]*([^\d]*)", text)[1].strip()  # type: ignore[index]


def met(row: Row) -> bool | None:
    """Whether a target's values say that it was attained, where they say it."""
    values = compared(row)
    if values is None or row["operator"] in ("text", ""):
        return None
    actual, expected = values
    return {
        ">=": actual >= expected,
        "<=": actual <= expected,
        "=": actual == expected,
        "before": actual <= expected,
    }[row["operator"]]


def is_attained(row: Row) -> bool | None:
    if met(row) is not None:
        return met(row)
    if row["is_attained"]:
        return is_true(row, "is_attained")
    if row["operator"] == "text" and row.get("attained_pct"):
        return Fraction(row["attained_pct"]) == 100
    return None


def attainment(row: Row) -> Fraction | None:
    """How far a target was attained, 0 to 1."""
    if row["operator"] == "text" and row.get("attained_pct"):
        return rounded(Fraction(row["attained_pct"]) / 100, 10)
    if met(row) is None:
        return Fraction(is_true(row, "is_attained")) if row["is_attained"] else None
    actual, expected = compared(row)  # type: ignore[misc]
    if met(row) or row["operator"] not in (">=", "<=") or isinstance(actual, date):
        return Fraction(met(row))
    if expected <= 0 or actual <= 0:
        return ZERO
    return rounded(actual / expected if row["operator"] == ">=" else expected / actual, 10)


def one_of(column: str, values: tuple[str, ...]) -> Asked:
    """Whether a line has one of the values; None where it does not say."""
    return lambda row: row[column] in values if row[column] else None


def up_to(column: str, last: int) -> Asked:
    """Whether a line is of a quarter up to the last; None where its day does not say."""
    return lambda row: None if quarter(row, column) is None else int(quarter(row, column)) <= last


class Details:
    """What a department's lines add up to, by table, record and column.

    A cell to which a line belongs is None where another line has no number, or does not say whether
    it belongs to it, or something else is not there that the cell needs.
    """

    def __init__(self, tables: dict[str, list[Row]]) -> None:
        self.tables = tables
        self.cells: dict[tuple[str, str, str], Fraction | None] = {}
        self.doubts: set[tuple[str, str, str]] = set()
        everything: Asked = lambda row: True  # noqa: E731
        for line, own in {"total": (), "basic": BASIC, **{x: (x,) for x in LINES[1:]}}.items():
            asked = one_of("budget_line", own) if own else everything
            self._paid("budgets", line, "executed", asked)
            self._adjusted("budgets", line, line, asked)
        for month in QUARTERS.values():
            key, last = str(month), month // 3
            self._paid(
                "budget_execution", key, "cumulative_executed", up_to("paid_on", last), str(last)
            )
            self._adjusted("budget_execution", key, "total", up_to("decided_on", last))
        for item, code in ECONOMIC.items():
            self._paid("public_expenses", item, "actual", one_of("economic_code", (code,)))
        codes = tuple(ECONOMIC.values())
        self._paid("public_expenses", "three_public", "actual", one_of("economic_code", codes))
        for category in ("total", "goods", "services", "works"):
            asked = everything if category == "total" else one_of("category", (category,))
            self._contracts(category, asked)
        for channel in {row["channel"] for row in tables["petition_cases"]} - {""}:
            self._cases(channel)
        self._sum("assets", "", "fixed_assets_total", "asset_cards", everything, "original_value")
        in_use: Asked = lambda row: True if row["in_use"] else None  # noqa: E731
        self._sum(
            "assets", "", "fixed_assets_in_use", "asset_cards", in_use, "original_value",
            lambda row: is_true(row, "in_use"),
        )  # fmt: skip
        # A cell that only lines in doubt may belong to, of a record that is there.
        there = {cell[:2] for cell in self.cells}
        self.cells |= {cell: None for cell in self.doubts - set(self.cells) if cell[:2] in there}

    def _sum(
        self, table: str, key: str, column: str, lines: str, asked: Asked, amount: str,
        share: Callable[[Row], int] = lambda row: 1,
    ) -> list[Row]:  # fmt: skip
        """Add up lines into a cell; those that belong to it."""
        verdicts = [asked(row) for row in self.tables[lines]]
        mine = [r for r, verdict in zip(self.tables[lines], verdicts, strict=True) if verdict]
        if mine:
            known = None not in verdicts and all(row[amount] for row in mine)
            value = sum((yuan(r, amount) * share(r) for r in mine), ZERO) if known else None
            fits = value is not None and abs(value) < 10**16
            self.cells[table, key, column] = value if fits else None
        elif None in verdicts:
            self.doubts.add((table, key, column))
        return mine

    def _paid(self, table: str, key: str, column: str, asked: Asked, last: str = "") -> None:
        """Payments less refunds; one of them, in the last quarter, is no refund."""
        mine = self._sum(
            table, key, column, "payments", asked, "amount",
            lambda row: -1 if is_true(row, "is_refund") else 1,
        )  # fmt: skip
        payments = [row for row in mine if not is_true(row, "is_refund")]
        if mine and not any(last in ("", quarter(row, "paid_on")) for row in payments):
            self.cells[table, key, column] = None

    def _adjusted(self, table: str, key: str, line: str, asked: Asked) -> None:
        """The initial budget of a line, and what its adjustments add to it."""
        cell = (table, key, "adjusted_budget")
        initial = [row for row in self.tables["budgets"] if row["budget_line"] == line]
        if not self.tables["budget_adjustments"] or not initial:
            return
        self._sum(*cell, "budget_adjustments", asked, "amount")
        if not initial[0]["initial_budget"] or None in map(
            asked, self.tables["budget_adjustments"]
        ):
            self.cells[cell] = None
        elif self.cells.setdefault(cell, ZERO) is not None:
            self.cells[cell] += yuan(initial[0], "initial_budget")

    def _contracts(self, category: str, asked: Asked) -> None:
        self._sum(
            "procurement", category, "actual", "procurement_contracts", asked, "contract_amount"
        )

        def of_known_size(row: Row) -> bool | None:
            return None if asked(row) and not row["supplier_is_sme"] else asked(row)

        self._sum(
            "procurement", category, "sme_awarded", "procurement_contracts", of_known_size,
            "contract_amount", lambda row: is_true(row, "supplier_is_sme"),
        )  # fmt: skip

    def _cases(self, channel: str) -> None:
        rows = self.tables["petition_cases"]
        mine = [row for row in rows if row["channel"] == channel]
        replied = [row for row in mine if row["replied_on"]]
        on_time: int | None = sum(row["replied_on"] <= row["due_on"] for row in replied)
        if not all(row["due_on"] for row in replied):
            on_time = None
        for column, count in (
            ("received", len(mine)), ("replied", len(replied)), ("replied_on_time", on_time),
        ):  # fmt: skip
            known = count is not None and all(row["channel"] for row in rows)
            self.cells["petitions", channel, column] = Fraction(count) if known else None


class Department:
    """One department's delivered rows of a year, with its measures.

    Attributes:
        before: The units of the year before that it continues, itself by default; none where one of
            them was split.
    """

    def __init__(
        self, tables: dict[str, list[Row]], before: Iterable[dict[str, list[Row]]] = ()
    ) -> None:
        self.tables, self.details = tables, Details(tables)
        self.before = [Department(each) for each in before]

    def records(self, table: str) -> list[dict[str, Any]]:
        """A table's records; where a cell was not delivered, what the details come to."""
        delivered = self.tables[table]
        found: list[dict[str, Any]] = [dict(row) for row in delivered]
        key = KEYS.get(table, "")
        for (of_table, code, column), value in self.details.cells.items():
            if of_table != table:
                continue
            mine = [record for record in found if not key or record[key] == code]
            # Of petitions the delivered channels are all there are.
            if not mine and not (table == "petitions" and delivered):
                mine = [{key: code, "opened": True}]
                found += mine
            for record in mine:
                record[column] = record.get(column) or value
        return found

    def cell(self, table: str, column: str, **key: str) -> Fraction | None:
        for record in self.records(table):
            if all(record[k] == v for k, v in key.items()):
                return number(record, column)
        return None

    def _three_public_change(self) -> Measure:
        for items in (("three_public",), THREE_PUBLIC):
            budgeted = ("public_expenses", "budgeted", "item", items)
            now, before = self.total(*budgeted), [unit.total(*budgeted) for unit in self.before]
            if before and None not in (now, *before):
                last = sum(before, ZERO)
                return quotient(now - last, last)
        return Measure(MISSING)

    def cell_before(self, table: str, column: str, **key: str) -> Fraction | None:
        """Σ over the units that it continues, all of which must have delivered the cell."""
        cells = [unit.cell(table, column, **key) for unit in self.before]
        return None if not cells or None in cells else sum(cells, ZERO)

    def total(
        self, table: str, column: str, key: str = "", among: tuple[str, ...] = ()
    ) -> Fraction | None:
        """Σ: an absent row adds nothing if another is there; an empty cell makes it missing."""
        cells = [
            number(record, column)
            for record in self.records(table)
            if (not key or record[key] in among) and (column in record or "opened" not in record)
        ]
        if not cells or None in cells:
            return None
        return sum(cells, ZERO)

    def measures(self) -> dict[str, Measure]:
        b = lambda line, column, **k: self.cell("budgets", column, budget_line=line, **k)  # noqa: E731
        adjusted, initial = b("total", "adjusted_budget"), b("total", "initial_budget")
        found = {
            "budget_execution_rate": quotient(b("total", "executed"), adjusted),
            "project_budget_execution_rate": quotient(
                b("project", "executed"), b("project", "adjusted_budget")
            ),
            "basic_budget_execution_rate": quotient(
                b("basic", "executed"), b("basic", "adjusted_budget")
            ),
            "budget_adjustment_rate": quotient(
                None if None in (adjusted, initial) else abs(adjusted - initial), initial
            ),
            "carryover_rate": quotient(b("carryover_out", "executed"), adjusted),
            "daily_public_use_control_rate": quotient(
                *(
                    self.cell("public_expenses", c, item="daily_public_use")
                    for c in ("actual", "budgeted")
                )
            ),
            "establishment_control_rate": quotient(
                self.total("staffing", "actual", "staff_category", ESTABLISHMENT),
                self.total("staffing", "authorised", "staff_category", ESTABLISHMENT),
            ),
            "fixed_asset_utilisation_rate": quotient(
                self.cell("assets", "fixed_assets_in_use"),
                self.cell("assets", "fixed_assets_total"),
            ),
            "petition_reply_rate": quotient(
                self.total("petitions", "replied"), self.total("petitions", "received")
            ),
            "petition_on_time_rate": quotient(
                self.total("petitions", "replied_on_time"), self.total("petitions", "received")
            ),
        }
        last = self.cell_before("budgets", "initial_budget", budget_line="total")
        found["budget_change_rate"] = quotient(
            None if None in (initial, last) else initial - last, last
        )
        for quarter, month in QUARTERS.items():
            found[f"{quarter}_progress"], found[f"{quarter}_execution_rate"] = self._quarter(month)
        for mean, part, cap in (
            ("average_execution_rate", "execution_rate", 1),
            ("average_progress", "progress", None),
        ):
            found[mean] = self._mean([found[f"{q}_{part}"] for q in QUARTERS], cap)
        for code, columns in (
            ("procurement_execution_rate", ("actual", "planned")),
            ("procurement_sme_share", ("sme_awarded", "actual")),
        ):
            found[code] = self._total_or_parts(
                "procurement", "category", "total", ("goods", "services", "works"), columns
            )
        found["three_public_control_rate"] = self._total_or_parts(
            "public_expenses", "item", "three_public", THREE_PUBLIC, ("actual", "budgeted")
        )
        found["three_public_change_rate"] = self._three_public_change()
        off = self.cell("staffing", "actual", staff_category="off_establishment")
        on = self.total("staffing", "actual", "staff_category", ESTABLISHMENT)
        found["off_establishment_rate"] = quotient(off, None if None in (on, off) else on + off)
        for code, work in (
            ("project_completion_rate", "project"),
            ("key_task_completion_rate", "key_task"),
        ):
            done = self.cell("work_completion", "completed_on_time_count", work_type=work)
            planned = self.cell("work_completion", "planned_count", work_type=work)
            found[code] = quotient(done, planned)
            if work == "key_task":
                found["unfinished_key_tasks"] = quotient(
                    None if None in (done, planned) else planned - done, Fraction(1)
                )
        for document in ("budget", "final_accounts"):
            found[f"{document}_disclosure"] = self._disclosure(document)
        found["satisfaction_rate"] = self._satisfaction()
        targets = self.tables["performance_targets"]
        benefits = [row for row in targets if row["level1"] == "效益指标"]
        found["target_attainment_rate"] = self._attained(targets)
        found["benefit_target_attainment_rate"] = self._attained(benefits)
        found["weighted_target_attainment_rate"] = self._weighted(targets)
        return found

    @staticmethod
    def _attained(targets: list[Row]) -> Measure:
        applicable = [row for row in targets if row["is_applicable"] == "true"]
        attained = [is_attained(row) for row in applicable]
        if not targets or None in attained or not all(row["is_applicable"] for row in targets):
            return Measure(MISSING)
        return quotient(Fraction(sum(map(bool, attained))), Fraction(len(applicable)))

    @staticmethod
    def _weighted(targets: list[Row]) -> Measure:
        applicable = [row for row in targets if row["is_applicable"] == "true"]
        degrees = [attainment(row) for row in applicable]
        weights = [Fraction(row["weight"]) if row.get("weight") else None for row in applicable]
        if not any(row.get("weight") for row in applicable):
            weights = [Fraction(1)] * len(applicable)
        if (
            not targets
            or None in (*degrees, *weights)
            or not all(row["is_applicable"] for row in targets)
        ):
            return Measure(MISSING)
        return quotient(
            sum((w * d for w, d in zip(weights, degrees, strict=True)), ZERO), sum(weights, ZERO)
        )

    def _quarter(self, month: int) -> tuple[Measure, Measure]:
        share = Fraction(month, 12)
        cell = lambda column: self.cell("budget_execution", column, month=str(month))  # noqa: E731
        executed, adjusted = cell("cumulative_executed"), cell("adjusted_budget")
        if executed is not None and adjusted is not None:
            return quotient(executed, adjusted), quotient(executed, adjusted * share)
        if (progress := cell("progress_pct")) is not None:
            return (
                quotient(progress / 100, Fraction(1)),
                quotient(progress / 100, share),
            )
        if (rate := cell("execution_rate_pct")) is not None:
            return quotient(rate / 100 * share, Fraction(1)), quotient(rate / 100, Fraction(1))
        return Measure(MISSING), Measure(MISSING)

    @staticmethod
    def _mean(parts: list[Measure], cap: int | None) -> Measure:
        for status in (MISSING, UNBOUNDED, UNDEFINED):
            if any(part.status == status for part in parts):
                return Measure(status)
        values = [p.value if cap is None else min(p.value, Fraction(cap)) for p in parts]
        return quotient(sum(values, Fraction(0)), Fraction(len(values)))

    def _total_or_parts(
        self, table: str, key: str, total: str, parts: tuple[str, ...], columns: tuple[str, str]
    ) -> Measure:
        cells = [self.cell(table, column, **{key: total}) for column in columns]
        if None in cells:
            cells = [self.total(table, column, key, parts) for column in columns]
        return quotient(*cells)

    def _disclosure(self, document: str) -> Measure:
        for row in self.tables["disclosures"]:
            if row["document"] == document and row["status"]:
                points = {"compliant": 1, "partial": Fraction(1, 2), "not_disclosed": 0}
                if row["status"] == "exempt":
                    return Measure(UNDEFINED)
                return Measure(DEFINED, Fraction(points[row["status"]]))
        return Measure(MISSING)

    def _satisfaction(self) -> Measure:
        rows = self.tables["satisfaction_surveys"]
        if not rows or not all(row["satisfaction_pct"] for row in rows):
            return Measure(MISSING)
        weights = [Fraction(row["respondents"]) if row.get("respondents") else None for row in rows]
        if None in weights:
            weights = [Fraction(1)] * len(rows)
        values = [Fraction(row["satisfaction_pct"]) / 100 for row in rows]
        return quotient(
            sum((v * w for v, w in zip(values, weights, strict=True)), Fraction(0)),
            sum(weights, Fraction(0)),
        )


def read(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def departments(landing: Path, year: int) -> dict[str, Department]:
    """The departments of a landing year, by unit_code."""
    tables: dict[int, dict[str, dict[str, list[Row]]]] = {}
    for y in (year, year - 1):
        tables[y] = defaultdict(lambda: defaultdict(list))
        for path in (landing / str(y)).glob("*.csv"):
            for row in read(path):
                tables[y][row["unit_code"]][path.stem].append(row)
        for rows in tables[y].values():
            correct(rows)
    return {
        unit: Department(
            rows, [tables[year - 1][each] for each in continued(unit, rows["unit_successions"])]
        )
        for unit, rows in tables[year].items()
    }


def continued(unit: str, successions: list[Row]) -> list[str]:
    """The units of the year before whose cells count."""
    if any(row["kind"] == "split" for row in successions):
        return []
    return [row["predecessor_unit_code"] for row in successions] or [unit]


def correct(tables: dict[str, list[Row]]) -> None:
    """Put the new values of a department's corrections into its rows."""
    for correction in tables.pop("corrections", []):
        key = dict(term.split("=", 1) for term in correction["key"].split(";") if term)
        (row,) = (r for r in tables[correction["table_name"]] if key.items() <= r.items())
        row[correction["column_name"]] = correction["new_value"]


def fraction(value: Decimal | None) -> Fraction | None:
    return None if value is None else Fraction(value)


def as_decimal(value: Fraction, decimals: int) -> Decimal:
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    return exact.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)
