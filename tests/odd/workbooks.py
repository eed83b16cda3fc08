"""Odd and damaged workbooks, written as XML so that anything may be odd about them."""

import datetime
import io
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from orchestration.landing.contract import Column
from tests.odd import (
    SURE,
    UNSURE,
    WRONG,
    Case,
    Row,
    Said,
    columns_of,
    fate_of,
    rows_of,
    table_of,
    turns,
)

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
STRICT = "http://purl.oclc.org/ooxml/spreadsheetml/main"
LINKS = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
LAST = 2**14

# Number formats, by what they make of a number: it is shown as it is stored, but for its decimals;
# as a percentage; as another number; as a day.
AS_STORED = (
    *("General", "0.00", "#,##0.00", "0", "0.00_%", "[Red]0.0", "_(* #,##0.00_);_(* (#,##0.00)", "@", "¥#,##0.00"),
    *('0.00"元"', "[$¥-804]#,##0.00", "0.00;[Red]-0.00", "#,##0.######", "G/通用格式", "0.0E+00", "# ?/?", "0_%"),
)  # fmt: skip
AS_PERCENTAGE = (
    "0%",
    "0.00%",
    "[Red]0.0%",
    "0.0%;[Red]-0.0%",
    "_ 0.00%_ ",
    "#,##0.0%",
    "0.00%;@",
    "[$-804]0.0%",
)
WITH_SIGN = ('0.00"%"', r"0.00\%", '0"％"', "0.00!%", 'General"%"')
AS_ANOTHER = ('0!.0,"万元"', "#,##0,", "0.00,,", "0%%", '0"."0000')
AS_DAY = (
    "yyyy-mm-dd",
    "yyyy/m/d",
    'yyyy"年"m"月"d"日"',
    "[$-804]yyyy/m/d;@",
    "e-mm-dd",
    "m/d/yyyy",
    "d-mmm-yy",
    "yyyy-mm-dd hh:mm",
)
# A number that is no quantity, as it is shown: stored, its format, what is seen.
CODES = (
    ("12", "0000", "0012"), ("440305001", "000-000-000", "440-305-001"), ("7", '"X-"000', "X-007"),
    ("12", "@", "12"), ("12", "0", "12"), ("30217", "General", "30217"), ("1234567", "#,##0", "1,234,567"),
    ("12.5", "0.00", "12.50"), ("1.26", "0.0", "1.3"), ("-3", "000", "-003"), ("5", '0"号"', "5号"), ("5", "[Red]00", "05"),
    ("0", "000;-000;无", "无"), ("12", '000;;;@', "012"), ("12", '"No."00', "No.12"), ("8", "_-00_-", "08"), ("20", "General个", "20个"),
)  # fmt: skip


class Book:
    """A workbook that is being made."""

    def __init__(self, r: Random, case: Case) -> None:
        self.r = r
        self.case = case
        self.columns = columns_of(r, case.table)
        case.rows = rows_of(r, case.table, self.columns, tag_of(case), r.choice([1, 2, 4, 7]))
        self.is_1904 = r.random() < 0.15
        self.style = Style(r)
        self.formats = ["General"]
        self.texts: list[str] = []
        # Of each row: its number, and its cells by their column.
        self.rows: list[tuple[int, dict[int, str]]] = []
        self.headers: list[str] = []
        self.parts: dict[str, str | bytes] = {}
        self.sheets: list[tuple[str, str, str]] = []
        self.before = ""
        self.after = ""
        self.ending = ".xlsx"
        self.change: Callable[[str], str] = str
        self.has_styles = self.has_texts = True
        self.finish: Callable[[bytes], bytes] = bytes

    def format_number(self, code: str) -> int:
        if code not in self.formats:
            self.formats.append(code)
        return self.formats.index(code)


