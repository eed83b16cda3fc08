"""Odd and damaged files, and what is true of each: made from a seed, without the loader.

A file is made of rows whose values are chosen first and then written in some form. So it is known
what each row must come to, and how many there are.
"""

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any, NamedTuple

from orchestration.landing.contract import Column, Table, landing_contract

# What must come of a cell, a row or a file: it is loaded as it was meant; it may be rejected or
# refused as well, as nobody can be sure of it; it must be.
SURE, UNSURE, WRONG = range(3)
YEAR = 2023
# Tables that have a column of each kind between them.
TABLES = (
    *("payments", "budget_execution", "performance_targets", "staffing", "reported_figures"),
    *("assessments", "disclosures"),
)


class Said(NamedTuple):
    """A cell: what is written in it, and what is meant.

    Attributes:
        text: What is written.
        value: What is meant, as it must be loaded; none for nothing.
        fate: What must come of its row.
    """

    text: str
    value: Any
    fate: int = SURE


@dataclass
class Row:
    """A row of a file.

    Attributes:
        cells: By the name of their column.
        number: The row that it stands in, as a person counts.
        fate: What must come of it.
    """

    cells: dict[str, Said]
    number: int = 0
    fate: int = SURE

    @property
    def unit(self) -> Any:
        return self.cells["unit_code"].value

    def judge(self, fate: int) -> None:
        self.fate = max(self.fate, fate)


@dataclass
class Case:
    """A file, and what is true of it.

    Attributes:
        name: Below the year's folder.
        table: What it delivers.
        content: Its bytes.
        traits: What is odd about it.
        rows: Those in it.
        fate: What must come of it as a whole.
        place: What must be told beside its name where it is refused, as `row 3`.
        is_counted: The rows that cannot be read stand each in a row of its own.
        may_end_early: Its last row may have lost its end, which must be told.
        is_checked: What is loaded of it must be what was meant, if anything is.
    """

    name: str
    table: Table
    content: bytes = b""
    traits: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    fate: int = SURE
    place: str = ""
    is_counted: bool = True
    may_end_early: bool = False
    is_checked: bool = True

    def judge(self, fate: int) -> None:
        self.fate = max(self.fate, fate)

    def __str__(self) -> str:
        return f"{self.name} ({', '.join(self.traits)})"


PROSE = (
    *("深圳市南山区工业和信息化局（本级）", "盐田区发展研究中心", "见附件第 3 页", "项目按时完成，群众满意", "≥8 场"),
    *("105 场", "100%", "2023 年 12 月 30 日", "1,234.50 万元", "甲；乙，丙、丁", "“优”", "《关于……的通知》"),
    *("Q1 report", "a,b", 'so-called "pilot"', "不适用", "无", "N/A", "—", "-5", "+86 755", "=1+1", "@甲", "0012"),
    *("程垚、罗喆", "吉𠮷", "café", "ＡＢ１２", "a\tb", "<b>&amp;", "it's", "_x000D_", "x_y", "100元", "１２３", "3.0", "#N/A"),
)  # fmt: skip
# What may stand around a cell or within it without being part of it.
AROUND = (" ", "\u3000", "\u00a0", "\u200b", "\ufeff", "\t", "\u2003")
WIDE = str.maketrans("0123456789.,%", "０１２３４５６７８９．，％")
NOTHING = ("-", "—", "/", "无", "N/A", "——", "null", "#N/A", "#REF!")


def decimals(r: Random) -> Decimal:
    whole = r.choice([0, 1, 12, 100, 1234, 82560, 24719060, r.randrange(10**7)])
    return Decimal(whole) + Decimal(r.choice(["0", "0.5", "0.25", "0.07", "0.1", "0.000001"]))


