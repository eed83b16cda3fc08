"""What is read from the XML of a workbook: each cell as a person sees it, or one sentence."""

import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.faults import LandingRefused
from orchestration.landing import load as module
from orchestration.landing.number_formats import Cell, NumberFormat
from orchestration.landing.workbook import (
    CHUNK,
    column_letters,
    column_number,
    decoded,
    open_workbook,
)
from tests.conftest import LANDING
from tests.test_formats import rows_of
from tests.test_landing import refusal, rejected

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
STRICT = "http://purl.oclc.org/ooxml/spreadsheetml/main"
LINKS = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
# The styles of the cells below: s="0" is General.
FORMATS = [
    "General", "0.00%", "0.00&quot;%&quot;", r"0.00\%", "0!.0,&quot;万元&quot;", "yyyy\\-mm\\-dd",
    "0.0%;[Red]-0.0%", "#,##0,", "0&quot;年&quot;", "h:mm:ss",
]  # fmt: skip
Parts = dict[str, str | bytes]


def links(*targets: tuple[str, str]) -> str:
    told = "".join(
        f'<Relationship Id="rId{number}" Type="{OFFICE}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets, start=1)
    )
    return f'<Relationships xmlns="{LINKS}">{told}</Relationships>'


def styles(formats: list[str]) -> str:
    told = "".join(
        f'<numFmt numFmtId="{number}" formatCode="{code}"/>'
        for number, code in enumerate(formats, start=164)
    )
    used = "".join(f'<xf numFmtId="{number}"/>' for number in range(164, 164 + len(formats)))
    other = '<dxfs><dxf><numFmt numFmtId="164" formatCode="0%"/></dxf></dxfs>'
    return (
        f'<styleSheet xmlns="{MAIN}"><numFmts>{told}</numFmts><cellStyleXfs><xf numFmtId="9"/>'
        f"</cellStyleXfs><cellXfs>{used}</cellXfs>{other}</styleSheet>"
    )


def sheet(rows: str, below: str = "") -> str:
    return f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData>{below}</worksheet>'


