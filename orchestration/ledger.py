"""The ledger of runs, `audit.runs`, and the years that the running build makes anew."""

import hashlib
from importlib.metadata import version

import duckdb

from orchestration.project import SEEDS_DIR


def start_run(con: duckdb.DuckDBPyConnection, run_id: str, year: int) -> None:
    """Say which year the build makes anew.

    Args:
        con: A connection to the build's warehouse file.
        run_id: The run.
        year: Its fiscal year.
    """
    con.execute(
        """
        create schema if not exists audit;
        create table if not exists audit.runs (
            run_id varchar, fiscal_year integer, started_at timestamptz, published_at timestamptz,
            code_version varchar, rubrics_sha256 varchar
        );
        create or replace table audit.run_years (fiscal_year integer, run_id varchar)
        """
    )
    con.execute("insert into audit.run_years values (?, ?)", [year, run_id])
    con.execute(
        "insert into audit.runs values (?, ?, now(), null, ?, ?)",
        [run_id, year, version("jixiao"), seeds_sha256()],
    )


def end_run(con: duckdb.DuckDBPyConnection) -> None:
    """Note that the build's checks have passed and it is being published."""
    con.execute(
        "update audit.runs set published_at = now() "
        "where run_id = (select run_id from audit.run_years)"
    )


def seeds_sha256() -> str:
    """One checksum of all seeds: the rubrics and measures that a run was scored by."""
    digest = hashlib.sha256()
    for path in sorted(SEEDS_DIR.glob("*.csv")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
