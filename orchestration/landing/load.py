"""Loading the files of a landing folder into `raw`: typed, and every row accounted for."""

import errno
import hashlib
import inspect
import logging
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb

from orchestration import audit, duck
from orchestration.faults import LandingRefused, WrongSurroundings
from orchestration.landing import (
    cells,
    corrections,
    encoding,
    number_formats,
    origins,
    readers,
    records,
    workbook,
)
from orchestration.landing.contract import Table, landing_contract
from orchestration.landing.files import CSV, LandedFile, find_files, state_of
from orchestration.project import CONTRACT_FILE

logger = logging.getLogger("jixiao")

TOLD_ROWS = 20
# What loading may take of the machine, whatever is delivered.
MEMORY_LIMIT = "1GB"
# What is read sooner than its queries are planned.
SMALL_BYTES = 1_000_000
LINEAGE = {
    "load_id": "varchar",
    "source_file": "varchar",
    "source_sha256": "varchar",
    "source_row": "bigint",
}


@dataclass(frozen=True)
class Load:
    """What one file came to: an entry of `audit.loads`.

    Attributes:
        table_name: The table it delivers.
        source_file: Its path below the landing folder.
        rows_read: Rows in it, the header and blank ones not counted.
        rows_loaded: Those in `raw`.
        rows_rejected: Those in `audit.rejected_rows`.
        is_unchanged: It was loaded before, and was left as it is.
    """

    table_name: str
    source_file: str
    rows_read: int
    rows_loaded: int
    rows_rejected: int
    is_unchanged: bool


@dataclass(frozen=True)
class _Arrival:
    """A file as it is now: the same content under another name is another delivery."""

    file: LandedFile
    sha256: str
    load_id: str
    origin: origins.Origin | None


def load_year(con: duckdb.DuckDBPyConnection, landing: Path, year: int) -> list[Load]:
    """Bring `raw`, `audit.loads` and `audit.rejected_rows` of a year to what its files hold.

    A file that was loaded before and has not changed is not read again; what a changed or removed
    file has brought is replaced.

    Args:
        con: A connection to the build's warehouse file.
        landing: The landing folder.
        year: The fiscal year to load.

    Returns:
        A load for each file: rows read = loaded + rejected.

    Raises:
        LandingRefused: A whole file is at fault, or a row names no department. Nothing is changed.
    """
    con.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
    _create_tables(con)
    # Everything is read before anything is written, so that every fault of every file is told.
    files, reasons = find_files(landing, year)
    if not any(file.table.name == "departments" for file in files):
        reasons.append(
            f"{year}: no departments file; expected {year}/departments.csv with a row for each"
        )
    try:
        fetched = origins.read(landing / str(year))
    except LandingRefused as refused:
        fetched, reasons = {}, reasons + refused.reasons
    reasons += [
        origins.fault(name, origin, None)
        for name, origin in fetched.items()
        if not (landing / name).is_file()
    ]
    with _little_ado(con, files):
        return _load(con, year, files, fetched, reasons)


@contextmanager
def _little_ado(con: duckdb.DuckDBPyConnection, files: list[LandedFile]) -> Iterator[None]:
    """Read small files on one core and without looking for the best plan, which takes longer."""
    # What is packed may be as large as it likes inside.
    if any(file.ending != CSV for file in files) or sum(f.size for f in files) >= SMALL_BYTES:
        yield
        return
    con.execute("set threads = 1; pragma disable_optimizer")
    try:
        yield
    finally:
        con.execute("reset threads; pragma enable_optimizer")


def _load(
    con: duckdb.DuckDBPyConnection,
    year: int,
    files: list[LandedFile],
    fetched: dict[str, origins.Origin],
    reasons: list[str],
) -> list[Load]:
    kept: dict[Table, set[str]] = {}
    read: dict[Table, bool] = {}
    for table in landing_contract().values():
        try:
            arrivals = _arrivals(table, [file for file in files if file.table == table], fetched)
            kept[table] = _read_table(con, table, year, arrivals)
            read[table] = len(kept[table]) < len(arrivals)
        except LandingRefused as refused:
            reasons += refused.reasons
    reasons += _changed(files)
    if reasons:
        raise LandingRefused(reasons)
    con.begin()
    try:
        _remove_others(con, year, kept)
        for table, is_read in read.items():
            if is_read:
                _insert(con, table, year)
        _refuse_without_departments(con, year)
        corrections.apply(con, year)
    except BaseException:
        con.rollback()
        raise
    con.commit()
    unchanged = set().union(*kept.values())
    return [
        Load(table, file, rows, loaded, rejected, load_id in unchanged)
        for load_id, table, file, rows, loaded, rejected in con.execute(
            """
            select load_id, table_name, source_file, rows_read, rows_loaded, rows_rejected
            from audit.loads where fiscal_year = ? order by rowid
            """,
            [year],
        ).fetchall()
    ]


