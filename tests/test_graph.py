"""The Dagster graph: what it is made of, and that launching it is what the command runs."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from expectations.rules import Stage, rules
from orchestration import ledger
from orchestration.definitions import YEARS, build_definitions
from orchestration.graph.build import JOB
from orchestration.landing.contract import landing_contract
from tests.conftest import LANDING, Published, append_rows, build

pytestmark = pytest.mark.builds


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("graph") / "warehouse"


@pytest.fixture(scope="module")
def definitions(warehouse: Path) -> dg.Definitions:
    return build_definitions(str(LANDING), str(warehouse))


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
    assert len(marts) == 28
    assert {graph.get(key).group_name for key in marts} == {"marts"}


def test_each_asset_says_what_it_is_who_answers_for_it_and_where_it_is_defined(
    definitions: dg.Definitions,
) -> None:
    (fiscal_year,) = definitions.assets or ()
    assert isinstance(fiscal_year, dg.AssetsDefinition)
    for spec in fiscal_year.specs:
        name = spec.key.to_user_string()
        assert spec.description, name
        assert spec.kinds & {"duckdb", "dbt"}, name
        assert spec.owners, name
        references = spec.metadata["dagster/code_references"].code_references
        paths = [Path(reference.file_path) for reference in references]
        assert all(path.is_file() for path in paths), name
        if spec.key.path[0] in ("staging", "intermediate", "marts", "seeds"):
            assert paths[0].stem == spec.key.path[-1]


def test_a_schedule_launches_the_yearly_job(definitions: dg.Definitions) -> None:
    """What it asks for is the concern of test_automation.py."""
    assert definitions.resolve_schedule_def("after_the_year").job_name == JOB


def test_a_launch_in_dagster_publishes_the_same(
    definitions: dg.Definitions,
    warehouse: Path,
    two_departments: Published,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "orchestration.lineage.events", raising=False)
    monkeypatch.chdir(tmp_path)
    result = definitions.resolve_job_def(JOB).execute_in_process(partition_key="2023")
    assert result.success
    # Of lineage nothing is told unless it is asked for.
    assert "orchestration.lineage.events" not in sys.modules
    assert list(tmp_path.iterdir()) == []
    for event in result.get_asset_materialization_events():
        assert "dagster/column_lineage" not in event.materialization.metadata
    assert Published(warehouse).tables() == two_departments.tables()
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


def test_dagster_is_told_what_the_command_tells(
    landing: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (landing / "2023" / "satisfaction_surveys.csv").unlink()
    append_rows(landing / "2023" / "budgets.csv", "440305-gxj,2023,other,x,1,1,元")
    job = build_definitions(str(landing), str(tmp_path / "warehouse")).resolve_job_def(JOB)
    with dg.instance_for_test() as instance:
        result = job.execute_in_process(partition_key="2023", instance=instance)
        log = [entry.user_message for entry in instance.all_logs(result.run_id)]
    steps = [line.split()[1] for line in log if line.startswith("2023  ")]
    assert steps == [*ledger.STEPS, "publish"]
    rejected = (
        "2023 rejected: 2023/budgets.csv row 12: initial_budget = x; expected a number that fits, "
        "as 1234.50"
    )
    gap = "2023 深圳市盐田区发展研究中心: 缺少：satisfaction（公众或服务对象满意度）"
    assert {rejected, gap} <= set(log)
    (published,) = (
        event.materialization
        for event in result.get_asset_materialization_events()
        if event.asset_key == dg.AssetKey("published")
    )
    told = {name: entry.value for name, entry in published.metadata.items()}
    assert (told["rows_rejected"], told["rejected"]) == (1, [rejected])
    assert gap in told["blocked_or_incomplete"]  # type: ignore[operator]
    assert told["landing_root"] == str(landing)
    (complete,) = (
        e for e in result.get_asset_check_evaluations() if e.check_name == "evaluations_complete"
    )
    assert (complete.passed, complete.severity) == (False, dg.AssetCheckSeverity.WARN)
    evaluations = {e.check_name: e for e in result.get_asset_check_evaluations()}
    unreadable = evaluations["readable_row"]
    assert (unreadable.passed, unreadable.severity) == (False, dg.AssetCheckSeverity.ERROR)


def _broken_marts(monkeypatch: pytest.MonkeyPatch) -> None:
    """An indicator of a department is lost on the way to the marts."""
    from expectations import runner

    real = runner.check

    def check(database: Path, stage: Stage) -> list[runner.Outcome]:
        if stage == "marts":
            with duckdb.connect(str(database)) as con:
                con.execute(
                    "delete from marts.fct_indicator_scores where indicator_code = 'procurement' "
                    "and rubric_id = 'yantian_2023'"
                )
        return real(database, stage)

    monkeypatch.setattr(runner, "check", check)


def test_a_failed_mart_check_stops_publishing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestration.launch import launch

    _broken_marts(monkeypatch)
    assert launch(LANDING, tmp_path / "warehouse", [2023]) == {
        2023: [
            "2023 refused: grid_complete: 2023 440308-fzyj fct_indicator_scores yantian_2023："
            "应有 21 个指标，实有 20 个",
            "2023 refused: totals_add_up: 2023 440308-fzyj fct_evaluations yantian_2023："
            "总分 96.08 不等于各指标得分之和 94.08",
        ]
    }
    assert not (tmp_path / "warehouse" / "published").exists()


def test_a_checkpoint_that_says_all_is_well_does_not_publish_broken_marts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from expectations import checkpoint
    from tests.test_reexecution import all_is_well

    real = checkpoint.gx.Checkpoint.run

    def run(self: Any) -> Any:
        result = real(self)
        if self.name == "marts":
            all_is_well(result)
        return result

    _broken_marts(monkeypatch)
    monkeypatch.setattr(checkpoint.gx.Checkpoint, "run", run)
    (refused,) = build(LANDING, tmp_path / "warehouse", 2023)[2023]
    assert "is not published: data rules that it did not check, or that do not hold" in refused
    assert "; the checkpoint marts counts 0 violations of grid_complete, there are 1;" in refused
    assert not (tmp_path / "warehouse" / "published").exists()


def _of(definitions: dg.Definitions, selection: dg.AssetSelection) -> dg.JobDefinition:
    part = dg.define_asset_job("part", selection=selection)
    return dg.Definitions(
        assets=definitions.assets, jobs=[part], executor=dg.in_process_executor
    ).resolve_job_def("part")


@pytest.mark.parametrize(
    "selection",
    [
        dg.AssetSelection.assets("published"),
        dg.AssetSelection.assets("marts/fct_evaluations"),
        dg.AssetSelection.groups("raw"),
        dg.AssetSelection.all_asset_checks(),
        dg.AssetSelection.all() - dg.AssetSelection.all_asset_checks(),
        dg.AssetSelection.all() - dg.AssetSelection.assets("published"),
    ],
)
def test_a_part_cannot_be_run(definitions: dg.Definitions, selection: dg.AssetSelection) -> None:
    with pytest.raises(dg.DagsterInvalidDefinitionError) as refused:
        _of(definitions, selection)
    assert "does not support subsetting" in str(refused.value.__cause__)
    assert "Please select all asset and check keys" in str(refused.value.__cause__)


def test_the_job_cannot_be_launched_in_part(definitions: dg.Definitions) -> None:
    job = definitions.resolve_job_def(JOB)
    for part in (dg.AssetKey("published"), dg.AssetKey(["raw", "budgets"])):
        with pytest.raises(dg.DagsterInvalidSubsetError, match="does not support subsetting"):
            job.execute_in_process(partition_key="2023", asset_selection=[part])
    assert [node.name for node in job.nodes] == ["fiscal_year"]


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"resources": {"build": {"config": {"warehouse": "/elsewhere"}}}}, '"build"'),
        ({"ops": {"fiscal_year": {"config": {"landing": "/elsewhere"}}}}, '"landing"'),
        ({"ops": {"fiscal_year": {"config": {"started_at": "2024-01-01"}}}}, '"started_at"'),
    ],
)
def test_no_configuration_changes_what_is_official(
    definitions: dg.Definitions, config: dict[str, object], named: str
) -> None:
    with pytest.raises(dg.DagsterInvalidConfigError, match=f"unexpected config entr.* {named}"):
        definitions.resolve_job_def(JOB).execute_in_process(partition_key="2023", run_config=config)


def test_several_years_are_not_one_run(definitions: dg.Definitions) -> None:
    tags = {
        "dagster/asset_partition_range_start": "2022",
        "dagster/asset_partition_range_end": "2023",
    }
    with pytest.raises(Exception, match="partition"):
        definitions.resolve_job_def(JOB).execute_in_process(tags=tags)
