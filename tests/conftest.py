"""What the tests share: builds of the pipeline in this process, each in a folder of its own."""

import atexit
import csv
import fcntl
import gc
import importlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.landing.contract import landing_contract
from orchestration.project import EXAMPLE_DIR, PROJECT_DIR, SEEDS_DIR


def _example() -> Path:
    """The shipped example without what a user has put beside it: the files that its page lists.

    All processes share one copy, which the first of them makes and removes.
    """
    name = "JIXIAO_TEST_LANDING"
    if name not in os.environ:
        os.environ[name] = tempfile.mkdtemp(prefix="jixiao-example-")
        atexit.register(shutil.rmtree, os.environ[name])
        page = (EXAMPLE_DIR.parent / "README.md").read_text("utf-8")
        (Path(os.environ[name]) / "2023").mkdir()
        for table in re.findall(r"^\| `(\w+)` \(\d+\) \|", page, re.MULTILINE):
            shutil.copy(EXAMPLE_DIR / "2023" / f"{table}.csv", Path(os.environ[name]) / "2023")
    return Path(os.environ[name]).resolve()


# As the command sets it: looking through what dbt and Dagster keep takes half a second each time.
gc.set_threshold(100_000, 50, 100)
LANDING = _example()
DEPARTMENTS = "unit_code,fiscal_year,unit_name,unit_type,parent_unit_code,city,district\n"


class Published:
    """What a reader of a warehouse sees."""

    def __init__(self, warehouse: Path) -> None:
        self.warehouse = warehouse

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect() as con:
            con.execute(
                f"attach '{self.warehouse / 'published' / 'scores.duckdb'}' as scores (read_only)"
            )
            con.execute("use scores.marts")
            return con.execute(query).fetchall()

    def totals(self) -> dict[tuple[str, int, str], Any]:
        rows = self.rows(
            "select unit_code, fiscal_year, rubric_id, total_score from fct_evaluations"
        )
        return {(unit, year, rubric): total for unit, year, rubric, total in rows}

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every mart whole, in order: two builds are the same when these are."""
        names = self.rows(
            "select table_name from duckdb_tables() where schema_name = 'marts' order by 1"
        )
        return {name: self.rows(f"from {name} order by all") for (name,) in names}


# Fixtures that build the pipeline.
BUILDING = {
    "two_departments",
    "both_years",
    "two_years",
    "published",
    "project",
    "city",
    "invented",
    "troubled",
    "with_gaps",
    "five_regions",
    "cities",
}
_may_build = False


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores, as one often waits: for a process, or for what another builds."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what builds, so that the rest can be run by itself, and have the longest files first."""
    for item in items:
        if BUILDING & {*getattr(item, "fixturenames", ())}:
            item.add_marker(pytest.mark.builds)
    building = {item.path for item in items if item.get_closest_marker("builds")}
    items.sort(key=lambda item: item.path not in building)


def pytest_runtest_setup(item: pytest.Item) -> None:
    global _may_build
    _may_build = item.get_closest_marker("builds") is not None


def build(landing: Path, warehouse: Path, *years: int) -> dict[int, list[str]]:
    """Run a year's steps in this process; the reasons why a year was refused.

    What Dagster is told of them is the concern of test_graph.py and test_reexecution.py.
    """
    assert _may_build, "what builds is marked with pytest.mark.builds"
    from orchestration.graph.run import run
    from orchestration.landing.files import landing_years

    return run(landing, warehouse, list(years) or landing_years(landing), "jixiao run")


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that the first of all processes to ask for it makes."""
    shared = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / name
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            folder.mkdir()
            make(folder)
            (folder / "made").touch()
    return folder


@pytest.fixture(scope="session")
def two_departments(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """The shipped landing folder, built and published once for all processes; not to be changed."""

    def make(folder: Path) -> None:
        assert build(LANDING, folder / "warehouse") == {2023: []}

    return Published(once(tmp_path_factory, "two_departments", make) / "warehouse")


# When the run of `with_gaps` counts as started.
MOMENT = datetime.fromisoformat("2024-02-29T23:30:00+08:00")


@pytest.fixture(scope="session")
def with_gaps(tmp_path_factory: pytest.TempPathFactory, two_departments: Published) -> Published:
    """The shipped year published twice, the second time without surveys; not to be changed."""

    def make(folder: Path) -> None:
        from orchestration.graph.run import run
        from orchestration.ledger import AsOf

        shutil.copytree(LANDING, folder / "landing")
        shutil.copytree(two_departments.warehouse, folder / "warehouse", symlinks=True)
        (folder / "landing" / "2023" / "satisfaction_surveys.csv").unlink()
        moment = AsOf(MOMENT)
        refused = run(folder / "landing", folder / "warehouse", [2023], "jixiao run", moment)
        assert refused == {2023: []}

    return Published(once(tmp_path_factory, "with_gaps", make) / "warehouse")


class TwoYears(Published):
    """The shipped year, and the same figures delivered as 2024 but for Yantian's budget.

    Attributes:
        landing: Where both are.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "warehouse")
        self.landing = folder / "landing"