@dataclass
class Style:
    """How the XML of a workbook is written."""

    r: Random
    strings: str = ""
    references: str = ""
    quote: str = ""
    prefix: str = ""
    space: str = ""
    is_noted: bool = False
    encoding: str = "utf-8"
    is_strict: bool = False

    def __post_init__(self) -> None:
        r = self.r
        self.strings = r.choice(["shared", "shared", "inline", "str", "any"])
        self.references = r.choice(["all", "all", "none", "rows", "cells", "some"])
        self.quote = r.choice('""\'')
        self.prefix = r.choice(["", "", "", "x:"])
        self.space = r.choice(["", "", "\n  "])
        self.is_noted = r.random() < 0.1
        self.encoding = r.choice(["utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16"])
        self.is_strict = r.random() < 0.1

    def told(self) -> list[str]:
        return [self.strings, f"references {self.references}", f"prefix {self.prefix!r}", self.encoding,
                *["noted"] * self.is_noted, *["strict"] * self.is_strict]  # fmt: skip

    def tag(self, name: str, content: str = "", /, **attributes: Any) -> str:
        pairs = [(key.rstrip("_"), value) for key, value in attributes.items() if value is not None]
        self.r.shuffle(pairs)
        told = "".join(
            f" {key}={self.quote}{escape(str(value), {self.quote: '&quot;' if self.quote == chr(34) else '&apos;'})}{self.quote}"
            for key, value in pairs
        )
        note = (
            "<!-- a note: <c r='A1'><v>9</v></c> -->"
            if self.is_noted and self.r.random() < 0.3
            else ""
        )
        name = self.prefix + name
        if not content and self.r.random() < 0.5:
            return f"<{name}{told}/>{self.space}"
        return f"<{name}{told}>{content}{note}</{name}>{self.space}"


def tag_of(case: Case) -> str:
    return case.name.rpartition("/")[2].partition(".")[0]


def letters(column: int) -> str:
    told = ""
    while column:
        column, rest = divmod(column - 1, 26)
        told = chr(65 + rest) + told
    return told


def in_xml(r: Random, text: str) -> str:
    """A text as XML holds it, in one of its ways."""
    text = re.sub(r"_(x[0-9A-Fa-f]{4}_)", r"_x005F_\1", text)
    if "\n" not in text and "\t" not in text and r.random() < 0.1:
        return f"<![CDATA[{text}]]>"
    told = escape(text, {"\t": "&#9;"})
    told = told.replace("\n", r.choice(["&#10;", "\n", "_x000a_", "_x000D_&#10;"]))
    if r.random() < 0.1:
        told = "".join(f"&#x{ord(c):x};" if ord(c) > 127 else c for c in told)
    return told


def string(book: Book, text: str) -> tuple[dict[str, Any], str]:
    """A text as a cell: its attributes, and what is in it."""
    r, tag = book.r, book.style.tag
    kind = book.style.strings
    kind = r.choice(["shared", "inline", "str"]) if kind == "any" else kind
    told = in_xml(r, text)
    if kind == "str":
        return {"t": "str"}, tag("v", told)
    is_spaced = {"xml:space": "preserve"} if text != text.strip() or r.random() < 0.2 else {}
    if (
        r.random() < 0.2
        and len(text) > 1
        and "&" not in told
        and "_" not in told
        and "[" not in told
    ):
        at = r.randrange(1, len(told))
        pieces = (told[:at], told[at:])
        content = "".join(
            plain(
                book,
                "r",
                r.choice([tag("rPr", plain(book, "b")), ""])
                + plain(book, "t", piece, **{"xml:space": "preserve"}),
            )
            for piece in pieces
        )
    else:
        content = plain(book, "t", told, **is_spaced)
    if r.random() < 0.1:
        content += plain(book, "rPh", plain(book, "t", "pīn yīn"), sb="0", eb="1") + plain(
            book, "phoneticPr", fontId="1"
        )
    if kind == "inline":
        return {"t": "inlineStr"}, tag("is", content)
    item = plain(book, "si", content)
    if item not in book.texts:
        book.texts.append(item)
    return {"t": "s"}, tag("v", str(book.texts.index(item)))


def plain(book: Book, name: str, content: str = "", /, **attributes: str) -> str:
    """An element without anything between its tags that was not given."""
    told = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    return f"<{book.style.prefix}{name}{told}>{content}</{book.style.prefix}{name}>"


