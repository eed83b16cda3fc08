"""Running the yearly job in this process, as the jixiao command does."""

import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import dagster as dg

from orchestration.definitions import JOB, build_definitions

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def launch(landing: Path, warehouse: Path, years: list[int]) -> dict[int, list[str]]:
    """Build and publish fiscal years one after the other; one that is refused leaves the others.

    Args:
        landing: The landing folder.
        warehouse: The warehouse folder.
        years: The fiscal years.

    Returns:
        For each year the reasons why it was refused, one line each; none where it was published.
    """
    job = build_definitions(str(landing), str(warehouse)).resolve_job_def(JOB)
    with _instance() as instance:
        return {
            year: _reasons(
                year,
                job.execute_in_process(
                    partition_key=str(year),
                    run_config=QUIET,
                    instance=instance,
                    raise_on_error=False,
                ),
            )
            for year in years
        }


def _instance() -> AbstractContextManager[dg.DagsterInstance | None]:
    """The instance that `dagster dev` shows, where there is one."""
    return dg.DagsterInstance.get() if os.environ.get("DAGSTER_HOME") else nullcontext()


def _reasons(year: int, result: dg.ExecuteInProcessResult) -> list[str]:
    if result.success:
        return []
    lines: list[str] = []
    for event in result.all_events:
        if event.event_type_value == "STEP_FAILURE":
            lines += _failure_lines(event)
    return [f"{year} refused: {line}" for line in lines] or [f"{year} refused: the run failed"]


def _failure_lines(event: dg.DagsterEvent) -> list[str]:
    failure: Any = event.step_failure_data
    if failure.user_failure_data and failure.user_failure_data.description:
        return str(failure.user_failure_data.description).splitlines()
    error = failure.error.cause or failure.error
    return [f"step {event.step_key}: {' '.join(error.message.split())}"]