@pytest.fixture(scope="session")
def both_years(tmp_path_factory: pytest.TempPathFactory, two_departments: Published) -> TwoYears:
    """Two years, built and published once for all processes; not to be changed."""

    def make(folder: Path) -> None:
        shutil.copytree(LANDING, folder / "landing")
        shutil.copytree(two_departments.warehouse, folder / "warehouse", symlinks=True)
        budgets = shift_year(folder / "landing", 2023, 2024) / "budgets.csv"
        text = budgets.read_text("utf-8")
        for was, now in (("total,521.35,", "total,600,"), ("project,141,", "project,219.65,")):
            assert text.count(was) == 1
            text = text.replace(was, now)
        budgets.write_text(text, "utf-8")
        assert build(folder / "landing", folder / "warehouse", 2024) == {2024: []}

    return TwoYears(once(tmp_path_factory, "both_years", make))


class City(Published):
    """Two years of a city of 150 invented departments, and a third of some of them.

    Beside them are copies of the two real ones under invented codes: `twin-1` and `twin-2` of Nanshan,
    `twin-3` of Yantian; in 2024 `twin-4` is `twin-2` renamed, in 2025 `twin-5` is the first two merged.

    Attributes:
        landing: Where they are.
    """

    YEARS = (2023, 2024, 2025)
    DEPARTMENTS = 150

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "warehouse")
        self.landing = folder / "landing"


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    """A city of three years, built and published once for all processes; not to be changed."""

    def make(folder: Path) -> None:
        write_city(folder / "landing")
        assert build(folder / "landing", folder / "warehouse") == {year: [] for year in City.YEARS}

    return City(once(tmp_path_factory, "city", make))


@pytest.fixture(scope="session")
def troubled(tmp_path_factory: pytest.TempPathFactory, city: City) -> City:
    """The first year of the city with broken departments beside it, and another year after it.

    Built and published once for all processes; not to be changed.
    """

    def make(folder: Path) -> None:
        from tests import test_recompute, test_rules

        shutil.copytree(city.landing / "2023", folder / "landing" / "2023")
        test_rules.deliver_broken(folder)
        test_recompute.deliver_after(folder / "landing")
        assert build(folder / "landing", folder / "warehouse") == {2023: [], 2024: []}

    return City(once(tmp_path_factory, "troubled", make))


def write_city(landing: Path) -> None:
    """The files of the city of three years."""
    from tests.synthetic import Generator

    generator = Generator(20231, SEEDS_DIR)
    for year, departments in zip(City.YEARS, (City.DEPARTMENTS, City.DEPARTMENTS, 12), strict=True):
        generator.landing(landing, year, departments)
    nanshan, yantian = "440305-gxj", "440308-fzyj"
    for year, code, real in (
        *((2023, "twin-1", nanshan), (2023, "twin-2", nanshan), (2023, "twin-3", yantian)),
        *((2024, "twin-1", nanshan), (2024, "twin-4", nanshan), (2024, "twin-3", yantian)),
        *((2025, "twin-5", nanshan), (2025, "twin-3", yantian)),
    ):
        copy_department(landing, year, code, real)
    for year, code, predecessor, kind in (
        (2024, "twin-4", "twin-2", "renamed"),
        (2025, "twin-5", "twin-1", "merged"),
        (2025, "twin-5", "twin-4", "merged"),
    ):
        append_rows(
            landing / str(year) / "unit_successions.csv", f"{code},{year},{predecessor},{kind},"
        )


def copy_department(landing: Path, year: int, code: str, real: str) -> None:
    """Add the rows of a real department of the example under another code."""
    for source in sorted((LANDING / "2023").glob("*.csv")):
        with source.open(encoding="utf-8", newline="") as stream:
            rows = [row for row in csv.DictReader(stream) if row["unit_code"] == real]
        target = landing / str(year) / source.name
        target.parent.mkdir(parents=True, exist_ok=True)
        columns = [column.name for column in landing_contract()[source.stem].columns]
        is_new = not target.exists()
        with target.open("a", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, columns, lineterminator="\n")
            if is_new:
                writer.writeheader()
            for row in rows:
                writer.writerow({**row, "unit_code": code, "fiscal_year": year})


# Each delivers departments of its own, and what it has to say of them.
DELIVERING = ("corrections", "data_docs", "details", "explain", "rules", "years")