def parts(
    *sheets: str, names: tuple[str, ...] = ("x",), state: str = "", texts: str = "", book: str = ""
) -> Parts:
    """The parts of a workbook; `state` is that of its first sheet."""
    hidden = f' state="{state}"' if state else ""
    listed = "".join(
        f'<sheet name="{name}" sheetId="{number}" r:id="rId{number}"'
        f"{hidden if number == 1 else ''}/>"
        for number, name in enumerate(names, start=1)
    )
    targets = [("worksheet", f"worksheets/sheet{n}.xml") for n in range(1, len(sheets) + 1)]
    made: Parts = {
        "_rels/.rels": links(("officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}">{book}'
        f"<sheets>{listed}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": links(
            *targets, ("styles", "styles.xml"), ("sharedStrings", "sharedStrings.xml")
        ),
        "xl/styles.xml": styles(FORMATS),
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{texts}</sst>',
    }
    return made | {
        f"xl/worksheets/sheet{n}.xml": content for n, content in enumerate(sheets, start=1)
    }


def package(path: Path, content: Parts) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in content.items():
            archive.writestr(name, part)
    return path


def read(path: Path, content: Parts) -> list[tuple[int, dict[int, Cell | str]]]:
    with open_workbook(package(path, content), "a.xlsx") as book:
        return list(book.rows(book.sheets[0], "a.xlsx"))


def told(path: Path, content: Parts) -> str:
    with pytest.raises(LandingRefused) as refused:
        read(path, content)
    (reason,) = refused.value.reasons
    return reason


SHARED = (
    "<si><t>甲</t></si><si><r><t>合</t></r><r><rPr><b/></rPr><t>计</t></r>"
    "<rPh sb='0' eb='1'><t>hé</t></rPh><phoneticPr fontId='1'/></si>"
    "<si><t>一_x000D_&#10;二_x005F_x000D_</t></si><si/><si><t>&#x200B; </t></si>"
)
CELLS: list[tuple[str, Any]] = [
    # what a cell is in the XML, and what is read from it
    ('<c r="A1"><v>1</v></c>', "1"),
    ('<c r="A1"><v>007</v></c>', "7"),
    ('<c r="A1"><v>0.30000000000000004</v></c>', "0.3"),
    ('<c r="A1"><v>1E-7</v></c>', "0.0000001"),
    ('<c r="A1"><v>2.4719060E7</v></c>', "24719060"),
    ('<c r="A1" t="n"><v> 5.0 </v></c>', "5"),
    ("<c r='A1' s='1'><v>0.9569</v></c>", Cell("95.69%", "95.69%")),
    ('<c s="1"><v>0.9569</v></c>', Cell("95.69%", "95.69%")),
    ('<c s="6"><v>0.95694</v></c>', Cell("95.694%", "95.7%")),
    ('<c s="6"><v>-0.5</v></c>', Cell("-50%", "-50.0%")),
    ('<c s="2"><v>95.69</v></c>', Cell("95.69", "95.69%")),
    ('<c s="3"><v>95.69</v></c>', Cell("95.69", "95.69%")),
    ('<c s="8"><v>2023</v></c>', "2023"),
    ('<c s="5"><v>45291</v></c>', "2023-12-31"),
    ('<c s="5"><v>45291.4375</v></c>', "2023-12-31T10:30:00"),
    ('<c s="9"><v>0.4375</v></c>', "10:30:00"),
    ('<c t="d"><v>2023-12-31T00:00:00.000Z</v></c>', "2023-12-31"),
    ('<c t="b"><v>1</v></c>', "true"),
    ('<c t="b"><v>0</v></c>', "false"),
    ('<c t="s"><v>0</v></c>', "甲"),
    ('<c t="s"><v>1</v></c>', "合计"),
    ('<c t="s"><v>2</v></c>', "一\r\n二_x000D_"),
    ('<c t="s" s="1"><v>0</v></c>', "甲"),
    ('<c t="str"><v>a</v></c>', "a"),
    ('<c t="inlineStr"><is><t>a</t></is></c>', "a"),
    ('<c t="inlineStr"><is><r><t>a</t></r><rPh><t>x</t></rPh><r><t xml:space="preserve"> b</t></r>'
     "</is></c>", "a b"),
    ('<c t="inlineStr"><is><t><![CDATA[a<b]]>c<!-- no --></t></is></c>', "a<bc"),
    ('<c t="inlineStr"><is><t>&#13;</t></is></c><c t="str"><v>a&#13;b</v></c>', "a\rb"),
    ("<c><!-- no --><v>1<!-- 2 -->3</v><extLst><ext><c>9</c></ext></extLst></c>", "13"),
    (" <c >\n <v>4</v>\n </c> ", "4"),
    ("<c/><c><v/></c><c><v>5</v></c>", "5"),
]  # fmt: skip


@pytest.mark.parametrize(("cell", "read_as"), CELLS)
def test_a_cell_is_read_as_it_is_seen(cell: str, read_as: Any, tmp_path: Path) -> None:
    ((row, cells),) = read(tmp_path / "a.xlsx", parts(sheet(f"<row>{cell}</row>"), texts=SHARED))
    assert row == 1
    assert list(cells.values()) == [read_as]


@pytest.mark.parametrize("nothing", ["<c/>", '<c t="s"><v>3</v></c>', '<c t="s"><v>4</v></c>',
                                     '<c t="inlineStr"><is/></c>', '<c t="str"><v>\u3000</v></c>'])  # fmt: skip
def test_what_nobody_can_see_is_nothing(nothing: str, tmp_path: Path) -> None:
    assert read(tmp_path / "a.xlsx", parts(sheet(f"<row>{nothing}</row>"), texts=SHARED)) == []


def test_where_cells_stand(tmp_path: Path) -> None:
    """Cells and rows with a reference, without one, and mixed."""
    value = "<v>1</v></c>"
    rows = (
        f"<row><c>{value}</row><row r='5'><c r='C5'>{value}<c>{value}</row><row><c>{value}</row>"
        f"<row><c r='B9'>{value}<c r='D9'>{value}<c>{value}</row><row r='1048576'>"
        f"<c r='XFD1048576'>{value}</row>"
    )
    found = [(row, list(cells)) for row, cells in read(tmp_path / "a.xlsx", parts(sheet(rows)))]
    assert found == [(1, [1]), (5, [3, 4]), (6, [1]), (9, [2, 4, 5]), (1048576, [16384])]
    assert [column_letters(n) for n in (1, 26, 27, 702, 703, 16384)] == [
        "A", "Z", "AA", "ZZ", "AAA", "XFD",
    ]  # fmt: skip
    assert all(column_number(column_letters(n)) == n for n in range(1, 16385))


def prefixed(content: Parts) -> Parts:
    xml = str(content["xl/worksheets/sheet1.xml"])
    for tag in ("worksheet", "sheetData", "row", "c", "v"):
        xml = xml.replace(f"<{tag} ", f"<x:{tag} ").replace(f"<{tag}>", f"<x:{tag}>")
        xml = xml.replace(f"</{tag}>", f"</x:{tag}>")
    return content | {"xl/worksheets/sheet1.xml": xml.replace("xmlns=", "xmlns:x=")}


def strict(content: Parts) -> Parts:
    return {
        name: str(part).replace(MAIN, STRICT).replace(OFFICE, "http://purl.oclc.org/ooxml/o/r")
        for name, part in content.items()
    }


def elsewhere(content: Parts) -> Parts:
    """The workbook in the root, and links from it that begin there."""
    told = str(content["xl/_rels/workbook.xml.rels"])
    return {
        "_rels/.rels": links(("officeDocument", "/Book22.xml")),
        "book22.xml": content["xl/workbook.xml"],
        "_rels/Book22.xml.rels": told.replace('Target="', 'Target="/xl/../xl/'),
        "XL/Worksheets/sheet1.xml": content["xl/worksheets/sheet1.xml"],
        "xl\\styles.xml": content["xl/styles.xml"],
        "xl/sharedStrings.xml": content["xl/sharedStrings.xml"],
    }


def in_utf16(content: Parts) -> Parts:
    xml = '<?xml version="1.0" encoding="UTF-16"?>' + str(content["xl/worksheets/sheet1.xml"])
    return content | {"xl/worksheets/sheet1.xml": xml.encode("utf-16")}


@pytest.mark.parametrize("change", [prefixed, strict, elsewhere, in_utf16])
def test_the_same_in_other_words(change: Callable[[Parts], Parts], tmp_path: Path) -> None:
    content = parts(sheet('<row><c s="1"><v>0.5</v></c><c s="5"><v>1</v></c></row>'))
    found = read(tmp_path / "a.xlsx", change(content))
    assert found == [(1, {1: Cell("50%", "50.00%"), 2: "1900-01-01"})]


def test_days_since_1904(tmp_path: Path) -> None:
    rows = sheet('<row><c s="5"><v>43829</v></c></row>')
    content = parts(rows, book='<workbookPr date1904="1"/>')
    assert read(tmp_path / "a.xlsx", content) == [(1, {1: "2023-12-31"})]


def test_a_row_without_a_number_is_that_of_its_first_cell(tmp_path: Path) -> None:
    """Also where that number ends with the one that the row would have."""
    rows = '<row r="5"><c><v>1</v></c></row><row><c r="B1048576"><v>2</v></c></row>'
    assert read(tmp_path / "a.xlsx", parts(sheet(rows))) == [
        (5, {1: "1"}),
        (1048576, {2: "2"}),
    ]


V = "<v>1</v>"
DAMAGED: list[tuple[str, str]] = [
    # what is between <sheetData> and its end, and what is said of it
    ("<row><c><f>1+1</f><v>2</v></c></row>", "cell A1: a formula; copy the sheet's cells"),
    ('<row r="3"><c r="B3"><f t="shared" si="0"/><v>2</v></c></row>', "cell B3: a formula"),
    ("<row><c><v>1</v><f>1</f></c></row>", "cell A1: a formula"),
    (f'<row r="2"><c r="A2">{V}</c></row><row r="2"/>', "row 2 after row 2"),
    (f'<row r="2"><c r="A2">{V}</c></row><row r="1"/>', "row 1 after row 2"),
    ('<row r="1048577"/>', "row 1048577 after row 0; the last is 1048576"),
    ('<row r="-1"/>', "row -1 after row 0"),
    ('<row r="one"/>', "cannot be read"),
    (f'<row r="1"><c r="B1">{V}</c><c r="A1">{V}</c></row>', "cell B1: cannot be read (followed by A1)"),
    (f'<row r="1"><c r="B1">{V}</c><c r="B1">{V}</c></row>', "cell B1: cannot be read (followed by B1)"),
    (f'<row r="1"><c r="XFE1">{V}</c></row>', "followed by XFE1"),
    (f'<row r="1"><c r="A2">{V}</c></row>', "followed by A2, in row 1"),
    (f'<row><c r="A2">{V}</c><c r="B3">{V}</c></row>', "followed by B3, in row 2"),
    (f'<row r="1"><c r="1">{V}</c></row>', "followed by 1"),
    (f'<row><c r="XFD1">{V}</c><c>{V}</c></row>', "a cell beyond the last column"),
    ("<row><c><v>1</v><v>2</v></c></row>", "cell A1: cannot be read (a value too many)"),
    ("<row><c><v>1</v><is><t>2</t></is></c></row>", "cell A1: cannot be read"),
    ("<row><c>5</c></row>", "cell A1: cannot be read (text that is no value)"),
    ("<row><c><v>abc</v></c></row>", "cell A1: cannot be read ('abc' as a number)"),
    ("<row><c><v>1_0</v></c></row>", "'1_0' as a number"),
    ("<row><c><v>５</v></c></row>", "'５' as a number"),
    ("<row><c><v>NaN</v></c></row>", "'NaN' as a number"),
    ("<row><c><v>1E999</v></c></row>", "'1E999' as a number"),
    ('<row><c t="s"><v>99</v></c></row>', "cell A1: cannot be read (text 99 of 5)"),
    ('<row><c t="s"><v>-1</v></c></row>', "text -1 of 5"),
    ('<row><c t="b"><v>2</v></c></row>', "'2' as a cell of the kind b"),
    ('<row><c t="z"><v>2</v></c></row>', "'2' as a cell of the kind z"),
    ('<row><c s="99"><v>2</v></c></row>', "style 99, which is not there"),
    (f"<row><c>{V}</c><d/></row>", "cell A1: cannot be read (d within row)"),
    (f'<row><c xmlns="urn:x">{V}</c></row>', "row 1: cannot be read (c within row)"),
    (f"<c>{V}</c>", "a cell outside a row"),
    ("<row><row/></row>", "a row outside the cells"),
    ("<row><c><c/></c></row>", "a cell outside a row"),
    ("</sheetData><sheetData>", "two lists of cells"),
    ("<row><c>", "it is damaged or cut off"),
    (f"<row><c t='inlineStr'><is>{'<r>' * 99}", "elements within each other"),
    (f"<row><c><extLst>{'<a>' * 99}", "elements within each other"),
    (f"<row><c t='str'><v>{'长' * 40_000}</v></c></row>", "cell A1: a text of more than 32767"),
    # Told before its end is read, however far away that is.
    (f"<row><c t='str'><v>{'a' * CHUNK * 3}<<", "cell A1: a text of more than 32767"),
    ("&bomb;", "it is damaged or cut off"),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "reason"), DAMAGED)
def test_a_sheet_at_fault_is_told_in_a_sentence(rows: str, reason: str, tmp_path: Path) -> None:
    found = told(tmp_path / "a.xlsx", parts(sheet(rows), texts=SHARED))
    assert found.startswith("a.xlsx")
    assert reason in found
    assert len(found.splitlines()) == 1


BOMB = f'<!DOCTYPE x [<!ENTITY a "{"b" * 99}"><!ENTITY c "{"&a;" * 99}">]>'
PACKAGES: list[tuple[Parts, str]] = [
    # parts in the place of those of a good workbook, and what is said
    ({"xl/worksheets/sheet1.xml": BOMB + sheet("")}, "it declares a document type"),
    ({"xl/sharedStrings.xml": BOMB + "<sst/>"}, "it declares a document type"),
    ({"xl/worksheets/sheet1.xml": ""}, "it is damaged or cut off"),
    ({"xl/worksheets/sheet1.xml": "<worksheet/>"}, "worksheet is no sheet of cells"),
    ({"xl/worksheets/sheet1.xml": f'<worksheet xmlns="{MAIN}"/>'}, "it has no cells"),
    ({"xl/worksheets/sheet1.xml": sheet("", '<mergeCells><mergeCell ref="A1:B2"/></mergeCells>')},
     "cells A1:B2: merged cells; unmerge and fill them"),
    ({"xl/worksheets/sheet1.xml": "<a>" * 99}, "cannot be read"),
    ({"xl/worksheets/sheet1.xml": f'<worksheet xmlns="{MAIN}">{"<a>" * 99}'}, "within each other"),
    ({"xl/worksheets/sheet1.xml": f"<a b='{' ' * 2**25}"}, "a tag without an end"),
    ({"xl/sharedStrings.xml": "<a>" * 99}, "within each other"),
    ({"xl/styles.xml": "<a>" * 99}, "within each other"),
    ({"xl/_rels/workbook.xml.rels": links(("worksheet", "none.xml"))}, "its part /xl/none.xml is missing"),
    ({"xl/_rels/workbook.xml.rels": links(("styles", "styles.xml"))},
     "sheet x: cannot be read (its part is missing)"),
    ({"_rels/.rels": links(("officeDocument", "word/document.xml"))}, "it holds no workbook"),
    ({"_rels/.rels": links(("officeDocument", "xl/styles.xml"))}, "it is another kind of styleSheet"),
    ({"_rels/.rels": links(("officeDocument", "xl/b.bin")), "xl/b.bin": ""}, ".xlsb"),
    ({"XL/Workbook.xml": "<workbook/>"}, "it holds a part twice"),
    (parts(*3 * [sheet("")], names=("x", " y", "X")), "sheet X: a name that occurs twice"),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "reason"), PACKAGES)
