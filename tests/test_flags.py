"""No flag or variable from outside changes what a build builds, and less is not published."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dbt.cli import params
from dbt.cli.main import dbtRunnerResult
from dbt.env_vars import KNOWN_ENGINE_ENV_VARS
from dbt.events.types import CommandCompleted
from dbt_common.events.base_types import EventLevel
from dbt_common.events.event_manager_client import get_event_manager
from dbt_common.events.functions import fire_event
from dbt_common.events.types import Note

from orchestration import dbt
from tests.conftest import LANDING, build

pytestmark = pytest.mark.builds

# What would empty, cut, move or stop a build, or let it go on where it must not.
HARMFUL = {
    "DBT_EMPTY": "1",
    "DBT_ENGINE_EMPTY": "1",
    "DBT_SAMPLE": "1 day",
    "DBT_EXCLUDE": "fct_deductions",
    "DBT_EXCLUDE_RESOURCE_TYPES": "test seed",
    "DBT_RESOURCE_TYPES": "seed",
    "DBT_SELECT": "dim_codes",
    "DBT_INDIRECT_SELECTION": "empty",
    "DBT_FULL_REFRESH": "1",
    "DBT_FAIL_FAST": "1",
    "DBT_WARN_ERROR": "1",
    "DBT_STORE_FAILURES": "1",
    "DBT_TARGET": "dev",
    "DBT_PROFILE": "elsewhere",
    "DBT_PROFILES_DIR": "/nowhere",
    "DBT_PROJECT_DIR": "/nowhere",
    "DBT_TARGET_PATH": "/nowhere",
    "DBT_LOG_PATH": "/nowhere",
    "DBT_VARS": "{a: 1}",
    "DBT_DEFER": "1",
    "DBT_STATE": "/nowhere",
    "DBT_THREADS": "1",
    "DBT_EVENT_TIME_START": "2030-01-01",
    "DBT_EVENT_TIME_END": "2031-01-01",
    "DBT_PARTIAL_PARSE": "0",
    "DBT_STATIC_PARSER": "0",
    "DBT_VERSION_CHECK": "0",
    "GX_CLOUD_ACCESS_TOKEN": "x",
    "GX_CLOUD_BASE_URL": "http://nowhere.invalid",
    "GX_CLOUD_ORGANIZATION_ID": "x",
    "GX_ANALYTICS_ENABLED": "true",
    "TZ": "America/Los_Angeles",
}


def test_dbt_sees_none_of_its_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And tells what it tells, but for what is only for those who look for faults of its own."""
    seen: dict[str, str] = {}
    told: list[str] = []

    class Runner:
        def __init__(self, **_: Any) -> None: ...

        def invoke(self, arguments: list[str]) -> dbtRunnerResult:
            seen.update(os.environ)
            os.environ["DBT_SET_BY_DBT"] = "1"
            get_event_manager().add_callback(lambda event: told.append(event.info.msg))
            fire_event(Note(msg="a query"), EventLevel.DEBUG)
            fire_event(CommandCompleted(command="a query", success=True))
            fire_event(Note(msg="a result"), EventLevel.INFO)
            fire_event(Note(msg="a warning"), EventLevel.WARN)
            return dbtRunnerResult(success=True)

    names = (
        {
            str(variable)
            for option in vars(params).values()
            for parameter in getattr(option, "__closure__", None) or ()
            if isinstance(variable := parameter.cell_contents, str) and variable.startswith("DBT_")
        }
        | {variable.name for variable in KNOWN_ENGINE_ENV_VARS}
        | set(HARMFUL)
    )
    for name in names:
        monkeypatch.setenv(name, "1")
    monkeypatch.delenv("JIXIAO_BUILD_FILE", raising=False)
    before, manager = dict(os.environ), get_event_manager()
    monkeypatch.setattr("dbt.cli.main.dbtRunner", Runner)
    dbt.invoke(tmp_path / "warehouse.duckdb", tmp_path, "build")
    assert told == ["a result", "a warning"]
    assert get_event_manager() is manager
    assert {name for name in seen if name.startswith("DBT_")} == set()
    assert seen["JIXIAO_BUILD_FILE"] == str(tmp_path / "warehouse.duckdb")
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--empty"], "departments_complete: 2023 440305-gxj dim_departments：已载入而未发布"),
        (["--exclude", "obt_scorecard"], "is not published: dbt did not build obt_scorecard"),
    ],
)
def test_less_than_the_whole_is_not_published(
    flags: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever makes dbt build less, by whatever way it comes."""
    whole: Callable[..., Any] = dbt.invoke

    def less(*arguments: Any, **options: Any) -> Any:
        return whole(*arguments, *(flags if "--exclude" in arguments else ()), **options)

    monkeypatch.setattr(dbt, "invoke", less)
    (reason, *_) = build(LANDING, tmp_path, 2023)[2023]
    assert said in reason
    assert not (tmp_path / "published").exists()
