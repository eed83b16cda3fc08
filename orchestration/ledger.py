"""The ledger of runs, `audit.runs`, and the years that the running build makes anew."""

import hashlib
import subprocess
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path

import duckdb

from orchestration import audit, seeds, settings
from orchestration.faults import NotWhole
from orchestration.project import PROJECT_DIR, SEEDS_DIR

STEPS = ("load", "stage", "check_delivered", "score", "check_marts")
PACKAGES = ("jixiao", "dbt-core", "dbt-duckdb", "duckdb", "dagster", "great-expectations")
# What a result follows from beside the seeds and the landing files.
CODE = ("dbt_project.yml", "expectations", "macros", "models", "orchestration", "profiles.yml")
CODE_ENDINGS = {".css", ".jinja", ".js", ".md", ".py", ".sql", ".yml"}
# What the year had before the build replaces it, to tell afterwards what has changed.
PREVIOUS = ("marts.fct_evaluations", "marts.fct_indicator_scores", "raw.corrections")
# SQL for the day of the running build in its time zone; older runs noted none.
RUN_DATE = """(
    select
        max(cast(started_at at time zone coalesce(time_zone, 'Asia/Shanghai') as date))
    from audit.runs
    semi join audit.run_years using (run_id)
)"""


@dataclass(frozen=True)
class AsOf:
    """When a run counts as started.

    Attributes:
        started_at: The moment; now by default.
        time_zone: The time zone whose day it is, by its name.
    """

    started_at: datetime | None = None
    time_zone: str = field(default_factory=lambda: str(settings.zone()))


@dataclass(frozen=True)
class Origin:
    """Where a run's data comes from, and who launched it.

    Attributes:
        landing_root: The landing folder.
        launched_by: The user.
        launched_how: The command, or what of Dagster.
    """

    landing_root: str | None = None
    launched_by: str | None = None
    launched_how: str | None = None


def start_run(
    con: duckdb.DuckDBPyConnection,
    run_id: str,
    years: list[int],
    as_of: AsOf | None = None,
    origin: Origin = Origin(),
) -> None:
    """Enter a run into the ledger, say which years it makes anew, and keep what those had.

    Args:
        con: A connection to the build's warehouse file.
        run_id: The run.
        years: Its fiscal years.
        as_of: When it counts as started, for a run that repeats another; now by default.
        origin: Where its data comes from, and who launched it.

    Raises:
        NotWhole: The run has been published already.
    """
    audit.ensure(con, "audit.runs", "audit.run_reads", "audit.run_files")
    if con.execute("from audit.runs where run_id = ?", [run_id]).fetchall():
        raise NotWhole([f"run {run_id} has been published already; start a new run"])
    con.execute("drop table if exists audit.run_years")
    audit.ensure(con, "audit.run_years")
    con.executemany(
        "insert into audit.run_years values (?, ?, [], [])", [[year, run_id] for year in years]
    )
    commit, is_clean = git_state(PROJECT_DIR)
    con.execute(
        """
        insert into audit.runs by name
        select
            run_id, fiscal_year, coalesce($started_at, now()) as started_at,
            $time_zone as time_zone,
            $version as code_version, $seeds_sha256 as seeds_sha256, $commit as git_commit,
            $is_clean as is_clean, $code as code_sha256, $seeds as seeds, $packages as packages,
            cast([] as varchar[]) as dbt_invocation_ids, $landing_root as landing_root,
            $launched_by as launched_by, $launched_how as launched_how
        from audit.run_years
        """,
        asdict(origin)
        | {
            **asdict(as_of or AsOf()),
            "version": version("jixiao"),
            "seeds_sha256": seeds_sha256(),
            "commit": commit,
            "is_clean": is_clean,
            "code": code_sha256(),
            "seeds": _map(seed_checksums()),
            "packages": _map(package_versions()),
        },
    )
    note_reads(con)
    _keep_previous(con, years)