def number(r: Random, value: Decimal) -> str:
    """A number as programs store it."""
    ways = [
        f"{value}",
        f"{float(value)!r}",
        f"{float(value):.17g}",
        f"{value:E}",
        f" {value} ",
        f"{value:f}",
    ]
    if value == int(value):
        ways += [f"{value:f}.0" if "." not in f"{value:f}" else f"{value}", f"{float(value):.9E}"]
    return r.choice(ways)


def days_since(day: datetime.date, *, is_1904: bool) -> int:
    return (day - (datetime.date(1904, 1, 1) if is_1904 else datetime.date(1899, 12, 30))).days


def stored(book: Book, column: Column) -> tuple[Said, dict[str, Any], str] | None:
    """A cell that is no text: what is meant, its attributes, and what is in it."""
    r, tag = book.r, book.style.tag
    if r.random() < 0.04:
        error = r.choice(["#REF!", "#N/A", "#DIV/0!", "#NAME?", "#CALC!"])
        return Said(error, None, WRONG), {"t": "e"}, tag("v", error)
    if column.name == "fiscal_year":
        return (
            Said("2023", 2023),
            {"s": book.format_number(r.choice(["General", "0", '0"年"']))},
            tag("v", "2023"),
        )
    if column.data_type == "date":
        day = datetime.date(2023, 1, 1) + datetime.timedelta(r.randrange(365))
        if r.random() < 0.3:
            written = f"{day}{r.choice(['', 'T00:00:00', 'T00:00:00.000Z'])}"
            return Said(written, day), {"t": "d"}, tag("v", written)
        at = days_since(day, is_1904=book.is_1904)
        if r.random() < 0.1:
            return Said(str(at), None, WRONG), {}, tag("v", str(at))
        return Said(str(day), day), {"s": book.format_number(r.choice(AS_DAY))}, tag("v", str(at))
    if column.data_type == "boolean":
        value = r.random() < 0.5
        return Said(str(value), value), {"t": "b"}, tag("v", str(int(value)))
    if column.data_type == "integer":
        value = r.randint(column.minimum or 0, column.maximum or 999)
        code = r.choice(["General", "0", "#,##0", "0_ ", "0000", '0"人"', "0.00"])
        return (
            Said(str(value), value),
            {"s": book.format_number(code)},
            tag("v", number(r, Decimal(value))),
        )
    if column.data_type.startswith("decimal"):
        return amount(book, column)
    if column.accepted_values:
        return None
    digits, code, shown = r.choice(CODES)
    said = Said(shown, shown, SURE if code in ("General", "0", "@") else UNSURE)
    return said, {"s": book.format_number(code)}, tag("v", digits)


def amount(book: Book, column: Column) -> tuple[Said, dict[str, Any], str]:
    r, tag = book.r, book.style.tag
    value = Decimal(r.randrange(-1000, 10**7)) / r.choice([1, 10, 100])
    match r.randrange(10):
        case 0 | 1 | 2:
            code, shown = r.choice(AS_PERCENTAGE), value / 10**4
            said = Said(f"{shown}", shown * 100, SURE if column.is_percent else WRONG)
            return said, {"s": book.format_number(code)}, tag("v", number(r, shown))
        case 3 if column.is_percent:
            code = r.choice(WITH_SIGN)
        case 4:
            code = r.choice(AS_ANOTHER)
            return (
                Said(str(value), None, WRONG),
                {"s": book.format_number(code)},
                tag("v", number(r, value)),
            )
        case 5:
            code = r.choice(AS_DAY)
            return (
                Said(str(value), None, WRONG),
                {"s": book.format_number(code)},
                tag("v", number(r, value)),
            )
        case _:
            code = r.choice(AS_STORED)
    return Said(str(value), value), {"s": book.format_number(code)}, tag("v", number(r, value))


