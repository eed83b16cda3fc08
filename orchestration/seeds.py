"""Reading the seeds as text before dbt loads them: a faulty one refuses the run, cell by cell."""

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from orchestration.plain import plain
from orchestration.project import DBT_PROJECT_FILE, SEEDS_DIR

# A whole quoted cell, and nothing that only begins as one.
QUOTED_CELL = re.compile(r'(?<![^,\r\n])"[^"]*+(?:""[^"]*+)*+"(?![^,\r\n])')
LINE_END = re.compile(r"\r\n|\r|\n")
LINE_END_NAMES = {"\r\n": "CR LF", "\r": "CR", "\n": "LF"}
WHOLE_NUMBER = re.compile(r"[-+]?\d+", re.ASCII)
NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)", re.ASCII)
THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(\D|$))")
DECIMAL_TYPE = re.compile(r"decimal\((\d+), ?(\d+)\)")
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
YEAR = re.compile(r"[12]\d{3}", re.ASCII)
CODE_COLUMN = re.compile(r"_(code|id)$")
# Format, control and private characters, and those that stand for nothing: none can be seen.
INVISIBLE = {"Cc", "Cf", "Co", "Cs", "Cn"}
REPLACEMENT = "\ufffd"
LARGEST_INTEGER = 2**31 - 1
SHOWN_CHARACTERS = 80


def faults(folder: Path = SEEDS_DIR) -> list[str]:
    """What is wrong with the files of the seeds and with each cell by itself.

    What a cell means beside others is the concern of the tests in tests/dbt/seeds.

    Args:
        folder: Where the seeds are.

    Returns:
        One line for each fault: file, row (the header is row 1), column, the value, what was
        expected and what to do; none where dbt can load every seed as it stands.
    """
    types = column_types()
    found = {path.stem for path in folder.glob("*.csv")}
    lines = [
        f"seeds/{name}.csv: is no seed of dbt_project.yml, which gives each column its type; "
        "remove it or enter it there"
        for name in sorted(found - set(types))
    ]
    for name, columns in types.items():
        if name in found:
            told = f"seeds/{name}.csv"
            lines += (f"{told}{fault}" for fault in _faults((folder / f"{name}.csv"), columns))
        else:
            lines.append(f"seeds/{name}.csv: gone; put it back, with a header alone if need be")
    return lines


def column_types() -> dict[str, dict[str, str]]:
    """The type of each column of each seed, as dbt takes them."""
    document = yaml.safe_load(DBT_PROJECT_FILE.read_text(encoding="utf-8"))
    (seeds,) = document["seeds"].values()
    return {
        name: settings["+column_types"]
        for name, settings in seeds.items()
        if isinstance(settings, dict) and "+column_types" in settings
    }


def year_offsets(folder: Path = SEEDS_DIR) -> set[int]:
    """How far from its own year each year lies that an input of a measure asks for.

    Args:
        folder: Where the seeds are, without a fault.
    """
    header, *rows = _rows(folder / "measure_inputs.csv")
    at = header.index("year_offset")
    return {int(row[at]) for row in rows if row[at]}


class _Unreadable(Exception):
    """What keeps a file from being split into cells with certainty."""


def _faults(path: Path, columns: dict[str, str]) -> Iterator[str]:
    try:
        rows = _rows(path)
    except _Unreadable as unreadable:
        yield str(unreadable)
        return
    header = rows[0] if rows else []
    if header_faults := list(_header_faults(header, columns)):
        yield from header_faults
        return
    first: dict[tuple[str, ...], int] = {}
    for number, row in enumerate(rows[1:], start=2):
        if not any(row):
            yield f" row {number}: every cell is empty; remove the row"
        elif len(row) != len(header):
            yield (
                f" row {number}: {len(row)} cells, expected {len(header)} as in the header; "
                "a cell with a comma stands in quotation marks"
            )
        else:
            for name, cell in zip(header, row, strict=True):
                if fault := _cell_fault(cell, name, columns[name], len(header)):
                    yield f" row {number} column {name}: {fault}"
            if (before := first.setdefault(tuple(row), number)) != number:
                yield f" row {number}: the same as row {before}; remove one"


def _rows(path: Path) -> list[list[str]]:
    """The cells of a file.

    Raises:
        _Unreadable: It cannot be read, is not in UTF-8, or its quotation marks or line ends leave
            open where a record ends.
    """
    try:
        text = _decoded(path.read_bytes())
    except OSError as error:
        raise _Unreadable(f": cannot be read ({error.strerror}); check the file") from None
    # Each record is on a line of its own, and every line end ends one.
    plain = QUOTED_CELL.sub("", text)
    if (at := plain.find('"')) >= 0:
        raise _Unreadable(
            f" row {len(LINE_END.findall(plain, 0, at)) + 1}: a quotation mark that does not "
            "enclose a whole cell; close it, or enclose the cell and double the mark"
        )
    ends = [LINE_END_NAMES[end] for end in LINE_END.findall(plain)]
    for row, end in enumerate(ends, start=1):
        expected = "LF or CR LF" if ends[0] == "CR" else f"{ends[0]} as above"
        if end == "CR" or end != ends[0]:
            raise _Unreadable(f" row {row}: ends in {end}, expected {expected}; save it again")
    try:
        return list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise _Unreadable(f": cannot be split into cells ({error}); check the file") from None