def note_reads(con: duckdb.DuckDBPyConnection) -> None:
    """Note for each run that has not done so which years it reads, and as loaded by which runs.

    A run reads the year that it builds and those that a measure asks for, as they are published
    when it starts. So that is noted of the running build, and of runs of a version that did not:
    all years where the seed is still the one that they were built by, else their own alone.

    Args:
        con: A connection to a database that has audit.runs and audit.run_reads.
    """
    con.execute(
        """
        create or replace temp table unread as
        select
            run_id, fiscal_year, coalesce(published_at, 'infinity') as until,
            coalesce(seeds['measure_inputs'] = ?, false) as is_by_seed
        from audit.runs anti join audit.run_reads using (run_id, fiscal_year)
        """,
        [seed_checksums().get("measure_inputs")],
    )
    # One that no run was built by may be at fault.
    by_seed = con.execute("from unread where is_by_seed").fetchall()
    con.execute(
        """
        insert into audit.run_reads by name
        with reads as (
            select run_id, fiscal_year, until, fiscal_year + year_offset as read_year
            from unread cross join (select unnest($offsets) as year_offset) as inputs
            where year_offset = 0 or is_by_seed
        )

        select
            reads.run_id, reads.fiscal_year, reads.read_year,
            -- Of a year that was withdrawn nothing is there to read.
            nullif(
                arg_max(
                    if(read.outcome = 'withdrawn', '', read.run_id),
                    coalesce(read.published_at, 'infinity')
                ),
                ''
            ) as read_run_id
        from reads
        left join audit.runs as read
            on reads.read_year = read.fiscal_year
            and (reads.run_id = read.run_id or read.published_at <= reads.until)
        group by all
        """,
        {"offsets": sorted({0, *(seeds.year_offsets() if by_seed else ())})},
    )


def _map(values: dict[str, str]) -> dict[str, list[str]]:
    """A DuckDB map, as a parameter takes it."""
    return {"key": list(values), "value": list(values.values())}


def _keep_previous(con: duckdb.DuckDBPyConnection, years: list[int]) -> None:
    con.execute("drop schema if exists previous cascade")
    audit.ensure(con, *audit.tables_of("previous"))
    for name in PREVIOUS:
        schema, table = name.split(".")
        if table in _tables(con, schema):
            listed = ", ".join(audit.columns(f"previous.{table}"))
            con.execute(
                f"insert into previous.{table} by name "
                f"select {listed} from {name} where list_contains(?, fiscal_year)",
                [years],
            )
    _add_unit_files(con)


def _add_unit_files(con: duckdb.DuckDBPyConnection) -> None:
    """Note which files of the years made anew hold rows of which departments, as loaded now."""
    tables = [f"raw.{table}" for table in _tables(con, "raw")]
    if "rejected_rows" in _tables(con, "audit"):
        tables.append("audit.rejected_rows")
    for table in tables:
        con.execute(
            f"""
            insert into previous.unit_files by name
            select unit_code, fiscal_year, source_file
            from {table} semi join audit.run_years using (fiscal_year)
            except
            from previous.unit_files
            """
        )


def _tables(con: duckdb.DuckDBPyConnection, schema: str) -> list[str]:
    rows = con.execute(
        """
        select table_name from duckdb_tables()
        where database_name = current_database() and schema_name = ?
        order by table_name
        """,
        [schema],
    ).fetchall()
    return [table for (table,) in rows]


def loaded(con: duckdb.DuckDBPyConnection) -> None:
    """Note which files the running build was loaded from.

    Args:
        con: A connection to the build's warehouse file.
    """
    con.execute(
        """
        insert into audit.run_files by name
        select run_id, fiscal_year, table_name, source_file, source_sha256, origin
        from audit.loads inner join audit.run_years using (fiscal_year)
        """
    )
    _add_unit_files(con)


def invoked(
    con: duckdb.DuckDBPyConnection, run_id: str, invocation_id: str, nodes: list[str]
) -> None:
    """Note an invocation of dbt by the running build.

    Args:
        con: A connection to the build's warehouse file.
        run_id: The run.
        invocation_id: dbt's own id of it.
        nodes: The nodes that it built or tested without a failure.
    """
    con.execute(
        """
        update audit.runs set dbt_invocation_ids = list_append(dbt_invocation_ids, $invocation_id)
        where run_id = $run_id
        """,
        {"run_id": run_id, "invocation_id": invocation_id},
    )
    con.execute(
        "update audit.run_years set nodes = list_concat(nodes, $nodes) where run_id = $run_id",
        {"run_id": run_id, "nodes": nodes},
    )