def test_a_package_at_fault_is_told_in_a_sentence(
    changed: Parts, reason: str, tmp_path: Path
) -> None:
    good = parts(sheet('<row><c t="s"><v>0</v></c></row>'), texts=SHARED)
    found = told(tmp_path / "a.xlsx", good | changed)
    assert found.startswith("a.xlsx")
    assert reason in found


def test_each_flipped_byte_is_seen(tmp_path: Path) -> None:
    """Read as before, or refused; never otherwise."""
    path = tmp_path / "a.xlsx"
    expected = read(
        path, parts(sheet('<row><c t="s"><v>0</v></c><c><v>12</v></c></row>'), texts=SHARED)
    )
    whole = path.read_bytes()
    refused = 0
    for at in range(0, len(whole), 3):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x20]) + whole[at + 1 :])
        try:
            with open_workbook(path, "a.xlsx") as book:
                assert [row for s in book.sheets for row in book.rows(s, "a.xlsx")] in (
                    expected,
                    [],
                )
        except LandingRefused as error:
            refused += 1
            assert all(reason.startswith("a.xlsx") for reason in error.reasons)
    assert refused > len(whole) / 6


CODES: list[tuple[str, str, Cell | str]] = [
    # a format, a number, and how it is read under it
    ("0.0_%", "1.5", "1.5"),
    ("0*%", "2", "2"),
    ("[$%-1]0", "3", Cell("3", "%3")),
    ('0.00;"%"-0.0', "1", "1"),
    ("0.00;-0.0%", "-0.12", Cell("-12%", "-12.0%")),
    ("0.00;-0.0%", "0.12", "0.12"),
    ('0.0%;-0.0%;"零"', "0", "0"),
    ("0.0%;@", "0.5", Cell("50%", "50.0%")),
    ("[<1]0.0%;0.0", "0.5", Cell("50%", "50.0%")),
    ("[<1]0.0%;0.0", "50", "50"),
    ("[>=1]0;[<0]0;0%", "0.5", Cell("50%", "50%")),
    ("#,##0.0#%", "12.34567", Cell("1234.567%", "1,234.57%")),
    ("#,##0.0#%", "0.5", Cell("50%", "50.0%")),
    ('General"%"', "95.69", Cell("95.69", "95.69%")),
    ('0"万元"', "3", "3"),
    ('G/通用格式"年度"', "2023", "2023"),
    ("# ?/?", "0.5", "0.5"),
    ("0.00E+00", "123456", "123456"),
    ('_(* #,##0.00_);_(* \\(#,##0.00\\);_(* "-"??_);_(@_)', "-5", "-5"),
    ("[DBNum1]0", "12", "12"),
    ("[$-804]yyyy/m/d;@", "45291", "2023-12-31"),
    ('e"年"m"月"', "45291", "2023-12-31"),
    ("e-m-d", "45291", "2023-12-31"),
    ("[h]:mm", "1.5", "36:00:00"),
    ("yyyy-m-d", "59", "1900-02-28"),
    ("yyyy-m-d", "61", "1900-03-01"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "number", "read_as"), CODES)
