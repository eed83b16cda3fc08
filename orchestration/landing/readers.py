"""Reading a delivered file into cells of text, whatever its format.

A reader yields the SQL of a relation, in the order of the file's records: the contract's columns as
text, source_row (as a person sees it in the file; null where it follows from the position),
is_blank (a record of nothing but empty cells) and flaws (what keeps the row from being loaded
beside what its texts say; null where nothing does).
"""

import codecs
import csv
import gzip
import io
import json
import re
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import IO, Any, BinaryIO, cast

import duckdb

from orchestration import duck
from orchestration.faults import LandingRefused
from orchestration.landing.cells import bare, cleaned, has_nothing_to_cut
from orchestration.landing.contract import Column
from orchestration.landing.encoding import (
    GB18030,
    UTF8,
    Script,
    chunks,
    lost,
    refuse_unless_gb18030,
)
from orchestration.landing.files import CSV, CSV_GZ, PARQUET, XLSX, LandedFile, sheets_to_read
from orchestration.landing.formats import real_format
from orchestration.landing.number_formats import Cell, Number, unknown
from orchestration.landing.records import LONGEST_RECORD, Layout, Record, header_of, records
from orchestration.landing.workbook import (
    UNPACKED_LIMIT,
    Sheet,
    Workbook,
    column_letters,
    open_workbook,
)

# How a line without anything visible may begin.
BLANK_LINES = tuple(f"\n{space}".encode() for space in " \t\u3000\u00a0")
# Marks of byte order and of the end of a file: a program's, and no part of the text.
MARKS = "\ufeff\x1a"
END_MARK = b"\x1a"
NO_PLAIN_TEXT = (b'"', b"\r", codecs.BOM_UTF8, END_MARK)
# What the reader of a file finds wrong with a row, as the typing step tells its faults.
FLAW = ("column_name", "value", "reason")
FLAWS = f"struct({', '.join(f'{name} varchar' for name in FLAW)})[]"
NO_FLAWS = f"cast(null as {FLAWS}) as flaws"
LINE_BREAK = re.compile(r"\s*(?:[\r\n\u2028]|_x000[aAdD]_)+\s*")
SEPARATORS = {"\t": "tabs", ";": "semicolons", "；": "semicolons", "|": "vertical bars", "，": "，"}
# Types of Parquet that hold several values.
NESTED = ("STRUCT", "MAP", "UNION", "VARIANT", "INTERVAL", "GEOMETRY", "BIT")
# Of a record that cannot be read as much is kept as a person looks at.
KEPT_CHARACTERS = 1000
JSON = ".json"
# How many digits of a number are kept.
FLOAT_DIGITS = {"DOUBLE": 15, "FLOAT": 7}
AS_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True)
class Records:
    """The records of a file.

    Attributes:
        relation: SQL, as the module says.
        columns: The contract's columns in the order of the header.
        first_row: The row of the first record, as a person sees it in the file.
        is_trimmed: No cell has anything that is cut off.
        count: How many there are, counted without the reader that the relation is read with.
        ends_in_line: The file ends without the line end that its other lines have.
        otherwise: How else they are read, where DuckDB's reader stops at one of them.
    """

    relation: str
    columns: list[Column]
    first_row: int = 2
    is_trimmed: bool = False
    count: int | None = None
    ends_in_line: bool = False
    otherwise: Callable[[], AbstractContextManager["Records"]] | None = None


@contextmanager
def read_csv(con: duckdb.DuckDBPyConnection, file: LandedFile) -> Iterator[Records]:
    """Read a CSV in UTF-8 or GB18030.

    Raises:
        LandingRefused: The file is empty or no such text, or its header is not that of its table.
    """
    del con
    open_it = partial(cast("Callable[..., BinaryIO]", file.path.open), "rb")
    looks = _look_over(file, open_it)
    if not looks.is_plain:
        with _rewritten(file, open_it, looks) as found:
            yield found
        return
    with file.path.open(encoding=UTF8) as stream:
        row, header = header_of(iter(stream))
    columns = match_header(file, header, row)
    yield Records(
        _csv_relation(file, columns, str(file.path), is_trimmed=looks.is_trimmed),
        columns,
        is_trimmed=looks.is_trimmed,
        count=looks.lines - 1,
        ends_in_line=looks.ends_in_line,
        otherwise=partial(_rewritten, file, open_it, looks),
    )


