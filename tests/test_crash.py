"""A run killed at any point leaves what is published intact, and the next run repairs everything."""

import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from orchestration import endings, interrupts
from orchestration.project import BUILD_FILE, PROJECT_DIR
from orchestration.publication import chain, export
from orchestration.publication.folder import Warehouse
from tests import engines
from tests.conftest import Published, build, save_anew

pytestmark = pytest.mark.builds

STEPS = ["load", "stage", "check_delivered", "score", "check_marts", "publish"]


class Snapshots(logging.Handler):
    """Copies of a warehouse folder as it is at several moments: what a kill would leave."""

    def __init__(self, warehouse: Path, kept: Path) -> None:
        super().__init__(logging.INFO)
        self.warehouse, self.kept = warehouse, kept

    def emit(self, record: logging.LogRecord) -> None:
        self.take(record.getMessage().split()[1])

    def take(self, moment: str) -> None:
        shutil.copytree(self.warehouse, self.kept / moment, symlinks=True)


def test_at_every_moment_of_a_run_the_publication_before_is_whole(
    published: Published, landing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_anew(landing)
    before, link = published.tables(), (published.warehouse / "published").readlink()
    snapshots = Snapshots(published.warehouse, tmp_path / "snapshots")
    for module, name in ((chain, "seal"), (export, "database"), (export, "parquet")):
        real = getattr(module, name)

        def between(*arguments: object, name: str = name, real: Callable[..., None] = real) -> None:
            snapshots.take(f"before {name}")
            real(*arguments)
            snapshots.take(f"after {name}")

        monkeypatch.setattr(module, name, between)
    logger = logging.getLogger("jixiao")
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(snapshots)
    try:
        assert build(landing, published.warehouse) == {2023: []}
    finally:
        logger.removeHandler(snapshots)
        logger.setLevel(level)
    moments = sorted(snapshots.kept.iterdir())
    assert len(moments) == len(STEPS) + 6
    for moment in moments:
        left = Published(moment)
        is_over = moment.name == "publish"
        assert ((moment / "published").readlink() == link) is not is_over, moment.name
        assert left.tables() == before, moment.name


def kill_group(process: "subprocess.Popen[str]") -> None:
    os.killpg(process.pid, signal.SIGKILL)


def kill_parent(process: "subprocess.Popen[str]") -> None:
    process.kill()


def start(warehouse: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "orchestration.cli", "run", "--warehouse", str(warehouse)],
        cwd=PROJECT_DIR,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run_and_kill_at(
    point: str, kill: Callable[["subprocess.Popen[str]"], None], warehouse: Path, landing: Path
) -> None:
    """Start a run while another one builds, have it begin, and kill it."""
    publications = warehouse / "publications"
    before = set(publications.iterdir())
    with Warehouse(warehouse).building(say=print):
        process = start(warehouse)
        assert process.stderr is not None
        told = [process.stderr.readline() for _ in range(3)]
        assert process.poll() is None
        # It touches nothing of the build that holds the warehouse.
        assert [path.name for path in (warehouse / "build").iterdir()] == [BUILD_FILE]
    assert told[::2] == [
        f"jixiao: 2023 from {landing}\n",
        f"another run is building {warehouse}; waiting for it to end\n",
    ]
    with process:
        assert process.stderr is not None
        if point == "new publication":
            while process.poll() is None and set(publications.iterdir()) <= before:
                pass
        else:
            while point not in process.stderr.readline():
                assert process.poll() is None
        assert process.poll() is None, "the run ended before it could be killed"
        kill(process)


def test_the_next_run_repairs_what_killed_ones_left(
    published: Published, landing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JIXIAO_LANDING", str(save_anew(landing)))
    before, link = published.tables(), (published.warehouse / "published").readlink()
    for point, kill in (("new publication", kill_group), ("score", kill_parent)):
        run_and_kill_at(point, kill, published.warehouse, landing)
        assert (published.warehouse / "published").readlink() == link
        assert published.tables() == before
    assert build(landing, published.warehouse) == {2023: []}
    assert published.tables() == before
    assert (published.warehouse / "published").readlink() != link
    assert sorted(p.name for p in published.warehouse.iterdir()) == [
        ".lock", "chain", "publications", "published", "states",
    ]  # fmt: skip
    current = published.warehouse / "published"
    assert len(list((published.warehouse / "publications").iterdir())) <= 3
    assert (published.warehouse / "states" / f"{current.readlink().name}.duckdb").is_file()


@pytest.mark.parametrize("point", ["jixiao: started", "  load "])
def test_sigterm_ends_a_run_in_order(point: str, published: Published, tmp_path: Path) -> None:
    """As systemd stops it: while files are loaded, and while dbt's threads are at work."""
    link = (published.warehouse / "published").readlink()
    kept = sorted(published.warehouse.iterdir())
    home, temporary = tmp_path / "dagster", tmp_path / "temporary"
    for folder in (home, temporary):
        folder.mkdir()
    shutil.copy(PROJECT_DIR / "orchestration" / "dagster.yaml", home)
    out, err = tmp_path / "out", tmp_path / "err"
    out.touch()
    os.mkfifo(err)
    process = engines.start(
        ("run", "--warehouse", str(published.warehouse)),
        str(PROJECT_DIR),
        {**os.environ, "DAGSTER_HOME": str(home), "TMPDIR": str(temporary)},
        str(out),
        str(err),
    )
    with err.open(encoding="utf-8") as said:
        while point not in said.readline():
            assert process.is_alive()
        while not (published.warehouse / "build" / BUILD_FILE).exists():
            time.sleep(0.01)
            assert process.is_alive()
        process.terminate()
        *steps, last = said.read().splitlines()
    process.join()
    assert (process.exitcode, out.read_text("utf-8")) == (endings.INTERRUPTED, "")
    assert last == "jixiao: interrupted; what was published stays"
    assert not [line for line in steps if not line.startswith("2023  ")]
    assert (published.warehouse / "published").readlink() == link
    assert chain.changed(published.warehouse, link.name) == []
    assert sorted(published.warehouse.iterdir()) == kept
    assert list(temporary.iterdir()) == []
    with dg.DagsterInstance.from_config(str(home)) as instance:
        (run,) = instance.get_runs()
    assert run.status is dg.DagsterRunStatus.FAILURE


def test_what_makes_an_error_of_being_interrupted_does_not_hide_it() -> None:
    """DuckDB says that a query was interrupted, which is no fault of the year."""
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), interrupts.interruptible():
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt:
            raise RuntimeError("Query interrupted") from None
    assert signal.getsignal(signal.SIGTERM) is before
    with pytest.raises(duckdb.Error), interrupts.interruptible():
        duckdb.sql("select nothing")