def test_a_number_under_its_format(code: str, number: str, read_as: Cell | str) -> None:
    assert NumberFormat(code).show(number) == read_as


@pytest.mark.parametrize(
    "code", ["0,", "0.00,,", "#,##0,.0", "0!.0000", '0"."0000', "0%%", "0.0,%"]
)
def test_a_format_that_shows_another_number_is_a_fault(code: str) -> None:
    shown = NumberFormat(code).show("24719060")
    assert isinstance(shown, Cell)
    assert shown.text == ""
    assert f"the number format {code} shows another number" in shown.fault


@pytest.mark.parametrize("number", ["0", "60", "-1", "2958466", "1e300"])
def test_a_day_that_does_not_exist_is_a_fault(number: str) -> None:
    shown = NumberFormat("yyyy-m-d").show(number)
    assert isinstance(shown, Cell)
    assert "no day that exists" in shown.fault


def test_characters_written_as_numbers() -> None:
    assert decoded("_xD83D__xDE00_") == "😀"
    assert decoded("_xd800__x0000_") == "\ufffd\ufffd"
    assert decoded("_x41_ _xGGGG_") == "_x41_ _xGGGG_"


TEXT = '<c t="str"><v>{}</v></c>'


def row(*cells: object) -> str:
    """Cells of text, and other cells as they are."""
    return f"<row>{''.join(str(c) if str(c)[:1] == '<' else TEXT.format(c) for c in cells)}</row>"


