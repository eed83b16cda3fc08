"""The Dagster definitions: one graph, a partition per fiscal year, built in one step."""

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject
from dagster_dbt.asset_utils import build_dbt_specs
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

from expectations.rules import STAGES, Rule, rules
from orchestration import automation, dbt
from orchestration.alerts import topics
from orchestration.alerts.tell import tell
from orchestration.automation import PUBLISHED, REGION, YEAR
from orchestration.faults import Refused, WrongSurroundings
from orchestration.graph import steps
from orchestration.graph.build import FIRST_YEAR, JOB, Build, Launched, Settings
from orchestration.landing.contract import landing_contract
from orchestration.lineage.columns import column_metadata
from orchestration.project import CONTRACT_FILE, OWN, PROJECT_DIR, Folders
from orchestration.publication import folder as warehouse
from orchestration.publication import summary
from orchestration.regions import catalogue, names

# The open year and the next have partitions too: bureaus deliver before a year is over.
YEARS = dg.TimeWindowPartitionsDefinition(
    start=str(FIRST_YEAR), fmt="%Y", cron_schedule="0 0 1 1 *", end_offset=2
)
# The regions are told to Dagster when they are found, so that one may come while it runs.
YEARS_OF_REGIONS = dg.MultiPartitionsDefinition(
    {YEAR: YEARS, REGION: dg.DynamicPartitionsDefinition(name=REGION)}
)
EVALUATIONS = dg.AssetKey(["marts", "fct_evaluations"])
COMPLETE = "evaluations_complete"
# Who answers for what is delivered, and for what is made of it.
BUREAUS, ENGINEERS = "team:bureaus", "team:data_engineers"


def _told(context: dg.AssetExecutionContext, build: Build, result: steps.Result) -> Iterator[Any]:
    """What Dagster is told of what a step has to tell."""
    match result:
        case steps.Loaded(table, loads):
            yield dg.MaterializeResult(
                asset_key=["raw", table],
                metadata={
                    "files": len(loads),
                    "files_unchanged": sum(load.is_unchanged for load in loads),
                    "rows_read": sum(load.rows_read for load in loads),
                    "rows_loaded": sum(load.rows_loaded for load in loads),
                    "rows_rejected": sum(load.rows_rejected for load in loads),
                },
            )
        case steps.Built(event, compiled):
            yield from _of_dbt(context, event, compiled)
        case steps.Checked(outcome):
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
        case steps.Released(folder, head):
            yield from _published(context, build, folder, head)


def _of_dbt(
    context: dg.AssetExecutionContext, event: dict[str, Any], compiled: dict[str, Any]
) -> Iterator[Any]:
    for result in DbtCoreCliEventMessage(
        raw_event=event, event_history_metadata={}
    ).to_default_asset_events(manifest=dbt.parsed()[1], context=context):
        if compiled and isinstance(result, dg.Output):
            unique_id = event["data"]["node_info"]["unique_id"]
            columns = column_metadata(compiled, unique_id)
            yield result.with_metadata({**result.metadata, **columns})
        else:
            yield result


def _dagster_severity(rule: Rule) -> dg.AssetCheckSeverity:
    """An error blocks the department, or publishing where the rule is on marts; never the run."""
    critical = rule.severity == "critical"
    return dg.AssetCheckSeverity.ERROR if critical else dg.AssetCheckSeverity.WARN


def _published(
    context: dg.AssetExecutionContext, build: Build, folder: Path, head: str
) -> Iterator[Any]:
    found = summary.read(build.of.database, [build.year])
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


