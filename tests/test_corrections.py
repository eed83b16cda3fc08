"""Corrections: refused unless they fit what was delivered, and otherwise as if delivered so."""

import csv
import random
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.landing import corrections
from orchestration.landing import load as module
from orchestration.landing.contract import Column, Table, landing_contract
from tests.conftest import LANDING, Published, build, copy_department, write
from tests.reference import correct, read
from tests.test_landing import load, refusal, rejected

NANSHAN, YANTIAN = "440305-gxj", "440308-fzyj"
HEADER = "unit_code,table_name,key,column_name,old_value,new_value,reason,approved_by,approved_on\n"
APPROVED = "录入有误,张三,2024-05-06"
TABLES = {
    "public_expenses": "unit_code,fiscal_year,item,budgeted,actual,amount_unit\n"
    'A,2023,three_public,"1,234.50",75,万元\nA,2023,official_reception,,,\nB,2023,three_public,1,1,元\n',
    "assets": "unit_code,fiscal_year,fixed_assets_total,fixed_assets_in_use,amount_unit\n"
    "A,2023,500000000,40,元\n",
    "staffing": "unit_code,fiscal_year,staff_category,authorised,actual\nA,2023,worker,5,4\n"
    "A,2023,administrative,x,4\n",
    "satisfaction_surveys": "unit_code,fiscal_year,survey_name,satisfaction_pct\nA,2023,甲,95.5\n",
    "disclosures": "unit_code,fiscal_year,document,status,disclosed_on,url\n"
    "A,2023,budget,partial,2023-02-01,\n",
    "performance_targets": "unit_code,fiscal_year,target_no,operator,actual_value,is_attained\n"
    "A,2023,1,text,好,是\n",
    "reported_scores": "unit_code,fiscal_year,indicator_code,reported_score\nA,2023,TOTAL,97\n",
}
THREE_PUBLIC = "public_expenses,item=three_public"


@pytest.fixture
def delivered(folder: Path) -> Path:
    """A landing folder with a row or two of several tables."""
    for table, content in TABLES.items():
        write(folder / "2023" / f"{table}.csv", content)
    return folder


def load_corrections(
    con: duckdb.DuckDBPyConnection, folder: Path, *cells: str
) -> tuple[module.Load, list[tuple[Any, ...]]]:
    """Load corrections of department A; their entry in the ledger, and the rejected ones."""
    rows = "".join(f"A,{row},{APPROVED}\n" for row in cells)
    write(folder / "2023" / "corrections.csv", HEADER + rows)
    (of_corrections,) = (x for x in load(con, folder) if x.table_name == "corrections")
    return of_corrections, [row for row in rejected(con) if row[0] == of_corrections.source_file]


def applied(con: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], str | None]:
    """The new value of every corrected column, by table and column."""
    return {
        (table, column): value
        for table in landing_contract()
        for (cells,) in con.execute(
            f"select corrections from raw.{table} where corrections is not null"
        ).fetchall()
        for column, value in cells.items()
    }


