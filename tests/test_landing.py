"""Loading: typed by the contract, every row loaded or rejected, every fault said in a sentence."""

import random
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestration import landing as module
from orchestration.contract import landing_contract
from orchestration.faults import LandingRefused
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


def test_hidden_files_are_passed_over(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    write(folder / "2023" / ".DS_Store", "x")
    write(folder / "2023" / "~$budgets.csv", "x")
    assert len(load(con, folder)) == 1


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
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
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
        ),
        max_size=12,
    ),
    seed=st.integers(0, 9),
)
def test_rows_read_are_rows_loaded_and_rejected(
    rows: list[tuple[str, ...]], seed: int, tmp_path: Path
) -> None:
    """Whatever the rows are and in whatever order, none is lost."""
    header = "unit_code,fiscal_year,budget_line,initial_budget,executed,amount_unit\n"
    results = []
    for shuffled in (rows, random.Random(seed).sample(rows, len(rows))):  # noqa: S311
        write(
            tmp_path / "2023" / "departments.csv", DEPARTMENTS + "A,2023,甲,department,,深圳市,\n"
        )
        lines = [",".join('"' + c.replace('"', '""') + '"' for c in row) for row in shuffled]
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
