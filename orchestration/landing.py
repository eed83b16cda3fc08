"""Loading the files of a landing folder into `raw`: typed, and every row accounted for."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orchestration import corrections
from orchestration.cells import typed_select
from orchestration.contract import Table, landing_contract
from orchestration.faults import LandingRefused
from orchestration.files import LandedFile, find_files
from orchestration.ledger import ensure_table
from orchestration.readers import READERS

TOLD_ROWS = 20
LINEAGE = {
    "load_id": "varchar",
    "source_file": "varchar",
    "source_sha256": "varchar",
    "source_row": "bigint",
}
LOADS = {
    "load_id": "varchar",
    "fiscal_year": "integer",
    "table_name": "varchar",
    "source_file": "varchar",
    "source_sha256": "varchar",
    "rows_read": "bigint",
    "rows_loaded": "bigint",
    "rows_rejected": "bigint",
    "loaded_at": "timestamptz",
}
REJECTED_ROWS = {
    "load_id": "varchar",
    "fiscal_year": "integer",
    "table_name": "varchar",
    "source_file": "varchar",
    "source_row": "bigint",
    "unit_code": "varchar",
    "column_name": "varchar",
    "value": "varchar",
    "reason": "varchar",
}


@dataclass(frozen=True)
class Load:
    """What one file came to: an entry of `audit.loads`."""

    table_name: str
    source_file: str
    rows_read: int
    rows_loaded: int
    rows_rejected: int


def load_year(con: duckdb.DuckDBPyConnection, landing: Path, year: int) -> list[Load]:
    """Replace a year's rows in `raw`, `audit.loads` and `audit.rejected_rows` by its files' rows.

    Args:
        con: A connection to the build's warehouse file.
        landing: The landing folder.
        year: The fiscal year to load.

    Returns:
        A load for each file: rows read = loaded + rejected.

    Raises:
        LandingRefused: A whole file is at fault, or a row names no department. Nothing is changed.
    """
    # Everything is read before anything is written, so that every fault of every file is told.
    files, reasons = find_files(landing, year)
    if not any(file.table.name == "departments" for file in files):
        reasons.append(
            f"{year}: no departments file; expected {year}/departments.csv with a row for each"
        )
    delivered = {
        table: [file for file in files if file.table == table]
        for table in landing_contract().values()
    }
    for table in filter(delivered.get, delivered):
        try:
            _read_table(con, table, year, delivered[table])
        except LandingRefused as refused:
            reasons += refused.reasons
    if reasons:
        raise LandingRefused(reasons)
    con.begin()
    try:
        _create_tables(con)
        for table in delivered:
            _remove(con, table, year)
        for table in filter(delivered.get, delivered):
            _insert(con, table, year)
        corrections.apply(con, year)
        loads = [
            load for table in filter(delivered.get, delivered) for load in _loads(con, table, year)
        ]
    except BaseException:
        con.rollback()
        raise
    con.commit()
    return loads


def _create_tables(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("create schema if not exists raw")
    for table in landing_contract().values():
        columns = {column.name: column.data_type for column in table.columns}
        ensure_table(con, f"raw.{table.name}", columns | LINEAGE | corrections.COLUMN)
    ensure_table(con, "audit.loads", LOADS)
    ensure_table(con, "audit.rejected_rows", REJECTED_ROWS)


def _remove(con: duckdb.DuckDBPyConnection, table: Table, year: int) -> None:
    con.execute(f"delete from raw.{table.name} where fiscal_year = ?", [year])
    for ledger in ("loads", "rejected_rows"):
        con.execute(
            f"delete from audit.{ledger} where fiscal_year = ? and table_name = ?",
            [year, table.name],
        )


def _insert(con: duckdb.DuckDBPyConnection, table: Table, year: int) -> None:
    """Write what was read of a table, and account for it in the ledger."""
    names = ", ".join(f'"{c.name}"' for c in table.columns)
    con.execute(
        f"""
        insert into raw.{table.name} by name
        select {names}, {", ".join(LINEAGE)} from incoming_{table.name} where len(faults) = 0
        order by source_file, source_row
        """
    )
    con.execute(
        f"""
        insert into audit.rejected_rows by name
        select
            load_id, $year as fiscal_year, $table as table_name, source_file, source_row,
            unit_code, faults[1].column_name as column_name, faults[1].value as value,
            faults[1].reason || array_to_string(list_transform(
                faults[2:], f -> '; ' || f.column_name || ': ' || f.reason
            ), '') as reason
        from incoming_{table.name} where len(faults) > 0
        order by source_file, source_row
        """,
        {"year": year, "table": table.name},
    )
    con.execute(
        f"""
        insert into audit.loads by name
        select
            files.load_id, $year as fiscal_year, $table as table_name, files.source_file,
            files.source_sha256, count(incoming.load_id) as rows_read,
            count(incoming.load_id) filter (where len(incoming.faults) = 0) as rows_loaded,
            count(incoming.load_id) filter (where len(incoming.faults) > 0) as rows_rejected,
            now() as loaded_at
        from files_read_{table.name} as files
        left join incoming_{table.name} as incoming using (load_id)
        group by all
        order by files.source_file
        """,
        {"year": year, "table": table.name},
    )


def _loads(con: duckdb.DuckDBPyConnection, table: Table, year: int) -> list[Load]:
    return [
        Load(table.name, *row)
        for row in con.execute(
            """
            select source_file, rows_read, rows_loaded, rows_rejected
            from audit.loads where fiscal_year = ? and table_name = ?
            """,
            [year, table.name],
        ).fetchall()
    ]


def _read_table(
    con: duckdb.DuckDBPyConnection, table: Table, year: int, files: list[LandedFile]
) -> None:
    """Read a table's files into temporary tables: the files, and their rows, typed, with faults."""
    incoming, files_read = f"incoming_{table.name}", f"files_read_{table.name}"
    con.execute(
        f"create or replace temp table {files_read} (load_id varchar, source_file varchar, "
        "source_sha256 varchar)"
    )
    con.execute(f"drop table if exists {incoming}")
    reasons: list[str] = []
    is_new = True
    for file in files:
        try:
            with file.path.open("rb") as stream:
                sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
            # The same content under another name is another delivery.
            identity = f"{table.name}\0{file.name}\0{sha256}"
            load_id = hashlib.sha256(identity.encode()).hexdigest()[:16]
            lineage = [load_id, file.name, sha256]
            con.execute(f"insert into {files_read} values (?, ?, ?)", lineage)
            READERS[file.ending](con, file)
            typed = typed_select(table, year)
            if is_new:
                con.execute(f"create temp table {incoming} as {typed}", lineage)
                is_new = False
            else:
                con.execute(f"insert into {incoming} {typed}", lineage)
        except LandingRefused as refused:
            reasons += refused.reasons
        except (OSError, duckdb.Error) as error:
            why = str(error).splitlines()[0]
            reasons.append(f"{file.told}: cannot be read ({why}); check the file")
    if reasons:
        raise LandingRefused(reasons)
    _reject_repeated_keys(con, table)
    _refuse_rows_without_unit(con, table)


