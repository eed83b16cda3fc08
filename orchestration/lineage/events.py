"""OpenLineage events of a run, appended to a file: what lineage catalogues read."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb
from openlineage.client.event_v2 import (
    InputDataset,
    Job,
    OutputDataset,
    Run,
    RunEvent,
    RunState,
    set_producer,
)
from openlineage.client.facet_v2 import (
    RunFacet,
    column_lineage_dataset,
    data_quality_assertions_dataset,
    error_message_run,
    nominal_time_run,
    output_statistics_output_dataset,
    parent_run,
)
from openlineage.client.transport.file import FileConfig, FileTransport
from openlineage.client.uuid import generate_new_uuid
from openlineage.common.provider.dbt.local import DbtLocalArtifactProcessor
from openlineage.common.provider.dbt.processor import DbtEvents, DbtRunContext, ModelNode

from expectations.runner import Outcome
from orchestration import duck
from orchestration.landing.load import Load
from orchestration.lineage.columns import column_lineage
from orchestration.project import PROJECT_DIR
from orchestration.publication.folder import Warehouse

NAMESPACE = "jixiao"
PRODUCER = f"https://jixiao.invalid/{version('jixiao')}"
SEVERITIES = {"critical": "error", "warning": "warn"}

logger = logging.getLogger("jixiao")


def _aside(tell: Callable[..., None]) -> Callable[..., None]:
    """What keeps lineage from being told is said once, and never keeps a year back."""

    @wraps(tell)
    def told(self: "Recorder", *arguments: Any) -> None:
        if self.is_broken:
            return
        try:
            tell(self, *arguments)
        except Exception as error:
            self.is_broken = True
            logger.warning("lineage: %s; the events of this run are incomplete", error)

    return told


class Recorder:
    """Tells a run, its steps, what they read and what they write.

    Datasets are named as OpenLineage names them: a file by its path, a table of the build by the
    build's file, a published table by the published one.

    Attributes:
        is_broken: An event could not be told; there will be no more.
    """

    def __init__(
        self,
        path: Path,
        warehouse: Warehouse,
        *,
        job: str,
        run_id: str,
        year: int,
        manifest: dict[str, Any],
    ) -> None:
        """Take up a run.

        Args:
            path: The file that events are appended to, one JSON document a line.
            warehouse: The warehouse that is built.
            job: The run's job.
            run_id: Its id, a UUID.
            year: The fiscal year, which is the run's nominal time.
            manifest: The dbt project's manifest.
        """
        set_producer(PRODUCER)
        self._transport = FileTransport(FileConfig(log_file_path=str(path), append=True))
        self.is_broken = False
        self._has_failed = False
        self._job, self._run_id, self._year = job, run_id, year
        self._step = Job(NAMESPACE, job)
        self._step_id = run_id
        self._inputs: list[InputDataset] = []
        self._outputs: list[OutputDataset] = []
        self._warehouse = warehouse
        self._dbt = _Artifacts(warehouse.build_file, manifest)

    @_aside
    def begin(self) -> None:
        """The run begins."""
        self._emit(RunState.START, self._step, self._run(self._run_id))

    @_aside
    def finish(self) -> None:
        """The run ends: failed where one of its steps has."""
        state = RunState.FAIL if self._has_failed else RunState.COMPLETE
        self._emit(state, Job(NAMESPACE, self._job), self._run(self._run_id))

    @_aside
    def start(self, step: str) -> None:
        """A step begins.

        Args:
            step: Its name.
        """
        self._step, self._step_id = Job(NAMESPACE, f"{self._job}.{step}"), _new_id()
        self._inputs, self._outputs = [], []
        self._emit(RunState.START, self._step, self._run(self._step_id, self._run_id))

    @_aside
    def end(self, refused: list[str] | None) -> None:
        """The step that began last ends.

        Args:
            refused: Why it failed, one reason a line; None where it did not.
        """
        if refused is None:
            run = self._run(self._step_id, self._run_id)
            self._emit(RunState.COMPLETE, self._step, run, self._inputs, self._outputs)
            return
        self._has_failed = True
        error = error_message_run.ErrorMessageRunFacet("\n".join(refused), "Python")
        run = self._run(self._step_id, self._run_id, errorMessage=error)
        self._emit(RunState.FAIL, self._step, run, self._inputs)

    @_aside
    def loaded(self, landing: Path, loads: list[Load]) -> None:
        """Files were loaded into `raw`: a run of its own for each table.

        Args:
            landing: The landing folder.
            loads: What each file came to.
        """
        by_table = sorted(loads, key=lambda load: load.table_name)
        for table, group in groupby(by_table, key=lambda load: load.table_name):
            of_table = list(group)
            job = Job(NAMESPACE, f"{self._step.name}.{table}")
            run = self._run(_new_id(), self._step_id)
            inputs = [_file(landing / load.source_file) for load in of_table]
            output = self._dbt.table(f"raw.{table}", OutputDataset)
            output.outputFacets["outputStatistics"] = (
                output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
                    rowCount=sum(load.rows_loaded for load in of_table), fileCount=len(of_table)
                )
            )
            for state in (RunState.START, RunState.COMPLETE):
                self._emit(state, job, run, inputs, [output])

    @_aside
    def built(self, target: Path) -> None:
        """Models, seeds and tests were built: a run for each.

        Args:
            target: The folder of dbt's artifacts.
        """
        for event in self._dbt.events(target):
            event.run = self._run(event.run.runId, self._step_id, **(event.run.facets or {}))
            self._transport.emit(event)

    @_aside
    def checked(self, outcomes: list[Outcome]) -> None:
        """Data rules were checked: assertions on the tables that they look at.

        Args:
            outcomes: What each rule came to.
        """
        by_asset = sorted(outcomes, key=lambda outcome: outcome.rule.asset)
        for asset, group in groupby(by_asset, key=lambda outcome: outcome.rule.asset):
            dataset = self._dbt.table(asset.replace("/", "."), InputDataset)
            dataset.inputFacets["dataQualityAssertions"] = (
                data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(
                    [
                        data_quality_assertions_dataset.Assertion(
                            assertion=outcome.rule.rule_id,
                            success=not outcome.is_violated,
                            severity=SEVERITIES[outcome.rule.severity],
                            description=outcome.rule.holds,
                            expected="0",
                            actual=str(outcome.violations),
                            content=outcome.rule.sql([self._year]),
                            contentType="sql",
                        )
                        for outcome in group
                    ]
                )
            )
            self._inputs.append(dataset)
        if any(outcome.rule.stage == "delivered" for outcome in outcomes):
            self._outputs.append(self._dbt.table("audit.findings", OutputDataset))

    @_aside
    def published(self, folder: Path) -> None:
        """The build was published: its tables in a DuckDB file, its marts as Parquet.

        Args:
            folder: The publication.
        """
        link = self._warehouse.published
        with duckdb.connect() as con:
            duck.attach(con, folder / "scores.duckdb", "scores")
            tables = con.execute(
                "select schema_name, table_name from duckdb_tables() "
                "where database_name = 'scores' order by all"
            ).fetchall()
        for schema, table in tables:
            built = self._dbt.table(f"{schema}.{table}", InputDataset)
            self._inputs.append(built)
            names = {(f"duckdb://{link / 'scores.duckdb'}", f"scores.{schema}.{table}")}
            if (folder / "parquet" / table).is_dir():
                names.add(("file", str(link / "parquet" / table)))
            for namespace, name in sorted(names):
                facets = {
                    key: built.facets[key]
                    for key in ("documentation", "schema")
                    if key in built.facets
                }
                if fields := getattr(facets.get("schema"), "fields", None):
                    facets["columnLineage"] = _column_facet(
                        {
                            field.name: [(built.namespace, built.name, field.name)]
                            for field in fields
                        }
                    )
                self._outputs.append(OutputDataset(namespace, name, facets=facets))

    def _run(self, run_id: str, parent: str = "", **facets: RunFacet) -> Run:
        start, end = (f"{year}-01-01T00:00:00+08:00" for year in (self._year, self._year + 1))
        facets["nominalTime"] = nominal_time_run.NominalTimeRunFacet(start, end)
        if parent:
            name = self._job if parent == self._run_id else self._step.name
            facets["parent"] = parent_run.ParentRunFacet(
                parent_run.Run(parent),
                parent_run.Job(NAMESPACE, name),
                parent_run.Root(
                    parent_run.RootRun(self._run_id), parent_run.RootJob(NAMESPACE, self._job)
                ),
            )
        return Run(run_id, facets)

    def _emit(
        self,
        state: RunState,
        job: Job,
        run: Run,
        inputs: list[InputDataset] | None = None,
        outputs: list[OutputDataset] | None = None,
    ) -> None:
        self._transport.emit(
            RunEvent(
                eventTime=datetime.now(UTC).isoformat(),
                eventType=state,
                job=job,
                run=run,
                inputs=inputs or [],
                outputs=outputs or [],
                producer=PRODUCER,
            )
        )


class _Artifacts(DbtLocalArtifactProcessor):  # type: ignore[misc]
    """openlineage's reading of dbt's artifacts, with seeds, and columns followed by sqlglot."""

    def __init__(self, build_file: Path, manifest: dict[str, Any]) -> None:
        super().__init__(producer=PRODUCER, job_namespace=NAMESPACE, project_dir=str(PROJECT_DIR))
        self.extract_adapter_type({"type": "duckdb"})
        self.extract_dataset_namespace({"path": build_file})
        self._database = build_file.stem
        self._nodes = {
            self._relation_name(node): node
            for node in (manifest["nodes"] | manifest["sources"]).values()
            if node["resource_type"] != "test"
        }

    def events(self, target: Path) -> list[RunEvent]:
        """The events of an invocation, each run's start before its end."""
        self.manifest_path, self.run_result_path = (
            str(target / name) for name in ("manifest.json", "run_results.json")
        )
        events = self.parse().events()
        return sorted(
            events, key=lambda event: (event.run.runId, event.eventType != RunState.START)
        )

    def table(self, name: str, kind: Any) -> Any:
        """A table of the build with what the project says of it."""
        node = self._nodes.get(f"{self._database}.{name}")
        if node is None:
            return kind(self.dataset_namespace, f"{self._database}.{name}")
        namespace, full_name, facets, _ = self.extract_dataset_data(
            ModelNode(node["resource_type"], node), None, has_facets=True
        )
        return kind(namespace, full_name, facets=facets)

    def get_column_lineage(self, namespace: str, compiled_sql: str) -> None:
        """Nothing: its parser takes the names of CTEs for tables."""

    def parse_execution(self, context: DbtRunContext, nodes: dict[str, Any]) -> DbtEvents:
        """The runs of models, with seeds among their inputs, and of seeds."""
        events: DbtEvents = super().parse_execution(context, nodes)
        manifest = context.manifest
        relations = manifest["nodes"] | manifest["sources"]
        names = {
            key: (self.dataset_namespace, self._relation_name(node))
            for key, node in relations.items()
        }
        for event in events.starts:
            unique_id = event.job.facets["dbt_node"].unique_id
            # Start and end share their datasets.
            event.inputs.extend(
                self.node_to_dataset(ModelNode("seed", relations[parent]), has_facets=True)
                for parent in manifest["parent_map"][unique_id]
                if parent.startswith("seed.")
            )
            sources = column_lineage(manifest, unique_id)
            event.outputs[0].facets["columnLineage"] = _column_facet(
                {
                    column: [(*names[parent], name) for parent, name in found]
                    for column, found in sources.items()
                }
            )
        for result in context.run_results["results"]:
            if result["unique_id"].startswith("seed.") and result["status"] != "skipped":
                node = relations[result["unique_id"]]
                events.add(
                    self.to_openlineage_events(
                        result["status"],
                        *self.get_timings(result["timing"]),
                        self.get_run(_new_id()),
                        Job(NAMESPACE, f"{self._relation_name(node)}.build.seed"),
                        [_file(PROJECT_DIR / node["original_file_path"])],
                        self.node_to_output_dataset(ModelNode("seed", node), has_facets=True),
                    )
                )
        return events

    def _relation_name(self, node: dict[str, Any]) -> str:
        name: str = self._format_dataset_name(
            node["database"], node["schema"], node.get("identifier") or node.get("alias")
        )
        return name


def _column_facet(
    sources: dict[str, list[tuple[str, str, str]]],
) -> column_lineage_dataset.ColumnLineageDatasetFacet:
    return column_lineage_dataset.ColumnLineageDatasetFacet(
        {
            column: column_lineage_dataset.Fields(
                [column_lineage_dataset.InputField(*source) for source in found]
            )
            for column, found in sources.items()
        }
    )


def _file(path: Path) -> InputDataset:
    return InputDataset("file", str(path))


def _new_id() -> str:
    return str(generate_new_uuid())
