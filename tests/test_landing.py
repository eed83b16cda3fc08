"""Loading: typed by the contract, every row loaded or rejected, every fault said in a sentence."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestration.faults import LandingRefused
from orchestration.landing import load as module
from orchestration.landing import readers
from orchestration.landing.contract import landing_contract
from orchestration.landing.files import LandedFile
from tests.conftest import DEPARTMENTS, append_rows, write

BUDGETS = "unit_code,fiscal_year,budget_line,initial_budget,adjusted_budget,executed,amount_unit\n"


def load(con: duckdb.DuckDBPyConnection, folder: Path) -> list[module.Load]:
    return module.load_year(con, folder, 2023)


def refusal(con: duckdb.DuckDBPyConnection, folder: Path) -> list[str]:
    with pytest.raises(LandingRefused) as refused:
        load(con, folder)
    return refused.value.reasons


def rejected(con: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    return con.execute(
        "select source_file, source_row, unit_code, column_name, value, reason "
        "from audit.rejected_rows order by all"
    ).fetchall()


def test_every_row_says_where_it_comes_from(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    write(folder / "2023" / "budgets" / "甲.csv", BUDGETS + "A,2023,total,1,2,3,万元\n")
    write(folder / "2023" / "budgets" / "乙.csv", BUDGETS + 'A,2023,basic,,"1,234.50",３,元\n')
    loads = load(con, folder)
    assert [(x.source_file, x.rows_read, x.rows_loaded, x.rows_rejected) for x in loads] == [
        ("2023/departments.csv", 1, 1, 0),
        ("2023/budgets/乙.csv", 1, 1, 0),
        ("2023/budgets/甲.csv", 1, 1, 0),
    ]
    rows = con.execute(
        "select r.budget_line, cast(r.adjusted_budget as double), cast(r.executed as double), "
        "r.source_file, r.source_row, l.source_sha256 = r.source_sha256 "
        "from raw.budgets as r join audit.loads as l using (load_id) order by all"
    ).fetchall()
    assert rows == [
        ("basic", 1234.5, 3.0, "2023/budgets/乙.csv", 2, True),
        ("total", 2.0, 3.0, "2023/budgets/甲.csv", 2, True),
    ]


def test_what_is_delivered_is_never_sql(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Nor is a file's name, a rejected cell, or a key that is repeated."""
    hostile = "'; drop table raw.departments; --"
    rows = [f'"{hostile}",2023,"{hostile}",department,,"{hostile}",""" or 1=1"']
    append_rows(folder / "2023" / "departments.csv", *rows)
    budgets = "unit_code,fiscal_year,budget_line,adjusted_budget,executed,amount_unit\n"
    write(
        folder / "2023" / "budgets" / f"{hostile}.csv",
        f'{budgets}A,2023,total,1,1,元\n"{hostile}",2023,total,"{hostile}",1,元\n'
        f'"{hostile}",2023,"{hostile}",1,1,元\n',
    )
    load(con, folder)
    assert con.execute(
        "select unit_code, unit_name, city, district from raw.departments"
    ).fetchall()[1] == (hostile, hostile, hostile, '" or 1=1')
    told = con.execute("select source_file, unit_code, value from audit.rejected_rows").fetchall()
    assert told == [(f"2023/budgets/{hostile}.csv", hostile, hostile)] * 2
    assert con.execute("select count(*) from raw.budgets").fetchone() == (1,)


