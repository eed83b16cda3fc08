"""The Dagster definitions: one graph, a partition per fiscal year, built in one step."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import duckdb
from dagster_dbt import DagsterDbtTranslator, DbtProject
from dagster_dbt.asset_utils import build_dbt_specs
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

from expectations.rules import STAGES, Rule, Stage, rules
from orchestration import dbt, ledger, seeds
from orchestration.faults import LandingRefused
from orchestration.graph.build import Build, Settings, refusal
from orchestration.landing.contract import landing_contract
from orchestration.landing.load import load_year
from orchestration.lineage.columns import column_metadata
from orchestration.project import CONTRACT_FILE, PROJECT_DIR, Folders, lineage_settings
from orchestration.publication import chain, summary
from orchestration.publication import folder as warehouse

if TYPE_CHECKING:
    from expectations.runner import Outcome

JOB = "yearly_evaluation"
# The open year and the next have partitions too: bureaus deliver before a year is over.
YEARS = dg.TimeWindowPartitionsDefinition(
    start="2000", fmt="%Y", cron_schedule="0 0 1 1 *", end_offset=2
)
# Measures, rubrics and what each criterion is taken from are there before the checks, so that a
# rule may compare with them.
MEASURED = (
    "+int_criteria__awarded +int_reconciliation__figures_explained fqn:jixiao.intermediate.rubrics"
)
# By name, as a path would be looked for below the folder that the command is run in.
DELIVERED = f"fqn:jixiao.staging resource_type:seed {MEASURED}"
MARTS = "fqn:jixiao.intermediate fqn:jixiao.marts"
EVALUATIONS = dg.AssetKey(["marts", "fct_evaluations"])
PUBLISHED = dg.AssetKey("published")
COMPLETE = "evaluations_complete"
# Who answers for what is delivered, and for what is made of it.
BUREAUS, ENGINEERS = "team:bureaus", "team:data_engineers"


def _steps(context: dg.AssetExecutionContext, build: Build) -> Iterator[Any]:
    """A year from its files to its publication; what Dagster is told of it."""
    yield from _load(build)
    yield from _run_dbt(context, build, "stage", DELIVERED)
    yield from _check(build, "check_delivered", "delivered", "waivers")
    yield from _run_dbt(context, build, "score", MARTS, exclude=MEASURED)
    yield from _check(build, "check_marts", "marts")
    yield from _publish(context, build)


def _load(build: Build) -> Iterator[Any]:
    with build.step("load") as step:
        if faults := seeds.faults():
            raise LandingRefused(faults)
        with duckdb.connect(str(build.of.build_file)) as con:
            ledger.start_run(
                con, build.run.run_id, [build.year], build.settings.started_at, build.origin
            )
            loads = load_year(con, build.landing_dir, build.year)
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
    context: dg.AssetExecutionContext, build: Build, name: str, select: str, exclude: str = ""
) -> Iterator[Any]:
    follows_columns = lineage_settings()["column_lineage"]
    with build.step(name) as step:
        artifacts = follows_columns or build.recorder is not None
        run = dbt.build(build.of.build_file, select, exclude, artifacts=artifacts)
        with duckdb.connect(str(build.of.build_file)) as con:
            ledger.invoked(con, build.run.run_id, run.invocation_id, run.built)
        step.told = f"{len(run.events)} models, seeds and tests, {len(run.failures)} failed"
        step.refused = run.failures or None
        if build.recorder:
            build.recorder.built(run.target)
    compiled = {}
    if follows_columns:
        compiled = json.loads((run.target / "manifest.json").read_text("utf-8"))
    for event in run.events:
        for result in DbtCoreCliEventMessage(
            raw_event=event, event_history_metadata={}
        ).to_default_asset_events(manifest=dbt.parsed()[1], context=context):
            if compiled and isinstance(result, dg.Output):
                unique_id = event["data"]["node_info"]["unique_id"]
                columns = column_metadata(compiled, unique_id)
                yield result.with_metadata({**result.metadata, **columns})
            else:
                yield result
    if run.failures:
        raise refusal(run.failures)


def _check(build: Build, name: str, *stages: Stage) -> Iterator[Any]:
    # Great Expectations takes seconds to import.
    from expectations import runner

    with build.step(name) as step:
        outcomes = [o for stage in stages for o in runner.check(build.of.build_file, stage)]
        violations = sum(outcome.violations for outcome in outcomes)
        step.told = f"{len(outcomes)} data rules, {violations} findings"
        if build.recorder:
            build.recorder.checked(outcomes)
        # The checkpoint decides; where its counts are not ours, the gate before publishing refuses.
        violated = [o for o in outcomes if o.rule.stage == "marts" and not o.holds]
        step.refused = [line for outcome in violated for line in _said(outcome)] or None
    for outcome in outcomes:
        yield dg.AssetCheckResult(
            asset_key=outcome.rule.asset.split("/"),
            check_name=outcome.rule.rule_id,
            passed=not outcome.is_violated,
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


def _said(outcome: "Outcome") -> list[str]:
    """Why publishing is refused: the first records that violate a rule on marts, and how many."""
    lines = [f"{outcome.rule.rule_id}: {line}" for line in outcome.sample]
    more = outcome.violations - len(lines)
    return [*lines, f"{outcome.rule.rule_id}: and {more} more"] if more > 0 else lines


def _dagster_severity(rule: Rule) -> dg.AssetCheckSeverity:
    """An error blocks the department, or publishing where the rule is on marts; never the run."""
    critical = rule.severity == "critical"
    return dg.AssetCheckSeverity.ERROR if critical else dg.AssetCheckSeverity.WARN


def _publish(context: dg.AssetExecutionContext, build: Build) -> Iterator[Any]:
    with build.step("publish") as step:
        folder = build.of.publish(build.run.run_id)
        head = chain.head(folder)
        step.told = f"{build.of.published}, head {head}"
        if build.recorder:
            build.recorder.published(folder)
    found = summary.read(build.of.root, [build.year])
    reasons = summary.first(found.reasons, "marts.fct_evaluations, status_reason")
    for line in found.lines():
        context.log.info(line)
    yield dg.MaterializeResult(
        asset_key=PUBLISHED,
        metadata={
            "folder": str(folder),
            "head": head,
            "data_docs": dg.MetadataValue.path(folder / "data_docs" / "index.html"),
            "evaluations": dg.MetadataValue.table(
                [dg.TableRecord(dict(zip(found.columns, row, strict=True))) for row in found.rows],
                # A year may have none.
                dg.TableSchema([dg.TableColumn(column) for column in found.columns]),
            ),
            "blocked_or_incomplete": dg.MetadataValue.json(reasons),
            "findings": dg.MetadataValue.json(summary.first(found.findings, "marts.fct_findings")),
            "rows_rejected": len(found.rejected),
            "rejected": dg.MetadataValue.json(summary.first(found.rejected, "audit.rejected_rows")),
            "out_of_date": dg.MetadataValue.json(found.outdated),
            **asdict(build.origin),
        },
    )
    yield dg.AssetCheckResult(
        asset_key=EVALUATIONS,
        check_name=COMPLETE,
        passed=not found.reasons,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"blocked_or_incomplete": dg.MetadataValue.json(reasons)},
    )


def _check_specs() -> list[dg.AssetCheckSpec]:
    """The data rules, and whether every evaluation came to a score."""
    complete = dg.AssetCheckSpec(
        COMPLETE,
        asset=EVALUATIONS,
        description="no evaluation is blocked or incomplete; where one is, --strict exits with 3",
        partitions_def=YEARS,
    )
    return [
        complete,
        *(
            dg.AssetCheckSpec(
                rule.rule_id,
                asset=rule.asset.split("/"),
                description=rule.holds,
                blocking=stage == "marts",
                partitions_def=YEARS,
            )
            for stage in STAGES
            for rule in rules(stage)
        ),
    ]


def _source(path: Path) -> dict[str, Any]:
    """Where an asset is defined, as Dagster shows it."""
    reference = dg.LocalFileCodeReference(file_path=str(path))
    return {"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[reference])}


class _Models(DagsterDbtTranslator):
    """The models and seeds with the files that define them, and who answers for them."""

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        path = PROJECT_DIR / self.get_resource_props(manifest, unique_id)["original_file_path"]
        return spec.merge_attributes(metadata=_source(path), owners=[ENGINEERS])


def _fiscal_year(settings: Settings) -> dg.AssetsDefinition:
    models, tests = build_dbt_specs(
        manifest=dbt.parsed()[1], translator=_Models(), select="fqn:*", exclude="",
        selector="", io_manager_key=None, project=None,
    )  # fmt: skip
    tables = [
        dg.AssetSpec(
            ["raw", table.name],
            group_name="raw",
            description=f"{table.label_zh}: {table.description}",
            kinds={"csv", "excel", "duckdb"},
            owners=[BUREAUS],
            metadata=_source(CONTRACT_FILE),
        )
        for table in landing_contract().values()
    ]
    published = dg.AssetSpec(
        PUBLISHED,
        group_name="published",
        description="What BI tools and auditors open, switched over whole.",
        kinds={"duckdb", "parquet", "html"},
        owners=[ENGINEERS],
        metadata=_source(Path(warehouse.__file__)),
        deps=[spec.key for spec in models if spec.key.path[0] == "marts"],
    )

    # One step, which nobody can take a part of: what is repeated after a failure is the whole.
    @dg.multi_asset(
        name="fiscal_year",
        specs=[*tables, *models, published],
        check_specs=[*tests, *_check_specs()],
        partitions_def=YEARS,
        # A run builds one year, whoever launches it.
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=1),
        can_subset=False,
    )
    def fiscal_year(context: dg.AssetExecutionContext) -> Iterator[Any]:
        """A year's files loaded, checked, scored and published, all by the same run."""
        build = Build(context.run, int(context.partition_key), settings)
        events: list[Any] = []
        try:
            with build.held(context):
                for event in _steps(context, build):
                    events.append(event)
        except Exception:
            # What was found keeps its place; what is thrown away is no materialization.
            yield from (event for event in events if isinstance(event, dg.AssetCheckResult))
            raise
        # A check is of the table that it follows.
        yield from sorted(events, key=lambda event: isinstance(event, dg.AssetCheckResult))

    return fiscal_year


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


def build_definitions(
    landing_dir: str,
    warehouse_dir: str,
    started_at: str | None = None,
    command: str | None = None,
) -> dg.Definitions:
    """The graph on a landing and a warehouse folder.

    Args:
        landing_dir: Where the bureaus' files are.
        warehouse_dir: Where the warehouse is built and published.
        started_at: When its runs count as started, in ISO 8601; when they do by default.
        command: The command that launches them, as the ledger has it; none where Dagster does.
    """
    fiscal_year = _fiscal_year(
        Settings(
            landing=Path(landing_dir).absolute(),
            warehouse=Path(warehouse_dir).absolute(),
            started_at=datetime.fromisoformat(started_at) if started_at else None,
            command=command,
        )
    )
    return dg.Definitions(
        assets=[fiscal_year],
        jobs=[
            dg.define_asset_job(
                JOB,
                selection=dg.AssetSelection.assets(fiscal_year),
                description="部门整体绩效评价: load, check, score and publish a fiscal year.",
            )
        ],
        schedules=[after_the_year],
        # DuckDB lets one process write.
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What `dagster dev` and the daemon load; folders as the environment says."""
    folders = Folders.from_environment()
    return build_definitions(str(folders.landing), str(folders.warehouse))