@contextmanager
def read_csv_gz(con: duckdb.DuckDBPyConnection, file: LandedFile) -> Iterator[Records]:
    """Read a CSV compressed by gzip.

    Raises:
        LandingRefused: As for a CSV, or it cannot be unpacked.
    """
    del con

    def unpacked() -> BinaryIO:
        return cast("BinaryIO", gzip.open(file.path))

    try:
        looks = _look_over(file, unpacked)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        why = (
            "cannot be unpacked, it is damaged, cut off or not compressed by gzip; compress it "
            "again"
        )
        raise LandingRefused([f"{file.told}: {real_format(file.path) or why}"]) from None
    with _rewritten(file, unpacked, looks) as found:
        yield found


@contextmanager
def read_parquet(con: duckdb.DuckDBPyConnection, file: LandedFile) -> Iterator[Records]:
    """Read a Parquet file; its first row is row 1.

    Raises:
        LandingRefused: It is no Parquet file, or its columns are not those of its table.
    """
    delivered = duck.files(file.path)
    parquet = f"read_parquet({duck.files(file.path)}, hive_partitioning = false"
    try:
        described = con.execute(f"describe from {parquet})").fetchall()
        ((count,),) = con.execute(
            f"select cast(sum(num_rows) as bigint) from parquet_file_metadata({delivered})"
        ).fetchall()
    except duckdb.Error as error:
        why = (
            "cannot be read as Parquet, it is damaged, cut off or of another kind; export it again"
        )
        raise LandingRefused([f"{file.told}: {real_format(file.path) or why}"]) from error
    header = [name for name, *_ in described]
    columns = match_header(file, header)
    found: dict[str, str] = {}
    reasons: list[str] = []
    for position, (column, (name, kind, *_)) in enumerate(zip(columns, described, strict=True), 1):
        text = _parquet_text(duck.name(name), kind)
        found[column.name] = text
        if not text:
            reasons.append(
                f"{file.told} column {position} {name}: holds values of the type {kind}; export "
                "text, numbers or days"
            )
    if reasons:
        raise LandingRefused(reasons)
    cells = ", ".join(
        f'{found.get(c.name, "cast(null as varchar)")} as "{c.name}"' for c in file.table.columns
    )
    seen = ", ".join(map(cleaned, found.values()))
    yield Records(
        f"""(
            select
                {cells}, file_row_number + 1 as source_row,
                coalesce({seen}) is null as is_blank, {NO_FLAWS}
            from {parquet}, file_row_number = true)
        )""",
        columns,
        first_row=1,
        count=count,
    )


def _parquet_text(name: str, kind: str) -> str:
    """A cell as text, the same on every machine; empty for a type that is no single value.

    A floating-point number has no exponent, unless it is too long to have kept its digits, and a
    whole one no `.0`. Bytes are text where they are in UTF-8, as older programs write it, and else
    as they are shown in hexadecimal digits.
    """
    text = f"cast({name} as varchar)"
    match kind.partition("(")[0]:
        case "DOUBLE" | "FLOAT":
            fixed = f"rtrim(cast(try_cast({name} as decimal(38, 12)) as varchar), '0')"
            digits = FLOAT_DIGITS[kind]
            return f"""
                case
                    when abs({name}) >= 1e{digits} then printf('%.{digits - 1}e', {name})
                    else regexp_replace(
                        if(contains({text}, 'e'), coalesce({fixed}, {text}), {text}), '\\.0*$', ''
                    )
                end"""
        case "BLOB":
            return f"coalesce(try(decode({name})), {text})"
        case "TIMESTAMP WITH TIME ZONE":
            return f"cast({name} at time zone 'UTC' as varchar) || '+00'"
        case _ if kind.endswith("]") or kind.startswith(NESTED):
            return ""
        case _:
            return text


@contextmanager
def read_workbook(con: duckdb.DuckDBPyConnection, file: LandedFile) -> Iterator[Records]:
    """Read a sheet of an .xlsx workbook: the one that is named, else the only one.

    Raises:
        LandingRefused: The workbook cannot be opened, has several sheets and none is named, has
            merged cells or formulas, or its header is not that of its table.
    """
    del con
    with (
        open_workbook(file.path, file.name) as book,
        _temporary(JSON) as plain,
    ):
        sheet = _sheet(book, file)
        rows = book.rows(sheet, file.told, widest=len(file.table.columns)) if sheet else iter(())
        first_row, header = next(rows, (1, {}))
        columns = match_header(file, _header_texts(file, first_row, header), first_row)
        texts_at = [at for at, column in enumerate(columns) if column.data_type == "varchar"]
        count = 0
        for number, cells in rows:
            plain.write(AS_JSON(_sheet_record(number, cells, columns, texts_at)))
            plain.write("\n")
            count += 1
        plain.flush()
        yield _sheet_records(file, columns, plain.name, count)


