"""Reading a delivered file into cells of text, whatever its format.

A reader fills the temporary table `delivered` with the contract's columns as text, source_row (as
a person sees it in the file), structure_fault (why a record cannot be split into cells) and
delivered_line.
"""

import csv
import gzip
import io
import tempfile
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from itertools import islice

import duckdb

from orchestration.contract import Column
from orchestration.faults import LandingRefused
from orchestration.files import CSV, CSV_GZ, PARQUET, XLSX, LandedFile
from orchestration.workbook import UNPACKED_LIMIT, cell_text, open_workbook


def read_csv(con: duckdb.DuckDBPyConnection, file: LandedFile) -> None:
    """Read a CSV in UTF-8 or GB18030 with DuckDB's own reader, keeping count of the records.

    Raises:
        LandingRefused: The file is empty or no such text, or its header is not that of its table.
    """
    _read_text(con, file, file.path.read_bytes())


def read_csv_gz(con: duckdb.DuckDBPyConnection, file: LandedFile) -> None:
    """Read a CSV compressed by gzip.

    Raises:
        LandingRefused: As for a CSV, or it cannot be unpacked.
    """
    try:
        with gzip.open(file.path) as stream:
            content = stream.read(UNPACKED_LIMIT + 1)
    except (OSError, EOFError) as error:
        raise LandingRefused(
            [f"{file.told}: cannot be unpacked ({error}); compress it again with gzip"]
        ) from None
    if len(content) > UNPACKED_LIMIT:
        raise LandingRefused([f"{file.told}: unpacks to more than 4 GiB; deliver it in parts"])
    _read_text(con, file, content)


def read_parquet(con: duckdb.DuckDBPyConnection, file: LandedFile) -> None:
    """Read a Parquet file; its first row is row 1.

    Raises:
        LandingRefused: It is no Parquet file, or its columns are not those of its table.
    """
    try:
        described = con.execute("describe from read_parquet(?)", [str(file.path)]).fetchall()
    except duckdb.Error as error:
        why = str(error).splitlines()[0]
        raise LandingRefused(
            [f"{file.told}: cannot be read as Parquet ({why}); export it again"]
        ) from None
    header = [name for name, *_ in described]
    columns = match_header(file, header)
    found = {c.name: header[i].replace('"', '""') for i, c in enumerate(columns)}
    cells = ", ".join(
        f'cast("{found[c.name]}" as varchar) as "{c.name}"'
        if c.name in found
        else f'cast(null as varchar) as "{c.name}"'
        for c in file.table.columns
    )
    con.execute(
        f"""
        create or replace temp table delivered as
        select
            {cells}, file_row_number + 1 as source_row,
            cast(null as varchar) as structure_fault, cast(null as varchar) as delivered_line
        from read_parquet(?, file_row_number = true)
        """,
        [str(file.path)],
    )


def read_workbook(con: duckdb.DuckDBPyConnection, file: LandedFile) -> None:
    """Read a sheet of an .xlsx workbook: the one that is named, else the only one.

    Raises:
        LandingRefused: The workbook cannot be opened, has several sheets and none is named, has
            merged cells, or its header is not that of its table.
    """
    workbook = open_workbook(file.path, file.told)
    names = [file.sheet] if file.sheet else workbook.sheet_names
    if len(names) != 1:
        raise LandingRefused(
            [
                f"{file.told}: {len(names)} sheets ({', '.join(names)}); expected one, or a "
                "workbook under another name with a sheet named after each table"
            ]
        )
    sheet = workbook.get_sheet_by_name(names[0])
    if sheet.merged_cell_ranges:
        row, column = sheet.merged_cell_ranges[0][0]
        raise LandingRefused(
            [f"{file.told} row {row + 1} column {column + 1}: merged cells; unmerge and fill them"]
        )
    above = (sheet.start or (0, 0))[0]
    rows = ([cell_text(cell) for cell in row] for row in islice(sheet.iter_rows(), above, None))
    _read_rows(con, file, rows, first_row=above + 1)


