"""What a run writes beside the models: the tables of the dbt source definition, by its columns."""

from functools import cache
from typing import Any

import duckdb
import yaml

from orchestration import duck
from orchestration.project import AUDIT_FILE


@cache
def _tables() -> dict[str, dict[str, Any]]:
    document = yaml.safe_load(AUDIT_FILE.read_text(encoding="utf-8"))
    return {
        f"{source['schema']}.{table['name']}": table
        for source in document["sources"]
        for table in source["tables"]
    }


def columns(table: str) -> dict[str, str]:
    """The DuckDB types of a table's columns, by name.

    Args:
        table: Schema and table: audit.runs.
    """
    return {column["name"]: column["data_type"] for column in _tables()[table]["columns"]}


def descriptions(table: str) -> tuple[str, dict[str, str]]:
    """What a table is, and what each of its columns is.

    Args:
        table: Schema and table: audit.runs.
    """
    of = _tables()[table]
    return of["description"], {c["name"]: c["description"] for c in of["columns"]}


def tables_of(schema: str) -> list[str]:
    """The tables of a schema, each with it: audit.runs."""
    return [table for table in _tables() if table.startswith(f"{schema}.")]


def ensure(con: duckdb.DuckDBPyConnection, *tables: str) -> None:
    """Create tables, or add the columns that those of an earlier version do not have yet.

    Args:
        con: A connection to the build's warehouse file.
        tables: Schema and table of each: audit.runs.
    """
    for table in tables:
        duck.ensure_table(con, table, columns(table))
