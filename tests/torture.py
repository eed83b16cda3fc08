"""What a warehouse has to stand, at length: kills, a full disk, clocks, two at once, readers, workers.

`make torture` runs it, half an hour on two cores; `--kills`, `--publications`, `--workers` and `--seed`
make it longer, shorter or another. It prints a line for each trial and ends with 1 where a reader saw an
error or half a state, or a year was lost.
"""

import argparse
import json
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
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import ClassVar, TypeVar

import dagster as dg
import duckdb
import yaml

from orchestration import instance
from orchestration.graph.build import JOB
from orchestration.graph.run import run
from orchestration.project import PROJECT_DIR, Folders
from orchestration.publication import chain, folder
from orchestration.publication.folder import Warehouse
from orchestration.regions import catalogue
from tests import engines
from tests.conftest import LANDING, shift_year
from tests.servers import postgres

T = TypeVar("T")
YEARS = (2023, 2024)
DEFINITIONS = "orchestration.definitions"
BACKFILL = """
mutation ($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message }
  }
}
"""
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


class Workers:
    """Five regions, built by the processes that Dagster's daemon starts for what is in its queue.

    Its records are in a PostgreSQL of its own. Two regions are built at once; the first has two years,
    so that the queue could start two runs of one region, and must not.
    """

    YEARS_OF: ClassVar = {"甲": YEARS, **dict.fromkeys("乙丙丁戊", YEARS[:1])}
    PARTITIONS: ClassVar = [f"{name}|{year}" for name, years in YEARS_OF.items() for year in years]
    AT_ONCE = 2
    PATIENCE = 1200

    def __init__(self, scene: Scene, root: Path, port: int) -> None:
        self.scene, self.root = scene, root
        self.folders = Folders(root / "landing", root / "warehouse")
        for name, years in self.YEARS_OF.items():
            for year in map(str, years):
                shutil.copytree(scene.landing / year, self.folders.landing / name / year)
        # What is shipped for several machines, with less at once.
        shipped = yaml.safe_load(
            (PROJECT_DIR / "deploy" / "dagster-docker.yaml").read_text("utf-8")
        )
        runs = shipped["concurrency"]["runs"] | {"max_concurrent_runs": self.AT_ONCE}
        (root / "settings.yaml").write_text(yaml.safe_dump({"concurrency": {"runs": runs}}))
        self.environment = os.environ | {
            "DAGSTER_HOME": str(root / "dagster"),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            instance.DATABASE: f"postgresql+psycopg2://owner:owner@127.0.0.1:{port}/postgres",
            instance.MORE: str(root / "settings.yaml"),
            "JIXIAO_LANDING": str(self.folders.landing),
            "JIXIAO_WAREHOUSE": str(self.folders.warehouse),
            # Nothing is launched but what is launched here.
            "JIXIAO_SETTLED_SECONDS": str(24 * 3600),
        }

    def of(self, name: str) -> Path:
        return self.folders.of(name).warehouse

    def start(self, program: str, *arguments: str) -> "subprocess.Popen[bytes]":
        with (self.root / f"{program}.log").open("ab") as log:
            return subprocess.Popen(
                [Path(sys.executable).parent / program, *arguments],
                cwd=engines.PROJECT, env=self.environment, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    @contextmanager
    def daemon(self) -> Iterator[dg.DagsterInstance]:
        """The daemon, and its records."""
        assert self.start("python", "-m", "orchestration.instance").wait() == 0
        os.environ[instance.DATABASE] = self.environment[instance.DATABASE]
        process = self.start("dagster-daemon", "run", "-m", DEFINITIONS)
        try:
            with dg.DagsterInstance.from_config(str(self.root / "dagster")) as records:
                yield records
        finally:
            process.terminate()
            process.wait()
            # What it started waits for records that are gone soon.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            del os.environ[instance.DATABASE]

    def launch(self) -> None:
        """Have Dagster backfill the years, as its window does."""
        of = {"repositoryLocationName": DEFINITIONS, "repositoryName": "__repository__"}
        selector = {"partitionSetName": f"{JOB}_partition_set", "repositorySelector": of}
        params = {"selector": selector, "partitionNames": self.PARTITIONS}
        asked = self.start(
            "dagster-graphql", "-m", DEFINITIONS, "-t", BACKFILL, "-v",
            json.dumps({"params": params}), "-o", str(self.root / "answer"),
        ).wait()  # fmt: skip
        answer = (self.root / "answer").read_text("utf-8")
        assert not asked and "LaunchBackfillSuccess" in answer, answer

    def until(self, what: str, found: Callable[[], T | None]) -> T:
        """Wait for what the daemon does."""
        end = time.monotonic() + self.PATIENCE
        while not (there := found()):
            if time.monotonic() > end:
                said = (self.root / "dagster-daemon.log").read_text("utf-8")[-2000:]
                raise TimeoutError(f"no {what} in {self.PATIENCE} s: {said}")
            time.sleep(0.1)
        return there

    def in_the_middle(self, records: dg.DagsterInstance) -> tuple[dg.DagsterRun, int] | None:
        """A run that builds, with its process, while the catalogue shows two other regions."""
        shown = {name for name, *_ in self.shown()}
        for of in records.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
            warehouse = self.of(region_of(of))
            if len(shown - {region_of(of)}) > 1 and (warehouse / "build").exists():
                pid = holder(warehouse / ".lock")
                return (of, pid) if pid else None
        return None

    def ended(self, records: dg.DagsterInstance) -> "list[dg.RunRecord] | None":
        """All runs, once each partition has one that ended well and none is under way."""
        runs = list(records.get_run_records(dg.RunsFilter(job_name=JOB)))
        well = {r.dagster_run.tags["dagster/partition"] for r in runs if r.dagster_run.is_success}
        are_over = all(r.dagster_run.is_finished for r in runs)
        return runs if are_over and len(well) == len(self.PARTITIONS) else None

    def published(self) -> dict[Path, str]:
        """The files of the publications that readers see, with their checksums."""
        links = (self.folders.warehouse / "regions").glob("region=*/published")
        files = (path for link in links for path in link.resolve().rglob("*") if path.is_file())
        return {path: chain.sha256(path) for path in files}

    def faults(self) -> list[str]:
        """What is not as it must be of the five regions and their catalogue."""
        found, expected = [], []
        for name, years in self.YEARS_OF.items():
            rows = [row for row in self.scene.expected[0] if row[0] in years]  # type: ignore[attr-defined]
            expected += [(name, *row) for row in rows]
            if facts(self.of(name)) != [rows, True]:
                found.append(f"{name}: half a state or a lost year")
            if (times := len(list((self.of(name) / "chain").iterdir()))) != len(years):
                found.append(f"{name}: {times} publications of {len(years)} years")
            if (self.of(name) / "build").exists():
                found.append(f"{name}: left behind: build")
        if self.shown() != sorted(expected):
            found.append(f"the catalogue shows {self.shown()}")
        return found

    def shown(self) -> list[tuple[object, ...]]:
        """What a reader of the catalogue sees of the regions' years; nothing before there is one."""
        path = catalogue.path_of(self.folders.warehouse)
        if not path.exists():
            return []
        with duckdb.connect() as con:
            con.execute(f"attach '{path}' as catalogue (read_only)")
            return con.execute(
                "select region, fiscal_year, count(*), sum(total_score) "
                "from catalogue.marts.fct_evaluations group by all order by all"
            ).fetchall()


def region_of(run: dg.DagsterRun) -> str:
    return run.tags["dagster/partition/region"]


def holder(lock: Path) -> int | None:
    """The process that holds a lock."""
    of = lock.stat()
    file = f"{os.major(of.st_dev):02x}:{os.minor(of.st_dev):02x}:{of.st_ino}"
    for line in Path("/proc/locks").read_text().splitlines():
        if line.split()[1] == "FLOCK" and line.split()[5] == file:
            return int(line.split()[4])
    return None


def most_at_once(runs: list[dg.RunRecord]) -> int:
    """How many there were at the moment that had the most."""
    times = [(each.start_time or 0, each.end_time or 0) for each in runs]
    return max(sum(start <= at < end for start, end in times) for at, _ in times)


def workers(scene: Scene, trials: Trials, chance: random.Random) -> None:
    """Kill the worker of one of five regions: it is built anew, and nothing else notices."""
    with (
        tempfile.TemporaryDirectory(prefix="jixiao-workers-") as place,
        postgres("owner") as server,
    ):
        of = Workers(scene, Path(place), server.port)
        try:
            with of.daemon() as records:
                trials.end("workers", *killed_in_the_middle(of, records, chance))
        except TimeoutError as error:
            trials.end("workers", "waited in vain", [str(error)])


def killed_in_the_middle(
    of: Workers, records: dg.DagsterInstance, chance: random.Random
) -> tuple[str, list[str]]:
    """What is told of the trial, and what is not as it must be."""
    began = time.monotonic()
    of.until("regions", lambda: len(records.get_dynamic_partitions("region")) == len(of.YEARS_OF))
    of.launch()
    of.until("build", lambda: of.in_the_middle(records))
    time.sleep(chance.uniform(0, 4))
    before = of.published()
    killed, pid = of.until("build", lambda: of.in_the_middle(records))
    shown = of.shown()
    os.kill(pid, signal.SIGKILL)
    at, still_shown = time.time(), of.shown()
    runs = of.until("end", lambda: of.ended(records))
    seconds = time.monotonic() - began

    faults = of.faults() + [
        f"{path} has changed"
        for path, digest in before.items()
        if not path.is_file() or chain.sha256(path) != digest
    ]
    if not {*still_shown} >= {*shown}:
        faults.append(f"the catalogue showed {shown}, after the kill {still_shown}")
    (dead,) = (r for r in runs if r.dagster_run.run_id == killed.run_id)
    (again, *more) = (r for r in runs if r.dagster_run.parent_run_id == killed.run_id)
    if more or len(runs) != len(of.PARTITIONS) + 1:
        faults.append(f"{len(runs)} runs, {1 + len(more)} of them anew")
    if (most := most_at_once(runs)) != of.AT_ONCE:
        faults.append(f"{most} runs at once")
    for name in of.YEARS_OF:
        mine = [r for r in runs if region_of(r.dagster_run) == name]
        if (most := most_at_once(mine)) != 1:
            faults.append(f"{name}: {most} runs at once")
    told = (
        f"{killed.tags['dagster/partition']} killed, {len(shown)} shown; noticed after "
        f"{(dead.end_time or 0) - at:.1f} s, anew after {(again.start_time or 0) - at:.0f} s; "
        f"{len(runs)} runs in {seconds:.0f} s"
    )
    return told, faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--publications", type=int, default=20)
    parser.add_argument("--disks", type=int, default=10)
    parser.add_argument("--workers", type=int, default=1)
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
        for _ in range(wanted.workers):
            workers(scene, trials, chance)
        kills(scene, trials, wanted.kills, chance)
    minutes = (time.monotonic() - began) / 60
    print(f"{trials.count} trials, {len(trials.faults)} faults, {minutes:.0f} minutes")
    for fault in trials.faults:
        print(fault, file=sys.stderr)
    return 1 if trials.faults else 0


if __name__ == "__main__":
    sys.exit(main())
