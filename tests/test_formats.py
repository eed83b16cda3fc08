"""The formats that bureaus deliver: all of them give what the CSVs give."""

import csv
import gzip
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest
import xlsxwriter

from orchestration.faults import LandingRefused
from orchestration.landing import load as module
from orchestration.landing.contract import landing_contract
from tests.conftest import LANDING, write
from tests.test_landing import BUDGETS, rejected

Rows = list[list[str]]


def rows_of(path: Path) -> Rows:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


def as_gb18030(source: Path, folder: Path) -> None:
    (folder / source.name).write_bytes(source.read_text("utf-8").encode("gb18030"))


def as_gzip(source: Path, folder: Path) -> None:
    with gzip.open(folder / f"{source.name}.gz", "wb") as stream:
        stream.write(source.read_bytes())


def as_parquet(source: Path, folder: Path) -> None:
    """Typed as the contract says: what a database would export."""
    types = {c.name: c.data_type for c in landing_contract()[source.stem].columns}
    header = rows_of(source)[0]
    columns = ", ".join(f"'{name}': '{types[name]}'" for name in header)
    duckdb.execute(
        f"copy (from read_csv('{source}', header = true, columns = {{{columns}}})) "
        f"to '{folder / source.stem}.parquet' (format parquet)"
    )


def write_sheet(sheet: Any, rows: Rows, header: list[str]) -> None:
    """Numbers as numbers, as a person types them; texts that look like numbers only in codes."""
    sheet.write_row(0, 0, header)
    for number, row in enumerate(rows[1:], start=1):
        for column, cell in enumerate(row):
            try:
                sheet.write_number(number, column, float(cell))
            except ValueError:
                sheet.write_string(number, column, cell)


def as_workbook(source: Path, folder: Path) -> None:
    rows = rows_of(source)
    with xlsxwriter.Workbook(folder / f"{source.stem}.xlsx") as book:
        write_sheet(book.add_worksheet("Sheet1"), rows, rows[0])


def as_one_workbook(sources: list[Path], folder: Path) -> None:
    """A sheet for each table, sheets and headers in Chinese, and one that explains."""
    with xlsxwriter.Workbook(folder / "2023年度报送.xlsx") as book:
        book.add_worksheet("说明").write_string(0, 0, "填报说明")
        for source in sources:
            table = landing_contract()[source.stem]
            labels = {c.name: c.label_zh for c in table.columns}
            rows = rows_of(source)
            write_sheet(book.add_worksheet(table.label_zh), rows, [labels[c] for c in rows[0]])


