"""Splitting the text of a CSV into records, so that none swallows others.

A stray quotation mark opens a cell that runs over line breaks until the next mark. A reader of CSV
makes one record of all these lines; a person sees that they are several.
"""

import csv
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from orchestration.landing.cells import FALSE, NOTHING, STROKES, TRUE, bare
from orchestration.landing.contract import Column

# DuckDB's reader takes lines of two million bytes, four of them for a character.
LONGEST_RECORD = 500_000
PLACEHOLDER = f"{STROKES}|{NOTHING}"
VISIBLE = re.compile(r'[^\s,"\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]')
YEAR = re.compile(r"(19|2\d)\d\d(\.0*)?年?度?")
NUMBER = re.compile(rf"[-+−(（¥￥ ]*[\d.,，．]+[%％)） ]*|{PLACEHOLDER}")
DAY = re.compile(rf"\d{{4}} *[-/.年].*|\d{{8}}|{PLACEHOLDER}")
BOOLEAN = re.compile(f"{'|'.join(map(re.escape, (*TRUE, *FALSE)))}", re.IGNORECASE)
# More commas in one line than prose has.
MANY_COMMAS = 3


class Record(NamedTuple):
    """A record of a CSV.

    Attributes:
        row: The row it stands in, as a spreadsheet program counts them: a record is one row, a
            blank line is one.
        cells: Its cells.
        text: Its text where it needs no quotation marks, or where it could not be split; else
            empty.
        fault: Why it could not be split into the columns of the header; empty where it could.
    """

    row: int
    cells: list[str]
    text: str = ""
    fault: str = ""

    @property
    def told(self) -> str:
        """Its text, as it is told; one that was put together can no longer be split."""
        return self.text or ",".join(self.cells)


class Layout:
    """What the records of a file look like.

    Args:
        columns: The columns in the order of the header.

    Attributes:
        width: How many there are.
        unit_at: Where the department stands.
    """

    def __init__(self, columns: list[Column]) -> None:
        names = [column.name for column in columns]
        self.width = len(names)
        self.unit_at = names.index("unit_code")
        self._names = names
        self._year_at = names.index("fiscal_year") if "fiscal_year" in names else None
        # What the cells are like of which something can be said, by their place.
        self._kinds = {
            at: kind
            for at, column in enumerate(columns)
            if column.name != "fiscal_year" and (kind := _kind_of(column))
        }

    def unit_of(self, record: Record) -> str | None:
        """The department that a record at fault names, also where its cells cannot be told."""
        cells = record.cells
        if len(cells) != self.width:
            cells = _cells_by_comma(record.told)
        if len(cells) != self.width:
            quoted = record.cells or _cells_by_mark(record.told)
            # What is quoted as a whole is a record in quotation marks.
            cells = _cells_by_comma(quoted[0]) if len(quoted) == 1 else quoted
        return next(iter(cells[self.unit_at : self.unit_at + 1]), None)

    def reads_as_record(self, line: str) -> bool:
        """Whether a line, taken by itself, is what a person takes for a record.

        It has the year in its place after a department, or as many cells as the header, and more of
        them are what their columns take than are not; prose may have commas and quotation marks.
        """
        return self._is_record(_cells_by_comma(line)) or (
            '"' in line and self._is_record(_cells_by_mark(line))
        )

    def _is_record(self, cells: list[str]) -> bool:
        cells = list(map(bare, cells))
        if self._year_at is not None:
            year = next(iter(cells[self._year_at : self._year_at + 1]), "")
            unit = next(iter(cells[self.unit_at : self.unit_at + 1]), "")
            if unit and YEAR.fullmatch(unicodedata.normalize("NFKC", year)):
                return self.unit_at < self._year_at or len(cells) >= self.width - 1
            if year and not self._kinds:
                return False
        if len(cells) < self.width:
            return False
        told = [bool(kind.fullmatch(cells[at])) for at, kind in self._kinds.items() if cells[at]]
        return sum(told) * 2 > len(told) or (not told and len(cells) > MANY_COMMAS)

    def is_as_wide(self, line: str) -> bool:
        """Whether a line, taken by itself, has as many cells as the header."""
        return len(_cells_by_comma(line)) >= self.width

    def broken_column(self, cells: list[str]) -> str | None:
        """The column of a cell of several lines that can only be one number, day, code or year."""
        for at in (*self._kinds, self._year_at):
            if at is not None and "\n" in bare("".join(cells[at : at + 1])):
                return self._names[at]
        return None

    def fault_of(self, cells: list[str]) -> str:
        """Why cells are not those of the header; empty where they are."""
        if len(cells) == self.width:
            return ""
        if len(cells) == 1 and cells[0].count(",") >= self.width - 1:
            return "the row as a whole is in quotation marks; take them away, in all rows"
        found = f"{len(cells)} cell{'s' if len(cells) > 1 else ''}, expected {self.width} as in the"
        if len(cells) < self.width:
            return f"{found} header; a comma is missing, or the row is cut off"
        return f"{found} header; put a cell that holds a comma into quotation marks"


