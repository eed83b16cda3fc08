"""What is published of a build: a DuckDB file and Parquet; of other years, what is there already.

A build changes its own year alone. What the same code has published of the others is kept: Parquet
and pages as the same files, the database as a copy in which the year is replaced.
"""

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import duckdb

from expectations import validations
from orchestration import duck
from orchestration.publication import chain

PUBLISHED_SCHEMAS = ("marts", "audit")
# The results of the checkpoints are published as files.
UNPUBLISHED = ("audit.run_years", validations.TABLE)
# A run may note something of runs of other years.
OF_ALL_YEARS = ("audit.runs", "audit.run_reads")
BUILT = "(select fiscal_year from audit.run_years)"


@dataclass(frozen=True)
class Kept:
    """What a publication is of use for to the next one.

    Attributes:
        folder: Its folder.
        years: The fiscal years that stay as they are in it; none where all are written anew.
        built: The fiscal year that is built.
        has_same_seeds: Whether it shows the rubrics' and measures' rows as they are now.
    """

    folder: Path
    years: tuple[int, ...] = ()
    built: int = 0
    has_same_seeds: bool = False

    @cached_property
    def _entries(self) -> dict[str, chain.Manifest]:
        return chain.entries(self.folder)

    def keeps(self, year: int, path: Path, folder: Path) -> bool:
        """Let the pages of a year that say nothing of later ones be of the next publication too.

        Args:
            year: The fiscal year. It is not kept where one before it was built.
            path: The folder of its pages, below that of the next publication; not there yet.
            folder: The folder of the next publication.

        Returns:
            Whether they are; else all have to be written, and there is no such folder.
        """
        if not self.has_same_seeds or year not in self.years or year > self.built:
            return False
        top = f"{path.relative_to(folder).as_posix()}/"
        names = [name for name in self._entries if name.startswith(top)]
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            if not self.link(folder / name, folder):
                shutil.rmtree(path)
                return False
        return bool(names)

    def link(self, path: Path, folder: Path) -> bool:
        """Let a file of the publication be one of the next one too.

        Args:
            path: The file, below the folder of the next one.
            folder: The folder of the next one.

        Returns:
            Whether it is; else it has to be written, as where it is no longer what was published.
        """
        name = path.relative_to(folder)
        if chain.is_sealed(self.folder, name.as_posix(), self._entries):
            with suppress(OSError):
                os.link(self.folder / name, path)
                return True
        return False


NOTHING = Kept(Path())


def kept(con: duckdb.DuckDBPyConnection, folder: Path) -> Kept:
    """What the current publication is of use for: its other years, where the same code wrote them.

    Args:
        con: A connection to the build's warehouse file.
        folder: The publication.
    """
    manifest = chain.manifest_of(folder)
    if manifest is None:
        return NOTHING
    same = con.execute(
        """
        select
            count(distinct (code_sha256, packages)) = 1 and count(distinct run_id) = 2,
            count(distinct seeds_sha256) = 1
        from audit.runs
        where run_id = ? or run_id in (select run_id from audit.run_years)
        """,
        [manifest["run_id"]],
    ).fetchall()
    years = con.execute(
        "select distinct fiscal_year from marts.dim_departments "
        f"where fiscal_year not in {BUILT} order by all"
    ).fetchall()
    # One that is not as it was published would be sealed as if it had been.
    ((is_same, has_same_seeds),) = same
    if not is_same or not years or not chain.is_sealed(folder, "scores.duckdb"):
        return NOTHING
    ((built,),) = con.execute(f"from {BUILT}").fetchall()
    return Kept(folder, tuple(year for (year,) in years), built, has_same_seeds)