def cell(book: Book, row: Row, column: Column) -> str | None:
    """What is between <c and </c>, and what is meant by it."""
    said = row.cells[column.name]
    r = book.r
    if column.name != "unit_code" and r.random() < 0.6:
        made = stored(book, column)
        if made and (made[0].fate == SURE or r.random() < 0.3):
            row.cells[column.name] = made[0]
            return opened(book, made[1], made[2])
    if not said.text:
        empty = [None, opened(book, {}, ""), opened(book, {"s": book.format_number("0.00%")}, "")]
        empty.append(opened(book, *string(book, "")))
        return r.choice(empty)
    return opened(book, *string(book, said.text))


def opened(book: Book, attributes: dict[str, Any], content: str) -> str:
    """A cell with a mark where its reference goes."""
    if attributes.get("s") == 0 and book.r.random() < 0.5:
        del attributes["s"]
    made = book.style.tag("c", content, r="<reference>", **attributes)
    return made


def header_of(book: Book) -> list[str]:
    r = book.r
    form = r.choice(["English", "English", "Chinese", "broken", "unseen"])
    names = [c.label_zh if form in ("Chinese", "broken") else c.name for c in book.columns]
    if form == "broken":
        names = [f"{n[:2]}\n{n[2:]}" if len(n) > 3 else n for n in names]
    if form == "unseen":
        names = [f"\u200b{n} " for n in names]
    book.case.traits.append(f"header {form}")
    return names


def lay_out(book: Book) -> None:
    """The rows, from some row on, with blank ones between."""
    at = book.r.choice([1, 1, 1, 2, 4])
    book.rows.append(
        (at, {n: opened(book, *string(book, name)) for n, name in enumerate(header_of(book), 1)})
    )
    for row in book.case.rows:
        at += book.r.choice([1, 1, 1, 1, 2, 5])
        row.number = at
        cells = {n: cell(book, row, column) for n, column in enumerate(book.columns, 1)}
        row.fate = fate_of(book.case.table, row.cells)
        book.rows.append((at, {n: made for n, made in cells.items() if made is not None}))
        if book.r.random() < 0.1:
            at += 1
            book.rows.append((at, {2: opened(book, {}, ""), 5: opened(book, *string(book, " "))}))


def sheet_of(book: Book) -> str:
    """The XML of the sheet, its references left out where they follow from what stands before."""
    style, r = book.style, book.r
    told = ""
    last_row = 0
    for number_, cells in book.rows:
        keeps = {"all": True, "none": False, "rows": True, "cells": False, "some": r.random() < 0.5}
        is_row_told = keeps[style.references] or (
            number_ != last_row + 1 and style.references != "cells"
        )
        content, last = "", 0
        # A row without a number has the one that its first cell tells.
        is_told_by_cell = not is_row_told and number_ != last_row + 1
        for column, made in sorted(cells.items()):
            are_cells_told = {
                "all": True,
                "none": False,
                "rows": False,
                "cells": True,
                "some": r.random() < 0.5,
            }
            is_told = are_cells_told[style.references] or column != last + 1 or is_told_by_cell
            reference = f"{letters(column)}{number_}"
            content += re.sub(
                r" r=(.)(&lt;|<)reference(&gt;|>)\1",
                rf" r=\g<1>{reference}\g<1>" if is_told else "",
                made,
                count=1,
            )
            last, is_told_by_cell = column, False
        if not cells and not is_row_told and number_ != last_row + 1:
            is_row_told = True
        extra = r.choice([{}, {"ht": "15"}, {"hidden": "1"}, {"spans": "1:7"}])
        told += style.tag("row", content, r=number_ if is_row_told else None, **extra)
        last_row = number_
    return told


