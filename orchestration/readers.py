"""Reading a delivered file into cells of text, whatever its format.

A reader yields the SQL of a relation, in the order of the file's records: the contract's columns as
text, source_row (as a person sees it in the file; null where it follows from the position) and
is_blank (a record of nothing but empty cells).
"""

import codecs
import csv
import gzip
import io
import re
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import Any

import duckdb

from orchestration.contract import Column
from orchestration.faults import LandingRefused
from orchestration.files import CSV, CSV_GZ, PARQUET, XLSX, LandedFile
from orchestration.workbook import UNPACKED_LIMIT, cell_texts, open_workbook

CHUNK = 2**22
# What surrounds a cell without being part of it: see cells.TRIMMED.
SPACES = tuple(space.encode() for space in " \t\u3000\u00a0")
LINE_ENDS = (b"\n", b"\r")
BLANK_LINES = (b"\n\r", b"\r\r", *(end + space for end in LINE_ENDS for space in SPACES))
LONGEST_HEADER = 2**16


@dataclass(frozen=True)
class Records:
    """The records of a file.

    Attributes:
        relation: SQL, as the module says.
        columns: The contract's columns in the order of the header.
        first_row: The row of the first record, as a person sees it in the file.
        is_trimmed: No cell has spaces around it.
    """

    relation: str
    columns: list[Column]
    first_row: int = 2
    is_trimmed: bool = False


@contextmanager
def read_csv(con: duckdb.DuckDBPyConnection, file: LandedFile) -> Iterator[Records]:
    """Read a CSV in UTF-8 or GB18030 with DuckDB's own reader.

    Raises:
        LandingRefused: The file is empty or no such text, or its header is not that of its table.
    """
    del con
    looks = _look_over(file, file.path.open)
    if not looks.is_plain:
        with _made_plain(file, file.path.open, looks) as records:
            yield records
        return
    with file.path.open(encoding="utf-8") as stream:
        columns = _header(file, stream.readline(LONGEST_HEADER))
    yield _csv_records(file, columns, str(file.path), is_trimmed=looks.is_trimmed)


@contextmanager
def read_csv_gz(con: duckdb.DuckDBPyConnection, file: LandedFile) -> Iterator[Records]:
    """Read a CSV compressed by gzip.

    Raises:
        LandingRefused: As for a CSV, or it cannot be unpacked.
    """
    del con

    try:
        looks = _look_over(file, partial(gzip.open, file.path))
    except (OSError, EOFError, zlib.error) as error:
        raise LandingRefused(
            [f"{file.told}: cannot be unpacked ({error}); compress it again with gzip"]
        ) from None
    with _made_plain(file, partial(gzip.open, file.path), looks) as records:
        yield records


@contextmanager
def read_parquet(con: duckdb.DuckDBPyConnection, file: LandedFile) -> Iterator[Records]:
    """Read a Parquet file; its first row is row 1.

    Raises:
        LandingRefused: It is no Parquet file, or its columns are not those of its table.
    """
    try:
        described = con.execute(f"describe from read_parquet({_path(str(file.path))})").fetchall()
    except duckdb.Error as error:
        why = str(error).splitlines()[0]
        raise LandingRefused(
            [f"{file.told}: cannot be read as Parquet ({why}); export it again"]
        ) from None
    header = [name for name, *_ in described]
    columns = match_header(file, header)
    found = {
        column.name: _parquet_text('"' + name.replace('"', '""') + '"', kind)
        for column, (name, kind, *_) in zip(columns, described, strict=True)
    }
    cells = ", ".join(
        f'{found.get(c.name, "cast(null as varchar)")} as "{c.name}"' for c in file.table.columns
    )
    yield Records(
        f"""(
            select {cells}, file_row_number + 1 as source_row, false as is_blank
            from read_parquet({_path(str(file.path))}, file_row_number = true)
        )""",
        columns,
        first_row=1,
    )


def _parquet_text(name: str, kind: str) -> str:
    """A cell as text; a floating-point number without an exponent, a whole one without `.0`."""
    text = f"cast({name} as varchar)"
    if kind not in ("DOUBLE", "FLOAT"):
        return text
    fixed = f"rtrim(cast(try_cast({name} as decimal(38, 12)) as varchar), '0')"
    return (
        f"regexp_replace(case when contains({text}, 'e') then coalesce({fixed}, {text}) "
        f"else {text} end, '\\.0*$', '')"
    )