@pytest.mark.parametrize(
    ("row", "column", "value", "reason"),
    [
        ("publicexpenses,item=three_public,budgeted,1,2", "table_name", "publicexpenses",
         "no table of the landing contract; did you mean public_expenses? expected one of dep"),
        ("公用经费,item=three_public,budgeted,1,2", "table_name", "公用经费", "did you mean public_exp"),
        ("qqq,,budgeted,1,2", "table_name", "qqq",
         "no table of the landing contract; expected one of departments, "),
        (f"{THREE_PUBLIC},budgetted,1,2", "column_name", "budgetted",
         "no column of public_expenses; did you mean budgeted? expected one of budgeted, actual, "
         "amount_unit"),
        (f"{THREE_PUBLIC},item,three_public,official_reception", "column_name", "item",
         "a key column says which record it is and cannot be corrected"),
        ("public_expenses,item=three,budgeted,1,2", "key", "item=three",
         "no such record was loaded; expected one of item=three_public, item=official_reception"),
        ("assets,item=x,fixed_assets_total,1,2", "key", "item=x", "expected no key"),
        ("petitions,channel=x,received,1,2", "key", "channel=x",
         "no such record was loaded; there is none of A in petitions"),
        ("staffing,staff_category=administrative,authorised,x,5", "key",
         "staff_category=administrative",
         "no such record was loaded; expected one of staff_category=worker"),
        (f"{THREE_PUBLIC},budgeted,1234.51,2", "old_value", "1234.51",
         "expected what was delivered, 1234.5 (2023/public_expenses.csv row 2)"),
        (f"{THREE_PUBLIC},budgeted,,2", "old_value", None, "expected what was delivered, 1234.5"),
        ("public_expenses,item=official_reception,budgeted,0,2", "old_value", "0",
         "expected what was delivered, an empty cell (2023/public_expenses.csv row 3)"),
        ("public_expenses,item=official_reception,budgeted,?,2", "old_value", "?",
         "expected what was delivered, an empty cell"),
        (f"{THREE_PUBLIC},budgeted,1234.5,2元", "new_value", "2元",
         "expected a number that fits, as 1234.50"),
        (f"{THREE_PUBLIC},budgeted,1234.5,无", "new_value", "无",
         "expected a number that fits, as 1234.50; where there is none leave the cell empty, where"),
        ("staffing,staff_category=worker,actual,4,4.5", "new_value", "4.5",
         "expected a whole number"),
        ("disclosures,document=budget,status,partial,published", "new_value", "published",
         "expected one of compliant, partial"),
        ("disclosures,document=budget,disclosed_on,2023-02-01,2023-02-30", "new_value",
         "2023-02-30", "expected a day that exists"),
        (f"{THREE_PUBLIC},budgeted,1234.5,1234.500", "new_value", "1234.500",
         "what was delivered already (2023/public_expenses.csv row 2); expected another value"),
        ("public_expenses,item=official_reception,budgeted,,", "new_value", None,
         "what was delivered already"),
        ("public_expenses,item=official_reception,budgeted,,5", "new_value", "5",
         "amount_unit: expected one of 元, 万元, 亿元"),
        (f"{THREE_PUBLIC},amount_unit,万元,", "new_value", None, "expected one of 元, 万元"),
        ("assets,,amount_unit,元,亿元", "new_value", "亿元",
         "fixed_assets_total: expected a number that fits"),
        ("reported_scores,indicator_code=TOTAL,reported_score,97,98", "table_name",
         "reported_scores", "cannot be corrected: what a report prints is evidence"),
        ("corrections,,reason,录入有误,x", "table_name", "corrections",
         "cannot be corrected: a correction is put right in its own row"),
    ],
)  # fmt: skip
def test_a_correction_that_does_not_fit_is_rejected(
    row: str,
    column: str,
    value: str | None,
    reason: str,
    con: duckdb.DuckDBPyConnection,
    delivered: Path,
) -> None:
    of_corrections, faults = load_corrections(
        con, delivered, "satisfaction_surveys,survey_name=甲,satisfaction_pct,95.5,90", row
    )
    ((file, number, unit, *found),) = faults
    assert (file, number, unit) == ("2023/corrections.csv", 3, "A")
    assert (found[0], found[1]) == (column, value)
    assert reason in found[2]
    assert (of_corrections.rows_read, of_corrections.rows_loaded, of_corrections.rows_rejected) == (
        2, 1, 1,
    )  # fmt: skip
    assert con.execute("select count(*) from raw.corrections").fetchall() == [(1,)]
    assert applied(con) == {("satisfaction_surveys", "satisfaction_pct"): "90"}