def worksheet(book: Book, rows: str) -> str:
    r, style = book.r, book.style
    before = [
        style.tag("sheetPr", style.tag("pageSetUpPr", fitToPage="1")),
        style.tag("dimension", ref=r.choice(["A1", "A1:XFD1048576", "A1:G9"])),
        style.tag("sheetViews", style.tag("sheetView", workbookViewId="0")),
        style.tag("cols", style.tag("col", min="1", max="16384", width="9", hidden="1")),
    ]
    after = [
        style.tag("autoFilter", ref="A1:G9"),
        style.tag("mergeCells", "", count="0"),
        style.tag("phoneticPr", fontId="1"),
        style.tag(
            "conditionalFormatting",
            style.tag("cfRule", style.tag("formula", "$A1>1"), type="expression", priority="1"),
            sqref="A1",
        ),
        style.tag(
            "dataValidations",
            style.tag("dataValidation", style.tag("formula1", '"a,b"'), sqref="B2"),
            count="1",
        ),
        style.tag("pageMargins", left="0.7", right="0.7"),
        style.tag("extLst", style.tag("ext", "<y:c xmlns:y='urn:y'><y:v>5</y:v></y:c>", uri="{1}")),
    ]
    kept_before = "".join(part for part in before if r.random() < 0.3)
    kept_after = "".join(part for part in after if r.random() < 0.2)
    return kept_before + book.before + style.tag("sheetData", rows or " ") + book.after + kept_after


def document(book: Book, name: str, content: str, *, is_encoded: bool = True) -> bytes:
    style, r = book.style, book.r
    space = STRICT if style.is_strict else MAIN
    mark = f":{style.prefix[:-1]}" if style.prefix else ""
    told = f'<{style.prefix}{name} xmlns{mark}="{space}">{content}</{style.prefix}{name}>'
    encoding = style.encoding if is_encoded else "utf-8"
    if encoding == "utf-16" or r.random() < 0.7:
        named = "UTF-16" if encoding == "utf-16" else r.choice(["UTF-8", "utf-8"])
        told = f'<?xml version="1.0" encoding="{named}" standalone="yes"?>\n' + told
    return told.encode(encoding)


def links(*targets: tuple[str, str]) -> str:
    told = "".join(
        f'<Relationship Id="rId{n}" Type="{OFFICE}/{kind}" Target="{target}"/>'
        for n, (kind, target) in enumerate(targets, start=1)
    )
    return f'<Relationships xmlns="{LINKS}">{told}</Relationships>'


def package(book: Book, sheet: bytes) -> bytes:  # noqa: C901
    """The archive."""
    r, style = book.r, book.style
    title = (
        book.case.table.label_zh if "/" not in book.case.name else r.choice(["Sheet1", "一", "x"])
    )
    sheets = [(title, "", sheet)]
    extra = {
        "empty": (
            "Sheet2",
            "",
            document(
                book, "worksheet", "<sheetData/>" if not style.prefix else style.tag("sheetData")
            ),
        ),
        "notes": (
            "说明",
            "",
            document(
                book,
                "worksheet",
                style.tag("sheetData", style.tag("row", style.tag("c", style.tag("v", "1")))),
            ),
        ),
        "hidden": (
            "WpsReserved",
            "veryHidden",
            document(
                book,
                "worksheet",
                style.tag("sheetData", style.tag("row", style.tag("c", style.tag("v", "1")))),
            ),
        ),
    }
    chosen = r.sample(sorted(extra), r.choice([0, 0, 0, 1, 2]))
    book.case.traits += chosen
    for name in chosen:
        sheets.insert(r.randint(0, len(sheets)), extra[name])
    sheets += book.sheets  # type: ignore[arg-type]
    listed = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{n}" r:id="rId{n}"{f" state={quoteattr(state)}" if state else ""}/>'
        for n, (name, state, _) in enumerate(sheets, 1)
    )
    is_from_root = r.random() < 0.2
    folder = "/xl/" if is_from_root else ""
    targets = [("worksheet", f"{folder}worksheets/sheet{n}.xml") for n in range(1, len(sheets) + 1)]
    parts: dict[str, str | bytes] = {
        "[Content_Types].xml": "<Types xmlns='http://schemas.openxmlformats.org/package/2006/content-types'/>"
    }
    parts["_rels/.rels"] = links(("officeDocument", "xl/workbook.xml"))
    space = STRICT if style.is_strict else MAIN
    dates = (
        f'<workbookPr date1904="{r.choice(["1", "true"])}"/>'
        if book.is_1904
        else r.choice(["", "<workbookPr/>"])
    )
    parts["xl/workbook.xml"] = (
        f'<workbook xmlns="{space}" xmlns:r="{OFFICE}">{dates}<sheets>{listed}</sheets><definedNames><definedName name="x">Sheet1!$A$1</definedName></definedNames><calcPr calcId="1"/></workbook>'
    )
    for n, (*_, content) in enumerate(sheets, 1):
        parts[f"xl/worksheets/sheet{n}.xml"] = content
    if len(book.formats) > 1 or r.random() < 0.5:
        used = "".join(f'<xf numFmtId="{n}"/>' for n in range(164, 164 + len(book.formats)))
        told = "".join(
            f'<numFmt numFmtId="{n}" formatCode={quoteattr(code)}/>'
            for n, code in enumerate(book.formats, 164)
        )
        targets.append(("styles", f"{folder}styles.xml"))
        if book.has_styles:
            parts["xl/styles.xml"] = (
                f'<styleSheet xmlns="{space}"><numFmts>{told}</numFmts><cellXfs>{used}</cellXfs></styleSheet>'
            )
    if book.texts:
        targets.append(("sharedStrings", f"{folder}sharedStrings.xml"))
        if book.has_texts:
            parts["xl/sharedStrings.xml"] = document(book, "sst", "".join(book.texts))
    targets += r.sample(
        [("theme", "theme/theme1.xml"), ("calcChain", "calcChain.xml")], r.choice([0, 1])
    )
    parts["xl/_rels/workbook.xml.rels"] = links(*targets)
    parts |= book.parts
    if r.random() < 0.1:
        parts = dict(sorted(parts.items(), reverse=True))
    stream = io.BytesIO()
    way = r.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
    with zipfile.ZipFile(stream, "w", way) as archive:
        if r.random() < 0.1:
            archive.comment = "由 WPS 生成".encode()
        if r.random() < 0.1:
            archive.writestr("xl/", "")
        for name, part in parts.items():
            with archive.open(name, "w", force_zip64=r.random() < 0.1) as entry:
                entry.write(part.encode() if isinstance(part, str) else part)
    return stream.getvalue()


