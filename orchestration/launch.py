"""Running the yearly job in this process, as the jixiao command does."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import dagster as dg

from orchestration import seeds
from orchestration.automation import REGION, YEAR, register
from orchestration.definitions import build_definitions
from orchestration.faults import WrongSurroundings, in_a_line, keep_details
from orchestration.graph.build import JOB
from orchestration.graph.run import faulty_seeds, no_fiscal_year
from orchestration.project import Folders, dagster_home

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def launch(
    landing: Path,
    warehouse: Path,
    years: list[int],
    command: str = "jixiao run",
    region: str | None = None,
) -> dict[int, list[str]]:
    """Build and publish fiscal years one after the other; one that is refused leaves the others.

    Args:
        landing: The landing folder.
        warehouse: The warehouse folder.
        years: The fiscal years.
        command: What launches them, as the ledger has it.
        region: Which region of the two folders, where there are regions.

    Returns:
        For each year the reasons why it was refused, one line each; none where it was published.
    """
    if faults := seeds.faults():
        return faulty_seeds(years, faults)
    definitions = build_definitions(str(landing), str(warehouse), command=command)
    job = definitions.resolve_job_def(JOB)
    outcomes: dict[int, list[str]] = {}
    if region is not None:
        warehouse = Folders(landing, warehouse).of(region).warehouse
    with _instance() as instance:
        if region is not None:
            register(instance, [region])
        for year in years:
            if reasons := no_fiscal_year(year):
                outcomes[year] = reasons
                continue
            result = job.execute_in_process(
                partition_key=_key(year, region),
                run_config=QUIET,
                instance=instance,
                raise_on_error=False,
            )
            outcomes[year] = _reasons(year, warehouse, result)
    return outcomes


def _key(year: int, region: str | None) -> str:
    if region is None:
        return str(year)
    return dg.MultiPartitionKey({YEAR: str(year), REGION: region})


def _instance() -> AbstractContextManager[dg.DagsterInstance]:
    """The instance that `dagster dev` shows, where there is one; else one for the run alone."""
    home = dagster_home()
    if home is None:
        unread = dg.DagsterInstance.ephemeral()
        # The result has the events. To write them into a database in memory that nobody opens takes
        # a twelfth of a run.
        unread.event_log_storage.store_event = lambda event: None  # type: ignore[method-assign]
        return unread
    try:
        return dg.DagsterInstance.get()
    except Exception as error:
        raise WrongSurroundings(
            f"DAGSTER_HOME {home}: no Dagster to record the run in ({in_a_line(error)}); correct "
            f"{home / 'dagster.yaml'}, or unset DAGSTER_HOME"
        ) from None


def _reasons(year: int, warehouse: Path, result: dg.ExecuteInProcessResult) -> list[str]:
    """Why a run failed: what its steps say, else what kept it from starting a step."""
    if result.success:
        return []
    failures = [event for event in result.all_events if event.is_failure]
    of_steps = [event for event in failures if event.is_step_failure]
    return [
        f"{year} refused: {line}"
        for event in of_steps or failures
        for line in _failure_lines(event, warehouse)
    ]


def _failure_lines(event: dg.DagsterEvent, warehouse: Path) -> list[str]:
    """A refusal's own lines; for anything else what went wrong, with the details in a file."""
    failure: Any = event.event_specific_data
    if getattr(failure, "user_failure_data", None):
        return str(failure.user_failure_data.description).splitlines()
    error = failure.error
    if "Interrupt" in (error.cls_name or ""):
        raise KeyboardInterrupt
    details = error.to_string()
    while error.cause:
        error = error.cause
    said = " ".join(error.message.split())
    if error.cls_name == WrongSurroundings.__name__:
        return [said.partition(": ")[2]]
    return [f"{said} ({keep_details(details, warehouse)})"]