def _changed(files: list[LandedFile]) -> list[str]:
    """A line for each file that is not what it was before it was read: its checksum may lie."""
    reasons: list[str] = []
    for name, (path, state) in {file.name: (file.path, file.state) for file in files}.items():
        try:
            is_same = state_of(path) == state
        except OSError:
            is_same = False
        if not is_same:
            reasons.append(
                f"{name}: changed while it was being read; start again when it is there whole"
            )
    return reasons


def _refuse_without_departments(con: duckdb.DuckDBPyConnection, year: int) -> None:
    """Refuse a year of which every departments file is empty: there is nobody to evaluate."""
    ((rows,),) = con.execute(
        "select sum(rows_read) from audit.loads "
        "where fiscal_year = ? and table_name = 'departments'",
        [year],
    ).fetchall()
    if not rows:
        raise LandingRefused(
            [f"{year}: departments has no row; expected one for each department to evaluate"]
        )


def _create_tables(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("create schema if not exists raw")
    for table in landing_contract().values():
        columns = {column.name: column.data_type for column in table.columns}
        duck.ensure_table(con, f"raw.{table.name}", columns | LINEAGE | corrections.COLUMN)
    audit.ensure(con, "audit.loads", "audit.rejected_rows")


@cache
def _reader_sha256() -> str:
    """A checksum of the contract and of the code that reads by it."""
    digest = hashlib.sha256(CONTRACT_FILE.read_bytes())
    for module in (cells, encoding, readers, records, workbook, number_formats):
        digest.update(inspect.getsource(module).encode())
    return digest.hexdigest()


def _remove_others(con: duckdb.DuckDBPyConnection, year: int, kept: dict[Table, set[str]]) -> None:
    """Remove what a year's files have brought to tables, but for the loads that are kept."""
    tables = [table.name for table in kept]
    loads = sorted(set().union(*kept.values()))
    for name in ("audit.loads", "audit.rejected_rows"):
        con.execute(
            f"delete from {name} where fiscal_year = $year and list_contains($tables, table_name) "
            "and not list_contains($loads, load_id)",
            {"year": year, "tables": tables, "loads": loads},
        )
    for table in tables:
        con.execute(
            f"delete from raw.{table} where fiscal_year = ? and not list_contains(?, load_id)",
            [year, loads],
        )


def _insert(con: duckdb.DuckDBPyConnection, table: Table, year: int) -> None:
    """Write what was read of a table, and account for it in the ledger."""
    names = ", ".join(f'"{c.name}"' for c in table.columns)
    con.execute(
        f"""
        insert into raw.{table.name} by name
        select {names}, {", ".join(LINEAGE)} from read_{table.name} where faults is null
        """
    )
    con.execute(
        f"""
        insert into audit.rejected_rows by name
        select
            load_id, $year as fiscal_year, $table as table_name, source_file, source_row,
            unit_code, faults[1].column_name as column_name,
            left(faults[1].value, {readers.KEPT_CHARACTERS}) as value,
            faults[1].reason || array_to_string(list_transform(
                faults[2:], lambda f: '; ' || coalesce(f.column_name || ': ', '') || f.reason
            ), '') as reason
        from read_{table.name} where faults is not null
        order by source_file, source_row
        """,
        {"year": year, "table": table.name},
    )
    con.execute(
        f"""
        insert into audit.loads by name
        select
            files.load_id, $year as fiscal_year, $table as table_name, files.source_file,
            files.source_sha256, files.origin, count(rows.load_id) as rows_read,
            count(rows.load_id) filter (where rows.faults is null) as rows_loaded,
            count(rows.load_id) filter (where rows.faults is not null) as rows_rejected,
            now() as loaded_at, files.ends_in_line, $reader as reader_sha256
        from files_{table.name} as files
        left join read_{table.name} as rows using (load_id)
        group by all
        order by files.source_file
        """,
        {"year": year, "table": table.name, "reader": _reader_sha256()},
    )


def _read_table(
    con: duckdb.DuckDBPyConnection, table: Table, year: int, arrivals: list[_Arrival]
) -> set[str]:
    """Read a table's new and changed files into temporary tables.

    `read_<table>` has their rows, typed, with their faults, `files_<table>` the files.

    Returns:
        The ids of the loads that are left as they are.

    Raises:
        LandingRefused: A file cannot be read, or a row names no department.
    """
    known = _known(con, table, year)
    kept = [arrival for arrival in arrivals if arrival.load_id in known]
    changed = [arrival for arrival in arrivals if arrival.load_id not in known]
    if not changed:
        return {arrival.load_id for arrival in kept}
    _make_room(con, table)
    _read_files(con, table, year, changed)
    if kept:
        # Rows that share a key are all rejected, also those of a file that was loaded before.
        clashing = _clashing(con, table, year)
        _read_files(con, table, year, [a for a in kept if a.load_id in clashing])
        kept = [arrival for arrival in kept if arrival.load_id not in clashing]
    _reject_repeated_keys(con, table)
    _refuse_rows_without_unit(con, table)
    return {arrival.load_id for arrival in kept}


def _make_room(con: duckdb.DuckDBPyConnection, table: Table) -> None:
    columns = "".join(f'"{column.name}" {column.data_type}, ' for column in table.columns)
    con.execute(
        f"""
        create or replace temp table files_{table.name} (
            file_no integer, load_id varchar, source_file varchar, source_sha256 varchar,
            rows_before bigint, first_row bigint, ends_in_line boolean,
            origin map(varchar, varchar)
        );
        create or replace temp table incoming_{table.name} (
            {columns}source_row bigint, is_blank boolean, faults {cells.FAULTS}, file_no integer
        );
        create or replace temp view read_{table.name} as
        select
            incoming.* exclude (file_no, source_row, is_blank),
            coalesce(
                incoming.source_row, incoming.rowid - files.rows_before + files.first_row
            ) as source_row,
            files.load_id, files.source_file, files.source_sha256
        from incoming_{table.name} as incoming
        inner join files_{table.name} as files using (file_no)
        where not incoming.is_blank
        """
    )


def _arrivals(
    table: Table, files: list[LandedFile], fetched: dict[str, origins.Origin]
) -> list[_Arrival]:
    arrivals: list[_Arrival] = []
    reasons: list[str] = []
    for file in files:
        try:
            with file.path.open("rb") as stream:
                sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            reasons.append(f"{file.told}: cannot be read ({error.strerror}); check the file")
            continue
        identity = f"{table.name}\0{file.name}\0{sha256}"
        if origin := fetched.get(file.name):
            if fault := origins.fault(file.name, origin, sha256):
                reasons.append(fault)
            identity += f"\0{origin.identity}"
        load_id = hashlib.sha256(identity.encode()).hexdigest()[:16]
        arrivals.append(_Arrival(file, sha256, load_id, origin))
    if reasons:
        raise LandingRefused(reasons)
    return arrivals


def _known(con: duckdb.DuckDBPyConnection, table: Table, year: int) -> set[str]:
    """The loads that the files need not be read for again: read as now, and nothing rejected."""
    if table.always_read:
        return set()
    rows = con.execute(
        """
        select load_id from audit.loads
        where
            fiscal_year = ? and table_name = ? and reader_sha256 = ? and rows_rejected = 0
        """,
        [year, table.name, _reader_sha256()],
    ).fetchall()
    return {load_id for (load_id,) in rows}


def _clashing(con: duckdb.DuckDBPyConnection, table: Table, year: int) -> set[str]:
    """The loads in `raw` that have a key in common with the rows just read."""
    key = ", ".join(f'"{name}"' for name in table.key)
    rows = con.execute(
        f"""
        select distinct load_id from raw.{table.name}
        semi join incoming_{table.name} using ({key})
        where fiscal_year = ?
        """,
        [year],
    ).fetchall()
    return {load_id for (load_id,) in rows}


def _read_files(
    con: duckdb.DuckDBPyConnection, table: Table, year: int, arrivals: list[_Arrival]
) -> None:
    reasons: list[str] = []
    for arrival in arrivals:
        try:
            _read_file(con, table, year, arrival)
        except LandingRefused as refused:
            reasons += refused.reasons
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise WrongSurroundings(
                    f"{tempfile.gettempdir()}: the temporary folder is full ({error.strerror}); "
                    "make room there, or set TMPDIR to another folder"
                ) from None
            reasons.append(
                f"{arrival.file.told}: cannot be read ({error.strerror}); check the file"
            )
        except duckdb.OutOfMemoryException:
            reasons.append(
                f"{arrival.file.told}: takes more than {MEMORY_LIMIT} of memory; deliver it in "
                "parts"
            )
        except duckdb.Error as error:
            logger.debug("%s: %s", arrival.file.told, error)
            reasons.append(
                f"{arrival.file.told}: cannot be read to its end, it is damaged or cut off; save "
                "it again in its program"
            )
    if reasons:
        raise LandingRefused(reasons)


def _read_file(con: duckdb.DuckDBPyConnection, table: Table, year: int, arrival: _Arrival) -> None:
    file = arrival.file
    ((file_no, rows_before),) = con.execute(
        f"""
        select
            (select count(*) from files_{table.name}),
            (select count(*) from incoming_{table.name})
        """
    ).fetchall()
    with ExitStack() as stack:
        records = stack.enter_context(readers.READERS[file.ending](con, file))
        try:
            _insert_typed(con, table, year, records, file_no)
        except duckdb.InvalidInputException:
            if records.otherwise is None:
                raise
            records = stack.enter_context(records.otherwise())
            _insert_typed(con, table, year, records, file_no)
        _refuse_other_count(con, table, file_no, file, records)
        con.execute(
            f"insert into files_{table.name} "
            "values (?, ?, ?, ?, ?, ?, ?, cast(? as map(varchar, varchar)))",
            [
                file_no,
                arrival.load_id,
                file.name,
                arrival.sha256,
                rows_before,
                records.first_row,
                records.ends_in_line,
                dict(arrival.origin.facts) if arrival.origin else None,
            ],
        )


def _insert_typed(
    con: duckdb.DuckDBPyConnection,
    table: Table,
    year: int,
    records: readers.Records,
    file_no: int,
) -> None:
    """Add typed rows; what the reader found wrong with a cell stands for all that is.

    Of a record that it could not split into cells nothing else is told.
    """
    typed = cells.typed_select(table, year, records.relation, is_trimmed=records.is_trimmed)
    con.execute(
        f"""
        insert into incoming_{table.name}
        select
            * exclude (flaws) replace (
                case
                    when flaws is null then faults
                    when list_contains([f.column_name is null for f in flaws], true) then flaws
                    else flaws || list_filter(
                        coalesce(faults, []),
                        lambda f: not list_contains([x.column_name for x in flaws], f.column_name)
                    )
                end as faults
            ),
            {file_no}
        from ({typed})
        """
    )


def _refuse_other_count(
    con: duckdb.DuckDBPyConnection,
    table: Table,
    file_no: int,
    file: LandedFile,
    records: readers.Records,
) -> None:
    """Refuse a file of which not each row that its reader has counted came in."""
    ((count,),) = con.execute(
        f"select count(*) from incoming_{table.name} where file_no = ?", [file_no]
    ).fetchall()
    if records.count not in (None, count):
        raise LandingRefused(
            [f"{file.told}: has {records.count} rows, of which {count} were read; save it again"]
        )


def _reject_repeated_keys(con: duckdb.DuckDBPyConnection, table: Table) -> None:
    key = ", ".join(f'"{name}"' for name in table.key)
    # A key of which a cell cannot be taken is nobody's.
    at_fault = f"list_has_any([f.column_name for f in faults], {list(table.key)})"
    known = " and ".join(f'"{name}" is not null' for name in table.key)
    known = f"{known} and (faults is null or not {at_fault})"
    shown = cells.visible(" || ', ' || ".join(f"'{name}=' || \"{name}\"" for name in table.key))
    # Most often no key is repeated; whole numbers are compared in a fraction of the time.
    if not con.execute(
        f"""
        from (select hash({key}) as hashed from incoming_{table.name} where {known})
        select hashed group by hashed having count(*) > 1 limit 1
        """
    ).fetchall():
        return
    # An updated row may move, and its row was told by where it stood.
    con.execute(
        f"""
        update incoming_{table.name} as incoming
        set source_row = coalesce(source_row, incoming.rowid - rows_before + first_row)
        from files_{table.name} as files where incoming.file_no = files.file_no;
        update incoming_{table.name} as incoming
        set faults = list_append(coalesce(faults, []), {{
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
            from read_{table.name} where {known}
            group by {key} having count(*) > 1
        ) as repeated
        where {" and ".join(f'incoming."{name}" = repeated."{name}"' for name in table.key)}
        """
    )


def _refuse_rows_without_unit(con: duckdb.DuckDBPyConnection, table: Table) -> None:
    rows = con.execute(
        f"""
        select
            source_file, source_row,
            list_filter(
                faults,
                lambda f: f.column_name is null
                or (f.column_name = 'unit_code' and {cells.cleaned("f.value")} is not null)
            )[1]
        from read_{table.name} where unit_code is null order by all
        """
    ).fetchall()
    if rows:
        reasons = [
            f"{file} row {row} {_why_without_unit(fault)}" for file, row, fault in rows[:TOLD_ROWS]
        ]
        if len(rows) > TOLD_ROWS:
            reasons.append(f"{table.name}: and {len(rows) - TOLD_ROWS} more such rows")
        raise LandingRefused(reasons)


def _why_without_unit(fault: dict[str, str] | None) -> str:
    """Why a row names no department: what is wrong with its text as a whole, or with its code."""
    if fault and not fault["column_name"]:
        return f"names no department that can be told: {fault['reason']}"
    found = f"{fault['value']}, {fault['reason']}" if fault else "empty or not to be found"
    return f"column unit_code: {found}, so the row names no department; expected its unit_code"