# What is done to a workbook.


def nothing(book: Book) -> None:
    del book


def prose_in_lines(book: Book) -> None:
    """Cells of several lines, with quotation marks and commas."""
    for number_, cells in book.rows[1:]:
        row = next((row for row in book.case.rows if row.number == number_), None)
        for at, column in enumerate(book.columns, 1):
            if (
                row
                and column.data_type == "varchar"
                and not column.accepted_values
                and not column.is_code
            ):
                text = book.r.choice(
                    [
                        '甲\n"乙","丙"',
                        "一、a\n\n二、b",
                        'x","y',
                        '"',
                        "\\n",
                        "a\tb\nc,d,e,f,g,h,i,j",
                    ]
                )
                row.cells[column.name] = Said(text, text)
                cells[at] = opened(book, *string(book, text))
        if row:
            row.fate = fate_of(book.case.table, row.cells)


def one_cell(change: Callable[[Book, Row, Column], str]) -> Callable[[Book], None]:
    """What is done to a cell."""

    def do(book: Book) -> None:
        row = book.r.choice(book.case.rows)
        at = book.r.randrange(len(book.columns))
        cells = next(cells for number_, cells in book.rows if number_ == row.number)
        if book.columns[at].name == "unit_code":
            at = (at + 1) % len(book.columns)
        cells[at + 1] = change(book, row, book.columns[at])
        book.case.place = book.case.place or f"{letters(at + 1)}{row.number}"

    do.__name__ = change.__name__
    return do


@one_cell
def a_formula(book: Book, row: Row, column: Column) -> str:
    """With a value that was computed once, which may be out of date."""
    said = row.cells[column.name]
    book.case.judge(UNSURE)
    return opened(
        book,
        {"t": "str"},
        f"<{book.style.prefix}f>A1</{book.style.prefix}f>"
        + book.style.tag("v", in_xml(book.r, said.text) or " "),
    )


@one_cell
def a_formula_without_value(book: Book, row: Row, column: Column) -> str:
    book.case.judge(WRONG)
    return opened(book, {}, f"<{book.style.prefix}f>SUM(A1:A2)</{book.style.prefix}f>")


