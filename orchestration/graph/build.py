"""The build of a fiscal year by one run: the warehouse held for it, its steps told and timed.

Dagster is not imported here: what a command builds to compare with, it builds without it.
"""

import logging
import os
import pwd
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Optional

import duckdb

from orchestration import dbt, ledger
from orchestration.faults import Refused
from orchestration.project import lineage_settings
from orchestration.publication.folder import Warehouse

if TYPE_CHECKING:
    from orchestration.lineage.events import Recorder

logger = logging.getLogger("jixiao")

FIRST_YEAR = 2000
JOB = "yearly_evaluation"


@dataclass(frozen=True)
class Settings:
    """What is official, settled where the graph is defined: no run's configuration can change it.

    Attributes:
        landing: The landing folder.
        warehouse: The warehouse folder.
        as_of: When runs count as started, to repeat one; when they do by default.
        command: The command that launches the runs; none where Dagster does.
        is_preview: Whether a build is kept for approval instead of being published.
    """

    landing: Path
    warehouse: Path
    as_of: ledger.AsOf | None = None
    command: str | None = None
    is_preview: bool = False


@dataclass(frozen=True)
class Launched:
    """A run, and how it came to be.

    Attributes:
        run_id: The run.
        job_name: The job that it is of, as lineage has it.
        by: Who launched it, as who launches it knows; else whom the process belongs to.
        how: The command that launched it, or what of Dagster.
    """

    run_id: str
    job_name: str
    by: str | None
    how: str


@dataclass
class Build:
    """One run's build of a year, from the landing folder to what is published.

    Attributes:
        launched: The run.
        year: The fiscal year.
        settings: Where it reads and publishes.
        recorder: What tells the run's lineage, where it is asked for.
    """

    launched: Launched
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
            launched_by=user(self.launched.by),
            launched_how=self.launched.how,
        )

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the warehouse from the first step to the last."""
        with self.of.building(say=logger.info), self._recording():
            yield

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
            job=self.launched.job_name,
            run_id=self.launched.run_id,
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
        """Tell how long a step took, and why it refuses the year.

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
                    ledger.did(con, self.launched.run_id, name)
        except Refused as refused:
            step.refused = refused.reasons
            raise
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


def user(known: str | None = None) -> str:
    """Who asks for something: the user that is known, and the one that the process belongs to."""
    try:
        owner = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        owner = f"uid {os.getuid()}"
    return f"{known} (process of {owner})" if known else owner
