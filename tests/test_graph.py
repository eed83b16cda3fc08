"""The Dagster graph: what it is made of, and that launching it is what the command runs."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from expectations.catalogue import rules
from orchestration.contract import landing_contract
from orchestration.definitions import JOB, YEARS, after_the_year, build_definitions
from tests.conftest import LANDING, Published


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    return build_definitions(str(LANDING), str(tmp_path_factory.mktemp("graph") / "warehouse"))


def test_every_table_model_and_rule_is_in_the_yearly_job(definitions: dg.Definitions) -> None:
    job = definitions.resolve_job_def(JOB)
    keys = {key.to_user_string() for key in job.asset_layer.executable_asset_keys}
    assert keys >= {f"raw/{table}" for table in landing_contract()}
    assert keys >= {"staging/stg_budgets", "seeds/measures", "marts/fct_evaluations", "published"}
    assert job.partitions_def == YEARS
    assert {"2019", "2023", "2026"} <= set(
        YEARS.get_partition_keys(datetime(2026, 6, 1, tzinfo=UTC))
    )
    checks = {key.name for key in job.asset_layer.asset_graph.asset_check_keys}
    assert checks >= {
        rule.rule_id for stage in ("delivered", "waivers", "marts") for rule in rules(stage)
    }


def test_raw_feeds_staging_feeds_marts_feed_what_is_published(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    published = graph.get(dg.AssetKey("published"))
    assert dg.AssetKey(["marts", "fct_evidence"]) in published.parent_keys
    staging = graph.get(dg.AssetKey(["staging", "stg_budgets"]))
    assert staging.parent_keys == {dg.AssetKey(["raw", "budgets"])}
    marts = [key for key in graph.get_all_asset_keys() if key.path[0] == "marts"]
    assert len(marts) == 17
    assert {graph.get(key).group_name for key in marts} == {"marts"}


def test_the_schedule_asks_for_the_year_before(definitions: dg.Definitions) -> None:
    context = dg.build_schedule_context(
        scheduled_execution_time=datetime(2024, 3, 1, 2, tzinfo=UTC)
    )
    request = after_the_year(context)
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == "2023"
    assert definitions.resolve_schedule_def("after_the_year").job_name == JOB


def test_a_launch_in_dagster_publishes_the_same(
    definitions: dg.Definitions, two_departments: Published
) -> None:
    result = definitions.resolve_job_def(JOB).execute_in_process(partition_key="2023")
    assert result.success
    build = definitions.resources["build"]  # type: ignore[index]
    assert Published(Path(build.warehouse)).tables() == two_departments.tables()
    loaded = result.get_asset_materialization_events()
    (budgets,) = (e for e in loaded if e.asset_key == dg.AssetKey(["raw", "budgets"]))
    metadata = budgets.materialization.metadata
    assert (metadata["rows_read"].value, metadata["rows_rejected"].value) == (10, 0)
    evaluations = {e.check_name: e for e in result.get_asset_check_evaluations()}
    assert evaluations["execution_within_budget"].passed
    assert evaluations["grid_complete"].passed
    assert evaluations["grid_complete"].severity == dg.AssetCheckSeverity.ERROR
    sme = evaluations["sme_within_procurement"]
    assert (sme.passed, sme.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert {name: entry.value for name, entry in sme.metadata.items()} == {
        "severity": "warning",
        "violations": 1,
        "departments": 1,
        "keys": ["2023 440305-gxj procurement category=total"],
        "sample": [
            "2023 440305-gxj procurement total：授予中小企业合同金额 24,106,400 元 大于 "
            "实际采购金额 24,106,300 元"
        ],
    }


def test_a_failed_mart_check_stops_publishing(
    definitions: dg.Definitions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from expectations import runner

    real = runner.check

    def broken(database: Path, stage: str) -> list[runner.Outcome]:
        outcomes = real(database, stage)  # type: ignore[arg-type]
        if stage == "marts":
            outcomes[0] = runner.Outcome(outcomes[0].rule, 7, 1, ["2023 a"], ["21 个指标缺一"])
        return outcomes

    monkeypatch.setattr(runner, "check", broken)
    from orchestration.launch import launch

    assert launch(LANDING, tmp_path / "warehouse", [2023]) == {
        2023: [
            "2023 refused: grid_complete: 21 个指标缺一",
            "2023 refused: grid_complete: and 6 more",
        ]
    }
    assert not (tmp_path / "warehouse" / "published").exists()
