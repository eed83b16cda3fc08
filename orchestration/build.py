"""The build that a run works on: the warehouse held for it, and its steps told and timed."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import dagster as dg

from orchestration.faults import LandingRefused
from orchestration.warehouse import Warehouse

logger = logging.getLogger("jixiao")


class Build(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The landing folder that a run reads and the warehouse folder that it holds while it builds.

    Attributes:
        landing: The landing folder.
        warehouse: The warehouse folder.
        started_at: When a run counts as started, in ISO 8601, to repeat one; when it does by
            default.
    """

    landing: str
    warehouse: str
    started_at: str | None = None

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
        with self.of.building(say=logger.info):
            yield self

    @contextmanager
    def step(self, year: str, name: str) -> Iterator["Step"]:
        """Tell how long a step took; a refusal becomes the failure of its step.

        Args:
            year: The fiscal year.
            name: The step, as people are told.
        """
        step = Step()
        started = time.monotonic()
        try:
            yield step
        except LandingRefused as refused:
            raise refusal(refused.reasons) from None
        finally:
            logger.info("%s  %-15s %5.1f s  %s", year, name, time.monotonic() - started, step.told)


class Step:
    """What a step has to tell when it is done."""

    told = ""


def refusal(reasons: list[str]) -> dg.Failure:
    """The failure of a step that refuses a year, one reason a line; trying again is no use."""
    return dg.Failure(description="\n".join(reasons), allow_retries=False)
