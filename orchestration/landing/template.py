"""The workbook that bureaus fill in: a sheet for each table of the landing contract."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, BinaryIO, NamedTuple

import xlsxwriter

from orchestration.landing.cells import YUAN_LIMIT
from orchestration.landing.contract import Column, Table, landing_contract
from orchestration.landing.files import NOTES_SHEET

LAST_ROW = 2**20 - 1
WHOLE_NUMBERS = (-(2**31), 2**31 - 1)
NUMBERS = (-YUAN_LIMIT, YUAN_LIMIT)
DAYS = (date(1900, 1, 1), date(9999, 12, 31))
BOOLEANS = {True: "是", False: "否"}
NOTES = """\
每张工作表是一张数据表，一行一条记录。没有数据的表留空，但“{departments}”必须填写。
表头为橙色的列每行必填，各行的主键不得重复；其余列没有数据时留空。0 只表示确实为零。
预算年度一律填 {year}。有下拉列表的列从列表中选择。把鼠标移到表头上，可以看到该列的说明。
金额填数字，金额单位在同一行的“金额单位”列中选择；百分数填 95.69，不带百分号；日期填 {year}-12-31。
不要改动表头和工作表名称，不要合并单元格，不要在表格以外填写内容。
填好后保存为 .xlsx，放入报送文件夹的 {year} 文件夹。"""
LISTED = ("数据表", "列", "英文名", "类型", "主键", "必填", "代码", "说明")


class Kind(NamedTuple):
    """How a spreadsheet program shows a column, and what it lets people fill in."""

    name_zh: str
    number_format: str
    validation: dict[str, Any]


def write_template(
    stream: BinaryIO, year: int, rows: Mapping[str, Iterable[Mapping[str, Any]]] | None = None
) -> None:
    """Write the workbook for a fiscal year, empty or filled in.

    Args:
        stream: Where it is written, open for binary writing.
        year: The fiscal year.
        rows: What is filled in: rows by table, values by column, as `raw` holds them.
    """
    options = {
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "default_date_format": "yyyy-mm-dd",
    }
    with xlsxwriter.Workbook(stream, options) as book:
        _write_notes(book, year)
        for table in landing_contract().values():
            _write_table(book, table, year, (rows or {}).get(table.name, []))


def _write_notes(book: Any, year: int) -> None:
    sheet = book.add_worksheet(NOTES_SHEET)
    departments = landing_contract()["departments"].label_zh
    notes = NOTES.format(departments=departments, year=year).splitlines()
    sheet.write_string(
        0, 0, f"{year} 年度部门整体绩效评价数据报送表", book.add_format({"bold": True})
    )
    sheet.write_column(1, 0, notes)
    header = len(notes) + 2
    sheet.write_row(header, 0, LISTED, _header_format(book))
    listed = [(table, column) for table in landing_contract().values() for column in table.columns]
    for row, (table, column) in enumerate(listed, start=header + 1):
        sheet.write_row(
            row,
            0,
            (
                table.label_zh,
                column.label_zh,
                f"{table.name}.{column.name}",
                _kind(column, year).name_zh,
                "是" if column.is_key else "",
                "是" if column.is_mandatory else "",
                "；".join(_codes(column)),
                column.description,
            ),
        )
    sheet.autofilter(header, 0, header + len(listed), len(LISTED) - 1)
    for position, width in enumerate((16, 20, 40, 10, 8, 8, 60, 80)):
        sheet.set_column(position, position, width)


def _write_table(book: Any, table: Table, year: int, rows: Iterable[Mapping[str, Any]]) -> None:
    sheet = book.add_worksheet(table.label_zh)
    sheet.freeze_panes(1, 0)
    for position, column in enumerate(table.columns):
        kind = _kind(column, year)
        cells = book.add_format({"num_format": kind.number_format})
        sheet.set_column(position, position, _width(column), cells)
        sheet.write_string(0, position, column.label_zh, _header_format(book, column.is_mandatory))
        note = _note(column)
        lines = sum(1 + len(line) // 45 for line in note.splitlines())
        sheet.write_comment(0, position, note, {"width": 320, "height": 12 + 18 * lines})
        if kind.validation:
            sheet.data_validation(1, position, LAST_ROW, position, kind.validation)
    for number, row in enumerate(rows, start=1):
        for position, column in enumerate(table.columns):
            sheet.write(number, position, _shown(column, row.get(column.name)))


def _header_format(book: Any, is_mandatory: bool = False) -> Any:
    return book.add_format(
        {"bold": True, "bottom": 1, "bg_color": "#F8CBAD" if is_mandatory else "#D9E1F2"}
    )


def _width(column: Column) -> int:
    """Room for the header and each of the codes; a Chinese character takes two places."""
    longest = max(map(len, (column.label_zh, *column.accepted_values.values())))
    is_any_text = column.data_type == "varchar" and not column.accepted_values
    return max(24 if is_any_text else 14, 2 * longest + 4)


def _note(column: Column) -> str:
    """What the header's note says: the English name, what the column holds, its codes."""
    marks = [
        mark for mark, holds in (("主键", column.is_key), ("必填", column.is_mandatory)) if holds
    ]
    told = f"（{'，'.join(marks)}）" if marks else ""
    return "\n".join([column.name + told, column.description, *_codes(column)])


def _codes(column: Column) -> list[str]:
    return [
        label if label == code else f"{label} = {code}"
        for code, label in column.accepted_values.items()
    ]


def _shown(column: Column, value: Any) -> Any:
    """A value as a person fills it in."""
    if column.data_type == "boolean":
        return BOOLEANS.get(value)
    return column.accepted_values.get(value, value)


def _kind(column: Column, year: int) -> Kind:
    if column.accepted_values:
        return Kind("代码", "@", _one_of(dict.fromkeys(column.accepted_values.values())))
    if column.is_amount:
        return Kind("金额", "#,##0.00####", _between("decimal", *NUMBERS, "应为数字"))
    if column.is_percent:
        return Kind("百分数", "0.00##", _between("decimal", *NUMBERS, "应为数字，如 95.69"))
    match column.data_type:
        case "varchar":
            # A number format would take the leading zeros from a code.
            return Kind("文本", "@", {})
        case "boolean":
            return Kind("是否", "@", _one_of(BOOLEANS.values()))
        case "date":
            return Kind("日期", "yyyy-mm-dd", _between("date", *DAYS, "应为日期，如 2023-12-31"))
        case "integer":
            least, most = _range(column, year)
            told = f"应为 {least} 至 {most} 的整数" if least < most else f"应为 {least}"
            return Kind("整数", "0", _between("integer", least, most, told))
        case _:
            return Kind("数值", "General", _between("decimal", *NUMBERS, "应为数字"))


def _range(column: Column, year: int) -> tuple[int, int]:
    if column.name == "fiscal_year":
        return year, year
    least, most = WHOLE_NUMBERS
    return (
        least if column.minimum is None else column.minimum,
        most if column.maximum is None else column.maximum,
    )


def _one_of(values: Iterable[str]) -> dict[str, Any]:
    return {
        "validate": "list",
        "source": list(values),
        "error_message": "请从下拉列表中选择",
    }


def _between(kind: str, least: Any, most: Any, told: str) -> dict[str, Any]:
    return {
        "validate": kind,
        "criteria": "between",
        "minimum": least,
        "maximum": most,
        "error_message": told,
    }