@pytest.mark.parametrize(
    ("cells", "column", "reason"),
    [
        ("2,,张三,2024-05-06", "reason", "expected a value"),
        ("2,误,,2024-05-06", "approved_by", "expected a value"),
        ("2,误,张三,", "approved_on", "expected a day that exists"),
        ("2,误,张三,今天", "approved_on", "expected a day that exists"),
    ],
)
def test_a_correction_is_reasoned_and_approved(
    cells: str, column: str, reason: str, con: duckdb.DuckDBPyConnection, delivered: Path
) -> None:
    write(
        delivered / "2023" / "corrections.csv",
        HEADER + f"A,{THREE_PUBLIC},budgeted,1234.5,{cells}\n",
    )
    load(con, delivered)
    (fault,) = (row for row in rejected(con) if row[0] == "2023/corrections.csv")
    assert fault[3] == column
    assert fault[5].startswith(reason)
    assert applied(con) == {}


def test_one_cell_is_corrected_once(con: duckdb.DuckDBPyConnection, delivered: Path) -> None:
    _, faults = load_corrections(
        con, delivered, f"{THREE_PUBLIC},actual,75,1", f"{THREE_PUBLIC},actual,75,2",
        "assets,,fixed_assets_in_use,40,1", "assets,,fixed_assets_in_use,40,2",
        f"{THREE_PUBLIC},budgeted,1234.5,3",
    )  # fmt: skip
    assert [row[1] for row in faults] == [2, 3, 4, 5]
    assert all("occurs more than once" in row[5] for row in faults)
    assert applied(con) == {("public_expenses", "budgeted"): "3"}


def test_a_record_is_read_with_all_its_corrections(
    con: duckdb.DuckDBPyConnection, delivered: Path
) -> None:
    """An amount where there was none needs a unit; a wrong unit takes its amount with it."""
    reception = "public_expenses,item=official_reception"
    _, faults = load_corrections(
        con, delivered, f"{reception},amount_unit,,元", f"{reception},actual,,12",
        "assets,,amount_unit,元,亿元", "assets,,fixed_assets_total,500000000.0,0.5",
    )  # fmt: skip
    assert faults == []
    _, faults = load_corrections(
        con, delivered, f"{reception},amount_unit,,美元", f"{reception},actual,,12"
    )
    assert [(row[1], row[4]) for row in faults] == [(2, "美元"), (3, "12")]
    assert "amount_unit: expected one of" in faults[1][5]
    assert applied(con) == {}


def test_values_as_people_write_them(con: duckdb.DuckDBPyConnection, delivered: Path) -> None:
    _, faults = load_corrections(
        con, delivered, f'{THREE_PUBLIC},budgeted,１234.5,"2,000.10"',
        "satisfaction_surveys,survey_name=甲,satisfaction_pct,95.50%,90%",
        "disclosures,document=budget,disclosed_on,2023/2/1 0:00,20230301",
        "staffing,staff_category=worker,actual,4.0,5.0",
        "disclosures,document=budget,url,,https://example.org",
        "performance_targets,target_no=1,is_attained,true,否",
        "performance_targets,target_no=1,actual_value,好,1.50",
        "departments,,unit_name,甲,乙",
        "assets,,fixed_assets_in_use,40,",
    )  # fmt: skip
    assert faults == []
    assert applied(con) == {
        ("public_expenses", "budgeted"): "2000.1",
        ("satisfaction_surveys", "satisfaction_pct"): "90",
        ("disclosures", "disclosed_on"): "2023-03-01",
        ("staffing", "actual"): "5",
        ("disclosures", "url"): "https://example.org",
        ("performance_targets", "is_attained"): "false",
        ("performance_targets", "actual_value"): "1.50",
        ("departments", "unit_name"): "乙",
        ("assets", "fixed_assets_in_use"): None,
    }
    # What was delivered stays as it was.
    assert con.execute("select budgeted from raw.public_expenses order by all").fetchall()[1] == (
        Decimal("1234.5"),
    )


