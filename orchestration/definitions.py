"""The Dagster definitions: one graph, a partition per fiscal year."""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg
import duckdb
from dagster_dbt import dbt_assets
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

from expectations.catalogue import Rule, Stage, rules
from orchestration import dbt, landing, ledger
from orchestration.build import Build, refusal
from orchestration.columns import column_metadata
from orchestration.contract import landing_contract
from orchestration.project import Folders, lineage_settings

if TYPE_CHECKING:
    from expectations.runner import Outcome

JOB = "yearly_evaluation"
# The open year and the next have partitions too: bureaus deliver before a year is over.
YEARS = dg.TimeWindowPartitionsDefinition(
    start="2000", fmt="%Y", cron_schedule="0 0 1 1 *", end_offset=2
)
# A run builds one year, whoever launches it.
BY_YEAR = dg.BackfillPolicy.multi_run(max_partitions_per_run=1)
# Measures and rubrics are there before the checks, so that a rule may compare with them.
MEASURED = "+int_measures__valued +int_rubrics__assigned"
# By name, as a path would be looked for below the folder that the command is run in.
DELIVERED = f"fqn:jixiao.staging resource_type:seed {MEASURED}"
MARTS = "fqn:jixiao.intermediate fqn:jixiao.marts"


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            ["raw", table.name],
            group_name="raw",
            description=f"{table.label_zh}: {table.description}",
        )
        for table in landing_contract().values()
    ],
    partitions_def=YEARS,
    backfill_policy=BY_YEAR,
)
def landing_tables(context: dg.AssetExecutionContext, build: Build) -> Iterator[Any]:
    """The year's files, loaded into `raw` with every row accounted for."""
    year = int(context.partition_key)
    with build.step(context.partition_key, "load") as step:
        with duckdb.connect(str(build.of.build_file)) as con:
            ledger.start_run(con, context.run.run_id, year, build.run_date)
            loads = landing.load_year(con, build.landing_dir, year)
            ledger.loaded(con)
        unchanged = sum(load.is_unchanged for load in loads)
        step.told = (
            f"{len(loads)} files{f' ({unchanged} unchanged)' if unchanged else ''}, "
            f"{sum(load.rows_loaded for load in loads)} rows loaded, "
            f"{sum(load.rows_rejected for load in loads)} rejected"
        )
        if build.recorder:
            build.recorder.loaded(build.landing_dir, loads)
    for table in landing_contract():
        of_table = [load for load in loads if load.table_name == table]
        yield dg.MaterializeResult(
            asset_key=["raw", table],
            metadata={
                "files": len(of_table),
                "files_unchanged": sum(load.is_unchanged for load in of_table),
                "rows_read": sum(load.rows_read for load in of_table),
                "rows_loaded": sum(load.rows_loaded for load in of_table),
                "rows_rejected": sum(load.rows_rejected for load in of_table),
            },
        )


def _run_dbt(
    context: dg.AssetExecutionContext, build: Build, name: str, *arguments: str
) -> Iterator[Any]:
    with build.step(context.partition_key, name) as step:
        run = dbt.build(build.of.build_file, *arguments)
        with duckdb.connect(str(build.of.build_file)) as con:
            ledger.invoked(con, run.invocation_id)
        step.told = f"{len(run.events)} models, seeds and tests, {len(run.failures)} failed"
        step.refused = run.failures or None
        if build.recorder:
            build.recorder.built(run.target)
    compiled = {}
    if build.column_lineage:
        compiled = json.loads((run.target / "manifest.json").read_text("utf-8"))
    for event in run.events:
        for result in DbtCoreCliEventMessage(
            raw_event=event, event_history_metadata={}
        ).to_default_asset_events(manifest=dbt.parsed()[1], context=context):
            if build.column_lineage and isinstance(result, dg.Output):
                unique_id = event["data"]["node_info"]["unique_id"]
                columns = column_metadata(compiled, unique_id)
                yield result.with_metadata({**result.metadata, **columns})
            else:
                yield result
    if run.failures:
        raise refusal(run.failures)


def _checks(name: str, *stages: Stage) -> dg.AssetChecksDefinition:
    def check(context: dg.AssetCheckExecutionContext, build: Build) -> Iterator[Any]:
        # Great Expectations takes seconds to import.
        from expectations import runner

        year = context.op_execution_context.partition_key
        with build.step(year, name) as step:
            outcomes = [o for stage in stages for o in runner.check(build.of.build_file, stage)]
            violations = sum(outcome.violations for outcome in outcomes)
            step.told = f"{len(outcomes)} data rules, {violations} findings"
            if build.recorder:
                build.recorder.checked(outcomes)
            violated = [o for o in outcomes if o.rule.stage == "marts" and o.violations]
            step.refused = [line for outcome in violated for line in _said(outcome)] or None
        for outcome in outcomes:
            yield dg.AssetCheckResult(
                asset_key=outcome.rule.asset.split("/"),
                check_name=outcome.rule.rule_id,
                passed=not outcome.violations,
                severity=_dagster_severity(outcome.rule),
                metadata={
                    "severity": outcome.rule.severity,
                    "violations": outcome.violations,
                    "departments": outcome.departments,
                    "keys": dg.MetadataValue.json(outcome.keys),
                    "sample": dg.MetadataValue.json(outcome.sample),
                },
            )
        if step.refused:
            raise refusal(step.refused)

    return dg.multi_asset_check(
        name=name,
        specs=[
            dg.AssetCheckSpec(
                rule.rule_id,
                asset=rule.asset.split("/"),
                description=rule.holds,
                blocking=True,
                partitions_def=YEARS,
            )
            for stage in stages
            for rule in rules(stage)
        ],
    )(check)


