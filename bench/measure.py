"""A task in a process of its own, and what the system says that it took."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Cost:
    """What a process took.

    Attributes:
        cpu: User and system time, its children's too, in seconds.
        wall: Seconds from start to end.
        peak_bytes: The most memory that it or a child of it held.
        seen: What it reports of itself, by name.
    """

    cpu: float
    wall: float
    peak_bytes: int
    seen: dict[str, Any]


class Failed(Exception):
    """A measured process ended otherwise than it should; the message has its last lines."""


def measure(task: str, *arguments: object, cwd: Path, **variables: str) -> Cost:
    """Run a task of `bench/inside.py` once.

    Args:
        task: Its name.
        arguments: Its arguments.
        cwd: The project's folder.
        variables: What its environment has beside this one's, of which the project's own settings
            are left out.

    Raises:
        Failed: It did not end well.
    """
    settings = ("JIXIAO_", "DAGSTER_HOME")
    kept = {name: v for name, v in os.environ.items() if not name.startswith(settings)}
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "bench.inside", str(report), task, *map(str, arguments)]
        with (Path(folder) / "said").open("w+", encoding="utf-8") as said:
            started = time.monotonic()
            process = subprocess.Popen(
                command, cwd=cwd, env=kept | variables, stdout=said, stderr=said
            )
            # What a process took is told to whoever waits for it, once.
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.monotonic() - started
            process.returncode = os.waitstatus_to_exitcode(status)
            said.seek(0)
            told = said.read()
        if process.returncode or not report.exists():
            last = "\n".join(told.splitlines()[-20:])
            raise Failed(f"{task} ended with {process.returncode}:\n{last}")
        seen = json.loads(report.read_text("utf-8"))
        if seen.get("status"):
            raise Failed(f"{task}: exit status {seen['status']}:\n{told[-2000:]}")
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * 1024, seen)


def median(once: Callable[[], Cost], times: int) -> Cost:
    """The cost of which the CPU time is the median of several.

    Args:
        once: What is measured; it begins each time from the same.
        times: How often.
    """
    costs = [once() for _ in range(times)]
    middle = statistics.median_low(cost.cpu for cost in costs)
    return next(cost for cost in costs if cost.cpu == middle)