@contextmanager
def read_workbook(con: duckdb.DuckDBPyConnection, file: LandedFile) -> Iterator[Records]:
    """Read a sheet of an .xlsx workbook: the one that is named, else the only one.

    Raises:
        LandingRefused: The workbook cannot be opened, has several sheets and none is named, has
            merged cells or formulas, or its header is not that of its table.
    """
    del con
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
        at_row, at_column = sheet.merged_cell_ranges[0][0]
        raise LandingRefused(
            [
                f"{file.told} row {at_row + 1} column {at_column + 1}: merged cells; "
                "unmerge and fill them"
            ]
        )
    first_row, rows = cell_texts(file.path, file.told, sheet)
    header = next(rows, [])
    while header and not header[-1]:
        header.pop()
    columns = match_header(file, header, first_row)
    with tempfile.NamedTemporaryFile("w", suffix=CSV, encoding="utf-8", newline="") as plain:
        writer = csv.writer(plain, lineterminator="\n")
        writer.writerow(header)
        for row in rows:
            beyond = any(row[len(columns) :])
            cells = row if beyond else [*row, *[""] * len(columns)][: len(columns)]
            # A row that is empty is written as such, or it would not count.
            plain.write(f"{',' * (len(cells) - 1)}\n") if not any(cells) else writer.writerow(cells)
        plain.flush()
        yield _csv_records(file, columns, plain.name, first_row=first_row + 1)


@dataclass(frozen=True)
class _Looks:
    """What a text is like.

    Attributes:
        encoding: How it is to be decoded.
        is_plain: DuckDB's reader takes it as it is.
        has_blank_lines: It may have lines without a cell.
        is_trimmed: No cell has spaces around it.
    """

    encoding: str
    is_plain: bool
    has_blank_lines: bool
    is_trimmed: bool


def _look_over(file: LandedFile, open_it: Callable[[str], Any]) -> _Looks:
    """Look over a text piece by piece, however long it is.

    Raises:
        LandingRefused: It is too long, holds NUL bytes or an open quotation mark, or is in no
            known encoding.
    """
    quotes = length = 0
    has_mark = has_returns = has_blank_lines = has_spaces = False
    # What is looked for may stand across two pieces.
    end = b""
    for chunk in _chunks(open_it):
        if b"\0" in chunk:
            raise LandingRefused(
                [f"{file.told}: holds NUL bytes, so it is no text; export it again"]
            )
        has_mark |= length == 0 and chunk.startswith(codecs.BOM_UTF8)
        length += len(chunk)
        if length > UNPACKED_LIMIT:
            raise LandingRefused([f"{file.told}: is larger than 4 GiB; deliver it in parts"])
        quotes += chunk.count(b'"')
        seen = end + chunk
        has_returns = has_returns or b"\r" in seen
        has_spaces = has_spaces or any(space in seen for space in SPACES)
        has_blank_lines = has_blank_lines or b"\n\n" in seen
        if has_returns or has_spaces:
            has_blank_lines = has_blank_lines or any(blank in seen for blank in BLANK_LINES)
        end = seen[-3:]
    if quotes % 2:
        raise LandingRefused(
            [f"{file.told}: a quotation mark is opened and never closed; close it or double it"]
        )
    utf8 = _undecodable_line(open_it, "utf-8")
    gb18030 = _undecodable_line(open_it, "gb18030") if utf8 else None
    if utf8 and gb18030:
        raise LandingRefused(
            [
                f"{file.told} row {max(utf8, gb18030)}: neither UTF-8 nor GB18030; "
                "save it as CSV UTF-8"
            ]
        )
    return _Looks(
        encoding="gb18030" if utf8 else "utf-8-sig",
        # The reader stops at mixed line ends and passes over blank lines without counting them.
        is_plain=not (utf8 or has_mark or has_returns or has_blank_lines),
        has_blank_lines=has_blank_lines,
        is_trimmed=not (utf8 or has_spaces),
    )


