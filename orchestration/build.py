"""The build that a run works on: the warehouse held for it, and its steps told and timed."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Optional

import dagster as dg
from pydantic import PrivateAttr

from orchestration import dbt
from orchestration.faults import LandingRefused
from orchestration.warehouse import Warehouse

if TYPE_CHECKING:
    from orchestration.lineage_events import Recorder

logger = logging.getLogger("jixiao")
PARTITION_TAG = "dagster/partition"


class Build(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The landing folder that a run reads and the warehouse folder that it holds while it builds.

    Attributes:
        landing: The landing folder.
        warehouse: The warehouse folder.
        column_lineage: Whether materialized models say which columns theirs are made of.
        openlineage_file: The file that OpenLineage events are appended to; empty for none.
        started_at: When a run counts as started, in ISO 8601, to repeat one; when it does by
            default.
    """

    landing: str
    warehouse: str
    started_at: str | None = None
    column_lineage: bool = False
    openlineage_file: str = ""
    _recorder: Optional["Recorder"] = PrivateAttr(default=None)

    @property
    def landing_dir(self) -> Path:
        """The landing folder."""
        return Path(self.landing).resolve()

    @property
    def of(self) -> Warehouse:
        """The warehouse that is built."""
        return Warehouse(Path(self.warehouse).resolve())

    @property
    def run_date(self) -> datetime | None:
        """When the run counts as started; none for when it does."""
        return datetime.fromisoformat(self.started_at) if self.started_at else None

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["Build"]:
        """Hold the warehouse from the first step of a run to its last."""
        with self.of.building(say=logger.info), self._recording(context):
            yield self

    @property
    def recorder(self) -> Optional["Recorder"]:
        """What tells the run's lineage, where it is asked for."""
        return self._recorder

    @contextmanager
    def _recording(self, context: dg.InitResourceContext) -> Iterator[None]:
        run = context.run
        if not self.openlineage_file or run is None:
            yield
            return
        # Slow to import, so only where it is used.
        from orchestration.lineage_events import Recorder

        self._recorder = Recorder(
            Path(self.openlineage_file).resolve(),
            self.of,
            job=run.job_name,
            run_id=run.run_id,
            year=int(run.tags[PARTITION_TAG]),
            manifest=dbt.parsed()[1],
        )
        self._recorder.begin()
        try:
            yield
        finally:
            self._recorder.finish()

    @contextmanager
    def step(self, year: str, name: str) -> Iterator["Step"]:
        """Tell how long a step took; a refusal becomes the failure of its step.

        Args:
            year: The fiscal year.
            name: The step, as people are told.
        """
        step = Step()
        started = time.monotonic()
        if self.recorder:
            self.recorder.start(name)
        try:
            yield step
        except LandingRefused as refused:
            step.refused = refused.reasons
            raise refusal(refused.reasons) from None
        except BaseException as error:
            step.refused = [str(error) or type(error).__name__]
            raise
        finally:
            if self.recorder:
                self.recorder.end(step.refused)
            logger.info("%s  %-15s %5.1f s  %s", year, name, time.monotonic() - started, step.told)


class Step:
    """What a step has to tell when it is done, and the reasons if it refuses the year."""

    told = ""
    refused: list[str] | None = None


def refusal(reasons: list[str]) -> dg.Failure:
    """The failure of a step that refuses a year, one reason a line; trying again is no use."""
    return dg.Failure(description="\n".join(reasons), allow_retries=False)
