"""What the tests share: builds of the pipeline in this process, each in a folder of its own."""

import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.project import PROJECT_DIR

LANDING = PROJECT_DIR / "data" / "landing"
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


def build(landing: Path, warehouse: Path, *years: int) -> dict[int, list[str]]:
    """Run the pipeline in this process; the reasons why a year was refused."""
    from orchestration.files import landing_years
    from orchestration.launch import launch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return launch(landing, warehouse, list(years) or landing_years(landing))


@pytest.fixture(scope="session")
def two_departments(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """The shipped landing folder, built and published."""
    warehouse = tmp_path_factory.mktemp("two_departments")
    assert build(LANDING, warehouse) == {2023: []}
    return Published(warehouse)


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    """A copy of the shipped landing folder, to change."""
    return Path(shutil.copytree(LANDING, tmp_path / "landing"))


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """A copy of the project, to change its seeds; call it to run the jixiao command there."""
    copy = tmp_path / "project"
    shutil.copytree(
        PROJECT_DIR,
        copy,
        ignore=shutil.ignore_patterns(".*", "warehouse", "target", "__pycache__", "tests"),
    )
    shutil.copytree(PROJECT_DIR / "tests" / "dbt", copy / "tests" / "dbt")

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return jixiao(*arguments, cwd=copy)

    run.folder = copy  # type: ignore[attr-defined]
    return run


def jixiao(*arguments: str, cwd: Path = PROJECT_DIR) -> "subprocess.CompletedProcess[str]":
    """The jixiao command in a process of its own, from the project in `cwd`."""
    return subprocess.run(
        [sys.executable, "-m", "orchestration.cli", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
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
    for name in (
        *("JIXIAO_LANDING", "JIXIAO_WAREHOUSE", "DAGSTER_HOME"),
        *("JIXIAO_COLUMN_LINEAGE", "JIXIAO_OPENLINEAGE_FILE"),
    ):
        monkeypatch.delenv(name, raising=False)
    yield