@one_cell
def a_text_that_is_not_there(book: Book, row: Row, column: Column) -> str:
    book.case.judge(WRONG)
    return opened(book, {"t": "s"}, book.style.tag("v", book.r.choice(["9999", "-1", "x", "1.5"])))


@one_cell
def a_style_that_is_not_there(book: Book, row: Row, column: Column) -> str:
    row.judge(WRONG)
    book.case.judge(UNSURE)
    return opened(book, {"s": 999}, book.style.tag("v", "45000"))


@one_cell
def no_number(book: Book, row: Row, column: Column) -> str:
    book.case.judge(WRONG)
    return opened(
        book,
        {},
        book.style.tag(
            "v", book.r.choice(["abc", "1,5", "0x10", "1_000", "５", "NaN", "1E999", "--1"])
        ),
    )


@one_cell
def an_unknown_kind(book: Book, row: Row, column: Column) -> str:
    book.case.judge(WRONG)
    return opened(book, {"t": book.r.choice(["z", "S", "B"])}, book.style.tag("v", "1"))


@one_cell
def too_many_digits(book: Book, row: Row, column: Column) -> str:
    row.judge(WRONG)
    return opened(book, {}, book.style.tag("v", "440305199901011234"))


@one_cell
def a_long_text(book: Book, row: Row, column: Column) -> str:
    book.case.judge(WRONG)
    # One that cells share stands in none of them.
    book.case.place = "characters; shorten it"
    return opened(book, *string(book, "长" * 33_000))


def a_far_cell(book: Book) -> None:
    """Nothing is to be seen in it, but far to the right a text is one all the same."""
    row, column = book.r.choice([(2**20, LAST), (2**20, 1), (None, LAST)])
    is_text = book.r.random() < 1 / 3
    style = book.r.choice([{}, {"s": book.format_number("0.00%")}])
    empty = opened(book, *string(book, " ")) if is_text else opened(book, style, "")
    if is_text and column == LAST:
        book.case.judge(WRONG)
        book.case.place = f"XFD{row or book.rows[-1][0]}"
    if row is None:
        book.rows[-1][1][column] = empty
    else:
        book.rows.append((row, {column: empty}))


def a_far_text(book: Book) -> None:
    book.case.judge(WRONG)
    book.rows.append((2**20, {LAST: opened(book, *string(book, "合计"))}))
    book.case.place = "XFD1048576"


def a_cell_without_header(book: Book) -> None:
    row = book.r.choice(book.case.rows)
    width = len(book.columns)
    at = book.r.randint(width + 1, width + 3)
    next(cells for n, cells in book.rows if n == row.number)[at] = opened(book, *string(book, "x"))
    row.judge(WRONG)
    if at > len(book.case.table.columns):
        book.case.judge(WRONG)
        book.case.place = f"{letters(at)}{row.number}"


def rows_out_of_order(book: Book) -> None:
    if len(book.rows) > 2:
        book.case.judge(UNSURE)
        head, *rest = book.rows
        book.rows = [head, *book.r.sample(rest, len(rest))]
        book.style.references = "all"


def a_row_twice(book: Book) -> None:
    book.case.judge(WRONG)
    book.style.references = "all"
    book.rows.append(book.rows[-1])


def merged_cells(book: Book) -> None:
    book.case.judge(WRONG)
    book.after = book.style.tag("mergeCells", book.style.tag("mergeCell", ref="B2:B3"), count="1")
    book.case.place = "B2:B3"


def a_title_above(book: Book) -> None:
    book.case.judge(WRONG)
    book.rows = [(n + 1, cells) for n, cells in book.rows]
    book.rows.insert(0, (1, {1: opened(book, *string(book, "2023年度报表"))}))


def no_texts(book: Book) -> None:
    """The part that holds the texts is missing."""
    book.has_texts = False
    if any('t="s"' in c or "t='s'" in c for _, cells in book.rows for c in cells.values()):
        book.case.judge(WRONG)