STAFFING = row("unit_code", "fiscal_year", "staff_category", "actual")
FIGURES = row("unit_code", "fiscal_year", "measure_code", "location", "printed")


def test_an_error_rejects_its_row_and_no_other(
    con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    """In a number, in a text, and in two cells of a row."""
    error = '<c t="e"><v>{}</v></c>'.format
    rows = (
        FIGURES
        + row("A", 2023, "q1_progress", "p1", error("#REF!"))
        + row("A", 2023, error("#N/A"), "p2", error("#CALC!"))
        + row("A", 2023, "q2_progress", "p3", "1%")
    )
    package(folder / "2023" / "reported_figures.xlsx", parts(sheet(rows)))
    module.load_year(con, folder, 2023)
    assert con.execute("select source_row, printed from raw.reported_figures").fetchall() == [
        (4, "1%")
    ]
    first, second = rejected(con)
    assert first[1:5] == (2, "A", "printed", "#REF!")
    assert first[5] == (
        "an error of the spreadsheet; correct the formula and paste its value, or type the value"
    )
    assert second[1:5] == (3, "A", "measure_code", "#N/A")
    assert "; printed: an error of the spreadsheet" in second[5]


def test_an_error_in_a_header_refuses_the_file(
    con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    content = sheet(STAFFING.replace('<c t="str"><v>actual', '<c t="e"><v>#NAME?'))
    package(folder / "2023" / "staffing.xlsx", parts(content))
    assert refusal(con, folder)[0].startswith(
        "2023/staffing.xlsx cell D1: #NAME?, an error of the spreadsheet"
    )


def test_a_header_stands_side_by_side(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    content = sheet(STAFFING.replace("<row>", "<row><c/>"))
    package(folder / "2023" / "staffing.xlsx", parts(content))
    assert refusal(con, folder) == [
        "2023/staffing.xlsx cell B1: the cell to the left of this header is empty; "
        "delete its column"
    ]


def test_a_row_whose_department_is_an_error_is_told(
    con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    rows = STAFFING + row('<c t="e"><v>#REF!</v></c>', 2023, "worker", 1)
    package(folder / "2023" / "staffing.xlsx", parts(sheet(rows)))
    (reason,) = refusal(con, folder)
    assert reason.startswith("2023/staffing.xlsx row 2 column unit_code: #REF!, an error of the")


def test_a_percentage_in_a_text_is_kept_as_it_is_shown(
    con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    cells = ['<c s="6"><v>0.95694</v></c>', '<c s="2"><v>95.694</v></c>', "<c><v>27115</v></c>"]
    rows = FIGURES + "".join(
        row("A", 2023, "q1_progress", f"p{number}", cell) for number, cell in enumerate(cells)
    )
    package(folder / "2023" / "reported_figures.xlsx", parts(sheet(rows)))
    module.load_year(con, folder, 2023)
    found = con.execute("select printed from raw.reported_figures order by source_row").fetchall()
    assert found == [("95.7%",), ("95.69%",), ("27115",)]


def test_a_number_shown_in_another_unit_rejects_its_row(
    con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    rows = row("unit_code", "fiscal_year", "budget_line", "executed", "amount_unit") + row(
        "A", 2023, "total", '<c s="4"><v>24719060</v></c>', "万元"
    )
    package(folder / "2023" / "budgets.xlsx", parts(sheet(rows)))
    module.load_year(con, folder, 2023)
    ((*found, reason),) = rejected(con)
    assert found == ["2023/budgets.xlsx", 2, "A", "executed", "24719060"]
    assert 'the number format 0!.0,"万元" shows another number' in reason


def test_a_code_that_lost_its_last_digits_is_rejected(
    con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    rows = row("unit_code", "fiscal_year", "project_code") + "".join(
        row("A", 2023, f"<c><v>{code}</v></c>") for code in (440305199901011000, 123456789012345)
    )
    package(folder / "2023" / "projects.xlsx", parts(sheet(rows)))
    module.load_year(con, folder, 2023)
    ((*found, reason),) = rejected(con)
    assert found == ["2023/projects.xlsx", 2, "A", "project_code", "440305199901011000"]
    assert "more than 15 digits" in reason


def test_line_breaks_in_a_cell_are_text(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    rows = FIGURES + "".join(
        row("A", 2023, "q1_progress", f"p{n}{mark}q", "1%")
        for n, mark in enumerate(["&#13;", "&#10;", "_x000D_&#10;", '"', ",", "\\", "&#x2028;"])
    )
    package(folder / "2023" / "reported_figures.xlsx", parts(sheet(rows)))
    (_, load) = module.load_year(con, folder, 2023)
    assert (load.rows_read, load.rows_loaded) == (7, 7)
    found = con.execute("select source_row, location from raw.reported_figures order by 1")
    assert found.fetchall() == [
        (2, "p0\rq"), (3, "p1\nq"), (4, "p2\r\nq"), (5, 'p3"q'), (6, "p4,q"), (7, "p5\\q"),
        (8, "p6\u2028q"),
    ]  # fmt: skip


FAR = [
    # where a cell stands, how it is written, and what is told of it; near by, a blank is nothing
    ("XFD1048576", '<c r="{}" t="str"><v>合计</v></c>', "'合计' stands beyond"),
    ("F2", '<c r="{}"><v>1</v></c>', "'1' stands beyond"),
    ("XFD1048576", '<c r="{}" t="inlineStr"><is><t> </t></is></c>', "a text that nobody can see stands far"),
    ("IW3", '<c r="{}" t="s"><v>4</v></c>', "a text that nobody can see stands far"),
    ("XFD1", '<c r="{}" t="str"><v>&#x3000;</v></c>', "a text that nobody can see stands far"),
    ("IV3", '<c r="{}" t="s"><v>4</v></c>', ""),
    ("A1048576", '<c r="{}" t="str"><v> </v></c>', ""),
    ("XFD1048576", '<c r="{}" t="s"><v>3</v></c>', ""),
    ("XFD1048576", '<c r="{}" s="1"/>', ""),
]  # fmt: skip


@pytest.mark.parametrize(("place", "cell", "reason"), FAR)
def test_a_far_cell_costs_nothing(
    place: str, cell: str, reason: str, con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    """And is told by its name, unless there is no text in it, or one near by that nobody sees."""
    number = place.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    rows = {"1": STAFFING, "2": row("A", 2023, "worker", 1)}
    rows[number] = rows.get(number, "<row></row>").replace("</row>", f"{cell.format(place)}</row>")
    content = "".join(xml.replace("<row", f'<row r="{n}"') for n, xml in rows.items())
    for name in ("staffing", "all"):
        path = folder / "2023" / f"{name}.xlsx"
        package(path, parts(sheet(content), names=("staffing",), texts=SHARED))
        began = time.process_time()
        if reason:
            told_of = "2023/staffing.xlsx" if name == "staffing" else "2023/all.xlsx sheet staffing"
            (line,) = refusal(con, folder)
            assert line.startswith(f"{told_of} cell {place}: {reason}")
            assert line.endswith("the columns of the table; delete it")
        else:
            (_, load) = module.load_year(con, folder, 2023)
            assert (load.rows_read, load.rows_loaded) == (1, 1)
        assert time.process_time() - began < 5
        path.unlink()


def test_sheets_that_programs_add_are_passed_over(
    con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    table, empty = sheet(STAFFING + row("A", 2023, "worker", 1)), sheet("")
    names = ("WpsReserved_CellImgList", "人员编制", "Sheet2", "图", "说明")
    content = parts(sheet(row("x")), table, empty, empty, sheet(row("x")), names=names,
                    state="veryHidden")  # fmt: skip
    content["xl/_rels/workbook.xml.rels"] = str(content["xl/_rels/workbook.xml.rels"]).replace(
        f'{OFFICE}/worksheet" Target="worksheets/sheet4', f'{OFFICE}/chartsheet" Target="x/c'
    )
    package(folder / "2023" / "报送.xlsx", content)
    alone = parts(sheet(row("x")), table.replace(">A<", ">B<"), names=names[:2], state="hidden")
    package(folder / "2023" / "staffing" / "b.xlsx", alone)
    (_, *loads) = module.load_year(con, folder, 2023)
    assert [(load.source_file, load.rows_loaded) for load in loads] == [
        ("2023/staffing/b.xlsx", 1),
        ("2023/报送.xlsx", 1),
    ]


@pytest.mark.parametrize("state", ["hidden", "veryHidden"])
@pytest.mark.parametrize("name", ["部门预算", " Budgets"])
def test_a_hidden_table_is_never_read_in_silence(
    name: str, state: str, con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    table = sheet(STAFFING + row("A", 2023, "worker", 1))
    content = parts(sheet(row("x") + row("y")), table, names=(name, "staffing"), state=state)
    for path in ("a.xlsx", "staffing.xlsx"):
        package(folder / "2023" / path, content)
    assert refusal(con, folder) == [
        f"2023/{path} sheet {name}: a hidden sheet that is a table; unhide it if it is delivered, "
        "else delete it"
        for path in ("a.xlsx", "staffing.xlsx")
    ]
    for path in ("a.xlsx", "staffing.xlsx"):
        (folder / "2023" / path).unlink()
    package(folder / "2023" / "a.xlsx", content | {"xl/worksheets/sheet1.xml": sheet(row("x"))})
    assert [load.rows_loaded for load in module.load_year(con, folder, 2023)] == [1, 1]


def test_a_table_in_a_sheet_that_nobody_sees_is_told(
    con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    content = parts(sheet(STAFFING), sheet(""), names=("x", "y"), state="hidden")
    package(folder / "2023" / "staffing.xlsx", content)
    assert refusal(con, folder) == ["2023/staffing.xlsx: its table is in a hidden sheet; unhide it"]


def test_all_that_is_wrong_with_a_workbook_is_told_at_once(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """And that it holds departments is not denied."""
    formula, error = "<c><f>1</f><v>1</v></c>", '<c s="99"><v>1</v></c>'
    content = parts(
        sheet(row("unit_code", "fiscal_year") + row("A", formula)),
        sheet(STAFFING + row("A", 2023, "worker", error)),
        names=("departments", "staffing"),
    )
    package(tmp_path / "2023" / "a.xlsx", content)
    assert [reason.split(":")[0] for reason in refusal(con, tmp_path)] == [
        "2023/a.xlsx sheet departments cell B2",
        "2023/a.xlsx sheet staffing cell D2",
    ]


def test_two_sheets_of_a_table_are_refused(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    table = sheet(STAFFING + row("A", 2023, "worker", 1))
    package(folder / "2023" / "a.xlsx", parts(table, table, names=("staffing", "人员编制")))
    assert refusal(con, folder) == [
        "2023/a.xlsx sheet 人员编制: another sheet is this table too; put all rows into one"
    ]


def as_percentages(rows: list[list[str]]) -> str:
    """A table without references, its percentages as cells that show one."""
    header, *below = rows
    made = [row(*header)]
    for record in below:
        cells = []
        for name, text in zip(header, record, strict=True):
            if name.endswith("_pct") and text:
                cells.append(f'<c s="1"><v>{float(text) / 100!r}</v></c>')
            else:
                cells.append(TEXT.format(text.replace("&", "&amp;").replace("<", "&lt;")))
        made.append(f"<row>{''.join(cells)}</row>")
    return sheet("".join(made))


def test_the_delivered_tables_are_the_same_as_workbooks(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    tables = sorted((LANDING / "2023").glob("*.csv"))
    for source in tables:
        content = parts(as_percentages(rows_of(source)))
        package(tmp_path / "2023" / f"{source.stem}.xlsx", content)
    module.load_year(con, LANDING, 2023)
    lineage = "exclude (load_id, source_file, source_sha256)"
    wanted = {s.stem: con.execute(f"select * {lineage} from raw.{s.stem} order by all").fetchall()
              for s in tables}  # fmt: skip
    module.load_year(con, tmp_path, 2023)
    assert rejected(con) == []
    for name, rows in wanted.items():
        found = con.execute(f"select * {lineage} from raw.{name} order by all").fetchall()
        assert found == rows, name


def test_a_cell_beside_the_table_is_never_taken_for_one_that_is_left_out(
    con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    """A row has as many cells as the header, one of them beyond it."""
    rows = row("unit_code", "fiscal_year", "item", "budgeted", "actual") + row(
        "A", 2023, "three_public", "<c/>", "7", "8"
    )
    package(folder / "2023" / "public_expenses.xlsx", parts(sheet(rows)))
    module.load_year(con, folder, 2023)
    ((*found, reason),) = rejected(con)
    assert found == ["2023/public_expenses.xlsx", 2, "A", None, "8"]
    assert reason == "cell F2 has no header above it; delete it"