def did(con: duckdb.DuckDBPyConnection, run_id: str, step: str) -> None:
    """Note that the running build has done a step.

    Args:
        con: A connection to the build's warehouse file.
        run_id: The run.
        step: The step.
    """
    con.execute(
        "update audit.run_years set steps = list_append(steps, $step) where run_id = $run_id",
        {"run_id": run_id, "step": step},
    )


def end_run(con: duckdb.DuckDBPyConnection, run_id: str) -> None:
    """Note that the build's checks have passed and it is being published, and from which files.

    Args:
        con: A connection to the build's warehouse file.
        run_id: The run.
    """
    con.execute(
        """
        update audit.runs
        set
            -- A clock that was turned back turns no order around.
            published_at = (
                select greatest(now(), max(published_at) + interval 1 microsecond) from audit.runs
            ),
            outcome = if(
                exists (
                    from marts.fct_evaluations as e
                    where e.fiscal_year = runs.fiscal_year and e.status != 'scored'
                ),
                'published_with_gaps',
                'published'
            ),
            landing_sha256 = (
                select sha256(string_agg(source_file || source_sha256, ',' order by source_file))
                from audit.loads
                where loads.fiscal_year = runs.fiscal_year
            )
        where run_id = ?
        """,
        [run_id],
    )
    mark_current(con)
    for table in _tables(con, "previous"):
        con.execute(f"delete from previous.{table}")


def mark_current(con: duckdb.DuckDBPyConnection) -> None:
    """Say of each run whether the published rows of its year are its.

    Args:
        con: A connection to a database that has audit.runs.
    """
    con.execute(
        """
        update audit.runs
        set is_current = outcome is distinct from 'withdrawn' and (run_id, fiscal_year) in (
            select (arg_max(run_id, published_at), fiscal_year) from audit.runs group by fiscal_year
        )
        """
    )


def approve(con: duckdb.DuckDBPyConnection, run_id: str, by: str) -> None:
    """Note who has approved a preview.

    Args:
        con: A connection to the preview.
        run_id: Its run.
        by: Who has.
    """
    con.execute("update audit.runs set approved_by = ? where run_id = ?", [by, run_id])


def outdated(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Say which published years no longer follow from the seeds and the other years.

    Args:
        con: A connection whose current database is a published one.

    Returns:
        A sentence for each such year and cause, in order.
    """
    rows = con.execute(
        """
        with latest as (
            from (
                from audit.runs
                qualify row_number() over (partition by fiscal_year order by published_at desc) = 1
            )
            where outcome is distinct from 'withdrawn'
        )

        select
            fiscal_year,
            'the rubrics, measures or waivers have changed since it was built' as cause
        from latest where seeds_sha256 != $seeds
        union all
        select
            reads.fiscal_year,
            'it reads ' || reads.read_year || ', which has been loaded anew since it was built'
        from latest
        inner join audit.run_reads as reads using (run_id, fiscal_year)
        inner join latest as now on reads.read_year = now.fiscal_year
        left join audit.runs as read
            on (reads.read_run_id, reads.read_year) = (read.run_id, read.fiscal_year)
        where read.landing_sha256 is distinct from now.landing_sha256
        order by all
        """,
        {"seeds": seeds_sha256()},
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


def seed_checksums() -> dict[str, str]:
    """The SHA-256 of each seed, by its name."""
    return {
        path.stem: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(SEEDS_DIR.glob("*.csv"))
    }


def package_versions() -> dict[str, str]:
    """The versions of the packages that a result may depend on."""
    return {package: version(package) for package in PACKAGES}


@cache
def code_sha256() -> str:
    """One checksum of the models, macros, rules and Python; the seeds have their own."""
    digest = hashlib.sha256()
    for name in CODE:
        top = PROJECT_DIR / name
        files = [top] if top.is_file() else sorted(top.rglob("*"))
        for path in files:
            if path.suffix in CODE_ENDINGS and path.is_file():
                told = path.relative_to(PROJECT_DIR).as_posix().encode()
                digest.update(told + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def git_state(project: Path) -> tuple[str | None, bool | None]:
    """The commit that code and seeds were checked out from, and whether they are as committed.

    Args:
        project: The project's folder.

    Returns:
        Both null where there is no git, or the project is no part of a repository.
    """

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(project), *arguments],  # noqa: S607
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        ).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", CODE[0])
        return git("rev-parse", "HEAD"), not git("status", "--porcelain", "--", *CODE, "seeds")
    except (OSError, subprocess.SubprocessError):
        return None, None