def test_the_year_is_that_of_the_folder(con: duckdb.DuckDBPyConnection, delivered: Path) -> None:
    header = HEADER.replace("unit_code,", "unit_code,fiscal_year,")
    row = f"{THREE_PUBLIC},{{}},{APPROVED}\n"
    write(
        delivered / "2023" / "corrections.csv",
        header
        + "A,," + row.format("budgeted,1234.5,1")
        + "A,2023," + row.format("actual,75,1")
        + "A,2022," + row.format("amount_unit,万元,元"),
    )  # fmt: skip
    load(con, delivered)
    assert con.execute("select fiscal_year from raw.corrections").fetchall() == [(2023,), (2023,)]
    (fault,) = (row for row in rejected(con) if row[0] == "2023/corrections.csv")
    assert fault[3:] == ("fiscal_year", "2022", "expected 2023, the year of its folder")
    assert set(applied(con)) == {("public_expenses", "budgeted"), ("public_expenses", "actual")}


def test_the_key_column_must_be_there(con: duckdb.DuckDBPyConnection, delivered: Path) -> None:
    write(delivered / "2023" / "corrections.csv", HEADER.replace("key,", ""))
    assert "the key column key is missing" in refusal(con, delivered)[0]


def test_a_correction_taken_back_no_longer_counts(
    con: duckdb.DuckDBPyConnection, delivered: Path
) -> None:
    row = f"{THREE_PUBLIC},budgeted,1234.5,1"
    for _ in range(2):
        load_corrections(con, delivered, row)
        assert applied(con) == {("public_expenses", "budgeted"): "1"}
    # Where the row itself is not loaded anew it is cleared as well.
    con.execute("delete from raw.corrections")
    corrections.apply(con, 2023)
    assert applied(con) == {}
    load(con, delivered)
    (delivered / "2023" / "corrections.csv").unlink()
    load(con, delivered)
    assert applied(con) == {}


VALUES = {"varchar": ("x1", "y2"), "integer": ("3", "4"), "boolean": ("true", "false"),
          "date": ("2023-01-02", "2023-03-04")}  # fmt: skip


def test_staging_applies_a_correction_of_every_column(
    two_departments: Published, tmp_path: Path
) -> None:
    """Whatever tables and columns the contract has: a corrected cell is what staging shows."""
    (state,) = (two_departments.warehouse / "states").iterdir()
    shutil.copyfile(state, tmp_path / "warehouse.duckdb")
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as con:
        for table in landing_contract().values():
            if table.uncorrectable:
                continue
            for column in (c for c in table.columns if not c.is_key):
                assert staged(con, table, column, "corrected") == staged(
                    con, table, column, "delivered"
                ), (table.name, column.name)


def staged(
    con: duckdb.DuckDBPyConnection, table: Table, column: Column, way: str
) -> list[tuple[Any, ...]]:
    """The staged row with one cell set, by a correction of another value or as delivered."""
    unit = next((c for c in table.columns if c.yuan_per_unit), None)
    cells = {c.name: "1" for c in table.columns if c.is_key} | {
        "unit_code": "Z",
        "fiscal_year": "2023",
    }
    if column.is_amount and unit:
        cells[unit.name] = "元"
    if column is unit:
        cells[next(c.name for c in table.columns if c.is_amount)] = "5"
    old, new = ("元", "万元") if column is unit else VALUES.get(column.data_type, ("1.5", "2.5"))
    corrections = ""
    if way == "corrected":
        cells[column.name] = old
        corrections = f", map {{'{column.name}': '{new}'}} as corrections"
    else:
        cells[column.name] = new
    selected = ", ".join(f"'{value}' as \"{name}\"" for name, value in cells.items())
    con.execute("begin")
    con.execute(f"insert into raw.{table.name} by name select {selected}{corrections}")
    rows = con.execute(
        f"""
        select columns(lambda c: c not in ('corrections', 'delivered', 'amount_unit'))
        from staging.stg_{table.name} where unit_code = 'Z'
        """
    ).fetchall()
    con.execute("rollback")
    assert len(rows) == 1
    return rows


