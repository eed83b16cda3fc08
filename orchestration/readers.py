"""Reading a delivered file into text cells, whatever its format."""

import csv
import io
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import duckdb

from orchestration.contract import Column, Table


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


# A reader fills the temporary table `delivered` with the contract's columns as text, source_row (as
# a person sees it in the file), structure_fault (why a record cannot be split into cells) and
# delivered_line.


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
        f'"{c.name}"' if c.name in names else f'cast(null as varchar) as "{c.name}"'
        for c in file.table.columns
    )
    con.execute(
        f"""
        create or replace temp table delivered as
        select
            {cells}, source_row, cast(null as varchar) as structure_fault,
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
            hint = f"did you mean {near[0]}? " if near else ""
            reasons.append(
                f"{file.name} row 1 column {position}: {name!r} is no column of {file.table.name}; "
                f"{hint}expected {', '.join(c.name for c in file.table.columns)}"
            )
        elif column in found:
            reasons.append(f"{file.name} row 1 column {position}: {name!r} occurs twice; keep one")
        else:
            found.append(column)
    if not header:
        reasons.append(f"{file.name}: empty; expected a header row of {file.table.name}")
    elif missing := [c.name for c in file.table.columns if c.is_key and c not in found]:
        reasons.append(f"{file.name} row 1: the key column {', '.join(missing)} is missing; add it")
    if reasons:
        raise LandingRefused(reasons)
    return found


READERS: dict[str, Callable[[duckdb.DuckDBPyConnection, LandedFile], None]] = {".csv": read_csv}