def _decoded(content: bytes) -> str:
    if (at := content.find(b"\0")) >= 0:
        row = content.count(b"\n", 0, at) + 1
        raise _Unreadable(f" row {row}: holds NUL bytes, so it is no UTF-8; save it as CSV UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
    try:
        content.decode("gb18030")
    except UnicodeDecodeError:
        raise _Unreadable(f" row {row}: is not in UTF-8; save it as CSV UTF-8") from None
    raise _Unreadable(f" row {row}: is in GB18030, expected UTF-8; save it as CSV UTF-8")


def _header_faults(header: list[str], columns: dict[str, str]) -> Iterator[str]:
    if not any(header):
        yield f" row 1: no header found, expected {', '.join(columns)}"
        return
    for position, name in enumerate(header, start=1):
        if name not in columns:
            near = get_close_matches(name, columns, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            yield (
                f" row 1 column {position}: '{_shown(name)}' is no column of it; {hint}expected "
                f"{', '.join(columns)}"
            )
        elif name in header[: position - 1]:
            yield f" row 1 column {position}: '{name}' occurs twice; keep one"
    if missing := [name for name in columns if name not in header]:
        yield f" row 1: the column {', '.join(missing)} is missing; add it, its cells may be empty"


def _cell_fault(cell: str, name: str, kind: str, width: int) -> str | None:
    """What is wrong with a cell by itself, and what to write."""
    if not cell:
        return None
    found = f"found '{_shown(cell)}', "
    # Line breaks are part of a text; a quotation mark in a wrong place makes them of a record.
    breaks = LINE_END.split(cell)
    if any(line.count(",") >= width - 1 for line in breaks[1:]):
        return f"{found}which holds what reads as further rows; close the quotation mark before"
    if unseen := sorted({c for line in breaks for c in line if _is_invisible(c)}):
        listed = ", ".join(f"U+{ord(c):04X}" for c in unseen)
        return f"{found}with a character that cannot be seen ({listed}); remove it"
    if cell != cell.strip():
        return f"{found}with spaces around it; write '{_shown(cell.strip())}'"
    if CODE_COLUMN.search(name) and any(c.isspace() for c in cell):
        return f"{found}expected a code without spaces; correct it"
    if name.startswith("fiscal_year") and not YEAR.fullmatch(cell):
        return f"{found}expected a fiscal year, as 2023"
    if kind in CHECKS:
        return (expected := CHECKS[kind](cell)) and f"{found}expected {expected}"
    if shape := DECIMAL_TYPE.fullmatch(kind):
        digits, decimals = (int(number) for number in shape.groups())
        return (expected := _decimal(cell, digits, decimals)) and f"{found}expected {expected}"
    return None


def _integer(cell: str) -> str | None:
    if WHOLE_NUMBER.fullmatch(cell) and abs(int(cell)) <= LARGEST_INTEGER:
        return None
    number = _meant(cell)
    whole = number is not None and number == number.to_integral_value()
    return "a whole number" + (f"; write {number:.0f}" if whole and "%" not in cell else "")


def _boolean(cell: str) -> str | None:
    return None if cell.lower() in ("true", "false") else "true or false"


def _day(cell: str) -> str | None:
    parts = re.findall(r"\d+", unicodedata.normalize("NFKC", cell))
    try:
        year, month, day = map(int, parts)
        meant = date(year, month, day).isoformat()
    except ValueError:
        return "a day that exists, as 2023-12-31"
    return None if DAY.fullmatch(cell) else f"a day as 2023-12-31; write {meant}"


def _decimal(cell: str, digits: int, decimals: int) -> str | None:
    """What was expected of a number of so many digits, so many of them decimals."""
    number = _meant(cell)
    if number is None:
        return "a number, as 0.9"
    if abs(number) >= 10 ** (digits - decimals):
        return f"a number below {10 ** (digits - decimals):,}; nothing larger can be held"
    rounded = round(number, decimals)
    if rounded != number:
        return (
            f"{decimals} decimals at most, further ones would be rounded away; "
            f"write {plain(rounded, grouped=False)}"
        )
    if NUMBER.fullmatch(cell):
        return None
    return f"a number, as 0.9; write {plain(number, grouped=False)}"


def _meant(cell: str) -> Decimal | None:
    """The number that a cell stands for as people write them: 1,000, ９０ or 90%."""
    text = THOUSANDS.sub("", unicodedata.normalize("NFKC", cell))
    try:
        number = Decimal(text.rstrip("% "))
    except InvalidOperation:
        return None
    return (number / 100 if "%" in text else number) if number.is_finite() else None


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in INVISIBLE or character == REPLACEMENT


def _shown(text: str) -> str:
    """A value as people can see it: what cannot be seen by its number, what is long cut."""
    seen = "".join(
        f"<U+{ord(c):04X}>" if c != " " and (c.isspace() or _is_invisible(c)) else c for c in text
    )
    return seen if len(seen) <= SHOWN_CHARACTERS else f"{seen[:SHOWN_CHARACTERS]}…"


CHECKS: dict[str, Callable[[Any], str | None]] = {
    "integer": _integer,
    "boolean": _boolean,
    "date": _day,
}
