"""dbt by hand, as its documentation says, on the file that `make sandbox` leaves."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner

from orchestration import dbt, sandbox
from orchestration.faults import Refused
from orchestration.project import PROJECT_DIR, sandbox_file
from tests.conftest import Published, shift_year

pytestmark = pytest.mark.builds


def by_hand(*arguments: str) -> Any:
    """What `dbt …` comes to, with the parsing saved; a process that ends lets go of the file."""
    try:
        return dbtRunner(manifest=dbt.parsed()[0]).invoke(
            [
                *(*arguments, "--project-dir", str(PROJECT_DIR)),
                *("--profiles-dir", str(PROJECT_DIR), "--log-level-file", "none"),
                *("--target-path", os.environ["JIXIAO_TARGET"]),
            ]
        )
    finally:
        DuckDBConnectionManager.close_all_connections()


def marts(year: int | None = None) -> dict[str, list[tuple[Any, ...]]]:
    """Every mart of the sandbox, or its rows of a year where it has years."""
    with duckdb.connect(str(sandbox_file()), read_only=True) as con:
        tables = con.execute(
            """
            select table_name, bool_or(column_name = 'fiscal_year')
            from duckdb_columns()
            where schema_name = 'marts' and table_name not in (select view_name from duckdb_views())
            group by all order by all
            """
        ).fetchall()
        return {
            name: con.execute(
                f"from marts.{name} {f'where fiscal_year = {year}' if year and has_year else ''} "
                "order by all"
            ).fetchall()
            for name, has_year in tables
        }


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # Parsed where it has been before.
    dbt.parsed()
    monkeypatch.setenv("JIXIAO_TARGET", str(tmp_path / "target"))
    return tmp_path / "target"


def test_dbt_works_on_the_sandbox(
    target: Path, landing: Path, two_departments: Published, capsys: pytest.CaptureFixture[str]
) -> None:
    shift_year(landing, 2023, 2024)
    assert sandbox.make(landing) == [2023, 2024]
    assert [path.name for path in target.rglob("*")] == ["sandbox", sandbox_file().name]
    made = marts()
    assert marts(2023) == two_departments.tables()

    run = by_hand("build", "--target", "dev")
    assert run.exception is None
    results = {r.node.name: r for r in run.result.results}
    bad = {name: r.message for name, r in results.items() if r.status not in ("success", "pass")}
    assert {name for name in bad if results[name].node.resource_type != "exposure"} == set(), bad
    built = Counter(r.node.resource_type for r in results.values())
    in_project = Counter(n.resource_type for n in dbt.parsed()[0].nodes.values())
    in_project["unit_test"] = len(dbt.parsed()[0].unit_tests)
    assert {kind: built[kind] for kind in ("seed", "model", "test", "unit_test")} == {
        kind: in_project[kind] for kind in ("seed", "model", "test", "unit_test")
    }
    assert built["unit_test"] > 50
    # Built anew it is what it was, and nothing counts as changed.
    assert marts() == made
    assert made["fct_evaluation_history"] == []

    capsys.readouterr()
    assert by_hand("show", "--target", "dev", "--select", "fct_evaluations").success
    shown = capsys.readouterr().out
    assert sorted(str(total) for total in set(two_departments.totals().values())) == [
        "96.0800", "96.5700", "96.6300"
    ]  # fmt: skip
    assert all(total in shown for total in ("96.08", "96.57", "96.63"))


def test_what_cannot_be_loaded_leaves_the_sandbox(target: Path, folder: Path) -> None:
    sandbox_file().parent.mkdir(parents=True)
    sandbox_file().write_text("as it was")
    (folder / "2023" / "budgets.csv").write_text("unit_code,fiscal_yaer\n")
    with pytest.raises(Refused, match="did you mean fiscal_year"):
        sandbox.make(folder)
    with pytest.raises(Refused, match="no folder of a fiscal year; expected one, as 2023"):
        sandbox.make(folder / "2023")
    assert [path.read_text() for path in sandbox_file().parent.iterdir()] == ["as it was"]


def test_dbt_without_a_sandbox_is_told_to_make_one(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(target.parent)
    target.mkdir()
    run = by_hand("build")
    assert "target/warehouse.duckdb holds no loaded year; `make sandbox` makes" in str(
        run.exception
    )