def _sheet(book: Workbook, file: LandedFile) -> Sheet | None:
    """The sheet that holds a table; none where nothing is in any."""
    if file.sheet:
        return next(sheet for sheet in book.sheets if sheet.name == file.sheet)
    sheets = [sheet for sheet, _ in sheets_to_read(book, file.name)]
    if not sheets and any(sheet.is_hidden for sheet in book.sheets):
        raise LandingRefused([f"{file.told}: its table is in a hidden sheet; unhide it"])
    if len(sheets) > 1:
        names = ", ".join(sheet.name for sheet in sheets)
        raise LandingRefused(
            [
                f"{file.told}: {len(sheets)} sheets ({names}); expected one, or a "
                "workbook under another name with a sheet named after each table"
            ]
        )
    return next(iter(sheets), None)


def _header_texts(file: LandedFile, row: int, header: dict[int, Cell | str]) -> list[str]:
    """The texts of a header, whose cells stand side by side from the first column on."""
    for position, (column, cell) in enumerate(header.items(), start=1):
        place = f"{file.told} cell {column_letters(column)}{row}"
        if isinstance(cell, Cell) and cell.fault:
            raise LandingRefused([f"{place}: {cell.shown}, {cell.fault}"])
        if column != position:
            raise LandingRefused(
                [f"{place}: the cell to the left of this header is empty; delete its column"]
            )
    return [cell if isinstance(cell, str) else cell.shown for cell in header.values()]


def _sheet_record(
    number: int, cells: dict[int, Cell | str], columns: list[Column], texts_at: list[int]
) -> dict[str, Any]:
    """What is written of a row: its number, its texts, and its flaws where it has any.

    `texts_at` are the places of the columns of text, in which a number counts as it is seen.
    """
    kinds = {*map(type, cells.values())}
    # So many cells, the last of them in the last column: none is left out.
    if len(cells) == next(reversed(cells)) == len(columns) and Cell not in kinds:
        texts = list(cells.values())
        if kinds == {str} or Number not in {type(texts[at]) for at in texts_at}:
            return {"row": number, "cells": texts}
    texts = []
    flaws: list[tuple[str | None, str, str]] = []
    for position, column in enumerate(columns, start=1):
        cell = cells.pop(position, "")
        if isinstance(cell, Cell):
            if cell.fault:
                flaws.append((column.name, cell.shown, cell.fault))
            # A text is what is printed; a number has all its digits.
            is_printed = column.data_type == "varchar" and not cell.fault
            cell = cell.shown if is_printed else cell.text
        elif isinstance(cell, Number) and column.data_type == "varchar":
            if cell.shown is None:
                flaws.append((column.name, cell, unknown(cell.seen_as.code)))
            cell = cell.shown or ""
        texts.append(cell)
    for position, cell in cells.items():
        shown = cell if isinstance(cell, str) else cell.shown
        fault = f"cell {column_letters(position)}{number} has no header above it; delete it"
        flaws.append((None, shown, fault))
    return {
        "row": number,
        "cells": texts,
        "flaws": [dict(zip(FLAW, flaw, strict=True)) for flaw in flaws] or None,
    }


def _sheet_records(file: LandedFile, columns: list[Column], path: str, count: int) -> Records:
    places = {column.name: place for place, column in enumerate(columns, start=1)}
    cells = ", ".join(
        f'cells[{places[c.name]}] as "{c.name}"'
        if c.name in places
        else f'cast(null as varchar) as "{c.name}"'
        for c in file.table.columns
    )
    return Records(
        f"""(
            select {cells}, "row" as source_row, false as is_blank, flaws
            from read_json(
                {duck.files(path)}, format = 'newline_delimited', hive_partitioning = false,
                columns = {{'row': 'bigint', 'cells': 'varchar[]', 'flaws': '{FLAWS}'}}
            )
        )""",
        columns,
        count=count,
    )


@dataclass(frozen=True)
class _Looks:
    """What a text is like.

    Attributes:
        encoding: How it is to be decoded.
        lines: How many it has.
        is_plain: DuckDB's reader takes it as it is: a record a line, and no quotation marks.
        is_doubtful: Some of its characters are no text.
        is_trimmed: No cell has anything that is cut off.
        ends_in_line: It ends without the line end that its other lines have.
    """

    encoding: str
    lines: int
    is_plain: bool
    is_doubtful: bool
    is_trimmed: bool
    ends_in_line: bool