def _check_specs(partitions: dg.PartitionsDefinition[Any]) -> list[dg.AssetCheckSpec]:
    """The data rules, and whether every evaluation came to a score."""
    complete = dg.AssetCheckSpec(
        COMPLETE,
        asset=EVALUATIONS,
        description="no evaluation is blocked or incomplete; where one is, --strict exits with 3",
        partitions_def=partitions,
    )
    return [
        complete,
        *(
            dg.AssetCheckSpec(
                rule.rule_id,
                asset=rule.asset.split("/"),
                description=rule.holds,
                blocking=stage == "marts",
                partitions_def=partitions,
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


def _fiscal_year(
    settings: Settings, partitions: dg.PartitionsDefinition[Any]
) -> dg.AssetsDefinition:
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
        check_specs=[*tests, *_check_specs(partitions)],
        partitions_def=partitions,
        # A run builds one year, whoever launches it.
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=1),
        can_subset=False,
    )
    def fiscal_year(context: dg.AssetExecutionContext) -> Iterator[Any]:
        """A year's files loaded, checked, scored and published, all by the same run."""
        region, year = _built(context.partition_key)
        events: list[Any] = []
        try:
            with _heard(context.log), names.told_of(region):
                root = Folders(settings.landing, settings.warehouse)
                of = names.prepare(root, region)
                where = replace(settings, landing=of.landing, warehouse=of.warehouse)
                build = Build(_launched(context.run, settings), year, where)
                with build.held():
                    for result in steps.steps(build):
                        events += _told(context, build, result)
            if region != OWN and settings.command is None:
                _show_as_one(root)
        except Exception as error:
            # What was found keeps its place; what is thrown away is no materialization.
            yield from (event for event in events if isinstance(event, dg.AssetCheckResult))
            if isinstance(error, Refused):
                # One reason a line; trying again is no use.
                raise dg.Failure(str(error), allow_retries=False) from None
            raise
        # A check is of the table that it follows.
        yield from sorted(events, key=lambda event: isinstance(event, dg.AssetCheckResult))

    return fiscal_year


def _built(partition_key: str) -> tuple[str, int]:
    """The region and the year that a partition is of."""
    if isinstance(partition_key, dg.MultiPartitionKey):
        of = partition_key.keys_by_dimension
        return of[REGION], int(of[YEAR])
    return OWN, int(partition_key)


def _show_as_one(root: Folders) -> None:
    """Let the catalogue show what a region has published; where it cannot, the region has."""
    why = ""
    try:
        catalogue.write(root.warehouse)
    except WrongSurroundings as wrong:
        why = str(wrong)
    tell(root.warehouse, [topics.not_shown(why)])


def _launched(run: dg.DagsterRun, settings: Settings) -> Launched:
    how = settings.command or _launched_how(run)
    return Launched(run.run_id, run.job_name, run.tags.get("user"), how)


def _launched_how(run: dg.DagsterRun) -> str:
    """How Dagster came to launch a run: its tags say what it repeats and what asked for it."""
    tags = run.tags
    if run.parent_run_id:
        what = "automatic retry" if "dagster/retry_number" in tags else "re-execution"
        return f"Dagster: {what} of {run.parent_run_id}"
    if "dagster/schedule_name" in tags:
        return f"Dagster: schedule {tags['dagster/schedule_name']}"
    if "dagster/backfill" in tags:
        return f"Dagster: backfill {tags['dagster/backfill']}"
    # Only a run that was asked for through the web server or the daemon knows its code location.
    return "Dagster: launched by hand" if run.remote_job_origin else "Dagster: command or Python"


@contextmanager
def _heard(log: logging.Logger) -> Iterator[None]:
    """Have a run's event log get what people are told: the lines of the log `jixiao`."""
    told = logging.getLogger("jixiao")
    level, handler = told.level, _EventLog(log)
    told.addHandler(handler)
    told.setLevel(logging.INFO)
    try:
        yield
    finally:
        told.removeHandler(handler)
        told.setLevel(level)


class _EventLog(logging.Handler):
    """Passes the log that people read on a terminal on to a run's event log."""

    def __init__(self, log: logging.Logger) -> None:
        super().__init__(logging.INFO)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        self._log.log(record.levelno, record.getMessage())


def build_definitions(
    landing_dir: str,
    warehouse_dir: str,
    command: str | None = None,
) -> dg.Definitions:
    """The graph on a landing and a warehouse folder.

    Args:
        landing_dir: Where the bureaus' files are.
        warehouse_dir: Where the warehouse is built and published.
        command: The command that launches its runs, as the ledger has it; none where Dagster does.
    """
    landing, root = Path(landing_dir).absolute(), Path(warehouse_dir).absolute()
    has_regions = automation.has_regions(Folders(landing, root))
    fiscal_year = _fiscal_year(
        Settings(landing=landing, warehouse=root, command=command),
        YEARS_OF_REGIONS if has_regions else YEARS,
    )
    is_fresh = automation.up_to_date(landing, root)
    job = dg.define_asset_job(
        JOB,
        # Whether it is up to date is seen afterwards.
        selection=dg.AssetSelection.assets(fiscal_year) - dg.AssetSelection.checks(is_fresh),
        description="部门整体绩效评价: load, check, score and publish a fiscal year.",
    )
    fetch_sources, fetch_daily = automation.fetching(landing, root)
    return dg.Definitions(
        assets=[fiscal_year],
        asset_checks=[is_fresh],
        jobs=[job, fetch_sources],
        schedules=[*automation.schedules(landing, root), fetch_daily],
        sensors=automation.sensors(landing, root),
        # DuckDB lets one process write.
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What `dagster dev` and the daemon load; folders as the environment says."""
    # Said of each asset in each process it would bury what the services have to say. For the tests
    # it is an error, but for what is known.
    for category in (dg.BetaWarning, dg.PreviewWarning):
        warnings.simplefilter("ignore", category)
    folders = Folders.from_environment()
    return build_definitions(str(folders.landing), str(folders.warehouse))
