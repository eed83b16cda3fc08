"""How a command ends: its status, and the line that says why."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from orchestration.faults import WrongSurroundings, in_a_line, keep_details
from orchestration.project import OWN
from orchestration.regions import names
from orchestration.regions.targets import Target

PUBLISHED, REFUSED, WRONG_USAGE, WITH_GAPS = 0, 1, 2, 3
SAME, DIFFERENT = 0, 1
INTERRUPTED = 130
# The gravest of several statuses is told.
GRAVITY = (PUBLISHED, WITH_GAPS, REFUSED, WRONG_USAGE)


def told(message: str, status: int = WRONG_USAGE) -> int:
    """Say on standard error what a command ends with; the status."""
    print(f"jixiao: {message}", file=sys.stderr)
    return status


def refused(line: str) -> int:
    """Say on standard error what is refused, of what stands in the line itself; the status."""
    print(line, file=sys.stderr)
    return REFUSED


def gravest(statuses: list[int]) -> int:
    """The status of a command of several parts, each with its own."""
    return max(statuses, key=GRAVITY.index, default=PUBLISHED)


@contextmanager
def of_region(target: Target, statuses: list[int]) -> Iterator[None]:
    """Have what goes wrong with a region leave the others; its status is noted, and a line told."""
    try:
        with names.told_of(target.region):
            yield
    except WrongSurroundings as wrong:
        statuses.append(told(target.line(str(wrong))))
    except Exception as error:
        details = keep_details(traceback.format_exc(), target.folders.warehouse)
        statuses.append(told(target.line(f"{in_a_line(error)} ({details})")))


def head(target: Target) -> None:
    """Head what is printed of a region."""
    if target.region != OWN:
        print(f"region {target.region}", flush=True)
