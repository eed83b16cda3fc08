"""The warehouse folder: one builder at a time, and what it publishes switched over whole."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from expectations import data_docs

BUILD_FILE = "warehouse.duckdb"
KEPT_PUBLICATIONS = 2


@dataclass(frozen=True)
class Warehouse:
    """A warehouse folder.

    `published` links to the current folder in `publications/`; `states/` holds, under the same
    name, the whole warehouse that it was published from; `build/` is the private workplace of the
    run that holds the lock.

    Attributes:
        root: The folder.
    """

    root: Path

    @property
    def published(self) -> Path:
        """The link that readers open."""
        return self.root / "published"

    @property
    def build_dir(self) -> Path:
        """The running build's own folder."""
        return self.root / "build"

    @property
    def build_file(self) -> Path:
        """The running build's own DuckDB file."""
        return self.build_dir / BUILD_FILE

    @contextmanager
    def building(self, *, say: Callable[[str], None]) -> Iterator[None]:
        """Hold the warehouse for one build that starts from what is published.

        The lock dies with the process, so a killed build never has to be cleaned up by hand.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say(f"another run is building {self.root}; waiting for it to end")
                fcntl.flock(lock, fcntl.LOCK_EX)
            self._start_build()
            try:
                yield
            finally:
                shutil.rmtree(self.build_dir, ignore_errors=True)

    def _start_build(self) -> None:
        current = self.published.readlink().name if self.published.is_symlink() else None
        self._prune(current)
        shutil.rmtree(self.build_dir, ignore_errors=True)
        self.build_dir.mkdir()
        if current:
            state = self._state(current)
            if not state.is_file():
                raise FileNotFoundError(
                    f"{state} is gone, without which the published years cannot be kept; put it "
                    f"back, or remove {self.published} to build every year anew"
                )
            shutil.copyfile(state, self.build_file)

    def _state(self, name: str) -> Path:
        return self.root / "states" / f"{name}.duckdb"

    def _prune(self, current: str | None) -> None:
        """Remove what killed builds left and publications that nobody should still be reading."""
        names = sorted(p.name for p in (self.root / "publications").glob("*"))
        kept = {name for name in names if current and name <= current}
        kept = set(sorted(kept)[-KEPT_PUBLICATIONS:])
        for name in set(names) - kept:
            shutil.rmtree(self.root / "publications" / name, ignore_errors=True)
        for state in (self.root / "states").glob("*"):
            if state.stem != current:
                state.unlink()

    def publish(self, run_id: str) -> Path:
        """Publish the build: written whole beside the current publication, then switched over.

        Args:
            run_id: The run; part of the publication's name.

        Returns:
            The publication's folder.
        """
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}-{run_id[:8]}"
        folder = self.root / "publications" / name
        folder.mkdir(parents=True)
        (self.root / "states").mkdir(exist_ok=True)
        with duckdb.connect(str(self.build_file)) as con:
            export_database(con, folder / "scores.duckdb")
            data_docs.write(con, folder / "data_docs")
        # From what is in order already: sorting a city's evidence is most of publishing it.
        with duckdb.connect(str(folder / "scores.duckdb"), read_only=True) as con:
            export_parquet(con, folder / "parquet")
        self.build_file.replace(self._state(name))
        for path in [*folder.rglob("*"), folder, folder.parent, self._state(name)]:
            if path.is_file() and path != self._state(name):
                # A reader that opened it for writing would lock the others out.
                path.chmod(0o444)
            _sync(path)
        link = self.root / f".published-{name}"
        link.symlink_to(Path("publications") / name)
        link.replace(self.published)
        _sync(self.root)
        return folder


PUBLISHED_SCHEMAS = ("marts", "audit")
UNPUBLISHED = ("audit.run_years",)


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


def export_database(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Write the published schemas as plain tables, with their comments, to a new DuckDB file."""
    con.execute(f"attach '{_literal(path)}' as publication")
    for schema in PUBLISHED_SCHEMAS:
        con.execute(f"create schema publication.{schema}")
    for schema, table, _ in _published_tables(con):
        con.execute(
            f"create table publication.{schema}.{table} as from {schema}.{table} order by all"
        )
    comments = con.execute(
        """
        select 'table', schema_name || '.' || table_name, comment
        from duckdb_tables()
        where database_name = current_database() and schema_name in $schemas and comment is not null
        union all
        select 'column', schema_name || '.' || table_name || '."' || column_name || '"', comment
        from duckdb_columns()
        where database_name = current_database() and schema_name in $schemas and comment is not null
        """,
        {"schemas": list(PUBLISHED_SCHEMAS)},
    ).fetchall()
    for kind, name, comment in comments:
        con.execute(f"comment on {kind} publication.{name} is '{_literal(comment)}'")
    con.execute("detach publication")


def export_parquet(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Write each mart as Parquet, a folder a fiscal year; an empty one still has its columns.

    Args:
        con: A connection to what `export_database` wrote, whose order is kept.
        folder: Where to.
    """
    for schema, table, has_year in _published_tables(con):
        if schema != "marts":
            continue
        mart = folder / table
        mart.mkdir(parents=True)
        if not has_year:
            con.execute(
                f"copy (from marts.{table}) to '{_literal(mart / table)}.parquet' (format parquet)"
            )
            continue
        for (year,) in con.execute(
            "select distinct fiscal_year from marts.dim_departments order by fiscal_year"
        ).fetchall():
            part = mart / f"fiscal_year={year}"
            part.mkdir()
            con.execute(
                f"copy (select * exclude (fiscal_year) from marts.{table} "
                f"where fiscal_year = {year}) "
                f"to '{_literal(part / table)}.parquet' (format parquet)"
            )


def _literal(text: object) -> str:
    return str(text).replace("'", "''")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
