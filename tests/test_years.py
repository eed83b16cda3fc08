"""Fiscal years side by side: each is built by itself and leaves the others as they are."""

from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from expectations.rules import STAGES
from orchestration import audit, ledger
from orchestration.publication import chain, summary
from orchestration.site import write as site
from tests.conftest import Published, TwoYears, append_rows, build, copy_department
from tests.test_data_docs import Page

pytestmark = pytest.mark.builds

NANSHAN, YANTIAN = "440305-gxj", "440308-fzyj"
STALE = (
    "2024 is out of date: it reads 2023, which has been loaded anew since it was built; "
    "jixiao run --year 2024 brings it up to date"
)


def as_an_older_version_published_it(published: Published, changes: str) -> None:
    """Change what the next build starts from, and seal it as if it had been published so."""
    root, name = published.warehouse, (published.warehouse / "published").readlink().name
    with duckdb.connect(str(root / "states" / f"{name}.duckdb")) as con:
        con.execute(changes)
    for sealed in (root / "chain").iterdir():
        sealed.unlink()
    chain.seal(root, name, "older", None)
    chain.record(root, name)


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


def test_a_second_year_changes_nothing_in_the_first(
    both_years: TwoYears, two_departments: Published
) -> None:
    assert of_year(both_years, 2023) == of_year(two_departments, 2023)
    assert both_years.rows(
        "select fiscal_year, value from fct_measures "
        f"where unit_code = '{YANTIAN}' and measure_code = 'budget_adjustment_rate' order by 1"
    ) == [(2023, Decimal("0.6370960008")), (2024, Decimal("0.4225"))]
    # A measure of change reads the year before from what is already loaded, with its evidence.
    assert both_years.rows(
        "select fiscal_year, numerator, denominator, status from fct_measures "
        f"where unit_code = '{YANTIAN}' and measure_code = 'budget_change_rate' order by 1"
    ) == [(2023, None, None, "missing"), (2024, Decimal("786500"), Decimal("5213500"), "defined")]


def test_other_years_stay_the_files_that_they_are(two_years: TwoYears) -> None:
    """But for what is no longer what was published: that is written anew."""
    older = two_years.warehouse.resolve() / "publications"
    older /= (two_years.warehouse / "published").readlink().name
    first = {year: of_year(two_years, year) for year in (2023, 2024)}
    pages, checkpoints = texts(two_years, "data_docs"), texts(two_years, "validations")
    append_rows(two_years.landing / "2024" / "petitions.csv", f"{NANSHAN},2024,来访,5,5,4")
    append_rows(two_years.landing / "2024" / "budgets.csv", f"{YANTIAN},2024,other,1,1,2,元")
    assert build(two_years.landing, two_years.warehouse, 2024) == {2024: []}
    assert changed(pages, texts(two_years, "data_docs")) == {
        "index.html", "2024.html", "2024-departments.html",
    }  # fmt: skip
    exceeded = Page(two_years.warehouse / "published" / "data_docs" / "2024.html")
    assert exceeded.row("execution_within_budget")[3] == "1"
    # Of the checkpoints, only the one that finds something else says something else.
    assert changed(checkpoints, texts(two_years, "validations")) == {"2024/delivered.json"}
    assert len(checkpoints) == 2 * len(STAGES)
    newer = (two_years.warehouse / "published").resolve()

    def same(name: str) -> bool:
        return (older / name).samefile(newer / name)

    mart = "parquet/fct_evaluations/fiscal_year={}/fct_evaluations.parquet"
    assert [same(mart.format(year)) for year in (2023, 2024)] == [True, False]
    assert [same(f"data_docs/{year}.html") for year in (2023, 2024)] == [True, False]
    assert [same(f"csv/{year}/fct_evaluations.csv") for year in (2023, 2024)] == [True, False]
    assert of_year(two_years, 2023) == first[2023]
    assert of_year(two_years, 2024)["fct_measures"] != first[2024]["fct_measures"]
    assert_published_as_built(two_years)
    assert chain.differences(two_years.warehouse, newer.name, runs_of(two_years), None) == []

    (newer / mart.format(2023)).chmod(0o644)
    (newer / mart.format(2023)).write_bytes(b"changed")
    older = newer
    assert build(two_years.landing, two_years.warehouse, 2024) == {2024: []}
    newer = (two_years.warehouse / "published").resolve()
    assert not same(mart.format(2023))
    assert same("data_docs/2023.html")

    # Evidence of an older version had a row for each use of a cell, and did not say of which year
    # the cell was.
    evidence = two_years.rows("from fct_evidence order by all")
    as_an_older_version_published_it(
        two_years,
        """
        create table marts.older as
        select * exclude (delivered_unit_code, delivered_year, lines_count) from marts.fct_evidence;
        drop view marts.fct_evidence;
        drop view marts.fct_evidence_lines;
        drop table marts.fct_evidence_cells;
        drop table marts.fct_evidence_line_cells;
        alter table marts.older rename to fct_evidence;
        """,
    )
    (newer / "scores.duckdb").chmod(0o644)
    with duckdb.connect(str(newer / "scores.duckdb")) as con:
        con.execute("update marts.fct_evaluations set total_score = 1 where fiscal_year = 2023")
    assert of_year(two_years, 2023) != first[2023]
    older = newer
    assert build(two_years.landing, two_years.warehouse, 2024) == {2024: []}
    newer = (two_years.warehouse / "published").resolve()
    assert not same(mart.format(2023))
    assert of_year(two_years, 2023) == first[2023]
    assert_published_as_built(two_years)
    kept = two_years.rows("from fct_evidence order by all")
    assert {row[1] for row in kept} == {2023, 2024}
    assert kept == evidence