def numbers(r: Random, column: Column) -> Said:  # noqa: C901
    """A number that may have decimals, as people write it."""
    value = decimals(r) if not column.is_percent else Decimal(r.randrange(15000)) / 100
    value = -value if r.random() < 0.1 else value
    zero = "0" if "." in str(value) else ".0"
    written = r.choice([f"{value}", f"{value:,}", f"{value}{zero}", f" {value}"])
    form = r.randrange(24)
    match form:
        case 0:
            written = written.translate(WIDE)
        case 1 if value < 0:
            written = f"({-value:,})"
        case 2 if value < 0:
            written = f"（{-value}）"
        case 3 if value >= 0:
            written = f"+{value}"
        case 4 if column.is_amount:
            written = f"{r.choice('¥￥')}{value:,}"
        case 5 if column.is_percent:
            written = f"{value}{r.choice(['%', '％', ' %'])}"
        case 6:
            return Said(r.choice(NOTHING), None, WRONG)
        case 7:
            return Said(f"{value:E}", value, UNSURE)
        case 8:
            far = f"{value:,}".replace(",", "_").replace(".", ",").replace("_", ".")
            if "," not in far and far.count(".") < 2:
                return Said(far, Decimal(far))
            is_other = "." not in far and len(far.partition(",")[2]) == 3
            return Said(far, value, UNSURE if is_other else WRONG)
        case 9:
            return Said(
                r.choice([f"{value}万", f"{value}元", "五百", "1 234", "1'234"]), None, WRONG
            )
        case 10 if not column.is_percent:
            return Said(f"{value}%", None, WRONG)
        case 11:
            return Said(f"{abs(value)}-", None, WRONG)
        case 12:
            written = written.replace("-", "−")
        case 13 | 14:
            return Said("", None)
    return Said(written, value)


def whole_numbers(r: Random, column: Column) -> Said:
    low, high = column.minimum or 0, column.maximum or 9999
    value = r.randint(low, high)
    match r.randrange(14):
        case 0:
            return Said(f"{value}.0", value)
        case 1:
            return Said(str(value).translate(WIDE), value)
        case 2:
            return Said(f"{value:,}", value)
        case 3:
            return Said(f"{value:03}", value)
        case 4:
            return Said(f"+{value}", value)
        case 5:
            return Said(r.choice([*NOTHING, f"{value}.5", "57人", "五", "5 7"]), None, WRONG)
        case 6:
            return Said(f"{value:E}", value, UNSURE)
        case 7:
            return Said("", None, WRONG if column.is_key else SURE)
        case 8 if column.maximum:
            return Said(str(high + 1), None, WRONG)
    return Said(str(value), value)


def years(r: Random, column: Column) -> Said:
    del column
    wrong = ("2022", "2023年", "二〇二三", "", "23", "2023/2024", "-")
    if r.random() < 0.03:
        return Said(r.choice(wrong), None, WRONG)
    return Said(r.choice(["2023"] * 5 + ["2023.0", "２０２３", " 2023"]), YEAR)


def days(r: Random, column: Column) -> Said:
    del column
    day = datetime.date(2023, 1, 1) + datetime.timedelta(r.randrange(365))
    y, m, d = day.year, day.month, day.day
    sure = (
        *(f"{day}", f"{y}/{m}/{d}", f"{y}.{m:02}.{d:02}", f"{day:%Y%m%d}", f"{y}年{m}月{d}日"),
        *(f"{y} 年 {m} 月 {d} 日", f"{day} 00:00:00", f"{y}/{m}/{d} 0:00", f"{day}T00:00:00", ""),
    )
    unsure = (f"{day} 08:30", f"{day:%d-%b-%y}", f"{m}/{d}/{y}", f"{day}T00:00:00Z")
    wrong = ("2023-02-30", "2023年13月1日", "2023年5月", "45291", "-", "无", "待定", "2023-06")
    match r.randrange(12):
        case 0:
            return Said(r.choice(unsure), day, UNSURE)
        case 1:
            return Said(r.choice(wrong), None, WRONG)
        case _:
            text = r.choice(sure)
            return Said(text, day if text else None)


def booleans(r: Random, column: Column) -> Said:
    del column
    words = {True: ("true", "TRUE", "1", "是", "yes"), False: ("false", "FALSE", "0", "否", "no")}
    value = r.choice([True, False, None, None])
    if value is None:
        return Said("", None) if r.random() < 0.7 else Said(r.choice("√/-?"), None, WRONG)
    return Said(r.choice(words[value]), value)


