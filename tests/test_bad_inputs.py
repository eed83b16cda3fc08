"""What bureaus deliver by mistake: each gets a sentence, and nothing that is published changes."""

import copy
import gzip
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
import xlsxwriter

from tests.conftest import LANDING, Published, jixiao, write
from tests.test_landing import BUDGETS, load, refusal, rejected

DEPARTMENTS_2023 = LANDING / "2023" / "departments.csv"
Make = Callable[[Path], None]
SME = "unit_code,fiscal_year,item,actual,amount_unit\n"
HEADER = SME.strip().split(",")


def text(content: str | bytes) -> Make:
    return lambda path: write(path, content)


def workbook(rows: list[list[Any]], change: Callable[[Any, Any], Any] | None = None) -> Make:
    def make(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with xlsxwriter.Workbook(path) as book:
            sheet = book.add_worksheet("x")
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
            if change:
                change(book, sheet)

    return make


def truncated(make: Make, left_out: int) -> Make:
    def cut(path: Path) -> None:
        make(path)
        path.write_bytes(path.read_bytes()[:-left_out])

    return cut


def packed(content: bytes) -> Make:
    return lambda path: write(path, gzip.compress(content))


def parquet(query: str) -> Make:
    def make(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        duckdb.execute(f"copy ({query}) to '{path}' (format parquet)")

    return make


def damaged(make: Make) -> Make:
    def change(path: Path) -> None:
        make(path)
        content = path.read_bytes()
        path.write_bytes(content[:8] + b"\xff" * 40 + content[48:])

    return change


def link(target: str) -> Make:
    def make(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)

    return make


def folder_named(path: Path) -> None:
    path.mkdir(parents=True)


def pipe(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(path)


def zip_bomb(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"\0" * 2**26)
        # What is packed once stands in the archive's list as 65 files.
        for number in range(64):
            (again := copy.copy(archive.filelist[0])).filename = f"xl/{number}.xml"
            archive.filelist.append(again)


def zip_of_nothing(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "x")


# The container that .xls files and password-protected .xlsx files have.
OLE = bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 600
ENCRYPTED = OLE + "EncryptedPackage".encode("utf-16-le")

# Name of the file, how it is made, and what the one line says that refuses the year.
REFUSED = [
    ("budget.csv", text(BUDGETS), "'budget' is no table of the landing contract; did you mean budgets?"),
    ("notes.txt", text("x"), "'notes' is no table of the landing contract"),
    ("budgets.txt", text(BUDGETS), "cannot read .txt; open it and save it as CSV UTF-8 (.csv)"),
    ("部门预算.txt", text(BUDGETS.encode("utf-16")), "is 'Unicode text' (UTF-16); open it and save it"),
    ("budgets.xls", text(OLE), "cannot read .xls; open it and save it as .xlsx"),
    ("报送.ET", text(OLE), "cannot read .et; open it and save it as .xlsx"),
    ("budgets/1.ods", text("x"), "cannot read .ods; open it and save it as .xlsx"),
    ("2023.rar", text("x"), "cannot read .rar; unpack it and deliver what is in it"),
    ("budgets.csv.zip", zip_of_nothing, "cannot read .zip; unpack it and deliver what is in it"),
    ("budgets.csv.crdownload", text(BUDGETS), "a .crdownload file is unfinished or left over"),
    ("~budgets.tmp", text(BUDGETS), "a .tmp file is unfinished or left over"),
    ("budgets (1).csv", text(BUDGETS), "a copy of budgets? keep one and remove the other"),
    ("budgets - 副本.csv", text(BUDGETS), "a copy of budgets? keep one"),
    ("副本budgets.csv", text(BUDGETS), "a copy of budgets? keep one"),
    ("budgets-DESKTOP-7A.csv", text(BUDGETS), "a copy of budgets? keep one"),
    ("部门预算 的副本.csv", text(BUDGETS), "a copy of 部门预算? keep one"),
    ("budgets", text(BUDGETS), "cannot read a file without an ending"),
    ("budgets.csv", text(""), "2023/budgets.csv: empty; expected a header row"),
    ("budgets.csv", text("\n"), "2023/budgets.csv: empty; expected a header row"),
    ("budgets.csv", text("\ufeff"), "2023/budgets.csv: empty; expected a header row"),
    ("budgets.csv", text("A,2023,total,1,2,3,元\n"), "row 1: 'A,2023,total,1,2,3,元' is no header of budgets; expected unit_code"),
    ("budgets.csv", text(BUDGETS.replace("executed", "excuted")),
     "row 1 column 6: 'excuted' is no column of budgets; did you mean executed? "),
    ("budgets.csv", text(BUDGETS.replace("executed", "决算支出")),
     "row 1 column 6: '决算支出' is no column of budgets; did you mean 决算支出数? "),
    ("budgets.csv", text(BUDGETS.replace("executed", "adjusted_budget")),
     "row 1 column 6: 'adjusted_budget' occurs twice"),
    ("budgets.csv", text(BUDGETS.replace("executed", "调整预算数")), "row 1 column 6: '调整预算数' occurs twice"),
    ("budgets.csv", text(BUDGETS.replace("executed", "")), "row 1 column 6: '' is no column of budgets"),
    ("budgets.csv", text(BUDGETS.replace("budget_line,", "")), "the key column budget_line is missing"),
    ("budgets.csv", text(BUDGETS.replace(",", ";")),
     "is no header of budgets; its cells are separated by semicolons, save it as CSV UTF-8"),
    ("budgets.csv", text(BUDGETS.replace(",", "\t")), "its cells are separated by tabs, save it as"),
    ("budgets.csv", text("sep=,\n" + BUDGETS), "a line that only spreadsheet programs read, take it away"),
    ("budgets.csv", text('"' + BUDGETS.strip() + '"\n'), "the row as a whole is in quotation marks"),
    ("budgets.csv", text("<html><table></table></html>"), "the file is a web page that was named a table"),
    ("budgets.csv", text(BUDGETS.encode() + b"A,2023,total,1,2,3,\xd4\xaa\xff\n"),
     "row 2: neither UTF-8 nor GB18030"),
    ("budgets.csv", text((BUDGETS + "A,2023,total,1,2,3,元\n").encode("utf-16")), "is 'Unicode text' (UTF-16)"),
    ("budgets.csv", text(BUDGETS.encode() + b"A,2023,to\0tal,1,2,3,\n"), "holds NUL bytes"),
    ("budgets.csv", text(OLE), "is an .xls or .et workbook"),
    ("budgets.csv", workbook([HEADER]), "is an .xlsx workbook; name it .xlsx"),
    ("budgets.csv", text(BUDGETS + ",2023,total,1,2,3,元\n"),
     "2023/budgets.csv row 2 column unit_code: empty or not to be found"),
    ("budgets.csv", text(BUDGETS + "\u3000,2023,total,1,2,3,元\n"), "row 2 column unit_code: empty"),
    ("budgets/x/y.csv", text(BUDGETS), "2023/budgets/x: a folder where a file was expected"),
    ("budgets.csv", folder_named, "2023/budgets.csv: a folder where a file was expected; remove it"),
    ("budgets.csv", pipe, "2023/budgets.csv: not a regular file"),
    ("budgets.csv", link("/etc/hostname"), "a link that leads out of the landing folder"),
    ("budgets.csv", link("nowhere.csv"), "a link to none"),
    (os.fsdecode(b"budgets\xff.csv"), text(BUDGETS), "2023/budgets\\udcff.csv: its name is not in UTF-8"),
    ("budgets.csv.gz", text("x"), "cannot be unpacked"),
    ("budgets.csv.gz", text(OLE), "is an .xls or .et workbook"),
    ("budgets.csv.gz", truncated(packed(BUDGETS.encode() * 99), 20), "cannot be unpacked"),
    ("budgets.csv.gz", packed(b""), "empty; expected a header row"),
    ("budgets.parquet", text("x"), "cannot be read as Parquet"),
    ("budgets.parquet", text(OLE), "is an .xls or .et workbook"),
    ("budgets.parquet", text(""), "cannot be read as Parquet"),
    ("budgets.parquet", truncated(parquet("select 'A' as unit_code"), 9), "cannot be read as Parquet"),
    ("budgets.parquet",
     damaged(parquet("select 'A' || i as unit_code, 2023 as fiscal_year, 'total' as budget_line "
                     "from range(99) as t(i)")), "2023/budgets.parquet: cannot be read"),
    ("budgets.parquet", parquet("select 'A' as unit_code, 2023 as fiscal_year"),
     "the key column budget_line is missing"),
    ("public_expenses.xlsx", text(OLE), "is an .xls or .et workbook; open it and save it as .xlsx"),
    ("public_expenses.xlsx", text(ENCRYPTED), "is protected by a password; save it without one"),
    ("public_expenses.xlsx", text("<html><table></table></html>"), "is a web page that was named"),
    ("public_expenses.xlsx", text(SME), "cannot be opened as an .xlsx workbook"),
    ("public_expenses.xlsx", truncated(workbook([HEADER]), 200), "is damaged or cut off; save it again in its program"),
    ("public_expenses.xlsx", zip_of_nothing, "cannot be opened as an .xlsx workbook"),
    ("public_expenses.xlsx", zip_bomb, "unpacks to more than 4 GiB"),
    ("public_expenses.xlsx", workbook([]), "empty; expected a header row"),
    ("public_expenses.xlsx", workbook([["三公经费"], HEADER]), "row 1: '三公经费"),
    ("public_expenses.xlsx",
     workbook([HEADER], lambda book, sheet: book.add_worksheet("y").write_row(0, 0, HEADER)),
     "2 sheets (x, y); expected one"),
    ("public_expenses.xlsx", workbook([HEADER], lambda book, sheet: sheet.merge_range(1, 0, 2, 0, "A")),
     "cells A2:A3: merged cells; unmerge and fill them"),
    ("public_expenses.xlsx", workbook([HEADER, ["A", 2023, "three_public"]],
                                      lambda book, sheet: sheet.write_formula("D2", "=1+1")),
     "cell D2: a formula; copy the sheet's cells and paste them as values"),
    ("报送.xlsx", workbook([HEADER]), "sheet x: 'x' is no table of the landing contract"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "make", "reason"), REFUSED)
def test_a_file_at_fault_refuses_the_year(
    name: str, make: Make, reason: str, con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    load(con, folder)
    before = con.execute("from raw.departments").fetchall()
    make(folder / "2023" / name)
    (found,) = refusal(con, folder)
    assert found.startswith("2023/")
    assert reason in found
    assert str(folder) not in found
    assert con.execute("from raw.departments").fetchall() == before


def test_none_of_them_changes_what_is_published(published: Published, tmp_path: Path) -> None:
    """Each in a year of its own, all in one run."""
    landing = tmp_path / "landing"
    before = published.warehouse.joinpath("published").readlink()
    for year, (name, make, _) in enumerate(REFUSED, start=2024):
        good = DEPARTMENTS_2023.read_text("utf-8")
        write(landing / str(year) / "departments.csv", good.replace(",2023,", f",{year},"))
        make(landing / str(year) / name)
    years = [str(year) for year in range(2024, 2024 + len(REFUSED))]
    options = [option for year in years for option in ("--year", year)]
    run = jixiao("check", "--landing", str(landing), *options)
    assert run.returncode == 1
    assert "Traceback" not in run.stdout + run.stderr
    told = run.stderr.splitlines()
    assert len([line for line in told if " refused: " in line]) == len(REFUSED)
    for year, (_, _, reason) in zip(years, REFUSED, strict=True):
        assert any(
            line.startswith(f"{year} refused: ") and reason.replace("2023/", f"{year}/") in line
            for line in told
        ), reason
    few = [option for year in years[:3] for option in ("--year", year)]
    run = jixiao("run", "--landing", str(landing), "--warehouse", str(published.warehouse), *few)
    assert run.returncode == 1
    assert "Traceback" not in run.stdout + run.stderr
    assert published.warehouse.joinpath("published").readlink() == before


LONG = "长" * 100_000
BUDGET_ROWS = [
    # the row, the column at fault, its value, and what is expected
    ("A,2023,total,abc,2,3,元", "initial_budget", "abc", "expected a number that fits"),
    ("A,2023,total,1e5,2,3,元", "initial_budget", "1e5", "expected a number that fits"),
    ("A,2023,total,1.2.3,2,3,元", "initial_budget", "1.2.3", "expected a number that fits"),
    ('A,2023,total,"1,23",2,3,元', "initial_budget", "1,23", "expected a number that fits"),
    ("A,2023,total,NaN,2,3,元", "initial_budget", "NaN", "expected a number that fits"),
    ("A,2023,total,1_000,2,3,元", "initial_budget", "1_000", "expected a number that fits"),
    ("A,2023,total,一百,2,3,元", "initial_budget", "一百", "expected a number that fits"),
    ("A,2023,total,88%,2,3,元", "initial_budget", "88%", "expected a number that fits"),
    ("A,2023,total,100元,2,3,元", "initial_budget", "100元", "expected a number that fits"),
    ("A,2023,total,#REF!,2,3,元", "initial_budget", "#REF!", "expected a number that fits"),
    ("A,2023,total,1,2,9e99,元", "executed", "9e99", "expected a number that fits"),
    (f"A,2023,total,1,2,{'9' * 30},元", "executed", "9" * 30, "expected a number that fits"),
    ("A,2023,total,1,2,99999999999,亿元", "executed", "99999999999", "expected a number that"),
    ("A,2023,totl,1,2,3,元", "budget_line", "totl", "expected one of total, basic"),
    ("A,2023,,1,2,3,元", "budget_line", None, "expected one of total, basic"),
    (f"A,2023,{LONG},1,2,3,元", "budget_line", LONG[:1000], "expected one of total, basic"),
    ("A,2024,total,1,2,3,元", "fiscal_year", "2024", "expected 2023, the year of its folder"),
    ("A,,total,1,2,3,元", "fiscal_year", None, "expected 2023, the year of its folder"),
    ("A,2023.5,total,1,2,3,元", "fiscal_year", "2023.5", "expected 2023"),
    ("A,二〇二三,total,1,2,3,元", "fiscal_year", "二〇二三", "expected 2023"),
    ("A,2023,total,1,2,3,美元", "amount_unit", "美元", "expected one of 元, 万元, 亿元"),
    ("A,2023,total,1,2,3,", "amount_unit", None, "may be empty only where"),
    ("A,2023,total,1,2", None, "A,2023,total,1,2", "5 cells, expected 7 as in the header; a comma is missing"),
    ("A,2023,total,1,2,3,元,9", None, "A,2023,total,1,2,3,元,9", "8 cells, expected 7 as in the header; put a cell"),
    ('A,2023,"total\n",1,2', None, "A,2023,total\n,1,2", "5 cells, expected 7 as in the header; a comma is missing"),
    ('A,2023,"to,tal\n",1,2,3', None, "A,2023,to,tal\n,1,2,3", "6 cells, expected 7 as in the header; a comma is missing"),
    ('"A",2023,"\n\ue000","1,000",2,3,元', None, "A,2023,\n\ue000,1,000,2,3,元", "U+E000"),
    ('A,2023,"total,1,2,3,元', None, 'A,2023,"total,1,2,3,元', "is never closed; close it or double"),
    ('A,2023,"to"tal,1,2,3,元', None, 'A,2023,"to"tal,1,2,3,元', "inside a quoted cell; double it"),
    ('"A,2023,total,1,2,3,元"', None, "A,2023,total,1,2,3,元", "as a whole is in quotation marks"),
    (f"A,2023,{'x' * 10_000_000},1,2,3,元", None, f"A,2023,{'x' * 993}", "a row of more than 500,000 characters"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "column", "value", "reason"), BUDGET_ROWS)
def test_a_row_that_cannot_be_read_is_kept_with_its_reason(
    row: str,
    column: str | None,
    value: str | None,
    reason: str,
    con: duckdb.DuckDBPyConnection,
    folder: Path,
) -> None:
    write(folder / "2023" / "budgets.csv", BUDGETS + f"A,2023,basic,1,2,3,元\n{row}\n")
    loads = load(con, folder)
    assert (loads[-1].rows_read, loads[-1].rows_loaded, loads[-1].rows_rejected) == (2, 1, 1)
    ((file, number, unit, *found),) = rejected(con)
    assert (file, number, unit) == ("2023/budgets.csv", 3, "A")
    assert (found[0], found[1]) == (column, value)
    assert reason in found[2]


DAY = "expected a day that exists, as 2023-12-31"


@pytest.mark.parametrize(
    ("table", "cells", "column", "reason"),
    [
        ("budget_execution", {"month": "13"}, "month", "expected a whole number from 1 to 12"),
        ("budget_execution", {"month": "0"}, "month", "expected a whole number from 1 to 12"),
        ("staffing", {"staff_category": "worker", "actual": "1.5"}, "actual", "a whole number"),
        ("staffing", {"staff_category": "worker", "actual": "9" * 12}, "actual", "a whole number"),
        ("disclosures", {"document": "budget", "disclosed_on": "2023-02-30"}, "disclosed_on", DAY),
        ("disclosures", {"document": "budget", "disclosed_on": "2023-13-01"}, "disclosed_on", DAY),
        ("disclosures", {"document": "budget", "disclosed_on": "去年底"}, "disclosed_on", DAY),
        ("disclosures", {"document": "budget", "disclosed_on": "infinity"}, "disclosed_on", DAY),
        ("disclosures", {"document": "budget", "disclosed_on": "epoch"}, "disclosed_on", DAY),
        ("disclosures", {"document": "budget", "disclosed_on": "45291"}, "disclosed_on", DAY),
        ("performance_targets", {"target_no": "1", "is_attained": "maybe"}, "is_attained",
         "expected true or false"),
        ("satisfaction_surveys", {"survey_name": "x", "satisfaction_pct": "高"},
         "satisfaction_pct", "expected a number"),
        ("satisfaction_surveys", {"survey_name": "x", "satisfaction_pct": "88.15%%"},
         "satisfaction_pct", "expected a number"),
    ],
)  # fmt: skip
def test_every_type_has_its_expectation(
    table: str,
    cells: dict[str, str],
    column: str,
    reason: str,
    con: duckdb.DuckDBPyConnection,
    folder: Path,
) -> None:
    names = ["unit_code", "fiscal_year", *cells]
    write(
        folder / "2023" / f"{table}.csv",
        ",".join(names) + "\n" + ",".join(["A", "2023", *cells.values()]) + "\n",
    )
    load(con, folder)
    ((_, _, _, found, value, why),) = rejected(con)
    assert (found, value) == (column, cells[column])
    assert reason in why


def test_a_header_alone_delivers_nothing(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    write(folder / "2023" / "budgets.csv", BUDGETS)
    assert [(x.table_name, x.rows_read) for x in load(con, folder)][1:] == [("budgets", 0)]
    assert rejected(con) == []


def test_a_file_may_have_any_name_that_a_table_folder_takes(
    con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    for number, name in enumerate(["a[1]*?.csv", "it's.csv", '"x".csv', "预算 (2).csv"]):
        line = ["total", "basic", "project", "other"][number]
        write(folder / "2023" / "budgets" / name, BUDGETS + f"A,2023,{line},1,2,3,元\n")
    assert [x.rows_loaded for x in load(con, folder)] == [1, 1, 1, 1, 1]