class Misdelivery:
    """Landing files in which every cell is wrong, and the corrections that put them right."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311
        self.corrections: list[dict[str, str]] = []

    def write(self, folder: Path) -> None:
        tables = {path.stem: read(path) for path in sorted((LANDING / "2023").glob("*.csv"))}
        for unit in (NANSHAN, YANTIAN):
            correct({n: [r for r in rows if r["unit_code"] == unit] for n, rows in tables.items()})
        del tables["corrections"]
        for name, rows in tables.items():
            table = landing_contract()[name]
            header = list(rows[0])
            if not table.uncorrectable:
                for row in rows:
                    self.misstate(table, row)
            self.write_rows(folder / f"{name}.csv", header, rows)
        self.write_rows(folder / "corrections.csv", HEADER.strip().split(","), self.corrections)

    @staticmethod
    def write_rows(path: Path, header: list[str], rows: list[dict[str, str]]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, header, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)

    def misstate(self, table: Table, row: dict[str, str]) -> None:
        key = ";".join(f"{k}={row[k]}" for k in table.key if k not in ("unit_code", "fiscal_year"))
        right = dict(row)
        for column in (c for c in table.columns if not c.is_key and c.name in row):
            row[column.name] = self.wrong(column, right[column.name])
        unit = next((c.name for c in table.columns if c.yuan_per_unit), None)
        if unit and any(row[name] for name in table.amounts if name in row):
            row[unit] = "万元" if right[unit] == "元" else "元"
        self.corrections += [
            {
                "unit_code": row["unit_code"], "table_name": table.name, "key": key,
                "column_name": name, "old_value": row[name], "new_value": value,
                "reason": "错", "approved_by": "测试", "approved_on": "2024-01-01",
            }
            for name, value in right.items() if row[name] != value
        ]  # fmt: skip

    def wrong(self, column: Column, value: str) -> str:
        if column.yuan_per_unit or (value and self.random.random() < 0.3):
            return ""
        if column.accepted_values:
            return self.random.choice([v for v in column.accepted_values if v != value])
        match column.data_type:
            case "varchar":
                return f"{value}误"
            case "boolean":
                return "false" if value == "true" else "true"
            case "date":
                return "2023-01-31"
            case "integer":
                return str(int(value or 0) + 1)
        return str(Decimal(value or 0) + Decimal("0.5"))


def test_a_corrected_delivery_gives_the_same_marts(
    two_departments: Published, tmp_path: Path
) -> None:
    Misdelivery(7).write(tmp_path / "landing" / "2023")
    published = Published(tmp_path / "warehouse")
    assert build(tmp_path / "landing", published.warehouse) == {2023: []}
    found, expected = published.tables(), two_departments.tables()
    for tables, of in ((found, published), (expected, two_departments)):
        del tables["fct_evidence_cells"]
        # They say which file a row is from, and the files differ.
        for name in ("fct_tasks", "fct_performance_targets", "fct_midyear_monitoring"):
            tables[name] = of.rows(
                f"select * exclude (source_sha256, load_id) from {name} order by all"
            )
    assert found == expected
    counted = (
        "select unit_code, rubric_id, criterion_code, measure_code, role, table_name, record_key, "
        "column_name, weight, value, "
        "if(correction is null, delivered_value, corrected_value) as counted, "
        "if(column_name like '%_pct', null, coalesce(corrected_unit, amount_unit)) as unit "
        "from fct_evidence "
        "where counted is not null order by all"
    )
    assert published.rows(counted) == two_departments.rows(counted)
    assert published.rows(
        "select count(*) from fct_evidence where correction is null and role != 'reported'"
    ) == [(0,)]


def correction(table: str, key: str, column: str, old: str, new: str, unit: str = "well") -> str:
    return f"{unit},{table},{key},{column},{old},{new},{APPROVED}\n"


def deliver(landing: Path) -> None:
    """The two departments under other codes: corrected, not corrected, and corrected badly."""
    for code, real in (
        ("well", NANSHAN), ("not", NANSHAN), ("badly", NANSHAN), ("moved", YANTIAN),
    ):  # fmt: skip
        copy_department(landing, 2023, code, real)
    three_public = ("public_expenses", "item=three_public")
    survey = read(landing / "2023" / "satisfaction_surveys.csv")[0]
    key = f"survey_name={survey['survey_name']}"
    write(
        landing / "2023" / "corrections.csv",
        HEADER
        + correction(*three_public, "budgeted", "0.008256", "825600")
        + correction(*three_public, "amount_unit", "万元", "元")
        + correction(*three_public, "actual", "75.09", "750900")
        + correction("satisfaction_surveys", key, "satisfaction_pct", "95.69", "")
        + correction("satisfaction_surveys", key, "respondents", "", "10")
        + correction("assessments", "criterion_code=effectiveness", "value", "25", "20")
        + correction(*three_public, "budgeted", "82.56", "0.01", "badly")
        + correction("departments", "", "district", "盐田区", "南山区", "moved"),
    )


def test_evidence_shows_the_correction_beside_what_was_delivered(invented: Published) -> None:
    """And without the corrections the marts are those of what was delivered."""
    told = "录入有误；批准人 张三，2024-05-06（2023/corrections/corrections.csv 第 {} 行）"
    assert invented.rows(
        "select table_name, role, column_name, value, delivered_value, corrected_value, "
        "corrected_unit, amount_unit, correction from fct_evidence "
        "where unit_code = 'well' and rubric_id = 'nanshan_2023' and correction is not null "
        "and role != 'reported' order by all"
    ) == [
        ("assessments", "assessment", "value", 20, "25", "20", None, None, told.format(7)),
        ("public_expenses", "denominator", "budgeted", 825600, "0.008256", "825600", "元", "万元",
         f"{told.format(2)}；amount_unit：{told.format(3)}"),
        ("public_expenses", "numerator", "actual", 750900, "75.09", "750900", "元", "万元",
         f"amount_unit：{told.format(3)}；{told.format(4)}"),
        ("satisfaction_surveys", "denominator", "respondents", 10, None, "10", None, None,
         told.format(6)),
        ("satisfaction_surveys", "numerator", "satisfaction_pct", None, "95.69", None, None, None,
         f"{told.format(5)}；respondents：{told.format(6)}"),
    ]  # fmt: skip
    assert invented.totals()[YANTIAN, 2023, "yantian_2023"] == Decimal("96.08")
    assert invented.rows(
        "select count(*) from fct_evidence where correction is not null and unit_code = 'not'"
    ) == [(0,)]
    ((rate, status),) = invented.rows(
        "select m.value, e.status from fct_measures as m "
        "join fct_evaluations as e using (unit_code, fiscal_year) "
        "where m.unit_code = 'not' and m.measure_code = 'three_public_control_rate' "
        "and e.rubric_role = 'official'"
    )
    assert (rate, status) == (Decimal("9095.2034883721"), "scored")


def test_a_bad_correction_blocks_its_department_alone(invented: Published) -> None:
    rows = invented.rows(
        "select unit_code, rubric_id, status, status_reason from fct_evaluations "
        "where rubric_role = 'official' and unit_code in ('badly', 'moved', 'well') order by all"
    )
    assert [row[:3] for row in rows] == [
        ("badly", "nanshan_2023", "blocked"), ("moved", "nanshan_2023", "scored"),
        ("well", "nanshan_2023", "incomplete"),
    ]  # fmt: skip
    assert (
        "corrections 2023/corrections/corrections.csv row 8：无法读取，已拒收（old_value = 82.56; "
        "expected what was delivered, 0.008256 (2023/public_expenses/corrections.csv row 4)）"
    ) in rows[0][3]