@pytest.fixture(scope="session")
def invented(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """The shipped departments, and those of several files of tests: no department touches another.

    Two years, built and published once for all processes; not to be changed. What a file of tests
    delivers lies under its name, as `2023/budgets/details.csv`.
    """

    def make(folder: Path) -> None:
        for name in DELIVERING:
            importlib.import_module(f"tests.test_{name}").deliver(folder / name)
            for path in (folder / name).glob("*/*.csv"):
                of_table = folder / "landing" / path.parent.name / path.stem
                of_table.mkdir(parents=True, exist_ok=True)
                path.rename(of_table / f"{name}.csv")
        assert build(folder / "landing", folder / "warehouse") == {2023: [], 2024: []}

    return Published(once(tmp_path_factory, "invented", make) / "warehouse")


@pytest.fixture
def two_years(both_years: TwoYears, tmp_path: Path) -> TwoYears:
    """A copy of two years, to build on or to change."""
    for name in ("landing", "warehouse"):
        shutil.copytree(both_years.landing.parent / name, tmp_path / name, symlinks=True)
    return TwoYears(tmp_path)


@pytest.fixture
def published(two_departments: Published, tmp_path: Path) -> Published:
    """A copy of what the shipped landing folder gives, to build on or to change."""
    warehouse = tmp_path / "warehouse"
    shutil.copytree(two_departments.warehouse, warehouse, symlinks=True)
    return Published(warehouse)


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    """A copy of the shipped landing folder, to change."""
    return Path(shutil.copytree(LANDING, tmp_path / "landing"))


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """A copy of the project, to change its seeds; call it to run the jixiao command there."""
    return copy_of_the_project(tmp_path / "project")


def copy_of_the_project(copy: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Copy what runs of the project; what is returned runs the jixiao command there."""
    shutil.copytree(
        PROJECT_DIR,
        copy,
        ignore=_not_of_the_project,
    )
    shutil.copytree(PROJECT_DIR / "tests" / "dbt", copy / "tests" / "dbt")
    # What dbt has parsed goes with it, so that it parses what is changed and not all anew, and the
    # plots' library, which takes seconds to make.
    from orchestration import dbt
    from orchestration.site import vega

    dbt.parsed()
    vega.bundle()
    for kept in ("parsed", "vega"):
        shutil.copytree(PROJECT_DIR / "target" / kept, copy / "target" / kept)

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return jixiao(*arguments, cwd=copy)

    run.folder = copy  # type: ignore[attr-defined]
    return run


def _not_of_the_project(folder: str, names: list[str]) -> set[str]:
    of_the_user = {"landing", "warehouse", "target", "tests"} if Path(folder) == PROJECT_DIR else ()
    return {name for name in names if name[0] == "." or name == "__pycache__"} | {*of_the_user}


def jixiao(*arguments: str, cwd: Path = PROJECT_DIR) -> "subprocess.CompletedProcess[str]":
    """The jixiao command in a process of its own, from the project in `cwd`."""
    from tests import engines

    return engines.run(arguments, cwd, os.environ)


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("set lambda_syntax = 'DISABLE_SINGLE_ARROW'")
        yield connection


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A landing folder with the smallest year that loads."""
    write(
        tmp_path / "2023" / "departments.csv", DEPARTMENTS + "A,2023,甲,department,,深圳市,南山区\n"
    )
    return tmp_path


def write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def save_anew(landing: Path) -> Path:
    """Save a table as another program would: the same rows in other bytes, which are built anew."""
    (folder,) = landing.iterdir()
    path = folder / "departments.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    return landing


def append_rows(path: Path, *rows: str) -> None:
    """Add lines to a CSV."""
    with path.open("a", encoding="utf-8") as stream:
        stream.writelines(row + "\n" for row in rows)


def shift_year(landing: Path, year: int, to: int) -> Path:
    """Copy a year's folder to another year."""
    folder = landing / str(to)
    folder.mkdir(parents=True)
    for source in (landing / str(year)).glob("*.csv"):
        text = source.read_text("utf-8").replace(f",{year},", f",{to},")
        (folder / source.name).write_text(text, "utf-8")
    return folder


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing that the user has set, and nothing that he has to deliver."""
    monkeypatch.setenv("JIXIAO_LANDING", str(LANDING))
    for name in (
        *("JIXIAO_WAREHOUSE", "JIXIAO_TARGET", "DAGSTER_HOME"),
        *("JIXIAO_COLUMN_LINEAGE", "JIXIAO_OPENLINEAGE_FILE", "JIXIAO_HEADS_FILE"),
        *("JIXIAO_SITE", "JIXIAO_SOURCES"),
    ):
        monkeypatch.delenv(name, raising=False)
    yield
