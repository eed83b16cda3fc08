"""`make spark`: the models built by DuckDB and on Spark, and each compared row for row.

`look` needs Python alone; what begins with it says what is missing before anything is installed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
PYTHON = PROJECT / ".venv-spark" / "bin" / "python"
YEAR = 2023
SEED, DEPARTMENTS = 20253, 300
# In bytes, what the packages take.
ROOM = 1_000_000_000
# Of a few thousand rows, Spark's 200 parts of each join would take most of the time.
LOCAL = "--master local[*] --conf spark.sql.shuffle.partitions=2 --conf spark.ui.enabled=false"
JAVA = "install openjdk-17-jre-headless, or set JAVA_HOME to a Java of 17 or newer"


def refuse(reason: str) -> None:
    """End with one line that says what is missing."""
    sys.exit(f"jixiao: spark: {reason}")


def look() -> None:
    """Refuse what could not work, before anything is installed or started."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else "java"
    try:
        said = subprocess.run((java, "-version"), capture_output=True, text=True, check=True).stderr
    except (OSError, subprocess.CalledProcessError):
        refuse(f"{java} does not run; {JAVA}")
    found = re.search(r'version "(\d+)', said)
    if not found or int(found[1]) < 17:
        refuse(
            f"{java} is {said.splitlines()[0] if said else 'unknown'}, expected 17 or newer; {JAVA}"
        )
    if not (PROJECT / ".venv-spark" / "spark.installed").exists():
        if (free := shutil.disk_usage(PROJECT).free) < ROOM:
            refuse(f"its packages take 1 GB of disk, and {free // 1_000_000:,} MB are free")
        print(
            "jixiao: spark: installing it, once: 0.7 GB into .venv-spark, about a minute",
            flush=True,
        )


def main() -> int:
    """Build and compare all cases; the status of the command."""
    started, differing, models = time.monotonic(), 0, 0
    with tempfile.TemporaryDirectory(prefix="jixiao-spark-") as folder:
        for name, database in cases(Path(folder)):
            from spark.compare import compare

            took = build_on_spark(database, Path(folder) / name)
            compared = compare(database, Path(folder) / name / "tables")
            for model in compared:
                if model.said:
                    print(f"{name}  {model.name}: {model.said}", flush=True)
            wrong = sum(bool(model.said) for model in compared)
            differing, models = differing + wrong, models + len(compared)
            rows = sum(model.rows for model in compared)
            print(
                f"{name:<12} {len(compared)} models, {rows:,} rows, {wrong} differ; "
                f"Spark {took:.0f} s",
                flush=True,
            )
            if name == "example":
                print(*totals(Path(folder) / name / "parquet"), sep="\n", flush=True)
    took = time.monotonic() - started
    print(f"jixiao: spark: {models} models compared, {differing} differ; {took:.0f} s in all")
    return 1 if differing or not models else 0


def cases(folder: Path) -> Iterator[tuple[str, Path]]:
    """Builds by DuckDB that reach every case, each in a warehouse of its own: name and file.

    They are the two departments of the example; invented ones, among them broken and blocked ones,
    with ledgers, changes since the last publication and the year before; and departments under
    rubrics drawn at random from the whole grammar.
    """
    from orchestration.project import EXAMPLE_DIR, SEEDS_DIR
    from tests import test_random_rubrics, test_rules
    from tests.conftest import copy_department, copy_of_the_project
    from tests.synthetic import Generator

    os.environ["JIXIAO_SITE"] = "off"
    jixiao = copy_of_the_project(folder / "project")
    yield "example", _previewed(jixiao, EXAMPLE_DIR, folder / "of-example")

    landing = folder / "invented" / "landing"
    generator = Generator(SEED, SEEDS_DIR)
    for year in (YEAR - 1, YEAR):
        generator.landing(landing, year, DEPARTMENTS)
    for code in ("440305-gxj", "440308-fzyj"):
        copy_department(landing, YEAR, f"twin-{code}", code)
    test_rules.deliver_broken(folder / "invented")
    _jixiao(jixiao, "run", landing, folder / "of-invented")
    (landing / str(YEAR) / "satisfaction_surveys.csv").unlink()
    yield "invented", _previewed(jixiao, landing, folder / "of-invented")

    seeds, landing = test_random_rubrics.write(folder / "random", SEED, DEPARTMENTS)
    shutil.copytree(seeds, folder / "project" / "seeds", dirs_exist_ok=True)
    yield "random", _previewed(jixiao, landing, folder / "of-random")


def _previewed(jixiao, landing: Path, warehouse: Path) -> Path:  # type: ignore[no-untyped-def]
    """The file of a build of the year that is kept and not published."""
    _jixiao(jixiao, "run", landing, warehouse, "--preview", "--year", str(YEAR))
    (preview,) = (warehouse / "previews").glob("*/*.duckdb")
    return preview


def _jixiao(jixiao, command: str, landing: Path, warehouse: Path, *options: str) -> None:  # type: ignore[no-untyped-def]
    ended = jixiao(command, "--landing", str(landing), "--warehouse", str(warehouse), *options)
    if ended.returncode:
        refuse(f"DuckDB has not built {landing}: {ended.stderr.strip()[-500:]}")


def build_on_spark(database: Path, out: Path) -> float:
    """Build every model on Spark, from what DuckDB's build started from.

    Args:
        database: The file of that build.
        out: Where to; not there yet.

    Returns:
        How long it took, in seconds.
    """
    from spark import state

    state.write(database, out / "state")
    started = time.monotonic()
    log = out / "spark.log"
    with log.open("w", encoding="utf-8") as stream:
        ended = subprocess.run(
            (PYTHON, "-m", "spark.run", out / "state", out),
            cwd=PROJECT,
            env={**os.environ, "PYSPARK_SUBMIT_ARGS": f"{LOCAL} pyspark-shell"},
            stdout=subprocess.PIPE,
            stderr=stream,
            text=True,
            check=False,
        )
    if ended.returncode:
        kept = PROJECT / "target" / "spark.log"
        kept.parent.mkdir(exist_ok=True)
        shutil.copyfile(log, kept)
        print(ended.stdout, end="")
        refuse(f"Spark has not built all models; what it said is in {kept.relative_to(PROJECT)}")
    return time.monotonic() - started


def totals(parquet: Path) -> list[str]:
    """The totals of official rubrics, from the marts that Spark has written."""
    import duckdb

    from orchestration import duck

    evaluations, departments = (
        duck.files(parquet, f"/{mart}/*/*.parquet")
        for mart in ("fct_evaluations", "dim_departments")
    )
    rows = duckdb.execute(
        f"select unit_name, total_score from read_parquet({evaluations}) "
        f"inner join read_parquet({departments}) using (unit_code, fiscal_year) "
        "where rubric_role = 'official' order by all"
    ).fetchall()
    return [f"             {name} {total:.2f}" for name, total in rows]


if __name__ == "__main__":
    if sys.argv[1:] == ["look"]:
        look()
    else:
        sys.exit(main())
