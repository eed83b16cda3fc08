"""The files of a landing folder, and the tables that they deliver."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

import python_calamine as calamine

from orchestration.contract import Table, landing_contract
from orchestration.faults import LandingRefused
from orchestration.workbook import open_workbook

CSV, CSV_GZ, PARQUET, XLSX = ".csv", ".csv.gz", ".parquet", ".xlsx"
ENDINGS = (CSV_GZ, CSV, PARQUET, XLSX)
# A sheet of a workbook that explains the others.
NOTES_SHEET = "说明"


@dataclass(frozen=True)
class LandedFile:
    """A file that delivers rows of one table.

    Attributes:
        path: Where it is.
        name: Its path below the landing folder, as people are told.
        table: The table it delivers.
        sheet: The sheet of a workbook that holds the table; empty for a file that is one table.
    """

    path: Path
    name: str
    table: Table
    sheet: str = ""

    @property
    def told(self) -> str:
        """What people are told of it: the file, and the sheet where it has several."""
        return f"{self.name} sheet {self.sheet}" if self.sheet else self.name

    @property
    def ending(self) -> str:
        """The ending that says its format; empty where it is none of those that are read."""
        return _ending(self.path)


def landing_years(landing: Path) -> list[int]:
    """The fiscal years that a landing folder has a folder for, in order."""
    if not landing.is_dir():
        return []
    return sorted(int(p.name) for p in landing.iterdir() if p.is_dir() and is_year(p.name))


def is_year(name: str) -> bool:
    """Whether a folder's name is a fiscal year: four digits."""
    return len(name) == 4 and name.isascii() and name.isdigit()


def find_files(landing: Path, year: int) -> tuple[list[LandedFile], list[str]]:
    """The files of a year with the tables they deliver.

    Args:
        landing: The landing folder.
        year: The fiscal year, the name of a folder in it.

    Returns:
        The files, by table and name, a workbook once for each table that it holds; and a line for
        each file that is no table of the contract or cannot be read in its format. Hidden files
        and `~$…` are passed over.

    Raises:
        LandingRefused: The year has no folder.
    """
    if not (landing / str(year)).is_dir():
        raise LandingRefused([f"{landing / str(year)}: no such folder; expected the year's files"])
    files: list[LandedFile] = []
    reasons: list[str] = []
    try:
        delivered = list(_delivered(landing / str(year)))
    except OSError as error:
        raise LandingRefused([f"{error.filename}: cannot be read ({error.strerror})"]) from None
    for path, table_name in delivered:
        try:
            _refuse_what_is_no_file(landing, path)
            files += _tables_of(path, path.relative_to(landing).as_posix(), table_name)
        except LandingRefused as refused:
            reasons += refused.reasons
    order = list(landing_contract())
    return sorted(files, key=lambda f: (order.index(f.table.name), f.name)), reasons


def _delivered(folder: Path) -> Iterator[tuple[Path, str]]:
    """The files below a year's folder, each with the table that its place names."""
    for path in _visible(folder):
        if path.is_dir() and not _ending(path) and not path.is_symlink():
            yield from ((file, path.name) for file in _visible(path))
        else:
            yield path, path.name[: -len(_ending(path) or path.suffix) or None]


def _refuse_what_is_no_file(landing: Path, path: Path) -> None:
    name = path.relative_to(landing).as_posix()
    told = name.encode(errors="backslashreplace").decode()
    if told != name:
        reason = "its name is not in UTF-8; rename it"
    elif not path.resolve().is_relative_to(landing.resolve()):
        reason = "a link that leads out of the landing folder; put the file itself there"
    elif path.is_dir():
        reason = "a folder where a file was expected; remove it"
    elif not path.is_file():
        reason = "not a regular file, or a link to none; put the file itself there"
    else:
        return
    raise LandingRefused([f"{told}: {reason}"])


def _visible(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if not p.name.startswith((".", "~$")))


def _ending(path: Path) -> str:
    return next((ending for ending in ENDINGS if path.name.lower().endswith(ending)), "")


def _tables_of(path: Path, name: str, table_name: str) -> list[LandedFile]:
    contract = landing_contract()
    if table_name in contract:
        if not _ending(path):
            raise LandingRefused(
                [
                    f"{name}: cannot read {path.suffix or 'a file without an ending'}; "
                    f"expected {', '.join(ENDINGS)}"
                ]
            )
        return [LandedFile(path, name, contract[table_name])]
    if _ending(path) == XLSX and path.parent.name not in contract:
        return _sheets_of(path, name)
    raise LandingRefused([f"{name}: {_unknown(table_name)}"])


def _sheets_of(path: Path, name: str) -> list[LandedFile]:
    """The sheets of a workbook: each is named after its table, in English or Chinese.

    A sheet with a header alone delivers nothing, as if its table were absent.
    """
    by_name = {t.name: t for t in landing_contract().values()}
    by_name |= {t.label_zh: t for t in landing_contract().values()}
    workbook = open_workbook(path, name)
    sheets = [sheet for sheet in workbook.sheet_names if sheet != NOTES_SHEET]
    if unknown := [sheet for sheet in sheets if sheet.strip() not in by_name]:
        raise LandingRefused([f"{name} sheet {sheet}: {_unknown(sheet)}" for sheet in unknown])
    return [
        LandedFile(path, name, by_name[sheet.strip()], sheet)
        for sheet in sheets
        if not _is_header_alone(workbook, sheet, name)
    ]


def _is_header_alone(workbook: calamine.CalamineWorkbook, name: str, told: str) -> bool:
    try:
        sheet = workbook.get_sheet_by_name(name)
    except calamine.CalamineError as error:
        raise LandingRefused(
            [f"{told} sheet {name}: cannot be read ({error}); save the workbook again"]
        ) from None
    if sheet.start is None:
        return False
    below = islice(sheet.iter_rows(), sheet.start[0] + 1, None)
    return not any(str(cell).strip() for row in below for cell in row)


def _unknown(table_name: str) -> str:
    contract = landing_contract()
    near = get_close_matches(table_name, contract, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return (
        f"{table_name!r} is no table of the landing contract; {hint}"
        f"expected one of {', '.join(contract)}"
    )
