"""The keys of what is published, as the YAML beside each model has them.

A mart's key is what its test `is_key` holds. Where a part of it may be empty, and of the tables
that a run writes beside the models, it is `meta.key`; `meta.references` says which rows of other
tables a row names. `meta.key_is_told` has the keys of a table told alone: an index of a table with
many rows a department would cost more than it says.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from typing import Any

import duckdb

from orchestration import audit, dbt, duck

TABLE = "audit.keys"
PRIMARY, UNIQUE, FOREIGN = "primary key", "unique", "foreign key"


@dataclass(frozen=True)
class Key:
    """What identifies the rows of a table, or which row of another each of them names.

    Attributes:
        kind: `primary key`, `unique` where a part of it may be empty, or `foreign key`.
        columns: The columns, in their order.
        to: Of a foreign key the other table, without its schema, which is the same.
        to_columns: Of a foreign key the columns that identify the other table's rows.
        is_constraint: Whether the published database holds it.
    """

    kind: str
    columns: tuple[str, ...]
    to: str | None
    to_columns: tuple[str, ...] | None
    is_constraint: bool


@cache
def keys() -> dict[str, list[Key]]:
    """The keys of each table and view of the marts and the ledger, by schema and name."""
    manifest = dbt.parsed()[1]
    tested = {
        node["attached_node"]: tuple(node["test_metadata"]["kwargs"]["columns"])
        for node in manifest["nodes"].values()
        if (node.get("test_metadata") or {}).get("name") == "is_key"
    }
    described = {
        f"{node['schema']}.{node['name']}": (node["config"].get("meta") or {}, tested.get(name))
        for name, node in (manifest["nodes"] | manifest["sources"]).items()
        if node["resource_type"] in ("model", "source") and node["schema"] in ("marts", "audit")
    }
    identify = {
        name: is_key or tuple(meta.get("key", ())) for name, (meta, is_key) in described.items()
    }
    return {name: [*_keys(name, meta, identify)] for name, (meta, _) in described.items()}


def _keys(name: str, meta: dict[str, Any], identify: dict[str, tuple[str, ...]]) -> Iterator[Key]:
    is_constraint = not meta.get("key_is_told", False)
    if columns := identify[name]:
        kind = UNIQUE if meta.get("key_may_be_empty", False) else PRIMARY
        yield Key(kind, columns, None, None, is_constraint)
    for reference in meta.get("references", ()):
        yield Key(
            FOREIGN,
            tuple(reference["columns"]),
            reference["to"],
            identify[f"{name.split('.')[0]}.{reference['to']}"],
            is_constraint and not reference.get("is_told", False),
        )


def identifying(name: str) -> tuple[str, ...]:
    """The columns of a table or view that identify its rows and are never empty, if any are.

    Args:
        name: Schema and table.
    """
    return next((key.columns for key in keys().get(name, ()) if key.kind == PRIMARY), ())


def in_order() -> list[str]:
    """The tables and views, each after those that a constraint of it names."""
    named = {
        name: {f"{name.split('.')[0]}.{key.to}" for key in of if key.to and key.is_constraint}
        for name, of in keys().items()
    }
    return list(TopologicalSorter(named).static_order())


def constraints(name: str) -> list[str]:
    """The keys of a table that the database holds, as SQL defines them with its columns.

    Args:
        name: Schema and table.
    """
    schema = name.split(".")[0]
    return [
        f"{key.kind} ({duck.names(key.columns)})"
        + (f" references {schema}.{key.to} ({duck.names(key.to_columns or ())})" if key.to else "")
        for key in keys()[name]
        if key.is_constraint
    ]


def tell(con: duckdb.DuckDBPyConnection) -> None:
    """Write all keys to the table of them.

    Args:
        con: A connection to the build's warehouse file.
    """
    rows = [
        (*name.split("."), key.kind, key.columns, key.to, key.to_columns, key.is_constraint)
        for name, of in sorted(keys().items())
        for key in of
    ]
    audit.ensure(con, TABLE)
    con.execute(f"delete from {TABLE}")
    con.execute(
        f"insert into {TABLE} select {', '.join('unnest(?)' for _ in audit.columns(TABLE))}",
        [list(column) for column in zip(*rows, strict=True)],
    )
