"""Odd and damaged Parquet files."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from orchestration.landing.contract import Column
from tests.odd import SURE, UNSURE, WRONG, Case, Said, columns_of, fate_of, rows_of, table_of, turns

# The types that a program may give to the cells of a kind.
TYPES = {
    "date": ("date", "timestamp", "varchar"),
    "boolean": ("boolean", "varchar", "tinyint"),
    "integer": ("integer", "bigint", "double", "varchar", "decimal(9,2)"),
    "varchar": ("varchar", "blob"),
}


def nothing(content: bytes, r: Random) -> bytes:
    del r
    return content


def cut_off(content: bytes, r: Random) -> bytes:
    return content[: r.randrange(len(content))]


def end_flipped(content: bytes, r: Random) -> bytes:
    """A bit of what tells of the columns is another."""
    at = len(content) - r.randrange(1, min(len(content), 400))
    return content[:at] + bytes([content[at] ^ 1 << r.randrange(8)]) + content[at + 1 :]


def beginning_lost(content: bytes, r: Random) -> bytes:
    return content[r.randrange(1, 8) :]


CHANGES = (nothing, nothing, nothing, cut_off, end_flipped, beginning_lost)


def parquets(r: Random, count: int) -> list[Case]:
    """So many Parquet files, of typed cells or of texts."""
    with TemporaryDirectory() as folder, duckdb.connect() as con:
        return [
            _parquet(con, r, Path(folder) / "x", number, change)
            for number, change in enumerate(turns(r, CHANGES, count))
        ]


def _parquet(
    con: duckdb.DuckDBPyConnection,
    r: Random,
    path: Path,
    number: int,
    change: Callable[[bytes, Random], bytes],
) -> Case:
    table = table_of(r)
    case = Case(f"{table.name}/p{number:05}.parquet", table, traits=[change.__name__])
    columns = columns_of(r, table)
    case.rows = rows_of(r, table, columns, f"p{number:05}", r.choice([1, 3, 20]))
    types = {
        c.name: r.choice(TYPES.get(c.data_type, ("double", c.data_type, "varchar")))
        for c in columns
    }
    for at, row in enumerate(case.rows, start=1):
        row.number = at
        row.cells |= {c.name: _typed(row.cells[c.name], c, types[c.name]) for c in columns}
        row.fate = fate_of(table, row.cells)
    case.traits += sorted({*types.values()})
    listed = ", ".join(f'cast(? as {types[c.name]}) as "{c.name}"' for c in columns)
    rows = " union all by name ".join(f"select {listed}" for _ in case.rows)
    values = [_stored(row.cells[c.name], types[c.name]) for row in case.rows for c in columns]
    codec = r.choice(["snappy", "zstd", "gzip", "uncompressed"])
    con.execute(f"copy ({rows}) to '{path}' (format parquet, codec {codec})", values)
    case.content = change(path.read_bytes(), r)
    if change in (cut_off, beginning_lost):
        case.fate = WRONG
    elif change is end_flipped:
        case.fate = UNSURE
        # A file has no checksums: what a bit of it was nobody knows.
        case.is_checked = False
    return case


def _typed(said: Said, column: Column, kind: str) -> Said:
    """A cell as a program holds it: a value of its type, or nothing."""
    if kind in ("varchar", "blob"):
        return said
    fate = WRONG if said.value is None and column.is_mandatory else SURE
    return (
        Said(str(said.value), said.value, fate) if said.value is not None else Said("", None, fate)
    )


def _stored(said: Said, kind: str) -> Any:
    if kind == "varchar":
        return said.text
    return said.text.encode() if kind == "blob" else said.value
