"""A form as a workbook; that of the scores has the sheets that it is computed from."""

from collections.abc import Callable
from decimal import Decimal
from math import ceil
from typing import Any, BinaryIO

import xlsxwriter
from xlsxwriter.utility import xl_rowcol_to_cell

from orchestration.plain import plain
from orchestration.report import forms
from orchestration.report.formulas import (
    AGREES,
    CHECK,
    CRITERIA,
    CRITERION_HEADS,
    DIFFERS,
    FORM,
    Computation,
    Formula,
    Value,
    agrees,
    span,
    text,
)
from orchestration.report.layout import Cell, Form, Line, Placed, Table
from orchestration.report.read import Department, Published
from orchestration.report.texts import printable

A4 = 9
# What a number of a spreadsheet holds; further digits are told in a note.
DIGITS = 15
# At 96 dots an inch and 7 dots a character, as files say how wide a column is.
DOTS_PER_MM, DOTS_PER_CHARACTER, DOTS_OF_EDGES = 96 / 25.4, 7, 5
POINTS_PER_LINE = 12.5
# Of text of 9 points, in millimetres.
WIDE, NARROW = 3.25, 1.75
MOST_POINTS = 409
FONT: dict[str, Any] = {"font_name": "宋体", "font_size": 9}
LOOKS: dict[str, dict[str, Any]] = {
    "head": {"bold": True, "align": "center", "bg_color": "#F2F2F2"},
    "center": {"align": "center"},
    "left": {"align": "left"},
    "number": {"align": "right"},
    "marked": {"bold": True, "align": "center", "bg_color": "#FCE4D6"},
}
OF_LINES: dict[str, dict[str, Any]] = {
    "title": {"font_size": 16, "bold": True, "align": "center"},
    "line": {"font_size": 11},
    "strong": {"font_size": 11, "bold": True},
    "body": {"font_size": 11},
    "note": {},
}
AMOUNT, NUMBER = "#,##0.00", "#,##0.##########"
CHECKS = ("数仓得分", "核对")
# Beside the form, after an empty column, where it is not printed.
GAP = 1


def write(form: Form, department: Department, published: Published, stream: BinaryIO) -> None:
    """Write a form as a workbook.

    Args:
        form: The form.
        department: The department that it is of.
        published: What all departments share.
        stream: Where it is written.
    """
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(stream, options) as book:
        book.set_properties({"title": form.name, "created": department.published_at})
        computation = None
        if form.name == forms.SCORES and department.rubric is not None:
            computation = Computation(department, department.rubric, published)
        _Sheet(book, form, computation).write()
        for sheet in computation.sheets() if computation else ():
            _computation(book, sheet.name, sheet.heads, sheet.rows)


