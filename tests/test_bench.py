"""The benchmark measures what it says: its cities load, and every score of the others is the marts'."""

import shutil
from pathlib import Path

import duckdb
import polars as pl
import pytest

from bench import limit, report, straight, with_polars
from bench.compare import Comparison, compare
from bench.generate import TABLES, generate
from bench.measure import Cost, Failed, measure, median
from bench.published import look, size, state
from orchestration.landing.load import load_year
from orchestration.project import PROJECT_DIR, SEEDS_DIR
from tests.conftest import Published, build, once

WAYS = {"limit": limit.score, "polars": with_polars.score}


class City(Published):
    """A small city: a year with summaries and every fault, and one with a ledger."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "warehouse")
        self.landing = folder / "landing"


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    def make(folder: Path) -> None:
        landing = folder / "landing"
        generate(landing, 48, (2023,), defects=0.7, seed=5)
        generate(landing, 12, (2024,), payments=24, defects=0.4, seed=7)
        assert build(landing, folder / "warehouse") == {2023: [], 2024: []}

    return City(once(tmp_path_factory, "measured_city", make))


def held(city: City, scores: Path) -> Comparison:
    return compare(city.warehouse / "published" / "scores.duckdb", scores)


def texts(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.csv")}


def test_a_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("same", 1), ("other", 2)):
        generate(tmp_path / name, 30, (2023, 2024), payments=15, defects=0.3, seed=seed)
    one, same, other = (texts(tmp_path / name) for name in ("one", "same", "other"))
    assert len(one) == 2 * (len(TABLES) + 1)
    assert one == same
    assert {name for name in one if one[name] == other[name]} == {
        # Names and places are not drawn.
        f"{year}/departments.csv" for year in (2023, 2024)
    }  # fmt: skip


def test_a_city_without_faults_loads_whole(tmp_path: Path, con: duckdb.DuckDBPyConnection) -> None:
    generate(tmp_path, 40, (2023,), payments=12)
    loads = load_year(con, tmp_path, 2023)
    assert [load.table_name for load in loads if load.rows_rejected] == []
    assert {load.table_name for load in loads if load.rows_loaded} == {*TABLES, "payments"}


def test_too_few_payments_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="12 or more"):
        generate(tmp_path, 1, payments=11)


@pytest.mark.builds
@pytest.mark.parametrize("way", WAYS)
def test_every_score_is_that_of_the_marts(way: str, city: City, tmp_path: Path) -> None:
    WAYS[way](city.landing, tmp_path / "scores")
    found = held(city, tmp_path / "scores")
    ((evaluations,),) = city.rows("select count(*) from fct_evaluations where status != 'blocked'")
    assert (found.differing, found.first) == (0, "")
    assert found.blocked > 0
    # 46 criteria, 21 indicators and a total each.
    assert found.compared == evaluations * (46 + 21 + 1)


@pytest.mark.builds
def test_the_city_goes_everywhere(city: City) -> None:
    """The comparison above is worth something only where the data do."""
    for column, table, expected in (
        ("status", "fct_evaluations", {"scored", "incomplete", "blocked"}),
        ("status", "fct_measures", {"defined", "undefined", "unbounded", "missing"}),
        ("is_vetoed", "fct_indicator_scores", {True, False, None}),
        ("basis", "fct_criterion_scores",
         {"computed", "assessed", "default", "missing", "withheld"}),
    ):  # fmt: skip
        rows = city.rows(f"select distinct {column} from {table} where fiscal_year = 2023")
        assert {value for (value,) in rows} == expected, table
    rules = city.rows("select distinct rule_id from fct_findings where severity = 'critical'")
    assert {rule for (rule,) in rules} >= {"execution_within_budget", "readable_row"}
    rolled_up = city.rows(
        "select status, count(*) from fct_measures "
        "where fiscal_year = 2024 and measure_code = 'q4_execution_rate' group by 1"
    )
    # Where a payment has no day, nobody can say which quarters it belongs to.
    assert {status: count > 0 for status, count in rolled_up} == {"defined": True, "missing": True}


@pytest.mark.builds
@pytest.mark.parametrize("name", limit.SCORES)
@pytest.mark.parametrize("fault", ["another number", "a row less", "a row more"])
def test_a_score_that_differs_is_told(name: str, fault: str, city: City, tmp_path: Path) -> None:
    limit.score(city.landing, tmp_path)
    path = tmp_path / f"{name}.parquet"
    # The first is of a department that nothing blocks.
    scores = pl.read_parquet(path).sort(pl.all())
    ((unit,),) = city.rows(
        "select min(unit_code) from fct_evaluations where status = 'scored' and fiscal_year = 2023"
    )
    at = scores["unit_code"].index_of(unit)
    assert at is not None
    column = next(c for c in scores.columns if c.endswith(("_e4", "_e14")))
    match fault:
        case "another number":
            changed = scores.with_columns(
                pl.when(pl.int_range(pl.len()) == at).then(pl.col(column) + 1)
                .otherwise(pl.col(column))
            )  # fmt: skip
        case "a row less":
            changed = pl.concat([scores[:at], scores[at + 1 :]])
        case _:
            more = scores[at].with_columns(rubric_id=pl.lit("another"))
            changed = pl.concat([scores, more])
    changed.write_parquet(path)
    found = held(city, tmp_path)
    assert found.differing == 1
    assert unit in found.first


def test_a_rule_that_the_limit_does_not_know_is_refused(tmp_path: Path) -> None:
    landing = generate(tmp_path / "landing", 2)
    seeds = tmp_path / "seeds"
    shutil.copytree(SEEDS_DIR, seeds)
    criteria = seeds / "rubric_criteria.csv"
    text = criteria.read_text("utf-8")
    assert ",0.10,above," in text
    criteria.write_text(text.replace(",0.10,above,", ",0.10,both,"), "utf-8")
    with pytest.raises(NotImplementedError, match="budget_adjustment"):
        limit.score(landing, tmp_path / "scores", seeds)


@pytest.mark.builds
def test_the_sql_straight_comes_to_the_same(city: City, tmp_path: Path) -> None:
    models = straight.compile_models(tmp_path)
    folder = tmp_path / "straight"
    folder.mkdir()
    # The record is that of the year that was built last.
    rows = straight.run(city.landing, 2024, models, state(city.warehouse), folder)
    query = (
        "select unit_code, rubric_id, status, total_score, grade "
        "from {}fct_evaluations where fiscal_year = 2024 order by all"
    )
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as con:
        found = con.execute(query.format("marts.")).fetchall()
    assert found == city.rows(query.format(""))
    assert len(found) == rows["fct_evaluations"] == 24


@pytest.mark.builds
def test_evidence_is_counted_as_the_catalogue_has_it(city: City) -> None:
    left = look(city.warehouse)
    assert left.evidence_rows >= left.delivered_cells > 1000
    assert left.disk_bytes == size(city.warehouse)
    assert sum(left.evaluations.values()) == left.marts["fct_evaluations"]


def test_helpers_views_and_lines_of_evidence_are_counted(tmp_path: Path) -> None:
    folder = tmp_path / "published"
    folder.mkdir()
    with duckdb.connect(str(folder / "scores.duckdb")) as con:
        con.execute(
            """
            create schema marts; use marts;
            create table fct_evaluations as select 'scored' as status;
            create table fct_indicator_scores as select 1 as score;
            create table fct_evidence_cells as
            from (values (1, 'A', 2023, 'assets', '', 'total', null), (2, 'A', 2023, 'budgets', 'x', 'y', 2))
                as t(id, delivered_unit_code, delivered_year, table_name, record_key, column_name, lines_count);
            create table fct_evidence_uses as from (values (1, 'r1'), (1, 'r2'), (2, 'r1')) as t(id, rubric_id);
            create view fct_evidence as from fct_evidence_cells join fct_evidence_uses using (id);
            create table fct_evidence_lines as
            from (values ('A', 2023, 'budgets', 'x', 'payments', 'p=1', 'amount'),
                ('A', 2023, 'budgets', 'x', 'payments', 'p=2', 'amount'),
                ('A', 2023, 'budgets', 'x', 'payments', 'p=3', 'amount'),
                ('A', 2023, 'budget_execution', 'm', 'payments', 'p=2', 'amount'))
                as t(unit_code, fiscal_year, table_name, record_key, line_table, line_key, line_column);
            """
        )
    left = look(tmp_path)
    # The view stores nothing; the summary was delivered by nobody, a line twice used is one cell.
    assert (left.evidence_rows, left.delivered_cells) == (2 + 3 + 4, 1 + 3)


def test_a_process_is_measured(tmp_path: Path) -> None:
    cost = measure("generate", tmp_path / "landing", 5, 0, 0, 1, 2023, cwd=PROJECT_DIR)
    assert cost.seen["landed_bytes"] == size(tmp_path / "landing") > 0
    assert 0 < cost.cpu < 60 and cost.wall > 0
    assert cost.peak_bytes > 10_000_000
    with pytest.raises(Failed, match="12 or more"):
        measure("generate", tmp_path / "landing", 5, 3, 0, 1, 2023, cwd=PROJECT_DIR)


def test_the_median_counts() -> None:
    costs = iter([Cost(9, 1, 1, {}), Cost(1, 2, 2, {}), Cost(2, 3, 3, {})])
    assert median(lambda: next(costs), 3) == Cost(2, 3, 3, {})


def test_the_table_is_put_into_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n", "utf-8")
    case = report.Case("100 departments", {"cpu": 12.34, "landed_bytes": 2e9, "scores": 6800})
    for _ in range(2):
        report.write_page([case], "2026-11-28", page)
    assert page.read_text("utf-8") == (
        f"before\n{report.BEGIN}\n2026-11-28.\n\n"
        "|  | 100 departments | goal | stretch |\n|---|---:|---:|---:|\n"
        "| whole run, CPU | 12.3 s |  |  |\n| scores compared | 6,800 |  |  |\n"
        f"| landed | 2.00 GB |  |  |\n{report.END}\nafter\n"
    )


def test_the_page_explains_every_goal() -> None:
    text = report.PAGE.read_text("utf-8")
    assert text.index(report.BEGIN) < text.index(report.END)
    for figure in report.FIGURES:
        if figure.goal and not figure.label.startswith(" "):
            assert f"| {figure.label.removesuffix(', CPU')} |" in text, figure.label
