"""What a warehouse has to stand, at length: kills, a full disk, clocks, two at once, readers.

`make torture` runs it, half an hour on two cores; `--kills`, `--publications` and `--seed` make it
longer, shorter or another. It prints a line for each trial and ends with 1 where a reader saw an
error or half a state, or a year was lost.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path

import duckdb

from orchestration.graph.run import run
from orchestration.publication import chain, folder
from orchestration.publication.folder import Warehouse
from tests import engines
from tests.conftest import LANDING, shift_year

YEARS = (2023, 2024)
BOM = b"\xef\xbb\xbf"
# How a scene of the disk is run, in a file system of so many bytes that is its own.
SMALL_DISK = ("unshare", "--user", "--map-root-user", "--mount")
FACTS = "select fiscal_year, count(*), sum(total_score) from {} group by all order by all"


class Trials:
    """The trials so far, and what went wrong in them."""

    def __init__(self) -> None:
        self.count = 0
        self.faults: list[str] = []

    def end(self, scene: str, told: str, faults: list[str]) -> None:
        self.count += 1
        self.faults += [f"{scene}: {fault}" for fault in faults]
        print(
            f"{scene:<14} {told}{'' if not faults else ' FAULT ' + '; '.join(faults)}", flush=True
        )


class Scene:
    """A warehouse of two years, whose files are saved anew for each run."""

    def __init__(self, root: Path) -> None:
        self.landing, self.warehouse = root / "landing", root / "warehouse"
        shutil.copytree(LANDING, self.landing)
        shift_year(self.landing, 2023, 2024)
        self.saved = 0
        assert run(self.landing, self.warehouse, list(YEARS), "torture") == {y: [] for y in YEARS}
        self.expected = facts(self.warehouse)

    def save_anew(self, year: int = 2023) -> None:
        """Other bytes, the same rows: a run that publishes what was published before."""
        path = self.landing / str(year) / "departments.csv"
        self.saved += 1
        lines = path.read_bytes().removeprefix(BOM).replace(b"\r\n", b"\n")
        # Others than what is published, whichever of the last runs that was.
        lines = lines.replace(b"\n", b"\r\n") if self.saved % 4 >= 2 else lines
        path.write_bytes((BOM if self.saved % 2 else b"") + lines)

    def start(self, *arguments: str, quiet: bool = True) -> BaseProcess:
        out = os.devnull if quiet else "/dev/stderr"
        return engines.start(
            (*arguments, "--landing", str(self.landing), "--warehouse", str(self.warehouse)),
            engines.PROJECT, os.environ, out, out,
        )  # fmt: skip

    def faults(self) -> list[str]:
        """What is not as it must be of what is published."""
        found = [] if facts(self.warehouse) == self.expected else ["half a state or a lost year"]
        name = (self.warehouse / "published").readlink().name
        with duckdb.connect() as con:
            con.execute(f"attach '{self.warehouse}/published/scores.duckdb' as scores (read_only)")
            runs = con.execute("select run_id, fiscal_year from scores.audit.runs").fetchall()
        found += chain.changed(self.warehouse, name)
        return found + chain.differences(self.warehouse, name, runs, None)


def facts(warehouse: Path) -> list[object]:
    """What a reader sees of the years, in the database and in Parquet: the same from both."""
    published = (warehouse / "published").resolve()
    with duckdb.connect() as con:
        con.execute(f"attach '{published}/scores.duckdb' as scores (read_only)")
        database = con.execute(FACTS.format("scores.marts.fct_evaluations")).fetchall()
        parquet = f"read_parquet('{published}/parquet/fct_evaluations/*/*.parquet')"
        found = con.execute(FACTS.format(parquet)).fetchall()
    return [database, found == database]


def kills(scene: Scene, trials: Trials, count: int, chance: random.Random) -> None:
    """Kill a run at a random moment; what is published is whole, and the next run repairs all."""
    began = time.monotonic()
    scene.save_anew()
    process = scene.start("run", "--year", "2023")
    process.join()
    takes = time.monotonic() - began
    for number in range(1, count + 1):
        scene.save_anew()
        before = (scene.warehouse / "published").readlink()
        process = scene.start("run", "--year", "2023")
        at = chance.uniform(0, takes)
        process.join(at)
        assert process.pid
        is_over = process.exitcode is not None
        os.kill(process.pid, signal.SIGKILL) if not is_over else None
        process.join()
        switched = (scene.warehouse / "published").readlink() != before
        faults = scene.faults()
        if number % 10 == 0:
            scene.save_anew()
            faults += whole_run(scene)
        told = f"{number} at {at:5.2f} s of {takes:.1f}, {'over' if is_over else 'killed'}"
        trials.end("kill", f"{told}, {'new' if switched else 'old'} publication", faults)


def whole_run(scene: Scene) -> list[str]:
    process = scene.start("run", "--year", "2023", quiet=False)
    process.join()
    left = {path.name for path in scene.warehouse.iterdir()} - {
        ".lock", "chain", "previews", "publications", "published", "states", "failure.log",
    }  # fmt: skip
    faults = [f"left behind: {', '.join(sorted(left))}"] if left else []
    if process.exitcode:
        faults.append(f"the next run ended with {process.exitcode}")
    return faults + scene.faults()


def readers(scene: Scene, trials: Trials, count: int) -> None:
    """Read without a pause through publications, from DuckDB and from Parquet."""
    stop, seen, faults = threading.Event(), [0], list[str]()

    def read() -> None:
        while not stop.is_set():
            try:
                found = facts(scene.warehouse)
            except duckdb.Error as error:
                faults.append(f"reader: {error}")
                return
            seen[0] += 1
            if found != scene.expected:
                faults.append(f"reader: half a state {found}")
                return

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    switched = 0
    for _ in range(count):
        scene.save_anew()
        before = (scene.warehouse / "published").readlink()
        run(scene.landing, scene.warehouse, [2023], "torture")
        switched += (scene.warehouse / "published").readlink() != before
    stop.set()
    for thread in threads:
        thread.join()
    if switched != count:
        faults.append(f"{switched} of {count} runs published")
    trials.end("readers", f"{seen[0]} reads through {switched} publications", faults)


def two_at_once(scene: Scene, trials: Trials) -> None:
    """Two runs of different years at the same moment: the second waits, and both are published."""
    for year in YEARS:
        scene.save_anew(year)
    before = len(list((scene.warehouse / "chain").iterdir()))
    both = [scene.start("run", "--year", str(year)) for year in YEARS]
    for process in both:
        process.join()
    faults = [f"a run ended with {p.exitcode}" for p in both if p.exitcode]
    more = len(list((scene.warehouse / "chain").iterdir())) - before
    if more != len(YEARS):
        faults.append(f"{more} publications of {len(YEARS)}")
    trials.end("two at once", f"{more} publications", faults + scene.faults())


def clock_back(scene: Scene, trials: Trials) -> None:
    """A publication by a clock that is ten years ahead, and then one by the true clock."""
    ahead = timedelta(days=3653)

    class Ahead(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + ahead  # type: ignore[arg-type]

    real = folder.datetime
    folder.datetime = Ahead  # type: ignore[misc, assignment]
    try:
        scene.save_anew()
        reasons = run(scene.landing, scene.warehouse, [2023], "torture")[2023]
    finally:
        folder.datetime = real  # type: ignore[misc]
    first = (scene.warehouse / "published").readlink().name
    scene.save_anew()
    reasons += run(scene.landing, scene.warehouse, [2023], "torture")[2023]
    second = (scene.warehouse / "published").readlink().name
    if not second > first:
        reasons.append(f"{second} does not come after {first}")
    trials.end("clock back", f"{first[:8]}, then {second[:8]}", reasons + scene.faults())


@contextmanager
def small_disk(root: Path) -> Iterator[Callable[[int], "subprocess.CompletedProcess[str]"]]:
    """Run the whole warehouse on a file system of a few megabytes, in a mount of its own."""

    def run_in(size: int) -> "subprocess.CompletedProcess[str]":
        script = (
            f"mount -t tmpfs -o size={size} tmpfs {root}/disk && "
            f"cp -a {root}/full/. {root}/disk && "
            f"{{ {sys.executable} -m orchestration.cli run --year 2023 --landing {root}/landing "
            f"--warehouse {root}/disk; status=$?; rm -rf {root}/after; cp -a {root}/disk {root}/after;"
            " exit $status; }"
        )
        return subprocess.run(
            [*SMALL_DISK, "sh", "-c", script], cwd=engines.PROJECT, capture_output=True, text=True,
            check=False,
        )  # fmt: skip

    (root / "disk").mkdir()
    yield run_in


def full_disk(scene: Scene, trials: Trials, chance: random.Random, count: int) -> None:
    """Run on a disk that is full at some point: what is published stays, one line says why."""
    root = scene.warehouse.parent
    shutil.copytree(scene.warehouse, root / "full", symlinks=True)
    scene.save_anew()
    _, size = Warehouse(root / "full").kept()
    expected, before = facts(root / "full"), (root / "full" / "published").readlink()
    with small_disk(root) as run_in:
        for _ in range(count):
            more = chance.randrange(200_000, 90_000_000)
            ended = run_in(size + more)
            if "mount" in ended.stderr and not (root / "after").exists():
                trials.end("full disk", "no file system of one's own here: not tried", [])
                return
            faults = [] if facts(root / "after") == expected else ["half a state"]
            published = (root / "after" / "published").readlink() != before
            if published == bool(ended.returncode):
                faults.append(f"ended with {ended.returncode}, published {published}")
            lines = [
                line
                for line in ended.stderr.splitlines()
                if "refused" in line or "jixiao: /" in line
            ]
            is_told = len(lines) == 1 and "No space left on device" in lines[0]
            if ended.returncode and (not is_told or "Traceback" in ended.stderr):
                faults.append(f"told: {ended.stderr[-600:]}")
            told = f"{more / 1e6:5.1f} MB free, ended with {ended.returncode}"
            trials.end("full disk", told + (f": {lines[-1][:150]}" if lines else ""), faults)
            shutil.rmtree(root / "after")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--publications", type=int, default=20)
    parser.add_argument("--disks", type=int, default=10)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**6)
    wanted = parser.parse_args()
    chance, trials, began = random.Random(wanted.seed), Trials(), time.monotonic()  # noqa: S311
    print(f"seed {wanted.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="jixiao-torture-") as place:
        scene = Scene(Path(place))
        two_at_once(scene, trials)
        clock_back(scene, trials)
        readers(scene, trials, wanted.publications)
        full_disk(scene, trials, chance, wanted.disks)
        kills(scene, trials, wanted.kills, chance)
    minutes = (time.monotonic() - began) / 60
    print(f"{trials.count} trials, {len(trials.faults)} faults, {minutes:.0f} minutes")
    for fault in trials.faults:
        print(fault, file=sys.stderr)
    return 1 if trials.faults else 0


if __name__ == "__main__":
    sys.exit(main())