class _Sheet:
    """The sheet with the form itself."""

    def __init__(self, book: Any, form: Form, computation: Computation | None) -> None:
        self.form, self.computation = form, computation
        self.sheet = book.add_worksheet(FORM if computation else form.name[:31])
        self.formats: dict[tuple[str, str], Any] = {}
        self.book = book
        tables = list(form.tables())
        edges = {0.0, *(() if tables else (150.0,))}
        for table in tables:
            edges |= {round(sum(table.widths[:n]), 2) for n in range(1, len(table.widths) + 1)}
        # The columns of all tables of the form: each edge of one begins a column.
        self.edges = sorted(edges)
        self.names: dict[tuple[str, str], tuple[int, int]] = {}

    def write(self) -> None:
        sheet = self.sheet
        sheet.set_paper(A4)
        sheet.set_margins(0.5, 0.5, 0.6, 0.6)
        if self.form.is_wide:
            sheet.set_landscape()
            sheet.fit_to_pages(1, 0)
        sheet.set_footer("&C第 &P 页 共 &N 页")
        sheet.hide_gridlines(2)
        for column in range(len(self.edges) - 1):
            sheet.set_column(column, column, _width(self.edges[column + 1] - self.edges[column]))
        row = 0
        tables = list(self.form.tables())
        for part in self.form.parts:
            if isinstance(part, Line):
                self._line(part, row)
                row += 1
            else:
                if part is tables[0] and len(tables) == 1:
                    sheet.repeat_rows(row, row + part.heads - 1)
                self._table(part, row)
                row += len(part.rows)
        sheet.print_area(0, 0, row - 1, len(self.edges) - 2)

    def _format(self, look: str, number: str = "") -> Any:
        if (look, number) not in self.formats:
            self.formats[look, number] = self.book.add_format(
                {**FONT, "border": 1, "text_wrap": True, "valign": "vcenter", **LOOKS[look]}
                | ({"num_format": number} if number else {})
            )
        return self.formats[look, number]

    def _line(self, line: Line, row: int) -> None:
        look = self.book.add_format(
            {**FONT, "text_wrap": True, "valign": "vcenter", **OF_LINES[line.style]}
        )
        last = len(self.edges) - 2
        if last:
            self.sheet.merge_range(row, 0, row, last, "", look)
        self.sheet.write_string(row, 0, printable(line.text), look)
        scale = OF_LINES[line.style].get("font_size", FONT["font_size"]) / FONT["font_size"]
        lines = _lines(line.text, self.edges[-1] / scale)
        self.sheet.set_row(row, min(lines * POINTS_PER_LINE * scale + 4, MOST_POINTS))

    def _table(self, table: Table, top: int) -> None:
        starts = [self.edges.index(round(sum(table.widths[:n]), 2))
                  for n in range(len(table.widths) + 1)]  # fmt: skip
        placed = table.placed()
        for cells in placed:
            for found in cells:
                if found.cell.name is not None:
                    self.names[found.cell.name] = (top + found.row, starts[found.column])
        for number, cells in enumerate(placed):
            height = 1
            for found in cells:
                width = sum(table.widths[found.column : found.column + found.cell.columns])
                if found.cell.rows == 1:
                    height = max(height, _lines(found.cell.text, width))
                self._cell(found, top, starts, table)
            points = max(height * POINTS_PER_LINE + 3, 18)
            self.sheet.set_row(top + number, min(points, MOST_POINTS))
        if self.computation:
            self._checks(self.computation, top)

    def _cell(self, found: Placed, top: int, starts: list[int], table: Table) -> None:
        cell, row, column = found.cell, top + found.row, starts[found.column]
        last_row = row + cell.rows - 1
        last_column = starts[found.column + cell.columns] - 1
        look = self._format(cell.style, AMOUNT if cell.style == "number" else "")
        if (last_row, last_column) != (row, column):
            self.sheet.merge_range(row, column, last_row, last_column, "", look)
        formula = self._formula(cell, top + table.heads, row)
        if formula is not None:
            _put(self.sheet, row, column, formula, look)
        elif cell.value is not None:
            _put(self.sheet, row, column, cell.value, look)
        else:
            self.sheet.write_string(row, column, printable(cell.text), look)

    def _formula(self, cell: Cell, first: int, row: int) -> Formula | None:
        """What a cell is computed by."""
        if cell.name is None:
            return None
        what, code = cell.name
        if what == "sum":
            # A sum of amounts some of which were not delivered would be one of the others.
            _, column = self.names[cell.name]
            rows = ":".join(xl_rowcol_to_cell(n, column) for n in (first, row - 1))
            return Formula(
                f"IF(SUMPRODUCT(1-ISNUMBER({rows}))=0,SUM({rows}),{text(forms.NO_SUM)})",
                cell.text if cell.value is None else cell.value,
            )
        if self.computation is None:
            return None
        at: Callable[[str], str] = lambda name: xl_rowcol_to_cell(*self.names[name, code])  # noqa: E731
        if what == "score":
            (indicator,) = (
                i for i in self.computation.rubric.indicators if i["indicator_code"] == code
            )
            formula = self.computation.score(indicator, at("points"))
        elif what == "total":
            formula = self.computation.total(
                self._column("score"), self._column("points"),
                forms.total_text(self.computation.department) if cell.value is None
                else forms.NO_SCORE["incomplete"],
            )  # fmt: skip
        elif what == "grade":
            formula = self.computation.grade(at("total"), "—")
        elif what == "difference":
            score = at("score" if code else "total")
            formula = (
                f"IF(AND(ISNUMBER({score}),ISNUMBER({at('reported')})),"
                f'ROUND({score}-{at("reported")},6),"—")'
            )
        else:
            return None
        return Formula(formula, cell.text if cell.value is None else cell.value)

    def _column(self, name: str) -> str:
        """The cells of all indicators, which stand below each other."""
        rows = [row for (what, code), (row, _) in self.names.items() if what == name and code]
        column = next(column for (what, _), (_, column) in self.names.items() if what == name)
        return span(FORM, min(rows), max(rows), column)

    def _checks(self, computation: Computation, top: int) -> None:
        """Beside each computed score that of the marts, and whether they are the same."""
        department, column = computation.department, len(self.edges) - 1 + GAP
        head, look = self._format("head"), self._format("center")
        self.sheet.set_column(column - GAP, column - GAP, 2)
        self.sheet.set_column(column, column + 1, 10)
        for place, label in enumerate(CHECKS):
            self.sheet.merge_range(top, column + place, top + 2, column + place, label, head)
        rows = []
        for (what, code), (row, of) in self.names.items():
            if what not in ("score", "total", "grade"):
                continue
            evaluation = department.evaluation or {}
            value: Value = {
                "score": (department.scores.get(code) or {}).get("score"),
                "total": evaluation.get("total_score"),
                "grade": evaluation.get("grade"),
            }[what]
            if value is None:
                value = {
                    "score": forms.score_text(
                        department.scores.get(code), department, computation.published
                    ),
                    "total": forms.total_text(department),
                    "grade": "—",
                }[what]
            _put(self.sheet, row, column, value, look)
            cells = (xl_rowcol_to_cell(row, of), xl_rowcol_to_cell(row, column))
            _put(self.sheet, row, column + 1, Formula(agrees(*cells), AGREES), look)
            rows.append(row)
        if not rows:
            return
        checks = (
            f"{xl_rowcol_to_cell(min(rows), column + 1)}:{xl_rowcol_to_cell(max(rows), column + 1)}"
        )
        of_criteria = span(CRITERIA, 1, len(computation.criteria), CHECK)
        _put(
            self.sheet, max(rows) + 1, column + 1,
            Formula(
                f"IF(COUNTIF({checks},{text(DIFFERS)})+COUNTIF({of_criteria},{text(DIFFERS)})=0,"
                f"{text(AGREES)},{text(DIFFERS)})",
                AGREES,
            ),
            look,
        )  # fmt: skip
        self.sheet.write_string(max(rows) + 1, column, "全部", look)
        self.sheet.conditional_format(
            min(rows), column + 1, max(rows) + 1, column + 1,
            {"type": "cell", "criteria": "==", "value": text(DIFFERS),
             "format": self.book.add_format({"bg_color": "#FFC7CE"})},
        )  # fmt: skip