@pytest.mark.parametrize(
    ("content", "values"),
    [
        pytest.param("\ufeff" + BUDGETS + "A,2023,total,1,2,3,元\n", [2], id="BOM"),
        pytest.param(
            (BUDGETS + "A,2023,total,1,2,3,元\n").replace("\n", "\r\n"), [2], id="CRLF"
        ),
        pytest.param(BUDGETS + "A,2023,total,1,2,3,元\r\nA,2023,basic,1,2,3,元\n", [2, 3], id="mixed"),
        pytest.param(BUDGETS + "A,2023,total,1,2,3,元", [2], id="no last line end"),
        pytest.param(BUDGETS + "\n\nA,2023,total,1,2,3,元\n\n", [4], id="blank lines count"),
        pytest.param(BUDGETS + ",,,,,,\nA,2023,total,1,2,3,元\n", [3], id="empty records count"),
        pytest.param(
            "executed,amount_unit,budget_line,fiscal_year,unit_code\n3,元,total,2023,A\n",
            [2],
            id="columns in any order, some absent",
        ),
        pytest.param(
            "单位编码,预算年度,预算科目,决算支出数,金额单位\nA,2023,total,3,元\n", [2], id="Chinese labels"
        ),
        pytest.param(BUDGETS + " A ,2023, total ,1,2, 3　,元\n", [2], id="spaces around"),
        pytest.param(BUDGETS + "A,2023,total,,,,\n", [2], id="no amount, no unit"),
    ],
)  # fmt: skip
def test_files_as_people_save_them(
    content: str, values: list[int], con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    write(folder / "2023" / "budgets.csv", content)
    load(con, folder)
    assert rejected(con) == []
    rows = con.execute("select source_row from raw.budgets order by 1").fetchall()
    assert [row for (row,) in rows] == values
    assert con.execute("select distinct unit_code from raw.budgets").fetchall() == [("A",)]


def test_rows_that_share_a_key_are_all_rejected(
    con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    write(folder / "2023" / "budgets" / "a.csv", BUDGETS + "A,2023,total,1,2,3,元\n")
    write(
        folder / "2023" / "budgets" / "b.csv", BUDGETS + "A,2023,total,1,2,x,元\nA,2023,basic,,,,\n"
    )
    load(con, folder)
    reasons = [row[-1] for row in rejected(con)]
    assert len(reasons) == 2
    assert all(
        "occurs more than once (2023/budgets/a.csv row 2, 2023/budgets/b.csv row 2)" in reason
        for reason in reasons
    )
    assert con.execute("select budget_line from raw.budgets").fetchall() == [("basic",)]


def test_of_many_rows_at_fault_the_first_are_told(
    con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    write(folder / "2023" / "budgets.csv", BUDGETS + ",2023,total,1,2,3,元\n" * 100)
    reasons = refusal(con, folder)
    assert len(reasons) == 21
    assert reasons[0].startswith("2023/budgets.csv row 2 column unit_code")
    assert reasons[-1] == "budgets: and 80 more such rows"


def test_without_departments_nothing_can_be_evaluated(
    con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    (folder / "2023" / "departments.csv").unlink()
    assert refusal(con, folder) == [
        "2023: no departments file; expected 2023/departments.csv with a row for each"
    ]


def test_a_list_of_no_departments_is_refused(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    load(con, folder)
    write(folder / "2023" / "departments.csv", DEPARTMENTS)
    assert refusal(con, folder) == [
        "2023: departments has no row; expected one for each department to evaluate"
    ]
    assert con.execute("select unit_code from raw.departments").fetchall() == [("A",)]


@pytest.mark.parametrize(
    "name",
    [".DS_Store", "~$budgets.csv", ".~lock.budgets.csv#", "Thumbs.db", "Desktop.ini",
     "__MACOSX/._budgets.csv", "@eaDir/budgets.csv", "$RECYCLE.BIN/$R1.csv",
     "System Volume Information/x.dat", "budgets/THUMBS.DB"],
)  # fmt: skip
def test_what_nobody_sees_is_passed_over(
    name: str, con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    write(folder / "2023" / name, "x")
    assert len(load(con, folder)) == 1


@pytest.mark.parametrize(
    "name", ["BUDGETS.CSV", "部门预算.csv", "部门预算/一.csv", "Budgets/1.csv", " 部门预算 .csv"]
)
def test_a_table_is_named_in_english_or_chinese(
    name: str, con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    write(folder / "2023" / name, BUDGETS + "A,2023,total,1,2,3,元\n")
    loads = load(con, folder)
    assert [(x.table_name, x.source_file, x.rows_loaded) for x in loads][1:] == [
        ("budgets", f"2023/{name}", 1)
    ]


def test_a_workbook_named_in_chinese_is_that_table(
    con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    with xlsxwriter.Workbook(folder / "2023" / "人员编制.xlsx") as book:
        sheet = book.add_worksheet("Sheet1")
        sheet.write_row(0, 0, ["unit_code", "fiscal_year", "staff_category", "actual"])
        sheet.write_row(1, 0, ["A", 2023, "worker", 1])
    assert [(x.table_name, x.rows_loaded) for x in load(con, folder)][1:] == [("staffing", 1)]


def _appended(path: Path) -> None:
    append_rows(path, "A,2023,basic,9,9,9,元")


def _replaced(path: Path) -> None:
    beside = path.with_name(".new")
    write(beside, path.read_bytes().replace(b"1,2,3", b"9,9,9"))
    beside.replace(path)


@pytest.mark.parametrize("change", [_appended, _replaced, Path.unlink])
@pytest.mark.parametrize("is_known", [False, True])
def test_a_file_that_changes_while_it_is_read_refuses_the_year(
    change: Callable[[Path], Any],
    is_known: bool,
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The checksum in the ledger is that of what was read, also of a file found unchanged."""
    path = folder / "2023" / "budgets.csv"
    write(path, BUDGETS + "A,2023,total,1,2,3,元\n")
    if is_known:
        load(con, folder)
        write(folder / "2023" / "staffing.csv", "unit_code,fiscal_year,staff_category\n")
    before = budget_lines(con) if is_known else []
    read = readers.READERS[".csv"]

    @contextmanager
    def reader(con: duckdb.DuckDBPyConnection, file: LandedFile) -> Iterator[readers.Records]:
        with read(con, file) as found:
            yield found
        if file.table.name == ("staffing" if is_known else "budgets"):
            change(path)

    monkeypatch.setitem(readers.READERS, ".csv", reader)
    assert refusal(con, folder) == [
        "2023/budgets.csv: changed while it was being read; start again when it is there whole"
    ]
    assert budget_lines(con) == before


def test_a_years_folder_elsewhere_is_told_once(
    con: duckdb.DuckDBPyConnection, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "2023"
    (folder / "2023").rename(elsewhere)
    (folder / "2023").symlink_to(elsewhere)
    (reason,) = refusal(con, folder)
    assert reason.startswith("2023: the year's folder is a link that leads out of the landing")


def test_the_same_file_has_the_same_load_id(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    def ids() -> list[tuple[str]]:
        load(con, folder)
        return con.execute("select load_id from audit.loads").fetchall()

    first = ids()
    assert ids() == first
    append_rows(folder / "2023" / "departments.csv", "B,2023,乙,department,,深圳市,南山区")
    assert ids() != first


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=6)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["A", "B"]),
            st.sampled_from(["2023", "2024", "x"]),
            st.sampled_from(["total", "basic", "其他"]),
            CELL,
            st.sampled_from(["1", "-1", "1,000", "x", ""]),
            st.sampled_from(["元", "", "斤"]),
            # Most rows are whole; others are cut off.
            st.sampled_from([6, 6, 6, 5, 3]),
        ),
        max_size=12,
    ),
    seed=st.integers(0, 9),
)
def test_rows_read_are_rows_loaded_and_rejected(
    rows: list[tuple[Any, ...]], seed: int, tmp_path: Path
) -> None:
    """Whatever the rows are and in whatever order, none is lost."""
    header = "unit_code,fiscal_year,budget_line,initial_budget,executed,amount_unit\n"
    results = []
    for shuffled in (rows, random.Random(seed).sample(rows, len(rows))):  # noqa: S311
        write(
            tmp_path / "2023" / "departments.csv", DEPARTMENTS + "A,2023,甲,department,,深圳市,\n"
        )
        lines = [
            ",".join('"' + c.replace('"', '""') + '"' for c in row[: row[-1]]) for row in shuffled
        ]
        write(tmp_path / "2023" / "budgets.csv", header + "".join(line + "\n" for line in lines))
        with duckdb.connect() as con:
            (budgets,) = (x for x in load(con, tmp_path) if x.table_name == "budgets")
            assert budgets.rows_read == len(rows)
            assert budgets.rows_loaded + budgets.rows_rejected == len(rows)
            numbers = con.execute(
                "select source_row from raw.budgets union all "
                "select source_row from audit.rejected_rows order by 1"
            ).fetchall()
            assert [n for (n,) in numbers] == list(range(2, len(rows) + 2))
            results.append(
                con.execute(
                    "select * exclude (load_id, source_sha256, source_row) from raw.budgets order by all"
                ).fetchall()
            )
    assert results[0] == results[1]


def test_the_units_of_money_are_those_that_staging_knows() -> None:
    """The contract says which units are accepted; the macro to_yuan turns each into yuan."""
    macro = Path("macros/to_yuan.sql").read_text("utf-8")
    units = next(c for c in landing_contract()["budgets"].columns if c.name == "amount_unit")
    for unit, yuan in units.yuan_per_unit.items():
        (line,) = (x for x in macro.splitlines() if f"'{unit}'" in x)
        assert line.endswith(f"then {yuan}")


def budget_lines(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    return con.execute("select source_file, budget_line from raw.budgets order by all").fetchall()


def test_only_what_has_changed_is_read_again(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    def loaded_at() -> dict[str, Any]:
        load(con, folder)
        return dict(con.execute("select source_file, loaded_at from audit.loads").fetchall())

    for name, line in (("a", "total"), ("b", "basic"), ("c", "project")):
        write(folder / "2023" / "budgets" / f"{name}.csv", BUDGETS + f"A,2023,{line},1,2,3,元\n")
    first = loaded_at()
    write(folder / "2023" / "budgets" / "b.csv", BUDGETS + "A,2023,other,1,2,3,元\n")
    (folder / "2023" / "budgets" / "c.csv").unlink()
    second = loaded_at()
    assert {name for name in second if second[name] == first[name]} == {
        "2023/departments.csv",
        "2023/budgets/a.csv",
    }
    assert budget_lines(con) == [("2023/budgets/a.csv", "total"), ("2023/budgets/b.csv", "other")]
    assert [x.is_unchanged for x in load(con, folder)] == [True, True, True]


def test_an_unchanged_file_follows_what_others_say_of_its_keys(
    con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    a, b = (folder / "2023" / "budgets" / f"{name}.csv" for name in "ab")
    write(a, BUDGETS + "A,2023,total,1,2,3,元\nA,2023,basic,1,2,3,元\n")
    load(con, folder)
    write(b, BUDGETS + "A,2023,total,1,2,9,元\n")
    load(con, folder)
    assert budget_lines(con) == [("2023/budgets/a.csv", "basic")]
    assert [row[:2] for row in rejected(con)] == [
        ("2023/budgets/a.csv", 2),
        ("2023/budgets/b.csv", 2),
    ]
    b.unlink()
    load(con, folder)
    assert budget_lines(con) == [("2023/budgets/a.csv", "basic"), ("2023/budgets/a.csv", "total")]
    assert rejected(con) == []


def test_files_read_by_another_version_are_read_again(
    con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    load(con, folder)
    con.execute("update audit.loads set reader_sha256 = 'older'")
    assert [x.is_unchanged for x in load(con, folder)] == [False]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_rows_are_counted_as_a_person_sees_them(
    end: str, encoding: str, con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    """Whatever the encoding, blank lines, broken records and line breaks in cells in between."""
    lines = [BUDGETS.strip(), "A,2023,total,1,2,3,元", "", "A,2023,basic", '"A",2023,"其\n他",1,2,3,元',
             " ", "A,2023,project,1,2,3,元", ",,,,,,", "A,2023,other,x,2,3,元", ""]  # fmt: skip
    path = folder / "2023" / "budgets.csv"
    write(path, end.join(lines).encode(encoding))
    loads = load(con, folder)
    assert (loads[-1].rows_read, loads[-1].rows_rejected) == (5, 3)
    assert [(row[1], row[4]) for row in rejected(con)] == [
        (4, "A,2023,basic"),
        (5, "其\n他"),
        (9, "x"),
    ]
    loaded = con.execute("select source_row from raw.budgets order by 1").fetchall()
    assert [row for (row,) in loaded] == [2, 7]


ASSESSMENTS = "unit_code,fiscal_year,criterion_code,value,basis\n"


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        # Lines that read as rows: their year in full width, or beside what nobody can see.
        (
            'A,２０２３,m1,1,"甲\nB,２０２３,m2,1,乙\nC,2023,m3,1,丙"\n',
            "which read as rows of their own",
        ),
        ('A,2023,m1,1,"\nB,2023\ufeff,m2,1,"\n', "which read as rows of their own"),
        # A number is not written over several lines.
        ('A,2023,m1,"7,甲,乙\n丙,1",丁\n', "but value takes no text of several lines"),
    ],
)
def test_a_mark_that_swallows_rows(
    lines: str, told: str, con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    write(folder / "2023" / "assessments.csv", ASSESSMENTS + lines + "D,2023,m9,1,丁\n")
    count = lines.count("\n")
    assert (load(con, folder)[-1].rows_read, len(rejected(con))) == (count + 1, count)
    assert all(told in reason for *_, reason in rejected(con))
    assert con.execute("select unit_code, source_row from raw.assessments").fetchall() == [
        ("D", count + 2)
    ]


def test_of_what_a_mark_swallows_a_line_names_nobody(
    con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    write(
        folder / "2023" / "assessments.csv",
        'criterion_code,unit_code,fiscal_year,basis\nm1,A,2023,"甲\nm2,B,2023,乙\n丙"\n',
    )
    assert refusal(con, folder) == [
        "2023/assessments.csv row 4 names no department that can be told: a quotation mark opens "
        "a cell in row 2 that runs on over 3 lines, which read as rows of their own; close it or "
        "double it"
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_file_that_ends_in_the_middle_of_a_line(
    end: str, con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    lines = [BUDGETS.strip(), "A,2023,total,1,2,3,元", "A,2023,basic,1,2,3,元"]
    for name, text in (("whole", end.join([*lines, ""])), ("cut", end.join(lines)[:-1])):
        write(folder / "2023" / "budgets" / f"{name}.csv", text.replace("total", name))
    load(con, folder)
    assert con.execute("select source_file from audit.loads where ends_in_line").fetchall() == [
        ("2023/budgets/cut.csv",)
    ]


def test_full_width_letters_are_no_sign_of_another_encoding(
    con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    write(
        folder / "2023" / "assessments.csv",
        (ASSESSMENTS + "A,2023,m1,1,ＡＢ１２元\n").encode("gb18030"),
    )
    load(con, folder)
    assert con.execute("select basis from raw.assessments").fetchall() == [("ＡＢ１２元",)]


def test_a_printed_figure_names_what_it_needs_to(
    con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    """A file has the columns that it uses; a key that a row does not need is empty."""
    figures = folder / "2023" / "reported_figures"
    measures = "unit_code,fiscal_year,measure_code,location,printed\n"
    cells = "unit_code,fiscal_year,数据表,记录主键,字段,location,printed\n"
    sums = "unit_code,fiscal_year,measure_code,分子或分母,location,printed\n"
    write(figures / "measures.csv", measures + "A,2023,q1_progress,一,1%\nA,2023,,二,2%\n")
    write(
        figures / "cells.csv",
        cells
        + "A,2023,绩效指标,target_no=2,actual_value,一,95场\n"
        + "A,2023,assets,,fixed_assets_total,一,1\n"
        + "A,2023,departments,,city,一,1\n"
        + "A,2023,assets,,fixed_assets_in_use,二,1\nA,2023,固定资产,,fixed_assets_in_use,二,2\n",
    )
    write(figures / "sums.csv", sums + "A,2023,q1_progress,分子,一,1\nA,2023,q1_progress,商,一,1\n")
    load(con, folder)
    assert con.execute(
        "select measure_code, role, table_name, record_key, column_name, location "
        "from raw.reported_figures order by source_file, source_row"
    ).fetchall() == [
        ("", "", "performance_targets", "target_no=2", "actual_value", "一"),
        ("", "", "assets", "", "fixed_assets_total", "一"),
        ("q1_progress", "", "", "", "", "一"),
        ("", "", "", "", "", "二"),
        ("q1_progress", "numerator", "", "", "", "一"),
    ]
    found = [(*row[:2], *row[3:5], row[5].split(",")[0]) for row in rejected(con)]
    same = "the key unit_code=A"
    assert found == [
        ("2023/reported_figures/cells.csv", 4, "table_name", "departments",
         "expected one of budgets"),
        ("2023/reported_figures/cells.csv", 5, "location", "二", same),
        ("2023/reported_figures/cells.csv", 6, "location", "二", same),
        ("2023/reported_figures/sums.csv", 3, "role", "商", "expected one of numerator"),
    ]  # fmt: skip
    write(
        figures / "more.csv", "unit_code,fiscal_year,measure_code,printed\nA,2023,q1_progress,1%\n"
    )
    assert "the key column location is missing" in refusal(con, folder)[0]