def _look_over(file: LandedFile, open_it: Callable[[], BinaryIO]) -> _Looks:
    """Look over a text piece by piece, however long it is.

    Raises:
        LandingRefused: It is too long, is no text, or is in no known encoding.
    """
    decoder = codecs.getincrementaldecoder(UTF8)()
    script = Script()
    length = lines = 0
    is_utf8, is_plain, has_spaces, has_quotes, has_breaks = True, True, False, False, False
    # What is looked for may stand across two pieces; a blank line may be the first.
    end, chunk = b"\n", b""
    for chunk in chunks(open_it):
        if b"\0" in chunk or (length == 0 and chunk.startswith((b"\xff\xfe", b"\xfe\xff"))):
            reason = real_format(chunk) or "holds NUL bytes, so it is no text; export it again"
            raise LandingRefused([f"{file.told}: {reason}"])
        length += len(chunk)
        if length > UNPACKED_LIMIT:
            raise LandingRefused([f"{file.told}: is larger than 4 GiB; deliver it in parts"])
        lines += chunk.count(b"\n")
        has_breaks = has_breaks or b"\n" in chunk or b"\r" in chunk
        seen = end + chunk
        has_spaces = has_spaces or not has_nothing_to_cut(seen)
        has_quotes = has_quotes or b'"' in chunk
        is_plain = is_plain and not (
            any(mark in chunk for mark in NO_PLAIN_TEXT)
            or b"\n\n" in seen
            or (has_spaces and any(blank in seen for blank in BLANK_LINES))
        )
        end = seen[-3:]
        if is_utf8:
            try:
                decoder.decode(chunk)
                script.look(chunk)
            except UnicodeDecodeError:
                is_utf8 = False
    is_utf8 = is_utf8 and not decoder.getstate()[0]
    if not is_utf8:
        refuse_unless_gb18030(file.told, open_it)
    encoding = script.encoding if is_utf8 else GB18030
    ends_in_line = not chunk.rstrip(b" \t" + END_MARK).endswith((b"\n", b"\r"))
    return _Looks(
        encoding,
        lines + ends_in_line,
        is_plain=is_plain and encoding == UTF8 and not script.is_doubtful,
        is_doubtful=script.is_doubtful or encoding == GB18030,
        # A quoted cell may begin or end with a line break.
        is_trimmed=encoding == UTF8 and not (has_spaces or has_quotes),
        ends_in_line=ends_in_line and has_breaks,
    )


def _temporary(ending: str) -> AbstractContextManager[IO[str]]:
    """A file for records that are written anew."""
    return tempfile.NamedTemporaryFile("w", suffix=ending, encoding=UTF8, newline="")


@contextmanager
def _rewritten(
    file: LandedFile, open_it: Callable[[], BinaryIO], looks: _Looks
) -> Iterator[Records]:
    """A copy in UTF-8 of the records that are not blank, each with its row and what is wrong."""
    with (
        _temporary(CSV) as plain,
        io.TextIOWrapper(open_it(), looks.encoding) as text,
    ):
        lines = _lines(text)
        row, header = header_of(lines)
        columns = match_header(file, header, row)
        layout = Layout(columns)
        writer = csv.writer(plain, lineterminator="\n")
        fault_of = _fault_of_characters if looks.is_doubtful else _no_fault
        count = 0
        for record in records(lines, layout, row):
            count += 1
            fault = record.fault or fault_of(record)
            if fault:
                writer.writerow(_flawed(record, layout, fault))
            elif record.text:
                plain.write(f"{record.text},{record.row},,\n")
            else:
                writer.writerow([*record.cells, record.row, "", ""])
        plain.flush()
        yield Records(
            _copy_relation(file, columns, plain.name),
            columns,
            is_trimmed=looks.is_trimmed,
            count=count,
            ends_in_line=looks.ends_in_line,
        )


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    """The lines of a text without a program's marks; of one that is too long, its beginning."""
    while line := text.readline(LONGEST_RECORD + 1):
        rest = line
        while len(rest) > LONGEST_RECORD and not rest.endswith("\n"):
            rest = text.readline(LONGEST_RECORD + 1)
        yield line.strip(MARKS)


def _no_fault(record: Record) -> str:
    del record
    return ""


def _fault_of_characters(record: Record) -> str:
    return lost(record.told) or ""


def _flawed(record: Record, layout: Layout, fault: str) -> list[str]:
    """What is written of a record at fault: the department that it names, and its text."""
    cells = [""] * layout.width
    cells[layout.unit_at] = layout.unit_of(record) or ""
    return [*cells, str(record.row), record.told[:KEPT_CHARACTERS], fault]


