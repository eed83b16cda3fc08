"""Loading the files of a landing folder into `raw`: typed, and every row accounted for."""

import csv
import hashlib
import io
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import duckdb

from orchestration.contract import Column, Table, landing_contract

LINEAGE = ("load_id", "source_file", "source_sha256", "source_row")
NO_TEXT = "nullif(trim({0}, ' \t\u3000\u00a0'), '')"
FULL_WIDTH = ("０１２３４５６７８９，．－＋％", "0123456789,.-+%")  # noqa: RUF001
THOUSANDS = r"^[-+]?\d{1,3}(,\d{3})+(\.\d+)?$"
TRUE, FALSE = ("true", "1", "是", "yes"), ("false", "0", "否", "no")
# Staging holds yuan as decimal(18,2) and other numbers as decimal(28,10).
YUAN_LIMIT, NUMBER_LIMIT = 10**16, 10**12


class LandingRefused(Exception):
    """Faults that keep a year from being loaded.

    Attributes:
        reasons: One line for each fault: file, row, column, what was expected, what to do.
    """

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("\n".join(reasons))
        self.reasons = reasons


@dataclass(frozen=True)
class LandedFile:
    """A file that delivers rows of one table.

    Attributes:
        path: Where it is.
        name: Its path below the landing folder, as people are told.
        table: The table it delivers.
    """

    path: Path
    name: str
    table: Table


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
    for path in _visible(landing / str(year)):
        inner = _visible(path) if path.is_dir() else [path]
        for file in inner:
            name = file.relative_to(landing).as_posix()
            table_name = path.name if path.is_dir() else path.stem
            if file.is_dir():
                reasons.append(f"{name}: a folder where a file was expected; remove it")
            elif table_name not in contract:
                near = get_close_matches(table_name, contract, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                reasons.append(
                    f"{name}: {table_name!r} is no table of the landing contract{hint} "
                    f"Expected one of: {', '.join(contract)}"
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
    con.execute("create schema if not exists raw; create schema if not exists audit")
    lineage = "load_id varchar, source_file varchar, source_sha256 varchar, source_row bigint"
    for table in landing_contract().values():
        columns = ", ".join(f'"{c.name}" {c.data_type}' for c in table.columns)
        con.execute(f"create table if not exists raw.{table.name} ({columns}, {lineage})")
    con.execute(
        """
        create table if not exists audit.loads (
            load_id varchar, fiscal_year integer, table_name varchar, source_file varchar,
            source_sha256 varchar, rows_read bigint, rows_loaded bigint, rows_rejected bigint,
            loaded_at timestamptz
        );
        create table if not exists audit.rejected_rows (
            load_id varchar, fiscal_year integer, table_name varchar, source_file varchar,
            source_row bigint, unit_code varchar, column_name varchar, value varchar,
            reason varchar
        )
        """
    )


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
        insert into audit.rejected_rows
        select
            load_id, $year, $table, source_file, source_row, unit_code,
            faults[1].column_name, faults[1].value,
            array_to_string(list_transform(
                faults,
                f -> case when f.column_name is null then '' else f.column_name || ': ' end
                    || f.reason
            ), '; ')
        from incoming where len(faults) > 0
        order by source_file, source_row
        """,
        {"year": year, "table": table.name},
    )
    con.execute(
        """
        insert into audit.loads
        select
            files.load_id, $year, $table, files.source_file, files.source_sha256,
            count(incoming.load_id),
            count(incoming.load_id) filter (where len(incoming.faults) = 0),
            count(incoming.load_id) filter (where len(incoming.faults) > 0),
            now()
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
            typed = _typed_select(table, year)
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


def _typed_select(table: Table, year: int) -> str:
    """The SQL that types the text table `delivered` and lists the faults of each row."""
    faults = ", ".join(
        f"""case when {_fault(column, table, year)} then {{
            'column_name': '{column.name}', 'value': "{column.name}",
            'reason': {_expectation(column, table, year)}
        }} end"""
        for column in table.columns
    )
    typed = ", ".join(f'{_typed(column)} as "{column.name}"' for column in table.columns)
    return f"""
        select
            {typed},
            ? as load_id, ? as source_file, ? as source_sha256, source_row,
            list_filter(
                list_prepend(
                    case when structure_fault is not null then {{
                        'column_name': cast(null as varchar), 'value': delivered_line,
                        'reason': structure_fault
                    }} end,
                    case when structure_fault is null then [{faults}] else [] end
                ),
                f -> f is not null
            ) as faults
        from delivered
    """


def _number_text(column: Column) -> str:
    """A cell as people write numbers, made plain: １,234.50 and 88.15% in a percentage column."""
    text = f"translate({NO_TEXT.format(_quoted(column))}, '{FULL_WIDTH[0]}', '{FULL_WIDTH[1]}')"
    if column.is_percent:
        text = f"rtrim(regexp_replace({text}, '%$', ''))"
    return (
        f"case when regexp_matches({text}, '{THOUSANDS}') "
        f"then replace({text}, ',', '') else {text} end"
    )


def _typed(column: Column) -> str:
    text = NO_TEXT.format(_quoted(column))
    match column.data_type:
        case "varchar":
            return text
        case "integer":
            number = _number_text(column)
            return f"case when regexp_matches({number}, '^[-+]?\\d+$') then try_cast({number} as integer) end"
        case "boolean":
            words = f"lower({text})"
            return f"case when {words} in {TRUE} then true when {words} in {FALSE} then false end"
        case "date":
            return f"try_cast(regexp_replace({text}, '[年月/.]', '-', 'g').rtrim('日') as date)"
        case _:
            number = _number_text(column)
            return (
                f"case when regexp_matches({number}, '^[-+]?(\\d+\\.?\\d*|\\.\\d+)$') "
                f"then try_cast({number} as {column.data_type}) end"
            )


def _fault(column: Column, table: Table, year: int) -> str:
    """The SQL condition that is true where a cell cannot be taken."""
    text, typed = NO_TEXT.format(_quoted(column)), _typed(column)
    conditions = [f"({text} is not null and ({typed}) is null)"]
    if column.is_key:
        conditions.append(f"{text} is null")
    if column.name == "fiscal_year":
        conditions.append(f"({typed}) != {year}")
    if column.accepted_values:
        conditions.append(f"{text} not in ({_literals(column.accepted_values)})")
    if column.minimum is not None:
        conditions.append(f"({typed}) < {column.minimum}")
    if column.maximum is not None:
        conditions.append(f"({typed}) > {column.maximum}")
    if column.is_amount:
        unit = next(c for c in table.columns if c.yuan_per_unit)
        factors = " ".join(
            f"when '{name}' then {yuan}" for name, yuan in unit.yuan_per_unit.items()
        )
        unit_text = NO_TEXT.format(_quoted(unit))
        conditions.append(f"abs({typed}) >= {YUAN_LIMIT} / (case {unit_text} {factors} end)")
    elif column.data_type.startswith("decimal"):
        conditions.append(f"abs({typed}) >= {NUMBER_LIMIT}")
    if column.yuan_per_unit:
        amounts = [c for c in table.columns if c.is_amount]
        holds = " or ".join(f"{NO_TEXT.format(_quoted(c))} is not null" for c in amounts)
        conditions.append(f"({text} is null and ({holds}))")
    return "coalesce(" + " or ".join(conditions) + ", false)"


def _expectation(column: Column, table: Table, year: int) -> str:
    """The SQL text that tells a person what was expected in a cell."""
    if column.name == "fiscal_year":
        expected = f"expected {year}, the year of its folder"
    elif column.accepted_values:
        expected = f"expected one of {', '.join(column.accepted_values)}"
        if column.yuan_per_unit:
            expected += "; it may be empty only where the row holds no amount"
    elif column.minimum is not None:
        expected = f"expected a whole number from {column.minimum} to {column.maximum}"
    else:
        expected = {
            "varchar": "expected a value, the row's key may not be empty",
            "integer": "expected a whole number",
            "boolean": "expected true or false",
            "date": "expected a day that exists, as 2023-12-31",
        }.get(column.data_type, "expected a number that fits, as 1234.50")
    literal = expected.replace("'", "''")
    return f"'{literal}'"


def _quoted(column: Column) -> str:
    return f'"{column.name}"'


def _literals(values: tuple[str, ...]) -> str:
    return ", ".join(f"'{value}'" for value in values)


# Readers: each fills the temporary table `delivered` with the contract's columns as text, and
# source_row, structure_fault (why a record cannot be split into cells) and delivered_line.


def read_csv(con: duckdb.DuckDBPyConnection, file: LandedFile) -> None:
    """Read a CSV in UTF-8 with DuckDB's own reader, keeping count of the records.

    Raises:
        LandingRefused: The file is empty or not UTF-8, or its header is not that of its table.
    """
    content = file.path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise LandingRefused(
            [f"{file.name} row {line}: not UTF-8 (byte {error.start}); save it as CSV UTF-8"]
        ) from None
    if b"\0" in content:
        raise LandingRefused([f"{file.name}: holds NUL bytes, so it is no text; export it again"])
    # DuckDB's reader stops at mixed line ends and passes over blank lines without counting them.
    if b"\r" in content:
        content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    header = next(csv.reader(io.StringIO(content.split(b"\n", 1)[0].decode("utf-8"))), [])
    columns = match_header(file, header)
    if b"\n\n" in content or b"\n " in content:
        content = b"\n".join(_without_blank_lines(content, b"," * (len(columns) - 1)))

    if content.count(b'"') % 2:
        raise LandingRefused(
            [f"{file.name}: a quotation mark is opened and never closed; close it or double it"]
        )
    with tempfile.NamedTemporaryFile(suffix=".csv") as plain:
        plain.write(content)
        plain.flush()
        _read_records(con, file, columns, plain.name)


def _read_records(
    con: duckdb.DuckDBPyConnection, file: LandedFile, columns: list[Column], path: str
) -> None:
    con.execute("drop table if exists reject_scans; drop table if exists reject_errors")
    types = ", ".join(f"'{c.name}': 'VARCHAR'" for c in columns)
    con.execute(
        f"""
        create or replace temp table accepted as
        select row_number() over () as accepted_no, *
        from read_csv(
            ?, auto_detect = false, header = true, delim = ',', quote = '"', escape = '"',
            new_line = '\\n', columns = {{{types}}}, store_rejects = true
        )
        """,
        [path],
    )
    rejected = con.execute(
        """
        select line, any_value(csv_line), string_agg(distinct error_message, '; ')
        from reject_errors group by line order by line
        """
    ).fetchall()
    # The reader numbers the records that it rejects; the others fill the numbers in between.
    con.execute(
        """
        create or replace temp table numbered as
        select source_row, row_number() over (order by source_row) as accepted_no
        from range(2, (select count(*) from accepted) + len($rejected) + 2) as r (source_row)
        where not list_contains($rejected, source_row)
        """,
        {"rejected": [line for line, *_ in rejected]},
    )
    names = {c.name for c in columns}
    cells = ", ".join(
        _quoted(c) if c.name in names else f'cast(null as varchar) as "{c.name}"'
        for c in file.table.columns
    )
    con.execute(
        f"""
        create or replace temp table delivered as
        select
            {cells}, source_row, cast(null as varchar) as structure_fault,
            cast(null as varchar) as delivered_line
        from accepted inner join numbered using (accepted_no)
        where coalesce({", ".join(_quoted(c) for c in columns)}) is not null
        """
    )
    unit_at = next(i for i, c in enumerate(columns) if c.name == "unit_code")
    for line, text, fault in rejected:
        record = next(csv.reader([text]), [])
        unit = record[unit_at] if unit_at < len(record) else None
        con.execute(
            """
            insert into delivered by name
            select ? as unit_code, ? as source_row, ? as structure_fault, ? as delivered_line
            """,
            [unit, line, fault, text],
        )


def _without_blank_lines(content: bytes, empty_record: bytes) -> Iterator[bytes]:
    in_quotes = False
    for line in content.rstrip(b"\n").split(b"\n"):
        yield line if line.strip() or in_quotes else empty_record
        in_quotes ^= line.count(b'"') % 2 == 1


def match_header(file: LandedFile, header: list[str]) -> list[Column]:
    """The contract's columns in the order of a header.

    Args:
        file: The file, for its table and for what is said of it.
        header: The header's cells: English names or Chinese labels, in any order.

    Raises:
        LandingRefused: A column is unknown or occurs twice, or a key column is missing.
    """
    by_name = {c.name: c for c in file.table.columns} | {c.label_zh: c for c in file.table.columns}
    reasons: list[str] = []
    found: list[Column] = []
    for position, cell in enumerate(header, start=1):
        name = cell.strip()
        column = by_name.get(name) or by_name.get(name.lower())
        if column is None:
            near = get_close_matches(name, by_name, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            reasons.append(
                f"{file.name} row 1 column {position}: {name!r} is no column of "
                f"{file.table.name}{hint} Expected: {', '.join(c.name for c in file.table.columns)}"
            )
        elif column in found:
            reasons.append(f"{file.name} row 1 column {position}: {name!r} occurs twice; keep one")
        else:
            found.append(column)
    if not header:
        reasons.append(f"{file.name}: empty; expected a header row of {file.table.name}")
    elif missing := [c.name for c in file.table.columns if c.is_key and c not in found]:
        reasons.append(
            f"{file.name} row 1: the key column {', '.join(missing)} is missing; add it"
        )
    if reasons:
        raise LandingRefused(reasons)
    return found


READERS: dict[str, Callable[[duckdb.DuckDBPyConnection, LandedFile], None]] = {".csv": read_csv}