def _reject_repeated_keys(con: duckdb.DuckDBPyConnection, table: Table) -> None:
    key = ", ".join(f'"{name}"' for name in table.key)
    known = " and ".join(f'"{name}" is not null' for name in table.key)
    shown = " || ', ' || ".join(f"'{name}=' || \"{name}\"" for name in table.key)
    con.execute(
        f"""
        update incoming_{table.name} as incoming
        set faults = list_append(faults, {{
            'column_name': '{table.key[-1]}',
            'value': cast(incoming."{table.key[-1]}" as varchar),
            'reason': repeated.reason
        }})
        from (
            select
                {key},
                'the key ' || {shown} || ' occurs more than once (' || string_agg(
                    source_file || ' row ' || source_row, ', ' order by source_file, source_row
                ) || '); keep one row' as reason
            from incoming_{table.name} where {known}
            group by {key} having count(*) > 1
        ) as repeated
        where {" and ".join(f'incoming."{name}" = repeated."{name}"' for name in table.key)}
        """
    )


def _refuse_rows_without_unit(con: duckdb.DuckDBPyConnection, table: Table) -> None:
    rows = con.execute(
        f"select source_file, source_row from incoming_{table.name} "
        "where unit_code is null order by all"
    ).fetchall()
    if rows:
        reasons = [
            f"{file} row {row} column unit_code: empty or not to be found, so the row names no "
            "department; expected its unit_code"
            for file, row in rows[:TOLD_ROWS]
        ]
        if len(rows) > TOLD_ROWS:
            reasons.append(f"{table.name}: and {len(rows) - TOLD_ROWS} more such rows")
        raise LandingRefused(reasons)