def _kind_of(column: Column) -> re.Pattern[str] | None:
    """What a cell of a column is like; none where it is any text."""
    if column.accepted_values:
        known = (*column.accepted_values, *column.accepted_values.values())
        return re.compile("|".join(map(re.escape, known)))
    return {"varchar": None, "date": DAY, "boolean": BOOLEAN}.get(column.data_type, NUMBER)


def _cells_by_comma(text: str) -> list[str]:
    return [cell.strip('"').strip().strip('"') for cell in text.rstrip("\n").split(",")]


def _cells_by_mark(text: str) -> list[str]:
    return next(csv.reader([text[: csv.field_size_limit()]]), [])


def header_of(lines: Iterator[str]) -> tuple[int, list[str]]:
    """The first record that is not blank: its row, and its cells; none where there is none."""
    row = 0
    for line in lines:
        row += 1
        if VISIBLE.search(line):
            taken = [line]
            reader = csv.reader(_recorded(taken, lines), skipinitialspace=True)
            try:
                return row, next(reader, [])
            except csv.Error:
                return row, taken[:1]
    return row, []


def _recorded(taken: list[str], lines: Iterator[str]) -> Iterator[str]:
    """The line that was taken already, and those that follow; all of them are kept in `taken`."""
    yield from taken
    for line in lines:
        taken.append(line)
        yield line


def records(lines: Iterable[str], layout: Layout, row: int) -> Iterator[Record]:
    """The records below a header, but for blank ones.

    Args:
        lines: The lines, each with a line feed at its end.
        layout: What the records look like.
        row: The row of the header.
    """
    source = iter(lines)
    for line in source:
        row += 1
        if '"' not in line:
            if VISIBLE.search(line):
                text = line.rstrip("\n")
                cells = text.split(",")
                fault = layout.fault_of(cells) if len(cells) != layout.width else ""
                if len(text) > LONGEST_RECORD:
                    fault = f"a row of more than {LONGEST_RECORD:,} characters; shorten it"
                yield Record(row, cells, text, fault)
            continue
        taken = [line]
        found = list(_quoted(row, taken, _recorded(taken, source), layout))
        yield from found
        if any(record.fault for record in found):
            row += len(taken) - 1


def _quoted(row: int, taken: list[str], lines: Iterator[str], layout: Layout) -> Iterator[Record]:
    """A record that has quotation marks, or each line that it swallows."""
    try:
        cells = next(csv.reader(lines, strict=True, skipinitialspace=True))
        fault = ""
    except csv.Error as error:
        fault = _told(str(error), row, len(taken))
    if len(taken) > 1 and not fault:
        opened = f"a quotation mark opens a cell in row {row} that runs on over {len(taken)} lines"
        if sum(map(layout.reads_as_record, taken)) > 1:
            fault = f"{opened}, which read as rows of their own; close it or double it"
        elif any(map(layout.is_as_wide, taken)) and (column := layout.broken_column(cells)):
            fault = f"{opened}, but {column} takes no text of several lines; close it or double it"
    if fault:
        for number, swallowed in enumerate(taken, start=row):
            if VISIBLE.search(swallowed):
                yield Record(number, [], swallowed.rstrip("\n"), fault)
    elif any(map(VISIBLE.search, taken)):
        yield Record(row, cells, fault=layout.fault_of(cells))


def _told(error: str, row: int, lines: int) -> str:
    """What a person is told of text that cannot be split."""
    if "limit" in error:
        return (
            f"a cell in row {row} of more than {csv.field_size_limit():,} characters; shorten it, "
            "or close or double the quotation mark that opens it"
        )
    if "end of data" in error:
        return f"a quotation mark opened in row {row} is never closed; close it or double it"
    if lines > 1:
        return (
            f"a quotation mark opens a cell in row {row} that runs on over {lines} lines to "
            "another one; close it or double it"
        )
    return "a quotation mark inside a quoted cell; double it, or take the quotation marks away"
