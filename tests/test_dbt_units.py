"""The unit tests beside the models, run by dbt."""

import os
import shutil
from pathlib import Path

from dbt.cli.main import dbtRunner

from orchestration import dbt
from tests.conftest import Published


def test_unit_tests_of_the_models(two_departments: Published, tmp_path: Path) -> None:
    (state,) = (two_departments.warehouse / "states").iterdir()
    database = tmp_path / "warehouse.duckdb"
    shutil.copyfile(state, database)
    os.environ["JIXIAO_BUILD_FILE"] = str(database)
    run = dbtRunner(manifest=dbt.parsed()[0]).invoke(
        ["test", "--select", "test_type:unit", *dbt.folders(tmp_path / "target")]
    )
    assert run.exception is None
    failed = {r.node.name: r.message for r in run.result.results if str(r.status) != "pass"}
    assert failed == {}
    assert len(run.result.results) > 50
