"""Column lineage: which columns of its parents a dbt model's columns are made of."""

import logging
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import dagster as dg
import sqlglot
from dagster_dbt import DagsterDbtTranslator
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import lineage
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import build_scope

from orchestration.landing import corrections
from orchestration.landing.load import LINEAGE

logger = logging.getLogger("jixiao")

# A parent's unique_id and its column.
Source = tuple[str, str]


def column_lineage(manifest: Mapping[str, Any], unique_id: str) -> dict[str, list[Source]]:
    """What each column of a model is made of, read from its compiled SQL.

    A column counts where its value goes into the result; one that only joins, filters or sorts
    does not. A column that is made of none, such as a fixed text, has an empty list.

    Args:
        manifest: A manifest written after the model was compiled.
        unique_id: The model.

    Returns:
        For each documented column of the model the columns of its direct parents, in order; empty
        where the model has no compiled SQL, or one that cannot be followed, which is told.
    """
    node = manifest["nodes"][unique_id]
    if node["resource_type"] != "model" or not node.get("compiled_code"):
        return {}
    parents = {
        (parent["schema"], _table(parent)): parent
        for parent in (
            (manifest["nodes"] | manifest["sources"])[key] for key in node["depends_on"]["nodes"]
        )
    }
    known = tuple((*name, _columns(parent)) for name, parent in parents.items())
    try:
        found = _leaves(node["compiled_code"], known, manifest["metadata"]["adapter_type"])
    except SqlglotError as error:
        logger.warning("%s: its columns cannot be followed (%s)", unique_id, error)
        return {}
    return {
        column: sorted(
            (parents[schema, table]["unique_id"], name)
            for schema, table, name in found.get(column, ())
        )
        for column in node["columns"]
    }


def column_metadata(manifest: Mapping[str, Any], unique_id: str) -> dict[str, Any]:
    """The column lineage of a model as Dagster's asset metadata.

    Args:
        manifest: A manifest written after the model was compiled.
        unique_id: The model.

    Returns:
        The metadata to add to its materialization; none where nothing is known.
    """
    sources = column_lineage(manifest, unique_id)
    if not sources:
        return {}
    translator = DagsterDbtTranslator()

    def dep(source: Source) -> dg.TableColumnDep:
        parent, column = source
        spec = translator.get_asset_spec(manifest, parent, None)
        return dg.TableColumnDep(asset_key=spec.key, column_name=column)

    deps = {column: [dep(source) for source in found] for column, found in sources.items()}
    return {"dagster/column_lineage": dg.TableColumnLineage(deps_by_column=deps)}


def _columns(relation: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns of a parent: those described, and in `raw` what the loader adds to them."""
    added = LINEAGE | corrections.COLUMN if relation.get("source_name") == "raw" else ()
    return (*relation["columns"], *added)


def _table(relation: Mapping[str, Any]) -> str:
    return str(relation.get("alias") or relation["identifier"])


@cache
def _leaves(
    sql: str, parents: tuple[tuple[str, str, tuple[str, ...]], ...], dialect: str
) -> dict[str, set[tuple[str, str, str]]]:
    """Schema, table and column of what each result column is made of.

    The SQL of a model is the same for every fiscal year, so it is followed once in a process.
    """
    known = {(schema, table): set(columns) for schema, table, columns in parents}
    schema: dict[str, Any] = {}
    for name, relation, columns in parents:
        schema.setdefault(name, {})[relation] = dict.fromkeys(columns, "unknown")
    query = sqlglot.parse_one(sql, dialect=dialect)
    for table in query.find_all(exp.Table):
        table.set("catalog", None)
    for union in query.find_all(exp.SetOperation):
        if union.args.get("by_name"):
            # Its result has the columns of both sides, which only this says to the qualifier.
            union.set("side", "FULL")
    query = qualify(
        query, schema=schema, dialect=dialect, validate_qualify_columns=False, identify=False
    )
    for union in reversed(list(query.find_all(exp.SetOperation))):
        _align(union)
    result: dict[str, set[tuple[str, str, str]]] = {}
    nodes = lineage(
        None, query, schema, dialect=dialect, scope=build_scope(query), trim_selects=False,
        copy=False,
    )  # fmt: skip
    for column, node in nodes.items():
        result[column] = set()
        for leaf in node.walk():
            source = leaf.expression
            if not isinstance(source, exp.Table):
                continue
            name = exp.to_column(leaf.name, dialect=dialect).name
            # What a lambda calls its argument is no column.
            if name in known.get((source.db, source.name), ()):
                result[column].add((source.db, source.name, name))
    return result


def _align(union: exp.SetOperation) -> None:
    """Give both sides of a union the same columns, by name, in the same places."""
    selects = list(_selects(union))
    if not union.args.get("by_name"):
        # By position: the columns are called as in the first.
        for select in selects[1:]:
            select.set(
                "expressions",
                [
                    exp.alias_(column.unalias(), name)
                    for column, name in zip(select.selects, selects[0].named_selects, strict=True)
                ],
            )
        return
    names = list(dict.fromkeys(name for select in selects for name in select.named_selects))
    for select in selects:
        own = {column.alias_or_name: column for column in select.selects}
        select.set(
            "expressions",
            [own[name] if name in own else exp.alias_(exp.Null(), name) for name in names],
        )


def _selects(query: exp.Expr) -> Iterator[exp.Select]:
    query = query.unnest() if isinstance(query, exp.Subquery) else query
    if isinstance(query, exp.SetOperation):
        yield from _selects(query.left)
        yield from _selects(query.right)
    elif isinstance(query, exp.Select):
        yield query