def _said(outcome: "Outcome") -> list[str]:
    """Why publishing is refused: the first records that violate a rule on marts, and how many."""
    lines = [f"{outcome.rule.rule_id}: {line}" for line in outcome.sample]
    more = outcome.violations - len(lines)
    return [*lines, f"{outcome.rule.rule_id}: and {more} more"] if more > 0 else lines


def _dagster_severity(rule: Rule) -> dg.AssetCheckSeverity:
    """A critical finding on what was delivered blocks its department, never the run."""
    if rule.stage == "marts" and rule.severity == "critical":
        return dg.AssetCheckSeverity.ERROR
    return dg.AssetCheckSeverity.WARN


def _published(marts: list[dg.AssetKey]) -> dg.AssetsDefinition:
    @dg.asset(
        name="published",
        group_name="published",
        deps=marts,
        partitions_def=YEARS,
        backfill_policy=BY_YEAR,
    )
    def published(context: dg.AssetExecutionContext, build: Build) -> dg.MaterializeResult[Any]:
        """What BI tools and auditors open, switched over whole."""
        with build.step(context.partition_key, "publish") as step:
            with duckdb.connect(str(build.of.build_file)) as con:
                ledger.end_run(con)
            folder = build.of.publish(context.run.run_id)
            step.told = str(build.of.published)
            if build.recorder:
                build.recorder.published(folder)
        return dg.MaterializeResult(
            metadata={
                "folder": str(folder),
                "data_docs": dg.MetadataValue.path(folder / "data_docs" / "index.html"),
            }
        )

    return published


@dg.schedule(
    job_name=JOB,
    cron_schedule="0 2 1 3 *",
    execution_timezone="Asia/Shanghai",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def after_the_year(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """On 1 March, when the final accounts of the year before are in."""
    year = str(context.scheduled_execution_time.year - 1)
    return dg.RunRequest(run_key=year, partition_key=year)


def _dbt_assets(manifest: Mapping[str, Any]) -> tuple[dg.AssetsDefinition, dg.AssetsDefinition]:
    @dbt_assets(
        manifest=manifest,
        select=DELIVERED,
        partitions_def=YEARS,
        backfill_policy=BY_YEAR,
        name="delivered_models",
    )
    def delivered_models(context: dg.AssetExecutionContext, build: Build) -> Iterator[Any]:
        yield from _run_dbt(
            context, build, "stage", "--select", *DELIVERED.split(),
            *("--indirect-selection", "cautious"),
        )  # fmt: skip

    @dbt_assets(
        manifest=manifest,
        select=MARTS,
        exclude=MEASURED,
        partitions_def=YEARS,
        backfill_policy=BY_YEAR,
        name="mart_models",
    )
    def mart_models(context: dg.AssetExecutionContext, build: Build) -> Iterator[Any]:
        yield from _run_dbt(
            context, build, "score", "--select", *MARTS.split(), "--exclude", *MEASURED.split()
        )

    return delivered_models, mart_models


def build_definitions(
    landing_dir: str, warehouse_dir: str, started_at: str | None = None
) -> dg.Definitions:
    """The graph on a landing and a warehouse folder.

    Args:
        landing_dir: Where the bureaus' files are.
        warehouse_dir: Where the warehouse is built and published.
        started_at: When its runs count as started, in ISO 8601; when they do by default.
    """
    delivered_models, mart_models = _dbt_assets(dbt.parsed()[1])
    marts = [key for key in mart_models.keys if key.path[0] == "marts"]
    published = _published(marts)
    everything = [landing_tables, delivered_models, mart_models, published]
    checks = [
        _checks("check_delivered", "delivered", "waivers"),
        _checks("check_marts", "marts"),
    ]
    return dg.Definitions(
        assets=everything,
        asset_checks=checks,
        jobs=[
            dg.define_asset_job(
                JOB,
                selection=dg.AssetSelection.assets(*everything)
                | dg.AssetSelection.all_asset_checks(),
                description="部门整体绩效评价: load, check, score and publish a fiscal year.",
            )
        ],
        schedules=[after_the_year],
        resources={
            "build": Build(
                landing=landing_dir,
                warehouse=warehouse_dir,
                started_at=started_at,
                **lineage_settings(),
            )
        },
        # DuckDB lets one process write.
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What `dagster dev` and the daemon load; folders as the environment says."""
    folders = Folders.from_environment()
    return build_definitions(str(folders.landing), str(folders.warehouse))