def _read_text(con: duckdb.DuckDBPyConnection, file: LandedFile, content: bytes) -> None:
    content = content.removeprefix(b"\xef\xbb\xbf")
    if b"\0" in content:
        raise LandingRefused([f"{file.told}: holds NUL bytes, so it is no text; export it again"])
    content = _as_utf8(file, content)
    # DuckDB's reader stops at mixed line ends and passes over blank lines without counting them.
    if b"\r" in content:
        content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if content.count(b'"') % 2:
        raise LandingRefused(
            [f"{file.told}: a quotation mark is opened and never closed; close it or double it"]
        )
    header = next(csv.reader(io.StringIO(content.split(b"\n", 1)[0].decode("utf-8"))), [])
    columns = match_header(file, header)
    if b"\n\n" in content or b"\n " in content:
        content = b"\n".join(_without_blank_lines(content, b"," * (len(columns) - 1)))
    with tempfile.NamedTemporaryFile(suffix=CSV) as plain:
        plain.write(content)
        plain.flush()
        _read_records(con, file, columns, plain.name)


def _as_utf8(file: LandedFile, content: bytes) -> bytes:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as utf8:
        try:
            return content.decode("gb18030").encode("utf-8")
        except UnicodeDecodeError as gb18030:
            at = max(utf8.start, gb18030.start)
            line = content[:at].count(b"\n") + 1
            raise LandingRefused(
                [f"{file.told} row {line}: neither UTF-8 nor GB18030; save it as CSV UTF-8"]
            ) from None
    return content


def _read_rows(
    con: duckdb.DuckDBPyConnection, file: LandedFile, rows: Iterable[list[str]], first_row: int
) -> None:
    """Read rows of text cells, the header first, by way of a plain CSV."""
    remaining = iter(rows)
    header = next(remaining, [])
    while header and not header[-1]:
        header.pop()
    columns = match_header(file, header)
    with tempfile.NamedTemporaryFile("w", suffix=CSV, encoding="utf-8", newline="") as plain:
        writer = csv.writer(plain, lineterminator="\n")
        writer.writerow(header)
        for row in remaining:
            beyond = any(row[len(columns) :])
            cells = row if beyond else [*row, *[""] * len(columns)][: len(columns)]
            # A row that is empty is written as such, or it would not count.
            plain.write(f"{',' * (len(cells) - 1)}\n") if not any(cells) else writer.writerow(cells)
        plain.flush()
        _read_records(con, file, columns, plain.name, first_row)


def _read_records(
    con: duckdb.DuckDBPyConnection,
    file: LandedFile,
    columns: list[Column],
    path: str,
    first_row: int = 1,
) -> None:
    """Read a plain CSV whose header stands in `first_row` of what people see."""
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
        f'"{c.name}"' if c.name in names else f'cast(null as varchar) as "{c.name}"'
        for c in file.table.columns
    )
    con.execute(
        f"""
        create or replace temp table delivered as
        select
            {cells}, source_row + {first_row - 1} as source_row,
            cast(null as varchar) as structure_fault,
            cast(null as varchar) as delivered_line
        from accepted inner join numbered using (accepted_no)
        where coalesce({", ".join(f'"{c.name}"' for c in columns)}) is not null
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
            [unit, line + first_row - 1, fault, text],
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
            hint = f"did you mean {near[0]}? " if near else ""
            reasons.append(
                f"{file.told} row 1 column {position}: {name!r} is no column of {file.table.name}; "
                f"{hint}expected {', '.join(c.name for c in file.table.columns)}"
            )
        elif column in found:
            reasons.append(f"{file.told} row 1 column {position}: {name!r} occurs twice; keep one")
        else:
            found.append(column)
    if not header:
        reasons.append(f"{file.told}: empty; expected a header row of {file.table.name}")
    elif missing := [c.name for c in file.table.columns if c.is_key and c not in found]:
        reasons.append(f"{file.told} row 1: the key column {', '.join(missing)} is missing; add it")
    if reasons:
        raise LandingRefused(reasons)
    return found


READERS: dict[str, Callable[[duckdb.DuckDBPyConnection, LandedFile], None]] = {
    CSV: read_csv,
    CSV_GZ: read_csv_gz,
    PARQUET: read_parquet,
    XLSX: read_workbook,
}
