"""Fiscal years side by side: each is built by itself and leaves the others as they are."""

from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from orchestration import report
from tests.conftest import Published, append_rows, build, shift_year

NANSHAN, YANTIAN = "440305-gxj", "440308-fzyj"


def of_year(published: Published, year: int) -> dict[str, list[tuple[object, ...]]]:
    kept = {}
    for name, rows in published.tables().items():
        columns = [
            c for (c,) in published.rows(
                "select column_name from duckdb_columns() where schema_name = 'marts' "
                f"and table_name = '{name}' order by column_index"
            )
        ]  # fmt: skip
        if "fiscal_year" in columns:
            at = columns.index("fiscal_year")
            kept[name] = [row for row in rows if row[at] == year]
    return kept


def test_a_second_year_changes_nothing_in_the_first(landing: Path, tmp_path: Path) -> None:
    published = Published(tmp_path / "warehouse")
    assert build(landing, published.warehouse) == {2023: []}
    before = of_year(published, 2023)
    folder = shift_year(landing, 2023, 2024)
    budgets = (folder / "budgets.csv").read_text("utf-8")
    (folder / "budgets.csv").write_text(
        budgets.replace(",total,521.35,853.5,847.07,", ",total,600,600,600,"), "utf-8"
    )
    assert build(landing, published.warehouse, 2024) == {2024: []}
    assert of_year(published, 2023) == before
    assert published.rows(
        "select fiscal_year, value from fct_measures "
        f"where unit_code = '{YANTIAN}' and measure_code = 'budget_adjustment_rate' order by 1"
    ) == [(2023, Decimal("0.6370960008")), (2024, Decimal(0))]
    # A measure of change reads the year before from what is already loaded, with its evidence.
    assert published.rows(
        "select fiscal_year, numerator, denominator, status from fct_measures "
        f"where unit_code = '{YANTIAN}' and measure_code = 'budget_change_rate' order by 1"
    ) == [(2023, None, None, "missing"), (2024, Decimal("786500"), Decimal("5213500"), "defined")]


def test_a_mart_gains_the_columns_that_an_older_one_lacks(landing: Path, tmp_path: Path) -> None:
    published = Published(tmp_path / "warehouse")
    assert build(landing, published.warehouse) == {2023: []}
    query = "select item_code, location, explained_by from fct_reconciliation order by all"
    before = published.rows(query)
    (state,) = (published.warehouse / "states").iterdir()
    with duckdb.connect(str(state)) as con:
        con.execute("alter table marts.fct_reconciliation drop column explained_by")
    assert build(landing, published.warehouse) == {2023: []}
    assert published.rows(query) == before


def test_loading_a_year_again_replaces_it(landing: Path, tmp_path: Path) -> None:
    published = Published(tmp_path / "warehouse")
    assert build(landing, published.warehouse) == {2023: []}
    first = published.tables()
    assert build(landing, published.warehouse) == {2023: []}
    assert published.tables() == first
    (landing / "2023" / "satisfaction_surveys.csv").unlink()
    assert build(landing, published.warehouse) == {2023: []}
    assert set(
        published.rows(
            "select unit_code, status, total_score, grade, status_reason from fct_evaluations "
            "where rubric_role = 'official'"
        )
    ) == {
        (NANSHAN, "incomplete", None, None, "缺少：satisfaction（公众或服务对象满意度）"),
        (YANTIAN, "incomplete", None, None, "缺少：satisfaction（公众或服务对象满意度）"),
    }


def test_a_refused_year_leaves_the_others_published(landing: Path, tmp_path: Path) -> None:
    published = Published(tmp_path / "warehouse")
    folder = shift_year(landing, 2023, 2022)
    assert build(landing, published.warehouse) == {2022: [], 2023: []}
    before = of_year(published, 2022)
    append_rows(folder / "budgets.csv", ",2022,total,1,1,1,元")
    append_rows(landing / "2023" / "petitions.csv", f"{NANSHAN},2023,来访,5,5,4")
    outcomes = build(landing, published.warehouse)
    assert outcomes[2023] == []
    assert outcomes[2022] == [
        "2022 refused: 2022/budgets.csv row 12 column unit_code: empty or not to be found, "
        "so the row names no department; expected its unit_code"
    ]
    assert of_year(published, 2022) == before
    assert published.rows(
        "select numerator, denominator from fct_measures "
        f"where unit_code = '{NANSHAN}' and fiscal_year = 2023 "
        "and measure_code = 'petition_on_time_rate'"
    ) == [(Decimal(27119), Decimal(27120))]


def test_a_further_department_is_rows(landing: Path, tmp_path: Path) -> None:
    folder = landing / "2023"
    for path in folder.glob("*.csv"):
        lines = path.read_text("utf-8").splitlines()
        append_rows(
            path,
            *(line.replace(YANTIAN, "440308-new") for line in lines if line.startswith(YANTIAN)),
        )
    append_rows(folder / "assessments.csv", "440308-new,2023,spending_violation,1,audit,invented")
    published = Published(tmp_path / "warehouse")
    assert build(landing, published.warehouse) == {2023: []}
    rows = published.rows(
        "select unit_code, total_score, district_rank from fct_evaluations "
        "where rubric_id = 'yantian_2023' order by unit_code"
    )
    assert rows == [(YANTIAN, Decimal("96.08"), 1), ("440308-new", Decimal("94.08"), 2)]
    assert published.rows(
        "select score, is_vetoed from fct_indicator_scores where unit_code = '440308-new' "
        "and indicator_code = 'financial_compliance' and rubric_id = 'yantian_2023'"
    ) == [(Decimal(0), True)]


def test_a_later_year_that_read_other_data_is_named(
    landing: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    warehouse = tmp_path / "warehouse"
    shift_year(landing, 2023, 2024)

    def shown(*years: int) -> list[str]:
        assert not any(build(landing, warehouse, *years).values())
        capsys.readouterr()
        report.show(warehouse, list(years))
        return [line for line in capsys.readouterr().out.splitlines() if "out of date" in line]

    assert shown(2024) == []
    stale = (
        "2024 is out of date: it reads 2023, which has been loaded anew since it was built; "
        "jixiao run --year 2024 brings it up to date"
    )
    assert shown(2023) == [stale]
    assert shown(2024) == []
    assert shown(2023) == []
    append_rows(landing / "2023" / "petitions.csv", f"{NANSHAN},2023,来访,5,5,4")
    assert shown(2023) == [stale]
    assert shown(2023, 2024) == []


def test_a_folder_for_a_year_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "landing" / "9999").mkdir(parents=True)
    (reason,) = build(tmp_path / "landing", tmp_path / "warehouse", 9999)[9999]
    assert reason.startswith("9999 refused: expected a fiscal year from 2000 to ")