@pytest.mark.parametrize("convert", [as_gb18030, as_gzip, as_parquet, as_workbook])
def test_each_format_gives_the_same_rows(
    convert: Callable[[Path, Path], None], con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    folder = tmp_path / "2023"
    folder.mkdir()
    for source in (LANDING / "2023").glob("*.csv"):
        convert(source, folder)
    assert_same_rows(con, tmp_path, row_offset=int(convert is as_parquet))


def test_one_workbook_gives_the_same_rows(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    folder = tmp_path / "2023"
    folder.mkdir()
    as_one_workbook(sorted((LANDING / "2023").glob("*.csv")), folder)
    assert_same_rows(con, tmp_path, row_offset=0)


ROWS = """
    select
        * exclude (load_id, source_file, source_sha256) replace (
            source_row + {} as source_row,
            -- Their sentences name the file.
            list_transform(map_entries(corrections), lambda e: e.key) as corrections
        )
    from raw.{} order by all
"""


@cache
def shipped() -> dict[str, list[tuple[Any, ...]]]:
    """The rows of each table that the shipped folder gives."""
    with duckdb.connect() as con:
        module.load_year(con, LANDING, 2023)
        return {
            table: con.execute(ROWS.format(0, table)).fetchall() for table in landing_contract()
        }


def assert_same_rows(con: duckdb.DuckDBPyConnection, landing: Path, row_offset: int) -> None:
    """A folder gives the rows that the shipped one gives, each in its place."""
    module.load_year(con, landing, 2023)
    assert rejected(con) == []
    for table, rows in shipped().items():
        assert con.execute(ROWS.format(row_offset, table)).fetchall() == rows, table


def workbook(path: Path, rows: list[list[Any]], sheet: str = "x") -> Any:
    book = xlsxwriter.Workbook(path, {"default_date_format": "yyyy-mm-dd"})
    page = book.add_worksheet(sheet)
    for number, row in enumerate(rows):
        page.write_row(number, 0, row)
    return book


def test_rows_of_a_sheet_are_those_that_a_person_sees(
    con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    header = ["单位编码", "预算年度", "预算科目", "决算支出数", "金额单位"]
    rows = [[], header, ["A", 2023, "total", 0.1 + 0.2, "元"], [], ["A", 2023, "basic", "x", "元"],
            ["A", 2023, "project", 1e-7, "元"]]  # fmt: skip
    workbook(folder / "2023" / "budgets.xlsx", rows).close()
    module.load_year(con, folder, 2023)
    loaded = con.execute(
        "select source_row, cast(executed as varchar) from raw.budgets order by 1"
    ).fetchall()
    assert loaded == [(3, "0.300000000000"), (6, "0.000000100000")]
    ((name, number, unit, column, value, _),) = rejected(con)
    assert (name, number, unit, column, value) == ("2023/budgets.xlsx", 5, "A", "executed", "x")


def test_cells_beyond_the_header_are_not_lost(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    rows = [["unit_code", "fiscal_year", "item"], ["A", 2023, "three_public", "", 7]]
    workbook(folder / "2023" / "public_expenses.xlsx", rows).close()
    module.load_year(con, folder, 2023)
    ((_, number, unit, _, _, reason),) = rejected(con)
    assert (number, unit) == (2, "A")
    assert reason == "cell E2 has no header above it; delete it"


def test_every_file_at_fault_is_named(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    write(folder / "2023" / "budgets.csv", BUDGETS.replace("executed", "excuted"))
    write(folder / "2023" / "petitions.csv", "unit_code,channel\n")
    write(folder / "2023" / "notes.doc", "x")
    with pytest.raises(LandingRefused) as refused:
        module.load_year(con, folder, 2023)
    assert [reason.split(":")[0] for reason in refused.value.reasons] == [
        "2023/notes.doc",
        "2023/budgets.csv row 1 column 6",
        "2023/petitions.csv row 1",
    ]


def test_a_percentage_cell_is_read_as_it_is_seen(
    con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    book = xlsxwriter.Workbook(folder / "2023" / "satisfaction_surveys.xlsx")
    page = book.add_worksheet("x")
    page.write_row(0, 0, ["unit_code", "fiscal_year", "survey_name", "satisfaction_pct"])
    shown = book.add_format({"num_format": "0.00%"})
    for row, (value, style) in enumerate([(0.8815, shown), (88.15, None), (1, shown)], start=1):
        page.write_row(row, 0, ["A", 2023, f"s{row}"])
        page.write_number(row, 3, value, style)
    page.write_row(4, 0, ["A", 2023, "s4", "88.15 %"])
    book.close()
    module.load_year(con, folder, 2023)
    assert rejected(con) == []
    values = con.execute(
        "select satisfaction_pct from raw.satisfaction_surveys order by source_row"
    )
    assert [str(value.normalize()) for (value,) in values.fetchall()] == [
        "88.15",
        "88.15",
        "1E+2",
        "88.15",
    ]


def test_floating_point_numbers_of_a_parquet_file(
    con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    """As data frames write them: whole numbers with `.0`, large and small ones with an exponent."""
    path = folder / "2023" / "budgets.parquet"
    con.execute(
        f"""
        copy (
            select
                'A' as unit_code, 2023.0::double as fiscal_year, 'total' as budget_line,
                1e11::double as initial_budget, 0.1::double + 0.2::double as adjusted_budget,
                1e-7::double as executed, '元' as amount_unit
        ) to '{path}' (format parquet)
        """
    )
    module.load_year(con, folder, 2023)
    assert rejected(con) == []
    ((initial, adjusted, executed),) = con.execute(
        "select initial_budget, adjusted_budget, executed from raw.budgets"
    ).fetchall()
    assert (float(initial), float(adjusted), float(executed)) == (1e11, 0.3, 1e-7)


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        ("440305199901011234::double, 1::double", "unit_code"),
        ("'A', 24719060.12::float", "executed"),
        ("'A', -1e15::double", "executed"),
    ],
)
def test_a_number_of_a_parquet_file_that_has_lost_digits(
    con: duckdb.DuckDBPyConnection, folder: Path, cells: str, column: str
) -> None:
    path = folder / "2023" / "budgets.parquet"
    con.execute(
        f"""
        copy (
            select 2023 as fiscal_year, t.*
            from (select {cells}, 'total', '元') as t (unit_code, executed, budget_line, amount_unit)
        ) to '{path}' (format parquet)
        """
    )
    module.load_year(con, folder, 2023)
    ((*_, at, _, reason),) = rejected(con)
    assert at == column
    assert "has turned into a number" in reason or "has shortened it" in reason


def test_a_row_of_a_parquet_file_without_anything_in_it_is_blank(
    con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    con.execute(
        f"""
        copy (
            from (values ('A', 2023, 'worker'), (null, null, '\u3000'), ('A', 2023, 'institutional'))
            as t (unit_code, fiscal_year, staff_category)
        ) to '{folder / "2023" / "staffing.parquet"}' (format parquet)
        """
    )
    module.load_year(con, folder, 2023)
    rows = con.execute("select source_row, staff_category from raw.staffing order by 1").fetchall()
    assert rows == [(1, "worker"), (3, "institutional")]
