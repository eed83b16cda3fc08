"""`make bench`: what a run takes at several sizes, beside the least that it could take."""

import argparse
import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from bench import report
from bench.measure import Cost, Failed, measure, median
from bench.report import Case
from orchestration.project import EXAMPLE_DIR, PROJECT_DIR, target_dir

YEAR = 2023
DEFECTS, SEED = 0.02, 1
SIZES, LARGE_SIZES = (100, 1_000, 10_000), (40_000,)
PAYMENTS, LARGE_PAYMENTS = (100_000, 1_000_000), (5_000_000, 10_000_000)
PAYMENTS_EACH = 1_000
# The years of one warehouse, one of which is delivered and built anew.
YEARS = tuple(range(2015, 2025))
YEAR_ANEW = 2020
OF_TEN_YEARS = 1_000


class Bench:
    """Where it is measured, and how often.

    Attributes:
        work: A folder for landing folders and warehouses, each gone when it has been measured.
        repeat: How often each figure is taken; the median counts.
    """

    def __init__(self, work: Path, repeat: int) -> None:
        self.work, self.repeat = work, repeat
        self.project = PROJECT_DIR

    def once(self, task: str, *arguments: object) -> Cost:
        """Do a task that is not measured, or whose cost does not vary."""
        return measure(task, *arguments, cwd=self.project, **self._variables())

    def often(self, prepare: Callable[[], None], task: str, *arguments: object) -> Cost:
        """The median cost of a task, begun each time from what `prepare` leaves."""

        def one() -> Cost:
            prepare()
            return self.once(task, *arguments)

        return median(one, self.repeat)

    def _variables(self) -> dict[str, str]:
        # A copy of the project keeps what dbt has parsed to itself.
        target = target_dir() if self.project == PROJECT_DIR else self.project / "target"
        return {
            "JIXIAO_TARGET": str(target),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "DO_NOT_TRACK": "1",
        }

    @contextmanager
    def folder(self, name: str) -> Iterator[Path]:
        """A folder of its own for a case."""
        folder = self.work / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def city(self, departments: int, payments_each: int = 0) -> Case:
        """A year of a city, beside the limit, polars, the same SQL and one Parquet write."""
        name = f"{departments:,} departments"
        if payments_each:
            name = f"{departments * payments_each:,} payments"
        case = Case(name, {"departments": departments, "payments": departments * payments_each})
        with self.folder("city") as folder:
            landing, warehouse = folder / "landing", folder / "warehouse"
            landed = self.once("generate", landing, departments, payments_each, DEFECTS, SEED, YEAR)
            self._run(case, landing, warehouse, landed.seen["landed_bytes"])
            self._against(case, "limit", landing, warehouse, folder)
            self._against(case, "polars", landing, warehouse, folder)
            self._straight(case, landing, warehouse, folder)
            written = self._smallest("parquet", warehouse, folder / "parquet")
            case.figures["parquet_cpu"] = written
            case.figures["publish_to_parquet"] = case.figures["step_publish"] / written
        return case

    def _smallest(self, task: str, *arguments: object) -> float:
        """The median CPU time that a task itself reports, in seconds."""
        costs = sorted(self.once(task, *arguments).seen["cpu"] for _ in range(self.repeat))
        return float(costs[(len(costs) - 1) // 2])

    def _run(self, case: Case, landing: Path, warehouse: Path, landed: int) -> None:
        def prepare() -> None:
            shutil.rmtree(warehouse, ignore_errors=True)

        cost = self.often(prepare, "run", landing, warehouse)
        left = self.once("look", warehouse).seen
        case.figures |= _totals(cost) | {
            "landed_bytes": landed,
            "disk_bytes": left["disk_bytes"],
            "disk_to_landed": left["disk_bytes"] / landed,
            "evidence_rows": left["evidence_rows"],
            "delivered_cells": left["delivered_cells"],
            "evidence_to_cells": left["evidence_rows"] / left["delivered_cells"],
            "evaluations": left["evaluations"],
            "marts": left["marts"],
        }

    def _against(self, case: Case, way: str, landing: Path, warehouse: Path, folder: Path) -> None:
        """The same scores in another way, and how many of them differ."""
        scores = folder / way
        cost = self.often(lambda: None, way, landing, scores)
        found = self.once("compare", warehouse, scores).seen
        case.figures |= {
            f"{way}_cpu": cost.cpu,
            f"{way}_wall": cost.wall,
            f"{way}_peak_bytes": cost.peak_bytes,
            f"{way}_differing": found["differing"],
            f"{way}_lines": _lines(way),
            "scores": found["compared"],
            "blocked": found["blocked"],
        }
        if found["first"]:
            _tell(f"{way}: {found['first']}")
        if way == "limit":
            case.figures["run_to_limit"] = case.figures["cpu"] / cost.cpu

    def _straight(self, case: Case, landing: Path, warehouse: Path, folder: Path) -> None:
        compiled, database = folder / "compiled", folder / "straight"
        compiled.mkdir()
        models = self.once("compile", compiled).seen["models"]

        def prepare() -> None:
            shutil.rmtree(database, ignore_errors=True)
            database.mkdir()

        cost = self.often(prepare, "straight", landing, YEAR, models, warehouse, database)
        for mart, rows in case.figures["marts"].items():
            if cost.seen["marts"][mart] != rows:
                raise Failed(f"straight: {mart} has {cost.seen['marts'][mart]} rows, not {rows}")
        case.figures |= {
            "straight_cpu": cost.cpu,
            "straight_wall": cost.wall,
            "straight_peak_bytes": cost.peak_bytes,
            "run_to_straight": case.figures["cpu"] / cost.cpu,
        }

    def two_departments(self) -> Case:
        """The shipped example, beside what any run has to import and to parse."""
        case = Case("two departments", {"departments": 2})
        with self.folder("two") as folder:
            # What dbt parsed is there from now on, as it is after anybody's first run.
            self.once("run", EXAMPLE_DIR, folder / "first")
            bare = self.often(lambda: None, "bare")
            landed = sum(p.stat().st_size for p in EXAMPLE_DIR.rglob("*") if p.is_file())
            self._run(case, EXAMPLE_DIR, folder / "warehouse", landed)
            case.figures |= {
                "bare_cpu": bare.cpu,
                "run_to_bare": case.figures["cpu"] / bare.cpu,
            }
            # Two departments land less than an empty database takes.
            del case.figures["disk_to_landed"]
        return case

    def ten_years(self, departments: int) -> Case:
        """A warehouse of ten years, of which one is delivered anew, beside that year alone.

        The shipped rubrics begin in 2023, so that a copy of the project has them begin earlier.
        """
        name = f"{departments:,} departments × {len(YEARS)} years"
        case = Case(name, {"departments": departments, "years": len(YEARS)})
        with self.folder("years") as folder:
            self.project = _copy_project(folder / "project")
            landing, alone = folder / "landing", folder / "alone"
            warehouse, kept = folder / "warehouse", folder / "kept"
            try:
                landed = self.once("generate", landing, departments, 0, DEFECTS, SEED, *YEARS)
                self._run(case, landing, warehouse, landed.seen["landed_bytes"])
                self._against(case, "limit", landing, warehouse, folder)
                self.once("generate", alone, departments, 0, DEFECTS, SEED + 1, YEAR_ANEW)
                shutil.rmtree(landing / str(YEAR_ANEW))
                shutil.copytree(alone / str(YEAR_ANEW), landing / str(YEAR_ANEW))
                warehouse.rename(kept)

                def prepare() -> None:
                    shutil.rmtree(warehouse, ignore_errors=True)
                    shutil.copytree(kept, warehouse, symlinks=True)

                anew = self.often(prepare, "run", landing, warehouse, YEAR_ANEW)

                def afresh() -> None:
                    shutil.rmtree(folder / "one", ignore_errors=True)

                by_itself = self.often(afresh, "run", alone, folder / "one", YEAR_ANEW)
            finally:
                self.project = PROJECT_DIR
        case.figures |= {
            "anew_cpu": anew.cpu,
            "alone_cpu": by_itself.cpu,
            "anew_to_alone_cpu": anew.cpu / by_itself.cpu,
        }
        written = anew.seen["written_bytes"], by_itself.seen["written_bytes"]
        if None not in written:
            case.figures["anew_to_alone_written"] = written[0] / written[1]
        return case


def _totals(cost: Cost) -> dict[str, Any]:
    """A run's figures; its steps are those of all its years."""
    figures: dict[str, Any] = {
        "cpu": cost.cpu,
        "wall": cost.wall,
        "peak_bytes": cost.peak_bytes,
        "written_bytes": cost.seen["written_bytes"],
    }
    for step in cost.seen["steps"]:
        name = f"step_{step['step']}"
        figures[name] = figures.get(name, 0) + step["cpu"]
    figures["step_rest"] = cost.cpu - sum(step["cpu"] for step in cost.seen["steps"])
    return figures


def _lines(way: str) -> int:
    """Lines of code of the limit or of what is written in polars; empty ones and comments aside."""
    names = {"limit": ("limit.py", "limit.sql", "rubric.py"), "polars": ("with_polars.py",)}[way]
    lines = [
        line.strip()
        for name in names
        for line in (PROJECT_DIR / "bench" / name).read_text("utf-8").splitlines()
    ]
    return sum(bool(line) and not line.startswith(("#", "--")) for line in lines)


def _copy_project(copy: Path) -> Path:
    """A copy of what runs of the project, whose rubrics hold for every year."""
    unneeded = {"data", "docs", "landing", "warehouse", "target", "requirements"}

    def passed_over(folder: str, names: list[str]) -> set[str]:
        of_root = unneeded if Path(folder) == PROJECT_DIR else set()
        of_tests = {n for n in names if n != "dbt"} if Path(folder).name == "tests" else set()
        hidden = {n for n in names if n.startswith(".") or n == "__pycache__"}
        return hidden | of_root | of_tests

    shutil.copytree(PROJECT_DIR, copy, ignore=passed_over)
    assignments = copy / "seeds" / "rubric_assignments.csv"
    text = assignments.read_text("utf-8")
    assignments.write_text(text.replace(",2023,", f",{YEARS[0]},"), "utf-8")
    return copy


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    add = parser.add_argument
    add("--departments", type=int, nargs="*", default=SIZES, help="sizes of a city")
    add("--payments", type=int, nargs="*", default=PAYMENTS, help="sizes of a city's ledger")
    add("--years-of", type=int, default=OF_TEN_YEARS, help="departments of ten years; 0: none")
    add("--large", action="store_true", help="add 40,000 departments, 5 and 10 million payments")
    add("--repeat", type=int, default=1, help="take each figure so often; the median counts")
    add("--page", action="store_true", help="put the table into docs/performance.md")
    add("--work", type=Path, default=target_dir() / "bench" / "work", help="a folder to work in")
    return parser.parse_args()


def _wanted(bench: Bench, given: argparse.Namespace) -> Iterator[Callable[[], Case]]:
    """What to measure, from the smallest to the largest."""
    yield bench.two_departments
    for departments in [*given.departments, *(LARGE_SIZES if given.large else ())]:
        yield partial(bench.city, departments)
    for payments in [*given.payments, *(LARGE_PAYMENTS if given.large else ())]:
        yield partial(bench.city, payments // PAYMENTS_EACH, PAYMENTS_EACH)
    if given.years_of:
        yield partial(bench.ten_years, given.years_of)


def main() -> int:
    """Measure what is asked for; 1 where a score differs, else 0."""
    given = _options()
    bench = Bench(given.work.absolute(), given.repeat)
    day = datetime.now(UTC)
    kept = target_dir() / "bench" / "figures.jsonl"
    kept.parent.mkdir(parents=True, exist_ok=True)
    cases = []
    for take in _wanted(bench, given):
        started = time.monotonic()
        case = take()
        cases.append(case)
        _tell(f"{case.name}: measured in {time.monotonic() - started:.0f} s")
        line = {"at": day.isoformat(timespec="seconds"), "case": case.name, **case.figures}
        with kept.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line, ensure_ascii=False) + "\n")
    title = f"{day:%Y-%m-%d}, {os.cpu_count()} cores, Python {platform.python_version()}, "
    title += f"median of {given.repeat}" if given.repeat > 1 else "each figure taken once"
    report.show(cases, title)
    if given.page:
        report.write_page(cases, title)
    differing = ("limit_differing", "polars_differing")
    return int(any(case.figures.get(name) for case in cases for name in differing))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failed:
        sys.exit(f"bench: {failed}")