def _csv_relation(file: LandedFile, columns: list[Column], path: str, *, is_trimmed: bool) -> str:
    """The relation of a CSV as it was delivered, without quotation marks."""
    filled = [f'"{column.name}"' for column in columns]
    seen = ", ".join(filled if is_trimmed else map(cleaned, filled))
    return f"""(
        select
            {_contract_cells(file, columns)}, cast(null as bigint) as source_row,
            coalesce({seen}) is null as is_blank, {NO_FLAWS}
        from {_read_csv(path, [column.name for column in columns], has_header=True)}
    )"""


def _copy_relation(file: LandedFile, columns: list[Column], path: str) -> str:
    """The relation of a copy, which has three columns more."""
    names = [*(column.name for column in columns), "its row", "its text", "its fault"]
    return f"""(
        select
            {_contract_cells(file, columns)}, cast("its row" as bigint) as source_row,
            false as is_blank,
            case when "its fault" is not null then cast(
                [{{'column_name': null, 'value': "its text", 'reason': "its fault"}}] as {FLAWS}
            ) end as flaws
        from {_read_csv(path, names, has_header=False)}
    )"""


def _contract_cells(file: LandedFile, columns: list[Column]) -> str:
    return ", ".join(
        f'"{c.name}"' if c in columns else f'cast(null as varchar) as "{c.name}"'
        for c in file.table.columns
    )


def _read_csv(path: str, names: list[str], *, has_header: bool) -> str:
    types = ", ".join(f"{duck.text(name)}: 'varchar'" for name in names)
    return f"""read_csv(
        {duck.files(path)}, auto_detect = false, header = {has_header}, delim = ',', quote = '"',
        escape = '"', new_line = '\\n', columns = {{{types}}}, hive_partitioning = false
    )"""


def match_header(file: LandedFile, header: list[str], row: int | None = 1) -> list[Column]:
    """The contract's columns in the order of a header.

    Args:
        file: The file, for its table and for what is said of it.
        header: The header's cells: English names or Chinese labels, in any order.
        row: The row that it stands in; none where it stands in no row.

    Raises:
        LandingRefused: A column is unknown or occurs twice, or a key column is missing.
    """
    by_name = {c.name: c for c in file.table.columns} | {c.label_zh: c for c in file.table.columns}
    place = file.told if row is None else f"{file.told} row {row}"
    # A label may be broken over two lines of its cell.
    header = [LINE_BREAK.sub("", cell) for cell in header]
    if not any(map(bare, header)):
        raise LandingRefused([f"{file.told}: empty; expected a header row of {file.table.name}"])
    expected = ", ".join(column.name for column in file.table.columns)
    if not any(bare(name).lower() in by_name for name in header):
        raise LandingRefused(
            [
                f"{place}: {','.join(header)[:80]!r} is no header of "
                f"{file.table.name}; {_hint(file, header)}expected {expected}, or their Chinese "
                "labels"
            ]
        )
    reasons: list[str] = []
    found: list[Column] = []
    for position, cell in enumerate(header, start=1):
        name = bare(cell)
        column = by_name.get(name) or by_name.get(name.lower())
        if column is None:
            near = get_close_matches(name, by_name, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            reasons.append(
                f"{place} column {position}: {name!r} is no column of "
                f"{file.table.name}; {hint}expected {expected}"
            )
        elif column in found:
            reasons.append(f"{place} column {position}: {name!r} occurs twice; keep one")
        else:
            found.append(column)
    needed = (c for c in file.table.columns if c.is_key and not c.may_be_absent)
    if missing := [c.name for c in needed if c not in found]:
        reasons.append(f"{place}: the key column {', '.join(missing)} is missing; add it")
    if reasons:
        raise LandingRefused(reasons)
    return found


def _hint(file: LandedFile, header: list[str]) -> str:
    """What to do about a first row in which no column is found; empty where it is not known."""
    text = ",".join(header)
    if re.match("sep=", text, re.IGNORECASE):
        return "a line that only spreadsheet programs read, take it away; "
    if len(header) == 1 and "," in text:
        return "the row as a whole is in quotation marks, take them away, in all rows; "
    for mark, told in SEPARATORS.items():
        if mark in text:
            return f"its cells are separated by {told}, save it as CSV UTF-8 (comma delimited); "
    what = real_format(text.encode()) or real_format(file.path)
    return f"the file {what}; " if what else ""


READERS: dict[
    str, Callable[[duckdb.DuckDBPyConnection, LandedFile], AbstractContextManager[Records]]
] = {
    CSV: read_csv,
    CSV_GZ: read_csv_gz,
    PARQUET: read_parquet,
    XLSX: read_workbook,
}
