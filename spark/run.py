"""Builds every model on Spark from the state of a DuckDB build: python -m spark.run STATE OUT.

It runs in .venv-spark, or on a cluster as its spark-defaults.conf says.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from spark.session import session
from spark.state import SCHEMAS

PROJECT = Path(__file__).resolve().parent.parent
ADAPTER = Path(__file__).resolve().parent / "adapter"


def build(state: Path, out: Path) -> list[str]:
    """Build the models, and write the stored marts in the layout of `published/parquet`.

    Args:
        state: What `spark.state.write` wrote.
        out: Where to; not there yet. `parquet/` has the marts, `tables/` every model.

    Returns:
        One line for each model that failed; nothing is written then.
    """
    spark = session(spark_sql_warehouse_dir=str((out / "tables").absolute()))
    for path in sorted(state.glob("*/*.parquet")):
        spark.sql(f"create database if not exists {path.parent.name}")
        spark.sql(
            f"create table {path.parent.name}.{path.stem} using parquet "
            f"options (path '{path.absolute()}')"
        )
    result = _dbt(out)
    if result.exception is not None:
        return [" ".join(str(result.exception).split())]
    failures = [
        f"{each.node.name}: {_first_line(each.message)}"
        for each in result.result
        if str(each.status) == "error"
    ]
    if failures:
        return failures
    nodes = [each.node for each in result.result]
    _write_marts(spark, out / "parquet", [n for n in nodes if n.schema == "marts"])
    return []


def _dbt(out: Path) -> Any:
    """Run dbt in this process, which has the session."""
    # dbt looks for its adapters along this path.
    sys.path.insert(0, str(ADAPTER))
    from dbt.cli.main import dbtRunner

    return dbtRunner().invoke(
        [
            *("run", "--target", "spark", "--no-write-json"),
            *("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)),
            *("--target-path", str(out / "target"), "--log-path", str(out / "target")),
            *("--log-level", "none", "--log-level-file", "info"),
        ]
    )


def _write_marts(spark: SparkSession, folder: Path, marts: list[Any]) -> None:
    """Write each stored mart, a folder a fiscal year of the run; without a year by itself."""
    years = [row.fiscal_year for row in spark.table("audit.run_years").collect()]
    for mart in marts:
        if mart.config.materialized == "view":
            continue
        rows = spark.table(f"marts.{mart.name}")
        for year in years if "fiscal_year" in rows.columns else ():
            part = folder / mart.name / f"fiscal_year={year}"
            rows.where(rows.fiscal_year == year).write.parquet(str(part))
        if "fiscal_year" not in rows.columns:
            rows.write.parquet(str(folder / mart.name))


def _first_line(message: Any) -> str:
    """What Spark says of a failure, without its plan and stack."""
    return " ".join(str(message).split("JVM stacktrace")[0].split("== SQL")[0].split())[:500]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("state", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    missing = [name for name in SCHEMAS if not (given.state / name).is_dir()]
    if missing:
        sys.exit(
            f"jixiao: spark: {given.state} has no {', '.join(missing)}; write it by spark.state"
        )
    if failures := build(given.state, given.out):
        print(*(f"jixiao: spark: {line}" for line in failures), sep="\n")
        sys.exit(1)