def listed(r: Random, column: Column) -> Said:
    value, label = r.choice(list(column.accepted_values.items()))
    match r.randrange(10):
        case 0:
            return Said(r.choice(["甲", "-", f"{value}?", f"{label}："]), None, WRONG)
        case 1 if not column.yuan_per_unit:
            return Said("", None, WRONG if column.is_mandatory else SURE)
        case 2 | 3 | 4 if not column.yuan_per_unit:
            return Said(label, value)
    return Said(value, value)


def codes(r: Random, column: Column) -> Said:
    value = r.choice(
        ["440305-001", "007", "30217", "0", "a b", "X-1/2", "项目一", "2023-01", "1.2", "３０１"]
    )
    match r.randrange(12):
        case 0:
            return Said(r.choice(["4.40305E+17", "440305.0", "-", "——"]), None, WRONG)
        case 1:
            written = r.choice(["2E5", '="007"', "1E-05", "'007"])
            return Said(written, written, UNSURE)
        case 2:
            return Said("", None, WRONG if column.is_mandatory else SURE)
    return Said(value, value)


def prose(r: Random, column: Column) -> Said:
    text = r.choice(PROSE)
    if r.random() < 0.15:
        return Said("", None, WRONG if column.is_mandatory else SURE)
    if r.random() < 0.03:
        return Said("4.40305E+17", "4.40305E+17", UNSURE)
    return Said(text, text)


def kind_of(column: Column) -> Callable[[Random, Column], Said]:
    """What makes the cells of a column."""
    if column.name == "fiscal_year":
        return years
    if column.accepted_values:
        return listed
    if column.data_type == "varchar":
        return codes if column.is_code else prose
    by_type = {"integer": whole_numbers, "date": days, "boolean": booleans}
    return by_type.get(column.data_type, numbers)


def cell_of(r: Random, column: Column) -> Said:
    """A cell, with something around it or in it now and then that nobody sees."""
    said = kind_of(column)(r, column)
    if said.value is not None and r.random() < 0.08:
        mark = r.choice(AROUND)
        return said._replace(text=r.choice([mark + said.text, said.text + mark]))
    return said


def rows_of(r: Random, table: Table, columns: list[Column], tag: str, count: int) -> list[Row]:
    """Rows with a department each."""
    rows: list[Row] = []
    for number in range(count):
        unit = f"{tag}-{number:03}"
        cells = {c.name: cell_of(r, c) for c in columns} | {"unit_code": Said(unit, unit)}
        # Most rows are as they should be, or nothing would be loaded.
        for column in columns:
            while r.random() < 0.8 and cells[column.name].fate != SURE:
                cells[column.name] = cell_of(r, column)
        rows.append(Row(cells, fate=fate_of(table, cells)))
    return rows


def fate_of(table: Table, cells: dict[str, Said]) -> int:
    """What must come of a row by its cells."""
    fates = [said.fate for said in cells.values()]
    has_amount = any(cells[name].text.strip() for name in table.amounts if name in cells)
    if has_amount and ("amount_unit" not in cells or cells["amount_unit"].value is None):
        fates.append(WRONG)
    return max(fates)


def columns_of(r: Random, table: Table) -> list[Column]:
    """The columns of a file: in any order, and not all of those that may be absent."""
    is_whole = r.random() < 0.6
    columns = [c for c in table.columns if c.is_mandatory or is_whole or r.random() < 0.7]
    money = [c for c in table.columns if c.yuan_per_unit and c not in columns]
    if any(c.is_amount for c in columns):
        columns += money
    return r.sample(columns, len(columns)) if r.random() < 0.3 else columns


def table_of(r: Random) -> Table:
    return landing_contract()[r.choice(TABLES)]


def turns(r: Random, choices: tuple[Any, ...], count: int) -> list[Any]:
    """So many of the choices, each as often as the others, in any order."""
    taken = [choices[at % len(choices)] for at in range(count)]
    return r.sample(taken, count)
