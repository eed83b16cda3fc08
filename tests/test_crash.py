"""A run killed at any point leaves what is published intact, and the next run repairs everything."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration.project import PROJECT_DIR
from tests.conftest import Published, build

POINTS = ("jixiao:", "load", "stage", "check_delivered", "score", "check_marts", "new publication")


def kill_group(process: "subprocess.Popen[str]") -> None:
    os.killpg(process.pid, signal.SIGKILL)


def kill_parent(process: "subprocess.Popen[str]") -> None:
    process.kill()


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    folder = tmp_path_factory.mktemp("crash")
    assert build(PROJECT_DIR / "data" / "landing", folder / "warehouse") == {2023: []}
    return Published(folder / "warehouse")


def run_and_kill_at(
    point: str, kill: Callable[["subprocess.Popen[str]"], None], warehouse: Path
) -> None:
    publications = warehouse / "publications"
    before = set(publications.iterdir())
    with subprocess.Popen(
        [sys.executable, "-m", "orchestration.cli", "run", "--warehouse", str(warehouse)],
        cwd=PROJECT_DIR,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        if point == "new publication":
            while process.poll() is None and set(publications.iterdir()) <= before:
                pass
        else:
            while point not in process.stderr.readline():
                assert process.poll() is None
        assert process.poll() is None, "the run ended before it could be killed"
        kill(process)


@pytest.mark.parametrize(
    ("point", "kill"),
    [(point, kill_group) for point in POINTS]
    + [(point, kill_parent) for point in ("load", "score", "new publication")],
)
def test_killed(
    point: str,
    kill: Callable[["subprocess.Popen[str]"], None],
    published: Published,
) -> None:
    before, link = published.tables(), (published.warehouse / "published").readlink()
    run_and_kill_at(point, kill, published.warehouse)
    assert (published.warehouse / "published").readlink() == link
    assert published.tables() == before


def test_the_next_run_repairs_everything(published: Published) -> None:
    before = published.tables()
    run_and_kill_at("new publication", kill_group, published.warehouse)
    run_and_kill_at("score", kill_group, published.warehouse)
    assert build(PROJECT_DIR / "data" / "landing", published.warehouse) == {2023: []}
    assert published.tables() == before
    assert sorted(p.name for p in published.warehouse.iterdir()) == [
        ".lock", "publications", "published", "states",
    ]  # fmt: skip
    current = published.warehouse / "published"
    assert len(list((published.warehouse / "publications").iterdir())) <= 3
    assert (published.warehouse / "states" / f"{current.readlink().name}.duckdb").is_file()