def _undecodable_line(open_it: Callable[[str], Any], encoding: str) -> int | None:
    """The line at which a text turns out to be in another encoding."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    try:
        for chunk in _chunks(open_it):
            decoder.decode(chunk)
            line += chunk.count(b"\n")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        return line + error.object[: error.start].count(b"\n")
    return None


def _chunks(open_it: Callable[[str], Any]) -> Iterator[bytes]:
    with open_it("rb") as stream:
        yield from iter(lambda: stream.read(CHUNK), b"")


@contextmanager
def _made_plain(
    file: LandedFile, open_it: Callable[[str], Any], looks: _Looks
) -> Iterator[Records]:
    """A copy in UTF-8 with one kind of line end, in which blank lines are empty records."""
    with (
        tempfile.NamedTemporaryFile("w", suffix=CSV, encoding="utf-8", newline="") as plain,
        io.TextIOWrapper(open_it("rb"), looks.encoding) as text,
    ):
        header = text.readline(LONGEST_HEADER)
        columns = _header(file, header)
        plain.write(header)
        if looks.has_blank_lines:
            plain.writelines(_without_blank_lines(text, "," * (len(columns) - 1) + "\n"))
        else:
            plain.writelines(iter(lambda: text.read(CHUNK), ""))
        plain.flush()
        yield _csv_records(file, columns, plain.name, is_trimmed=looks.is_trimmed)


def _without_blank_lines(lines: Iterable[str], empty_record: str) -> Iterator[str]:
    in_quotes = False
    for line in lines:
        yield line if in_quotes or line.strip() else empty_record
        in_quotes ^= line.count('"') % 2 == 1


def _csv_records(
    file: LandedFile,
    columns: list[Column],
    path: str,
    *,
    first_row: int = 2,
    is_trimmed: bool = False,
) -> Records:
    """The records of a plain CSV; those that it rejects are in DuckDB's reject_errors."""
    types = ", ".join(f"'{c.name}': 'VARCHAR'" for c in columns)
    found = {c.name for c in columns}
    cells = ", ".join(
        f'"{c.name}"' if c.name in found else f'cast(null as varchar) as "{c.name}"'
        for c in file.table.columns
    )
    filled = ", ".join(f'"{c.name}"' for c in columns)
    return Records(
        f"""(
            select
                {cells}, cast(null as bigint) as source_row,
                coalesce({filled}) is null as is_blank
            from read_csv(
                {_path(path)}, auto_detect = false, header = true, delim = ',', quote = '"',
                escape = '"', new_line = '\\n', columns = {{{types}}}, store_rejects = true
            )
        )""",
        columns,
        first_row,
        is_trimmed,
    )


def _path(path: str) -> str:
    """A path as SQL; DuckDB takes brackets, stars and question marks for a pattern."""
    literal = re.sub(r"[*?\[]", r"[\g<0>]", path).replace("'", "''")
    return f"'{literal}'"


def _header(file: LandedFile, line: str) -> list[Column]:
    return match_header(file, next(csv.reader([line]), []))


def match_header(file: LandedFile, header: list[str], row: int = 1) -> list[Column]:
    """The contract's columns in the order of a header.

    Args:
        file: The file, for its table and for what is said of it.
        header: The header's cells: English names or Chinese labels, in any order.
        row: The row that it stands in.

    Raises:
        LandingRefused: A column is unknown or occurs twice, or a key column is missing.
    """
    by_name = {c.name: c for c in file.table.columns} | {c.label_zh: c for c in file.table.columns}
    if not any(header):
        raise LandingRefused([f"{file.told}: empty; expected a header row of {file.table.name}"])
    expected = ", ".join(column.name for column in file.table.columns)
    if not any(name.strip().lower() in by_name for name in header):
        raise LandingRefused(
            [
                f"{file.told} row {row}: {','.join(header)[:80]!r} is no header of "
                f"{file.table.name}; expected {expected}, or their Chinese labels"
            ]
        )
    reasons: list[str] = []
    found: list[Column] = []
    for position, cell in enumerate(header, start=1):
        name = cell.strip()
        column = by_name.get(name) or by_name.get(name.lower())
        if column is None:
            near = get_close_matches(name, by_name, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            reasons.append(
                f"{file.told} row {row} column {position}: {name!r} is no column of "
                f"{file.table.name}; {hint}expected {expected}"
            )
        elif column in found:
            reasons.append(
                f"{file.told} row {row} column {position}: {name!r} occurs twice; keep one"
            )
        else:
            found.append(column)
    if missing := [c.name for c in file.table.columns if c.is_key and c not in found]:
        reasons.append(
            f"{file.told} row {row}: the key column {', '.join(missing)} is missing; add it"
        )
    if reasons:
        raise LandingRefused(reasons)
    return found


READERS: dict[
    str, Callable[[duckdb.DuckDBPyConnection, LandedFile], AbstractContextManager[Records]]
] = {
    CSV: read_csv,
    CSV_GZ: read_csv_gz,
    PARQUET: read_parquet,
    XLSX: read_workbook,
}
