"""The ledger of runs, `audit.runs`, and the years that the running build makes anew."""

import hashlib
from importlib.metadata import version

import duckdb

from orchestration.project import SEEDS_DIR

RUNS = {
    "run_id": "varchar",
    "fiscal_year": "integer",
    "started_at": "timestamptz",
    "published_at": "timestamptz",
    "code_version": "varchar",
    "seeds_sha256": "varchar",
    "landing_sha256": "varchar",
}
# SQL for the day of the running build, as its departments' calendar has it.
RUN_DATE = """(
    select cast(max(started_at) at time zone 'Asia/Shanghai' as date)
    from audit.runs
    semi join audit.run_years using (run_id)
)"""


def start_run(con: duckdb.DuckDBPyConnection, run_id: str, year: int) -> None:
    """Say which year the build makes anew.

    Args:
        con: A connection to the build's warehouse file.
        run_id: The run.
        year: Its fiscal year.
    """
    ensure_table(con, "audit.runs", RUNS)
    con.execute("create or replace table audit.run_years (fiscal_year integer, run_id varchar)")
    con.execute("insert into audit.run_years values (?, ?)", [year, run_id])
    con.execute(
        """
        insert into audit.runs by name
        select
            ? as run_id, ? as fiscal_year, now() as started_at, ? as code_version,
            ? as seeds_sha256
        """,
        [run_id, year, version("jixiao"), seeds_sha256()],
    )


def ensure_table(con: duckdb.DuckDBPyConnection, name: str, columns: dict[str, str]) -> None:
    """Create a table, or add the columns that one from an earlier version does not have yet.

    Args:
        con: A connection to the build's warehouse file.
        name: Schema and table.
        columns: DuckDB types by column name.
    """
    con.execute(f"create schema if not exists {name.split('.')[0]}")
    listed = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
    con.execute(f"create table if not exists {name} ({listed})")
    for column, kind in columns.items():
        con.execute(f'alter table {name} add column if not exists "{column}" {kind}')


def end_run(con: duckdb.DuckDBPyConnection) -> None:
    """Note that the build's checks have passed and it is being published, and from which files."""
    con.execute(
        """
        update audit.runs
        set
            published_at = now(),
            landing_sha256 = (
                select sha256(string_agg(source_file || source_sha256, ',' order by source_file))
                from audit.loads
                where loads.fiscal_year = runs.fiscal_year
            )
        where run_id = (select run_id from audit.run_years)
        """
    )


def outdated(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Say which published years no longer follow from the seeds and the other years.

    Args:
        con: A connection whose current database is a published one.

    Returns:
        A sentence for each such year and cause, in order.
    """
    rows = con.execute(
        """
        with runs as (
            select fiscal_year, published_at, seeds_sha256, landing_sha256
            from audit.runs
        ),
        latest as (
            from runs
            qualify row_number() over (partition by fiscal_year order by published_at desc) = 1
        ),
        read_years as (
            select distinct latest.fiscal_year, latest.fiscal_year + year_offset as read_year
            from latest cross join read_csv($inputs)
            where year_offset != 0
        ),
        read_then as (
            select
                read_years.fiscal_year,
                read_years.read_year,
                arg_max(runs.landing_sha256, runs.published_at) as landing_sha256
            from read_years
            inner join latest on read_years.fiscal_year = latest.fiscal_year
            left join runs
                on
                    read_years.read_year = runs.fiscal_year
                    and runs.published_at < latest.published_at
            group by all
        )
        select
            fiscal_year,
            'the rubrics, measures or waivers have changed since it was built' as cause
        from latest where seeds_sha256 != $seeds
        union all
        select
            read_then.fiscal_year,
            'it reads ' || read_then.read_year || ', which has been loaded anew since it was built'
        from read_then
        inner join latest on read_then.read_year = latest.fiscal_year
        where read_then.landing_sha256 is distinct from latest.landing_sha256
        order by all
        """,
        {"inputs": str(SEEDS_DIR / "measure_inputs.csv"), "seeds": seeds_sha256()},
    ).fetchall()
    return [
        f"{year} is out of date: {cause}; jixiao run --year {year} brings it up to date"
        for year, cause in rows
    ]


def seeds_sha256() -> str:
    """One checksum of all seeds: the rubrics, measures and waivers that a run was scored by."""
    digest = hashlib.sha256()
    for path in sorted(SEEDS_DIR.glob("*.csv")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
