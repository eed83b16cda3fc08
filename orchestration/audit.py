"""What a run writes beside the models: the tables of the dbt source definition, by its columns."""

from functools import cache

import duckdb
import yaml

from orchestration import duck
from orchestration.project import AUDIT_FILE


@cache
def _tables() -> dict[str, dict[str, str]]:
    document = yaml.safe_load(AUDIT_FILE.read_text(encoding="utf-8"))
    return {
        f"{source['schema']}.{table['name']}": {c["name"]: c["data_type"] for c in table["columns"]}
        for source in document["sources"]
        for table in source["tables"]
    }


def columns(table: str) -> dict[str, str]:
    """The DuckDB types of a table's columns, by name.

    Args:
        table: Schema and table: audit.runs.
    """
    return _tables()[table]


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
