"""Loading the files of a landing folder into `raw`: typed, and every row accounted for."""

import hashlib
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import duckdb

from orchestration.cells import typed_select
from orchestration.contract import Table, landing_contract
from orchestration.ledger import ensure_table
from orchestration.readers import READERS, LandedFile, LandingRefused

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


def landing_years(landing: Path) -> list[int]:
    """The fiscal years that a landing folder has a folder for, in order."""
    if not landing.is_dir():
        return []
    return sorted(int(p.name) for p in landing.iterdir() if p.is_dir() and _is_year(p.name))


def _is_year(name: str) -> bool:
    return len(name) == 4 and name.isascii() and name.isdigit()


def find_files(landing: Path, year: int) -> list[LandedFile]:
    """The files of a year with the tables they deliver.

    Args:
        landing: The landing folder.
        year: The fiscal year, the name of a folder in it.

    Returns:
        The files, by table and name. Hidden files and `~$…` are passed over.

    Raises:
        LandingRefused: A file is no table of the contract, or cannot be read in its format.
    """
    contract = landing_contract()
    files: list[LandedFile] = []
    reasons: list[str] = []
    if not (landing / str(year)).is_dir():
        raise LandingRefused([f"{landing / str(year)}: no such folder; expected the year's files"])
    for path in _visible(landing / str(year)):
        inner = _visible(path) if path.is_dir() else [path]
        for file in inner:
            name = file.relative_to(landing).as_posix()
            table_name = path.name if path.is_dir() else path.stem
            if file.is_dir():
                reasons.append(f"{name}: a folder where a file was expected; remove it")
            elif table_name not in contract:
                near = get_close_matches(table_name, contract, n=1)
                hint = f"did you mean {near[0]}? " if near else ""
                reasons.append(
                    f"{name}: {table_name!r} is no table of the landing contract; {hint}"
                    f"expected one of {', '.join(contract)}"
                )
            elif file.suffix.lower() not in READERS:
                reasons.append(
                    f"{name}: cannot read {file.suffix or 'a file without an ending'}; "
                    f"expected {', '.join(READERS)}"
                )
            else:
                files.append(LandedFile(file, name, contract[table_name]))
    if reasons:
        raise LandingRefused(reasons)
    return sorted(files, key=lambda f: (list(contract).index(f.table.name), f.name))


def _visible(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if not p.name.startswith((".", "~$")))


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
    files = find_files(landing, year)
    if not any(file.table.name == "departments" for file in files):
        raise LandingRefused(
            [f"{year}: no departments file; expected {year}/departments.csv with a row for each"]
        )
    con.begin()
    try:
        _create_tables(con)
        loads = [
            load
            for table in landing_contract().values()
            for load in _load_table(con, table, year, [f for f in files if f.table == table])
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
        ensure_table(con, f"raw.{table.name}", columns | LINEAGE)
    ensure_table(con, "audit.loads", LOADS)
    ensure_table(con, "audit.rejected_rows", REJECTED_ROWS)


def _load_table(
    con: duckdb.DuckDBPyConnection, table: Table, year: int, files: list[LandedFile]
) -> list[Load]:
    con.execute(f"delete from raw.{table.name} where fiscal_year = ?", [year])
    for ledger in ("loads", "rejected_rows"):
        con.execute(
            f"delete from audit.{ledger} where fiscal_year = ? and table_name = ?",
            [year, table.name],
        )
    if not files:
        return []
    _read_files(con, table, year, files)
    _reject_repeated_keys(con, table)
    _refuse_rows_without_unit(con)
    names = ", ".join(f'"{c.name}"' for c in table.columns)
    con.execute(
        f"""
        insert into raw.{table.name} by name
        select {names}, {", ".join(LINEAGE)} from incoming where len(faults) = 0
        order by source_file, source_row
        """
    )
    con.execute(
        """
        insert into audit.rejected_rows by name
        select
            load_id, $year as fiscal_year, $table as table_name, source_file, source_row,
            unit_code, faults[1].column_name as column_name, faults[1].value as value,
            array_to_string(list_transform(
                faults,
                f -> case when f.column_name is null then '' else f.column_name || ': ' end
                    || f.reason
            ), '; ') as reason
        from incoming where len(faults) > 0
        order by source_file, source_row
        """,
        {"year": year, "table": table.name},
    )
    con.execute(
        """
        insert into audit.loads by name
        select
            files.load_id, $year as fiscal_year, $table as table_name, files.source_file,
            files.source_sha256, count(incoming.load_id) as rows_read,
            count(incoming.load_id) filter (where len(incoming.faults) = 0) as rows_loaded,
            count(incoming.load_id) filter (where len(incoming.faults) > 0) as rows_rejected,
            now() as loaded_at
        from files_read as files
        left join incoming using (load_id)
        group by all
        order by files.source_file
        """,
        {"year": year, "table": table.name},
    )
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


def _read_files(
    con: duckdb.DuckDBPyConnection, table: Table, year: int, files: list[LandedFile]
) -> None:
    """Fill the temporary tables `files_read` and `incoming`, the latter typed and with faults."""
    con.execute(
        """
        create or replace temp table files_read (
            load_id varchar, source_file varchar, source_sha256 varchar
        )
        """
    )
    con.execute("drop table if exists incoming")
    reasons: list[str] = []
    for number, file in enumerate(files):
        try:
            with file.path.open("rb") as stream:
                sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
            # The same content under another name is another delivery.
            load_id = hashlib.sha256(f"{file.name}\0{sha256}".encode()).hexdigest()[:16]
            con.execute("insert into files_read values (?, ?, ?)", [load_id, file.name, sha256])
            READERS[file.path.suffix.lower()](con, file)
            typed = typed_select(table, year)
            lineage = [load_id, file.name, sha256]
            if number == 0:
                con.execute(f"create temp table incoming as {typed}", lineage)
            else:
                con.execute(f"insert into incoming {typed}", lineage)
        except LandingRefused as refused:
            reasons += refused.reasons
        except OSError as error:
            reasons.append(f"{file.name}: cannot be read ({error.strerror}); check the file")
    if reasons:
        raise LandingRefused(reasons)


def _reject_repeated_keys(con: duckdb.DuckDBPyConnection, table: Table) -> None:
    key = ", ".join(f'"{name}"' for name in table.key)
    known = " and ".join(f'"{name}" is not null' for name in table.key)
    shown = " || ', ' || ".join(f"'{name}=' || \"{name}\"" for name in table.key)
    con.execute(
        f"""
        update incoming
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
            from incoming where {known}
            group by {key} having count(*) > 1
        ) as repeated
        where {" and ".join(f'incoming."{name}" = repeated."{name}"' for name in table.key)}
        """
    )


def _refuse_rows_without_unit(con: duckdb.DuckDBPyConnection) -> None:
    rows = con.execute(
        "select source_file, source_row from incoming where unit_code is null order by all"
    ).fetchall()
    if rows:
        raise LandingRefused(
            [
                f"{file} row {row} column unit_code: empty or not to be found, so the row names no "
                "department; expected its unit_code"
                for file, row in rows
            ]
        )