def _computation(
    book: Any, name: str, heads: tuple[str, ...], rows: list[list[Value | Formula]]
) -> None:
    """A sheet of the computation."""
    sheet = book.add_worksheet(name)
    sheet.set_landscape()
    sheet.set_paper(A4)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
    sheet.freeze_panes(1, 2 if len(heads) == len(CRITERION_HEADS) else 1)
    head = book.add_format({**FONT, "bold": True, "bg_color": "#F2F2F2", "border": 1,
                            "text_wrap": True, "valign": "vcenter"})  # fmt: skip
    given, computed = (
        book.add_format({**FONT, "num_format": NUMBER, **more})
        for more in ({"font_color": "#1F4E9D"}, {})
    )
    for column, label in enumerate(heads):
        sheet.write_string(0, column, label, head)
        widest = max(
            [2 * len(label), *(_characters(row[column]) for row in rows if len(row) > column)]
        )
        sheet.set_column(column, column, min(max(widest + 2, 9), 40))
    for number, row in enumerate(rows, start=1):
        for column, value in enumerate(row):
            if value is not None:
                _put(
                    sheet, number, column, value, computed if isinstance(value, Formula) else given
                )


def _put(sheet: Any, row: int, column: int, value: Value | Formula, look: Any) -> None:
    """Write a value or a formula: a text from a file is never one."""
    if isinstance(value, Formula):
        cached = value.value
        shown = "" if cached is None else float(cached) if isinstance(cached, Decimal) else cached
        sheet.write_formula(row, column, f"={value.text}", look, shown)
    elif isinstance(value, Decimal):
        sheet.write_number(row, column, float(value), look)
        if len(value.normalize().as_tuple().digits) > DIGITS:
            sheet.write_comment(
                row, column,
                f"原值 {plain(value)}，超过电子表格的 {DIGITS} 位有效数字，本格为近似值。",
            )  # fmt: skip
    elif value is not None:
        sheet.write_string(row, column, printable(str(value)), look)


def _characters(value: Value | Formula) -> int:
    """How many a value takes; a Chinese one counts twice."""
    shown = value.value if isinstance(value, Formula) else value
    if isinstance(shown, Decimal):
        return len(f"{shown:,.10f}".rstrip("0"))
    return sum(2 if ord(c) > 0x2000 else 1 for c in shown or "")


def _width(millimetres: float) -> float:
    """A column's width as files say it."""
    return max((millimetres * DOTS_PER_MM - DOTS_OF_EDGES) / DOTS_PER_CHARACTER, 0.5)


def _lines(shown: str, millimetres: float) -> int:
    """How many lines a text takes in a width: merged cells do not find their own height."""
    room = max(millimetres - 3, WIDE)
    return sum(
        max(1, ceil(sum(WIDE if ord(c) > 0x2000 else NARROW for c in line) / room))
        for line in shown.split("\n")
    )