def no_styles(book: Book) -> None:
    book.has_styles = False
    book.case.judge(UNSURE)
    if any(re.search(r" s=.[1-9]", c) for _, cells in book.rows for c in cells.values()):
        book.case.judge(WRONG)


def two_sheets(book: Book) -> None:
    book.case.judge(WRONG)
    other = document(
        book,
        "worksheet",
        book.style.tag(
            "sheetData", book.style.tag("row", book.style.tag("c", book.style.tag("v", "1")))
        ),
    )
    book.sheets.append((book.r.choice(["Sheet1", "备注"]), "", other))  # type: ignore[arg-type]


def broken_xml(book: Book) -> None:
    book.case.judge(WRONG)

    def change(xml: str) -> str:
        at = book.r.randrange(xml.index("sheetData"), len(xml))
        return book.r.choice(
            [
                xml[:at],
                xml[:at] + "<" + xml[at:] + "<",
                xml + "<x/>",
                re.sub("</(?=[^<>]*sheetData>)", "</y", xml),
                xml + "&nbsp;",
            ]
        )

    book.change = change


def a_byte_flipped(book: Book) -> None:
    book.case.judge(UNSURE)

    def finish(content: bytes) -> bytes:
        at = book.r.randrange(len(content))
        return content[:at] + bytes([content[at] ^ 1 << book.r.randrange(8)]) + content[at + 1 :]

    book.finish = finish


def bytes_lost(book: Book) -> None:
    """Some bytes are missing, or are zero, as after a bad copy."""
    book.case.judge(UNSURE)

    def finish(content: bytes) -> bytes:
        at = book.r.randrange(len(content))
        length = book.r.choice([1, 16, 512])
        return content[:at] + book.r.choice([b"", b"\0" * length]) + content[at + length :]

    book.finish = finish


def cut_off(book: Book) -> None:
    book.case.judge(WRONG)
    book.finish = lambda content: content[: book.r.randrange(len(content) - 1)]


def something_around(book: Book) -> None:
    book.finish = lambda content: (
        book.r.choice([b"", b"\0" * 64]) + content + book.r.choice([b"", b"\r\n"])
    )
    book.case.judge(UNSURE)


def named_otherwise(book: Book) -> None:
    book.case.judge(WRONG)
    book.ending = book.r.choice([".csv", ".xls", ".parquet", ".csv.gz", ".xlsm", ".zip", ""])


def a_header_alone(book: Book) -> None:
    del book.rows[1:]
    book.case.rows = []


FAULTS = (
    *(nothing,) * 14, prose_in_lines, prose_in_lines, a_formula, a_formula_without_value,
    a_text_that_is_not_there, a_style_that_is_not_there, no_number, an_unknown_kind, too_many_digits,
    a_long_text, a_far_cell, a_far_cell, a_far_text, a_cell_without_header, rows_out_of_order,
    a_row_twice, merged_cells, a_title_above, no_texts, no_styles, two_sheets, broken_xml, broken_xml,
    a_byte_flipped, a_byte_flipped, bytes_lost, cut_off, something_around, named_otherwise, a_header_alone,
)  # fmt: skip


def workbooks(r: Random, count: int) -> list[Case]:
    """So many workbooks."""
    return [workbook(r, n, fault) for n, fault in enumerate(turns(r, FAULTS, count))]


def workbook(r: Random, number_: int, fault: Callable[[Book], None]) -> Case:
    table = table_of(r)
    is_alone = r.random() < 0.3
    case = Case(f"w{number_:05}" if is_alone else f"{table.name}/w{number_:05}", table)
    book = Book(r, case)
    case.traits = [*book.style.told(), fault.__name__, *["1904"] * book.is_1904]
    lay_out(book)
    fault(book)
    xml = worksheet(book, sheet_of(book))
    sheet = document(book, "worksheet", xml)
    if book.change is not str:
        encoding = "utf-16" if book.style.encoding == "utf-16" else "utf-8"
        sheet = book.change(sheet.decode(encoding)).encode(encoding)
    case.content = book.finish(package(book, sheet))
    case.name += book.ending
    return case
