"""What a measured process does: one thing, then a JSON file of what it saw of itself.

`python -m bench.inside REPORT TASK [ARGUMENT]…`
"""

import dataclasses
import gc
import json
import logging
import re
import resource
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# A line of the log of a run: the year, the step, its seconds, what it told.
STEP = re.compile(r"^(\d{4})  (\w+)\s+([\d.]+) s  ")


def _cpu() -> float:
    own, children = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


class Clock(threading.Thread):
    """Notes the CPU time of this process ten times a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.noted = [(time.monotonic(), _cpu())]

    def run(self) -> None:
        """Note it until the process ends."""
        while True:
            time.sleep(0.1)
            self.noted.append((time.monotonic(), _cpu()))

    def at(self, moment: float) -> float:
        """The CPU time, in seconds, that the process had taken at a moment."""
        return next((cpu for when, cpu in self.noted if when >= moment), _cpu())


class Steps(logging.Handler):
    """Notes what each step of a run took, when the log tells that it is done."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.steps: list[dict[str, Any]] = []
        self.clock = Clock()
        self.clock.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Note a step; other lines tell of none."""
        if found := STEP.match(record.getMessage()):
            wall = float(found[3])
            self.steps.append(
                {
                    "year": int(found[1]),
                    "step": found[2],
                    "cpu": _cpu() - self.clock.at(time.monotonic() - wall),
                    "wall": wall,
                    "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
                }
            )


def run(landing: str, warehouse: str, *years: str) -> dict[str, Any]:
    """The jixiao command, with what each step took."""
    from orchestration import cli, terminal

    # As the command itself begins.
    gc.set_threshold(100_000, 50, 100)
    terminal.prepare()
    steps = Steps()
    logging.getLogger("jixiao").addHandler(steps)
    options = [option for year in years for option in ("--year", year)]
    status = cli.main(["run", "--landing", landing, "--warehouse", warehouse, *options])
    gc.freeze()
    return {"status": status, "steps": steps.steps}


def limit(landing: str, out: str) -> dict[str, Any]:
    """The practical limit."""
    from bench import limit as module

    module.score(Path(landing), Path(out))
    return {}


def polars(landing: str, out: str) -> dict[str, Any]:
    """The same in polars."""
    from bench import with_polars

    with_polars.score(Path(landing), Path(out))
    return {}


def compare(warehouse: str, scores: str) -> dict[str, Any]:
    """How many scores differ from the published ones."""
    from bench.compare import compare as compared

    published = Path(warehouse) / "published" / "scores.duckdb"
    return dataclasses.asdict(compared(published, Path(scores)))


def generate(
    folder: str, departments: str, payments: str, defects: str, seed: str, *years: str
) -> dict[str, Any]:
    """A landing folder."""
    from bench.generate import generate as generated
    from bench.published import size

    landing = generated(
        *(Path(folder), int(departments), tuple(map(int, years)), int(payments)),
        *(float(defects), int(seed)),
    )
    return {"landed_bytes": size(landing)}


def compile(folder: str) -> dict[str, Any]:
    """The SQL of the models."""
    from bench import straight as module

    return {"models": str(module.compile_models(Path(folder)))}


def straight(landing: str, year: str, models: str, warehouse: str, folder: str) -> dict[str, Any]:
    """The models' own SQL, without what holds it together."""
    from bench import straight as module
    from bench.published import state

    record = state(Path(warehouse))
    return {"marts": module.run(Path(landing), int(year), Path(models), record, Path(folder))}


def parquet(warehouse: str, folder: str) -> dict[str, Any]:
    """One Parquet write of the marts."""
    from bench.published import write_parquet

    return {**write_parquet(Path(warehouse), Path(folder))}


def look(warehouse: str) -> dict[str, Any]:
    """Rows and bytes that a run left."""
    from bench.published import look as looked

    return dataclasses.asdict(looked(Path(warehouse)))


def bare() -> dict[str, Any]:
    """The imports of the engines and dbt's parsing of what has not changed."""
    gc.set_threshold(100_000, 50, 100)
    import dagster  # noqa: F401
    import dagster_dbt  # noqa: F401
    import dbt.adapters.duckdb.connections
    import dbt.cli.main  # noqa: F401
    import great_expectations  # noqa: F401

    from orchestration.dbt import parsed

    parsed()
    gc.freeze()
    return {}


TASKS: dict[str, Callable[..., dict[str, Any]]] = {
    task.__name__: task
    for task in (*(run, limit, polars, compare, generate, compile, straight, parquet, look, bare),)
}


def _written() -> int | None:
    """Bytes that this process has handed to the system to write; None where nobody counts them."""
    try:
        counted = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    except OSError:
        return None
    return int(counted["wchar"])


if __name__ == "__main__":
    report, name, *arguments = sys.argv[1:]
    seen = TASKS[name](*arguments)
    Path(report).write_text(json.dumps({**seen, "written_bytes": _written()}), "utf-8")
