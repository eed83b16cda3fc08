"""What is published of a build: a DuckDB file and Parquet; of other years, what is there already.

A build changes its own year alone. What the same code has published of the others is kept: Parquet
and pages as the same files, the database as a copy in which the year is replaced.
"""

import json
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import duckdb

from expectations import validations
from orchestration import audit, duck
from orchestration.publication import chain, keys

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
        """Let the pages of a year be of the next publication too.

        Args:
            year: The fiscal year.
            path: The folder of its pages, below that of the next publication; not there yet.
            folder: The folder of the next publication.

        Returns:
            Whether they are; else all have to be written, and there is no such folder.
        """
        if not self.has_same_seeds or year not in self.years:
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


def published_tables(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str, bool]]:
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
    """Write the published schemas, tables and views with keys and comments, to a new DuckDB file.

    Args:
        con: A connection to the build's warehouse file.
        path: The file.
        kept: What stays of the current publication.
    """
    if kept.years:
        shutil.copyfile(kept.folder / path.name, path)
    keys.tell(con)
    duck.attach(con, path, "publication", read_only=False)
    tables = {f"{schema}.{table}": has_year for schema, table, has_year in published_tables(con)}
    # What others name comes before them.
    names = [name for name in keys.in_order() if name in tables]
    of_year = {
        name: f"where fiscal_year in {BUILT}"
        if kept.years and has_year and name not in OF_ALL_YEARS
        else ""
        for name, has_year in tables.items()
    }
    is_held = {name for name in names if kept.years and keys.constraints(name)}
    # Not in the transaction: DuckDB lets no row go that another names until it is committed that
    # the other is gone. Nobody opens the file before it is whole.
    for name in reversed(names):
        if name in is_held:
            con.execute(f"delete from publication.{name} {of_year[name]}")
    con.execute("begin")
    if not kept.years:
        _define(con, names)
    for name in names:
        if kept.years and name not in is_held:
            con.execute(f"delete from publication.{name} {of_year[name]}")
        con.execute(f"insert into publication.{name} from {name} {of_year[name]} order by all")
    con.execute("commit")
    con.execute("detach publication")


def _define(con: duckdb.DuckDBPyConnection, names: list[str]) -> None:
    """Make the schemas, tables and views of a publication, with keys and comments.

    Args:
        con: A connection to the build's warehouse file, to which the publication's is attached.
        names: Schema and name of each table, after those that it names.
    """
    columns = dict(
        con.execute(
            """
            select
                schema_name || '.' || table_name,
                list(
                    format('"{}" {}{}', column_name, data_type, if(is_nullable, '', ' not null'))
                    order by column_index
                )
            from duckdb_columns()
            where database_name = current_database() and list_contains(?, schema_name)
            group by all
            """,
            [list(PUBLISHED_SCHEMAS)],
        ).fetchall()
    )
    # A view of the marts names its table without the database, so that it is of any that it is in.
    views = con.execute(
        "select sql from duckdb_views() where database_name = current_database() "
        "and list_contains(?, schema_name) order by view_name",
        [list(PUBLISHED_SCHEMAS)],
    ).fetchall()
    comments = _comments(con)
    ((built,),) = con.execute("select current_database()").fetchall()
    con.execute("use publication")
    for schema in PUBLISHED_SCHEMAS:
        con.execute(f"create schema {schema}")
    for name in names:
        definition = ", ".join([*columns[name], *keys.constraints(name)])
        con.execute(f"create table {name} ({definition})")
    for (sql,) in views:
        con.execute(sql)
    con.execute("; ".join(f"comment on {what} is {duck.text(told)}" for what, told in comments))
    con.execute(f"use {duck.name(built)}")


def _comments(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """What SQL comments on, and with what: the marts as dbt has done, the ledger by its YAML."""
    found = con.execute(
        """
        select 'table marts.' || table_name, comment
        from duckdb_tables()
        where database_name = current_database() and schema_name = 'marts'
        union all
        select 'view marts.' || view_name, comment
        from duckdb_views()
        where database_name = current_database() and schema_name = 'marts'
        union all
        select 'column marts.' || table_name || '."' || column_name || '"', comment
        from duckdb_columns()
        where database_name = current_database() and schema_name = 'marts'
        """
    ).fetchall()
    for schema, table, _ in published_tables(con):
        if schema == "audit":
            of_table, of_columns = audit.descriptions(f"audit.{table}")
            found.append((f"table audit.{table}", of_table))
            found += ((f"column audit.{table}.{duck.name(c)}", t) for c, t in of_columns.items())
    return [(what, told) for what, told in found if told]


def parquet(con: duckdb.DuckDBPyConnection, folder: Path, kept: Kept = NOTHING) -> None:
    """Write each stored mart as Parquet, a folder a fiscal year; an empty one has its columns.

    The metadata of a file has the `description` of the mart, those of its `columns` by name, as
    JSON, and the columns of its `key`, as JSON.

    Args:
        con: A connection to what `database` wrote, whose order is kept.
        folder: Where to, in the folder of the publication.
        kept: What stays of the current publication.
    """
    years = published_years(con)
    told = _told(con)
    for schema, table, has_year in published_tables(con):
        if schema != "marts":
            continue
        mart = folder / table
        mart.mkdir(parents=True)
        for year in years if has_year else ():
            part = mart / f"fiscal_year={year}" / f"{table}.parquet"
            part.parent.mkdir()
            if year in kept.years and kept.link(part, folder.parent):
                continue
            _copy(con, f"from marts.{table} where fiscal_year = {year}", part, told[table])
        if not has_year:
            _copy(con, f"from marts.{table}", mart / f"{table}.parquet", told[table])


def parquet_of(con: duckdb.DuckDBPyConnection, table: str, year: int, path: Path) -> None:
    """Write a year of one mart as `parquet` does.

    Args:
        con: A connection to what `database` wrote.
        table: The mart.
        year: The fiscal year.
        path: The file.
    """
    _copy(con, f"from marts.{table} where fiscal_year = {year}", path, _told(con)[table])


def published_years(con: duckdb.DuckDBPyConnection) -> list[int]:
    """The fiscal years of what `database` wrote."""
    rows = con.execute("select distinct fiscal_year from marts.dim_departments order by all")
    return [year for (year,) in rows.fetchall()]


def _told(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """What the files of each mart say of it, as the option of COPY."""
    rows = con.execute(
        """
        select
            t.table_name, t.comment, list((c.column_name, c.comment) order by c.column_index),
            coalesce((
                select key_columns from audit.keys as k
                where (k.table_schema, k.table_name) = (t.schema_name, t.table_name)
                    and k.to_table is null
            ), [])
        from duckdb_tables() as t
        inner join duckdb_columns() as c using (database_name, schema_name, table_name)
        where t.schema_name = 'marts' and t.database_name = current_database()
        group by all
        """
    ).fetchall()

    def option(value: object) -> str:
        return duck.text(json.dumps(value, ensure_ascii=False))

    return {
        table: f"description: {duck.text(description or '')}, "
        f"columns: {option(dict(columns))}, key: {option(key)}"
        for table, description, columns, key in rows
    }


def _copy(con: duckdb.DuckDBPyConnection, query: str, path: Path, told: str) -> None:
    con.execute(f"copy ({query}) to {duck.text(path)} (format parquet, kv_metadata {{{told}}})")