def _published_tables(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str, bool]]:
    """Schema and name of each table to publish, and whether it is kept by fiscal year."""
    rows = con.execute(
        """
        select schema_name, table_name, exists (
            from duckdb_columns() as c
            where (c.database_name, c.schema_name, c.table_name)
                = (t.database_name, t.schema_name, t.table_name)
                and c.column_name = 'fiscal_year'
        )
        from duckdb_tables() as t
        where database_name = current_database() and schema_name in $schemas
            and schema_name || '.' || table_name not in $unpublished
        order by schema_name, table_name
        """,
        {"schemas": list(PUBLISHED_SCHEMAS), "unpublished": list(UNPUBLISHED)},
    ).fetchall()
    return [(schema, table, bool(has_year)) for schema, table, has_year in rows]


def database(con: duckdb.DuckDBPyConnection, path: Path, kept: Kept = NOTHING) -> None:
    """Write the published schemas, tables and views with their comments, to a new DuckDB file.

    Args:
        con: A connection to the build's warehouse file.
        path: The file.
        kept: What stays of the current publication.
    """
    if kept.years:
        shutil.copyfile(kept.folder / path.name, path)
    duck.attach(con, path, "publication", read_only=False)
    con.execute("begin")
    for schema in PUBLISHED_SCHEMAS:
        con.execute(f"create schema if not exists publication.{schema}")
    for schema, table, has_year in _published_tables(con):
        name, other = f"{schema}.{table}", ""
        if not kept.years:
            con.execute(f"create table publication.{name} as from {name} limit 0")
        elif has_year and name not in OF_ALL_YEARS:
            other = f"where fiscal_year in {BUILT}"
        con.execute(f"delete from publication.{name} {other}")
        con.execute(f"insert into publication.{name} from {name} {other} order by all")
    # A view of the marts names its table without the database, so that it is of any that it is in.
    views = con.execute(
        "select sql from duckdb_views() where database_name = current_database() "
        "and list_contains(?, schema_name) order by view_name",
        [list(PUBLISHED_SCHEMAS)],
    ).fetchall()
    ((built,),) = con.execute("select current_database()").fetchall()
    con.execute("use publication")
    for (sql,) in views if not kept.years else ():
        con.execute(sql)
    con.execute(f"use {duck.name(built)}")
    comments = con.execute(
        """
        select 'table', schema_name || '.' || table_name, comment
        from duckdb_tables()
        where database_name = current_database() and schema_name in $schemas and comment is not null
        union all
        select 'view', schema_name || '.' || view_name, comment
        from duckdb_views()
        where database_name = current_database() and schema_name in $schemas and comment is not null
        union all
        select 'column', schema_name || '.' || table_name || '."' || column_name || '"', comment
        from duckdb_columns()
        where database_name = current_database() and schema_name in $schemas and comment is not null
        """,
        {"schemas": list(PUBLISHED_SCHEMAS)},
    ).fetchall()
    for kind, name, comment in comments if not kept.years else ():
        con.execute(f"comment on {kind} publication.{name} is {duck.text(comment)}")
    con.execute("commit")
    con.execute("detach publication")


def parquet(con: duckdb.DuckDBPyConnection, folder: Path, kept: Kept = NOTHING) -> None:
    """Write each stored mart as Parquet, a folder a fiscal year; an empty one has its columns.

    Args:
        con: A connection to what `database` wrote, whose order is kept.
        folder: Where to, in the folder of the publication.
        kept: What stays of the current publication.
    """
    for schema, table, has_year in _published_tables(con):
        if schema != "marts":
            continue
        mart = folder / table
        mart.mkdir(parents=True)
        if not has_year:
            _copy(con, f"from marts.{table}", mart / f"{table}.parquet")
            continue
        for (year,) in con.execute(
            "select distinct fiscal_year from marts.dim_departments order by fiscal_year"
        ).fetchall():
            part = mart / f"fiscal_year={year}" / f"{table}.parquet"
            part.parent.mkdir()
            if year in kept.years and kept.link(part, folder.parent):
                continue
            _copy(
                con,
                f"select * exclude (fiscal_year) from marts.{table} where fiscal_year = {year}",
                part,
            )


def _copy(con: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    con.execute(f"copy ({query}) to {duck.text(path)} (format parquet)")
