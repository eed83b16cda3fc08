"""The workbook to fill in: what it offers, and that it loads as it is."""

import datetime
import html
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import xlsxwriter

from orchestration import cli, endings
from orchestration.landing import load as module
from orchestration.landing.contract import Column, Table, landing_contract
from orchestration.landing.template import write_template
from orchestration.landing.workbook import open_workbook
from tests.conftest import LANDING, write
from tests.test_formats import assert_same_rows
from tests.test_landing import refusal, rejected

Rows = dict[str, list[dict[str, Any]]]
TABLES = list(landing_contract().values())


def template(path: Path, year: int, rows: Rows | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as stream:
        write_template(stream, year, rows)
    return path


def raw_rows(con: duckdb.DuckDBPyConnection) -> Rows:
    rows: Rows = {}
    for table in landing_contract():
        found = con.execute(f"from raw.{table} order by source_file, source_row")
        names = [name for name, *_ in found.description]
        rows[table] = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    return rows


@pytest.fixture(scope="module")
def sheets() -> dict[str, str]:
    """The XML of the untouched template's sheets for 2031, by name."""
    stream = io.BytesIO()
    write_template(stream, 2031)
    with zipfile.ZipFile(stream) as archive:
        names = re.findall(r'<sheet name="([^"]*)"', archive.read("xl/workbook.xml").decode())
        return {
            name: html.unescape(archive.read(f"xl/worksheets/sheet{number}.xml").decode())
            for number, name in enumerate(names, start=1)
        }


def validation(sheet: str, table: Table, column: Column) -> dict[str, str]:
    """What a column lets people fill in: the type and its formulas; empty where anything goes."""
    letter = chr(ord("A") + table.columns.index(column))
    found = re.findall(
        rf'<dataValidation type="(\w+)"[^/]*? sqref="{letter}2:{letter}1048576">'
        r"<formula1>(.*?)</formula1>(?:<formula2>(.*?)</formula2>)?",
        sheet,
    )
    assert len(found) <= 1
    return dict(zip(("type", "least", "most"), found[0], strict=True)) if found else {}


def columns() -> Iterator[tuple[Table, Column]]:
    return ((table, column) for table in TABLES for column in table.columns)


def test_filled_in_it_gives_the_same_rows(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    with duckdb.connect() as shipped:
        module.load_year(shipped, LANDING, 2023)
        template(tmp_path / "2023" / "报送.xlsx", 2023, raw_rows(shipped))
    assert_same_rows(con, tmp_path, row_offset=0)


def test_every_type_of_cell_comes_back(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Made-up rows: codes with leading zeros, text that looks like a formula, a day, yes and no."""
    (folder / "2023" / "departments.csv").unlink()
    units = ["yuan", "亿元"]
    rows: Rows = {
        "departments": [{"unit_code": "007", "fiscal_year": 2023, "unit_name": "=甲"}],
        "budgets": [
            {"unit_code": "007", "fiscal_year": 2023, "budget_line": line, "amount_unit": unit}
            | {"executed": 1234567.891}
            for line, unit in zip(("total", "carryover_out"), units, strict=True)
        ],
        "disclosures": [
            {"unit_code": "007", "fiscal_year": 2023, "document": "budget", "status": "exempt"}
            | {"disclosed_on": datetime.date(2023, 2, 28), "url": "http://甲.cn/1"}
        ],
        "performance_targets": [
            {"unit_code": "007", "fiscal_year": 2023, "target_no": "1", "operator": "="}
            | {"is_attained": False, "is_applicable": True}
        ],
    }
    template(folder / "2023" / "a.xlsx", 2023, rows)
    module.load_year(con, folder, 2023)
    assert not rejected(con)
    found = raw_rows(con)
    for table, wanted in rows.items():
        assert len(found[table]) == len(wanted)
        for row, values in zip(found[table], wanted, strict=True):
            values = values | ({"amount_unit": "元"} if values.get("amount_unit") == "yuan" else {})
            shown = {name: row[name] for name in values}
            assert {k: float(v) if k == "executed" else v for k, v in shown.items()} == values
            assert all(row[c.name] is None for c in landing_contract()[table].columns
                       if c.name not in values)  # fmt: skip


def test_untouched_it_lacks_departments_and_nothing_else(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    template(tmp_path / "2023" / "报送.xlsx", 2023)
    assert refusal(con, tmp_path) == [
        "2023: no departments file; expected 2023/departments.csv with a row for each"
    ]


def test_empty_sheets_load_as_no_rows(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Beside a departments file, and beside another workbook."""
    row = {"unit_code": "A", "fiscal_year": 2023, "channel": "来访", "received": 3}
    template(folder / "2023" / "a.xlsx", 2023)
    template(folder / "2023" / "b.xlsx", 2023, {"petitions": [row]})
    loads = module.load_year(con, folder, 2023)
    assert [(load.source_file, load.table_name, load.rows_read) for load in loads] == [
        ("2023/departments.csv", "departments", 1),
        ("2023/b.xlsx", "petitions", 1),
    ]
    assert not rejected(con)


def test_rows_with_formats_only_do_not_count(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Rows that were emptied again: alone, and around one that was filled in."""
    with xlsxwriter.Workbook(folder / "2023" / "a.xlsx") as book:
        emptied = book.add_format({"num_format": "@", "bg_color": "#FFFF00"})
        for table in (landing_contract()[name] for name in ("petitions", "assets")):
            sheet = book.add_worksheet(table.label_zh)
            sheet.write_row(0, 0, [column.label_zh for column in table.columns])
            for number in (1, 2, 4, 5):
                sheet.write_row(number, 0, [None] * len(table.columns), emptied)
        book.worksheets()[0].write_row(3, 0, ["A", 2023, "来访", 3])
    loads = module.load_year(con, folder, 2023)
    assert [(load.table_name, load.rows_read) for load in loads][1:] == [("petitions", 1)]
    assert con.execute("select source_row from raw.petitions").fetchall() == [(4,)]
    assert not rejected(con)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda xml: xml.split(b"<sheetData>")[0], "cannot be read (it is damaged or cut off"),
        (lambda xml: xml.replace(b"sheetData", b"sheetDate"), "cannot be read (it has no cells"),
        (
            lambda xml: xml.replace(b' t="s"', b' t="wrong"'),
            "cell A1: cannot be read ('16' as a cell",
        ),
    ],
)
def test_a_damaged_sheet_is_not_taken_for_an_empty_one(
    damage: Callable[[bytes], bytes],
    reason: str,
    con: duckdb.DuckDBPyConnection,
    folder: Path,
) -> None:
    whole = template(folder / "whole.xlsx", 2023)
    number = 2 + list(landing_contract()).index("petitions")
    with (
        zipfile.ZipFile(whole) as archive,
        zipfile.ZipFile(folder / "2023" / "a.xlsx", "w") as damaged,
    ):
        for name in archive.namelist():
            content = archive.read(name)
            is_it = name == f"xl/worksheets/sheet{number}.xml"
            damaged.writestr(name, damage(content) if is_it else content)
    (told,) = refusal(con, folder)
    assert told.startswith("2023/a.xlsx sheet 群众信访")
    assert reason in told


def test_a_sheet_with_one_cell_filled_in_is_not_passed_over(
    con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    template(folder / "2023" / "a.xlsx", 2023, {"petitions": [{}, {"received": 0}]})
    assert refusal(con, folder)[0].startswith("2023/a.xlsx row 3 column unit_code: empty")


def test_a_sheet_for_each_table_with_its_labels(sheets: dict[str, str], tmp_path: Path) -> None:
    assert list(sheets) == ["说明", *(table.label_zh for table in TABLES)]
    with open_workbook(template(tmp_path / "a.xlsx", 2031), "a.xlsx") as book:
        read = {sheet.name: list(book.rows(sheet, "a.xlsx")) for sheet in book.sheets}
    for table in TABLES:
        ((_, header),) = read[table.label_zh]
        assert list(header.values()) == [column.label_zh for column in table.columns]
        assert 'state="frozen"' in sheets[table.label_zh]
    rows = [[row.get(column, "") for column in range(3, 7)] for _, row in read["说明"]]
    first = rows.index(["英文名", "类型", "主键", "必填"]) + 1
    assert [[name, key, must] for name, _, key, must in rows[first:]] == [
        [f"{t.name}.{c.name}", "是" * c.is_key, "是" * c.is_mandatory] for t, c in columns()
    ]


def test_the_headers_that_must_be_filled_in_are_marked(sheets: dict[str, str]) -> None:
    for table in TABLES:
        styles = re.findall(r'<c r="[A-Z]+1" s="(\d+)"', sheets[table.label_zh])
        marked = [style == styles[0] for style in styles]
        assert marked == [
            column.is_mandatory == table.columns[0].is_mandatory for column in table.columns
        ]


def test_drop_downs_hold_the_codes_of_the_contract(sheets: dict[str, str]) -> None:
    offered = 0
    for table, column in columns():
        found = validation(sheets[table.label_zh], table, column)
        if column.data_type == "boolean":
            assert found["least"] == '"是,否"'
        elif column.yuan_per_unit:
            assert found["least"] == '"元,万元,亿元"'
        elif column.accepted_values:
            assert found["least"] == f'"{",".join(column.accepted_values.values())}"'
        else:
            assert found.get("type") != "list"
            continue
        assert found["type"] == "list"
        offered += 1
    assert offered > 15


def test_numbers_and_days_are_held_to_their_type(sheets: dict[str, str]) -> None:
    for table, column in columns():
        found = validation(sheets[table.label_zh], table, column)
        if column.name == "fiscal_year":
            assert found == {"type": "whole", "least": "2031", "most": "2031"}
        elif column.maximum is not None:
            bounds = {"least": str(column.minimum), "most": str(column.maximum)}
            assert found == {"type": "whole"} | bounds
        elif column.data_type == "integer":
            assert found["type"] == "whole"
        elif column.data_type == "date":
            assert found["type"] == "date"
        elif column.data_type.startswith("decimal"):
            assert found["type"] == "decimal"
        elif column.data_type == "varchar" and not column.accepted_values:
            assert not found


def test_cells_have_the_format_of_their_type(sheets: dict[str, str], tmp_path: Path) -> None:
    """Text stays text, so that a code keeps its leading zeros; no percent format."""
    with zipfile.ZipFile(template(tmp_path / "a.xlsx", 2031)) as archive:
        styles = archive.read("xl/styles.xml").decode()
    own = {
        int(number): html.unescape(code)
        for number, code in re.findall(r'<numFmt numFmtId="(\d+)" formatCode="(.*?)"', styles)
    }
    (cell_styles,) = re.findall(r"<cellXfs.*?</cellXfs>", styles)
    formats = [int(number) for number in re.findall(r'<xf numFmtId="(\d+)"', cell_styles)]
    for table in TABLES:
        shown = re.findall(r'<col min="(\d+)".*? style="(\d+)"', sheets[table.label_zh])
        used = {int(position): formats[int(style)] for position, style in shown}
        for position, column in enumerate(table.columns, start=1):
            found = used.get(position, 0)
            if column.data_type in ("varchar", "boolean"):
                assert own.get(found) == "@"
            elif column.data_type == "date":
                assert own[found] == "yyyy-mm-dd"
            elif column.is_amount:
                assert own[found].startswith("#,##0.00")
            else:
                assert "%" not in own.get(found, "")
                assert own.get(found) != "@"
                assert found not in (9, 10)


def test_headers_have_notes(tmp_path: Path) -> None:
    with zipfile.ZipFile(template(tmp_path / "a.xlsx", 2031)) as archive:
        budgets = next(i for i, table in enumerate(TABLES, start=1) if table.name == "budgets")
        notes = html.unescape(archive.read(f"xl/comments{budgets}.xml").decode())
    assert notes.count("<comment ") == len(landing_contract()["budgets"].columns)
    for said in ("budget_line（主键，必填）", "Line of the budget", "\n合计 = total\n"):
        assert said in notes


def test_a_label_is_taken_for_its_code(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """In a CSV too; a code and its label are the same key, and any other word is rejected."""
    write(
        folder / "2023" / "staffing.csv",
        "unit_code,fiscal_year,staff_category,actual\n"
        "A,2023,行政编制,1\nA,2023, worker ,2\nA,2023,工勤,3\nA,2023,工人,4\n",
    )
    module.load_year(con, folder, 2023)
    assert con.execute("select staff_category, actual from raw.staffing").fetchall() == [
        ("administrative", 1)
    ]
    assert {(row[1], row[4]) for row in rejected(con)} == {
        (3, "worker"),
        (4, "worker"),
        (5, "工人"),
    }
    reasons = {row[1]: row[5] for row in rejected(con)}
    assert "staff_category=worker occurs more than once" in reasons[3]
    assert reasons[5] == (
        "expected one of administrative, institutional, worker, off_establishment"
    )


def test_no_code_has_the_label_of_another() -> None:
    for _, column in columns():
        if not column.yuan_per_unit:
            labels = list(column.accepted_values.values())
            assert len(set(labels)) == len(labels)


def test_the_command_writes_the_file_and_overwrites_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["template", "--year", "2031"]) == 0
    path = tmp_path / "landing-template-2031.xlsx"
    assert "landing-template-2031.xlsx: fill it in" in capsys.readouterr().out
    with open_workbook(path, path.name) as book:
        assert "部门预算" in [sheet.name for sheet in book.sheets]
    before = path.read_bytes()
    assert cli.main(["template", "--year", "2031"]) == endings.WRONG_USAGE
    assert capsys.readouterr().err == (
        "jixiao: landing-template-2031.xlsx: exists already; move it away or choose another --out\n"
    )
    assert path.read_bytes() == before
    assert cli.main(["template", "--year", "2031", "--out", "b.xlsx"]) == 0
    assert (tmp_path / "b.xlsx").exists()
    assert cli.main(["template", "--year", "2031", "--out", "none/b.xlsx"]) == endings.WRONG_USAGE
    assert "none/b.xlsx: cannot be written" in capsys.readouterr().err
