"""The build of a fiscal year by one run: the warehouse held for it, its steps told and timed."""

import logging
import os
import pwd
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Optional

import dagster as dg
import duckdb

from orchestration import dbt, ledger
from orchestration.faults import Refused
from orchestration.project import lineage_settings
from orchestration.publication.folder import Warehouse

if TYPE_CHECKING:
    from orchestration.lineage.events import Recorder

logger = logging.getLogger("jixiao")


@dataclass(frozen=True)
class Settings:
    """What is official, settled where the graph is defined: no run's configuration can change it.

    Attributes:
        landing: The landing folder.
        warehouse: The warehouse folder.
        started_at: When runs count as started, to repeat one; when they do by default.
        command: The command that launches the runs; none where Dagster does.
    """

    landing: Path
    warehouse: Path
    started_at: datetime | None = None
    command: str | None = None


@dataclass
class Build:
    """One run's build of a year, from the landing folder to what is published.

    Attributes:
        run: The run.
        year: The fiscal year.
        settings: Where it reads and publishes.
        recorder: What tells the run's lineage, where it is asked for.
    """

    run: dg.DagsterRun
    year: int
    settings: Settings
    recorder: Optional["Recorder"] = None

    @property
    def landing_dir(self) -> Path:
        """The landing folder."""
        return self.settings.landing.resolve()

    @property
    def of(self) -> Warehouse:
        """The warehouse that is built."""
        return Warehouse(self.settings.warehouse.resolve())

    @property
    def origin(self) -> ledger.Origin:
        """Where the run's data comes from, and who launched it and how."""
        return ledger.Origin(
            landing_root=str(self.landing_dir),
            launched_by=launched_by(self.run),
            launched_how=self.settings.command or launched_how(self.run),
        )

    @contextmanager
    def held(self, context: dg.AssetExecutionContext) -> Iterator[None]:
        """Hold the warehouse from the first step to the last; Dagster is told what people are told.

        Args:
            context: The run's, whose event log gets the lines of the log `jixiao`.
        """
        level, handler = logger.level, _EventLog(context.log)
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        try:
            with self.of.building(say=logger.info), self._recording():
                yield
        finally:
            logger.removeHandler(handler)
            logger.setLevel(level)

    @contextmanager
    def _recording(self) -> Iterator[None]:
        events = lineage_settings()["openlineage_file"]
        if not events:
            yield
            return
        # Slow to import, so only where it is used.
        from orchestration.lineage.events import Recorder

        self.recorder = Recorder(
            Path(events).resolve(),
            self.of,
            job=self.run.job_name,
            run_id=self.run.run_id,
            year=self.year,
            manifest=dbt.parsed()[1],
        )
        self.recorder.begin()
        try:
            yield
        finally:
            self.recorder.finish()

    @contextmanager
    def step(self, name: str) -> Iterator["Step"]:
        """Tell how long a step took; a refusal becomes the failure of the run.

        Args:
            name: The step, as people are told and as the ledger notes it once it is done.
        """
        step = Step()
        started = time.monotonic()
        if self.recorder:
            self.recorder.start(name)
        try:
            yield step
            if not step.refused and self.of.build_file.exists():
                with duckdb.connect(str(self.of.build_file)) as con:
                    ledger.did(con, self.run.run_id, name)
        except Refused as refused:
            step.refused = refused.reasons
            raise refusal(refused.reasons) from None
        except BaseException as error:
            step.refused = [str(error) or type(error).__name__]
            raise
        finally:
            if self.recorder:
                self.recorder.end(step.refused)
            logger.info(
                "%s  %-15s %5.1f s  %s", self.year, name, time.monotonic() - started, step.told
            )


class Step:
    """What a step has to tell when it is done, and the reasons if it refuses the year."""

    told = ""
    refused: list[str] | None = None


class _EventLog(logging.Handler):
    """Passes the log that people read on a terminal on to a run's event log."""

    def __init__(self, log: logging.Logger) -> None:
        super().__init__(logging.INFO)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        self._log.log(record.levelno, record.getMessage())


def refusal(reasons: list[str]) -> dg.Failure:
    """The failure of a run that refuses a year, one reason a line; trying again is no use."""
    return dg.Failure(description="\n".join(reasons), allow_retries=False)


def launched_how(run: dg.DagsterRun) -> str:
    """How Dagster came to launch a run, as the ledger has it.

    Args:
        run: The run, whose tags say what it repeats and what asked for it.
    """
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


def launched_by(run: dg.DagsterRun) -> str:
    """Who launched a run: the user that Dagster knows, else the one that the process belongs to.

    Args:
        run: The run.
    """
    try:
        owner = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        owner = f"uid {os.getuid()}"
    user = run.tags.get("user")
    return f"{user} (process of {owner})" if user else owner
