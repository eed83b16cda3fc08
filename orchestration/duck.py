"""How DuckDB is told of texts, names, files and tables: the one place that quotes them."""

import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

import duckdb

# DuckDB looks for its write-ahead log in front of a question mark and never finds it there.
UNUSABLE = "?"
# How new files are written: the oldest DuckDB that reads them, whichever writes them.
STORAGE_VERSION = "v1.0.0"


def text(value: object) -> str:
    """A text as SQL writes it."""
    return "'" + str(value).replace("'", "''") + "'"


def name(*parts: str) -> str:
    """The name of a column, or of a table with its schema, as SQL writes it."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def names(columns: Iterable[str]) -> str:
    """Names of columns as SQL lists them."""
    return ", ".join(name(column) for column in columns)


def files(path: Path | str, pattern: str = "") -> str:
    """What read_csv and read_parquet take for the files at a path, whatever it holds.

    Args:
        path: A file, or a folder. DuckDB takes brackets, stars and question marks for a pattern,
            so those in it are escaped.
        pattern: Which files below the folder, as `/**/*.parquet`; empty for the file itself.
    """
    return text(re.sub(r"[*?\[]", r"[\g<0>]", str(path)) + pattern)


def attach(
    con: duckdb.DuckDBPyConnection, path: Path, database: str, *, read_only: bool = True
) -> None:
    """Attach a DuckDB file to a connection.

    One that stays up sees a later file of that path; opened by itself a file would be cached.

    Args:
        con: The connection.
        path: The file.
        database: The name to give it.
        read_only: Whether it must be there and stays as it is; else it may be new.
    """
    mode = "read_only" if read_only else f"storage_version {text(STORAGE_VERSION)}"
    con.execute(f"attach {text(path)} as {name(database)} ({mode})")


def ensure_table(con: duckdb.DuckDBPyConnection, table: str, columns: dict[str, str]) -> None:
    """Create a table, or add the columns that one from an earlier version does not have yet.

    Args:
        con: A connection to the build's warehouse file.
        table: Schema and table.
        columns: DuckDB types by column name.
    """
    con.execute(f"create schema if not exists {table.split('.')[0]}")
    listed = ", ".join(f"{name(column)} {kind}" for column, kind in columns.items())
    con.execute(f"create table if not exists {table} ({listed})")
    # Asked for once: to look for each column by itself takes most of loading a small year.
    there = {column for column, *_ in con.execute(f"from {table} limit 0").description}
    for column, kind in columns.items():
        if column not in there:
            con.execute(f"alter table {table} add column {name(column)} {kind}")


def url(path: Path) -> str:
    """The address of a DuckDB file to read, as SQLAlchemy and Great Expectations take it."""
    return f"duckdb:///{quote(str(path))}?access_mode=read_only"