def texts(published: Published, name: str) -> dict[str, str]:
    """The files of a folder of what is published."""
    folder = published.warehouse / "published" / name
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8")
        for path in folder.rglob("*")
        if path.is_file()
    }


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    """Which of the same files say something else."""
    assert set(before) == set(after)
    return {name for name in before if before[name] != after[name]}


def runs_of(published: Published) -> list[tuple[str, int]]:
    return published.rows("select run_id, fiscal_year from scores.audit.runs")  # type: ignore[return-value]


def assert_published_as_built(published: Published) -> None:
    """Every published table has the rows of the state that it was published from."""
    name = (published.warehouse / "published").readlink().name
    with duckdb.connect() as con:
        con.execute(f"attach '{published.warehouse}/published/scores.duckdb' as scores (read_only)")
        con.execute(f"attach '{published.warehouse}/states/{name}.duckdb' as state (read_only)")
        tables = con.execute(
            "select schema_name || '.' || table_name from duckdb_tables() "
            "where database_name = 'scores'"
        ).fetchall()
        assert len(tables) > 20
        for (table,) in tables:
            for one, other in (("scores", "state"), ("state", "scores")):
                strays = f"from {one}.{table} except all from {other}.{table}"
                assert con.execute(strays).fetchall() == [], table


def test_loading_a_year_again_replaces_it(
    landing: Path,
    published: Published,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its marts gain the columns and decimals that those of an older version lack."""
    query = "select item_code, location, explained_by from fct_reconciliation order by all"
    before, first = published.rows(query), published.tables()
    as_an_older_version_published_it(
        published,
        """
        alter table marts.fct_reconciliation drop column explained_by;
        alter table marts.fct_measures alter numerator type decimal(38, 14);
        -- As if with other grades, of which Yantian's was 良.
        update audit.runs set seeds = map_from_entries(list_transform(map_entries(seeds),
            lambda e: if(e.key = 'grade_bands', {'key': e.key, 'value': 'another'}, e)));
        update marts.fct_evaluations set grade = '良' where rubric_id = 'yantian_2023';
        """,
    )
    # Events that cannot be written keep nothing back.
    monkeypatch.setenv("JIXIAO_OPENLINEAGE_FILE", str(tmp_path))
    assert build(landing, published.warehouse) == {2023: []}
    (told,) = (r.message for r in caplog.records if r.message.startswith("lineage:"))
    assert str(tmp_path) in told
    assert told.endswith("the events of this run are incomplete")
    # The history names the seed.
    assert published.rows(
        "select unit_code, item_type, item_code, old_text, new_text, cause "
        "from fct_evaluation_history where rubric_id != 'shenzhen_2023'"
    ) == [(YANTIAN, "grade", "TOTAL", "良", "优", "更换评分标准 seeds/grade_bands.csv")]
    assert published.rows(query) == before
    assert published.rows(
        "select data_type from duckdb_columns() "
        "where table_name = 'fct_measures' and column_name = 'numerator'"
    ) == [("DECIMAL(38,16)",)]
    del first["fct_reconciliation"], first["fct_evaluation_history"]
    assert published.tables().items() >= first.items()


def test_a_refused_year_leaves_the_others_published(two_years: TwoYears, tmp_path: Path) -> None:
    before, first = of_year(two_years, 2024), (two_years.warehouse / "published").resolve()
    assert two_years.rows("from fct_evaluation_history") == []
    pages, checkpoints = texts(two_years, "data_docs"), texts(two_years, "validations")
    budgets = (two_years.landing / "2024" / "budgets.csv").read_bytes()
    append_rows(two_years.landing / "2024" / "budgets.csv", ",2024,total,1,1,1,元")
    append_rows(two_years.landing / "2023" / "petitions.csv", f"{NANSHAN},2023,来访,5,5,4")
    outcomes = build(two_years.landing, two_years.warehouse)
    assert outcomes[2023] == []
    assert outcomes[2024] == [
        "2024 refused: 2024/budgets.csv row 12 column unit_code: empty or not to be found, "
        "so the row names no department; expected its unit_code"
    ]
    assert of_year(two_years, 2024) == before
    after = texts(two_years, "data_docs")
    assert changed(pages, after) == {"index.html", "2023.html", "2023-departments.html"}
    assert not {
        name for name in changed(checkpoints, texts(two_years, "validations")) if "2024" in name
    }
    assert two_years.rows(
        "select numerator, denominator from fct_measures "
        f"where unit_code = '{NANSHAN}' and fiscal_year = 2023 "
        "and measure_code = 'petition_on_time_rate'"
    ) == [(Decimal(27119), Decimal(27120))]
    # Its pages stay the same files, and say of 2023 what they would if they were written now.
    now = (two_years.warehouse / "published").resolve()
    assert (now / "site" / "2024" / "index.html").samefile(first / "site" / "2024" / "index.html")
    with duckdb.connect(str(now / "scores.duckdb"), read_only=True) as con:
        site.write(con, tmp_path / "site")
    for path in (tmp_path / "site").rglob("*.html"):
        name = path.relative_to(tmp_path)
        assert path.read_text("utf-8") == (now / name).read_text("utf-8"), name
    # 2024 reads the year before.
    found = summary.read(two_years.warehouse / "published" / "scores.duckdb", [2023])
    assert found.outdated == [STALE]

    # Measures of change read the year before, so that it was loaded anew is told as well.
    (two_years.landing / "2024" / "budgets.csv").write_bytes(budgets)
    append_rows(
        two_years.landing / "2024" / "assessments.csv",
        f"{YANTIAN},2024,spending_violation,1,甲,乙",
    )
    assert build(two_years.landing, two_years.warehouse, 2024) == {2024: []}
    assert {
        why for (why,) in two_years.rows(
            "select distinct cause from fct_evaluation_history where fiscal_year = 2024"
        )
    } == {"更换文件 2024/assessments.csv；更换文件 2023/petitions.csv"}  # fmt: skip


def deliver(landing: Path) -> None:
    """A department beside that of Yantian, in all but a violation like it."""
    copy_department(landing, 2023, "440308-new", YANTIAN)
    append_rows(
        landing / "2023" / "assessments.csv", "440308-new,2023,spending_violation,1,audit,invented"
    )


def test_a_further_department_is_rows(invented: Published) -> None:
    rows = invented.rows(
        "select unit_code, total_score, district_rank from fct_evaluations "
        "where rubric_id = 'yantian_2023' and fiscal_year = 2023 and total_score is not null "
        "order by unit_code"
    )
    assert rows == [(YANTIAN, Decimal("96.08"), 1), ("440308-new", Decimal("94.08"), 2)]
    assert invented.rows(
        "select score, is_vetoed from fct_indicator_scores where unit_code = '440308-new' "
        "and indicator_code = 'financial_compliance' and rubric_id = 'yantian_2023'"
    ) == [(Decimal(0), True)]


def test_a_year_is_out_of_date_while_it_has_read_other_data(con: duckdb.DuckDBPyConnection) -> None:
    audit.ensure(con, "audit.runs", "audit.run_reads")

    def outdated(*built: tuple[int, str]) -> list[str]:
        for year, landing in built:
            ((number,),) = con.execute("select count(*) from audit.runs").fetchall()
            con.execute(
                """
                insert into audit.runs by name
                select
                    $number as run_id, to_timestamp($number) as published_at,
                    $year as fiscal_year, $landing as landing_sha256, $all as seeds_sha256,
                    map(['measure_inputs'], [$measure_inputs]) as seeds
                """,
                {
                    "number": number, "year": year, "landing": landing,
                    "all": ledger.seeds_sha256(),
                    "measure_inputs": ledger.seed_checksums()["measure_inputs"],
                },
            )  # fmt: skip
            ledger.note_reads(con)
        return ledger.outdated(con)

    assert outdated((2024, "a")) == []
    # It was built before there was anything to read.
    assert outdated((2023, "b")) == [STALE]
    assert outdated((2024, "a")) == []
    assert outdated((2023, "b")) == []
    assert outdated((2023, "c")) == [STALE]
    assert outdated((2023, "d"), (2024, "a")) == []
    con.execute("update audit.runs set seeds_sha256 = 'other' where fiscal_year = 2023")
    assert outdated() == [
        "2023 is out of date: the rubrics, measures or waivers have changed since it was built; "
        "jixiao run --year 2023 brings it up to date"
    ]


def test_a_folder_for_a_year_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "landing" / "9999").mkdir(parents=True)
    (reason,) = build(tmp_path / "landing", tmp_path / "warehouse", 9999)[9999]
    assert reason.startswith("9999 refused: expected a fiscal year from 2000 to ")
