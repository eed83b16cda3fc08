"""What a build of DuckDB's leaves for Spark to begin with."""

from pathlib import Path

import duckdb

# What the models read and no model makes: loaded, noted, seeds, and what was published before.
SCHEMAS = ("raw", "audit", "seeds", "previous")


def write(database: Path, folder: Path) -> None:
    """Write the tables that the models start from as Parquet, `<schema>/<table>.parquet`.

    Args:
        database: The DuckDB file of a build that is done: a preview, or a state of a publication.
        folder: Where to; not there yet.

    Raises:
        duckdb.Error: The file is none of DuckDB's.
    """
    with duckdb.connect() as con:
        con.execute(f"attach {_text(database)} as build (read_only)")
        tables = con.execute(
            "select schema_name, table_name from duckdb_tables() "
            "where database_name = 'build' and schema_name in (select unnest(?)) order by all",
            [list(SCHEMAS)],
        ).fetchall()
        for schema, table in tables:
            path = folder / schema / f"{table}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            con.execute(f'copy build.{schema}."{table}" to {_text(path)} (format parquet)')


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"
