"""The files of a landing folder, and the tables that they deliver."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from orchestration.faults import LandingRefused
from orchestration.landing.contract import Table, landing_contract
from orchestration.landing.formats import SAVE_AS_CSV, SAVE_AS_XLSX, real_format
from orchestration.landing.workbook import Sheet, Workbook, open_workbook

CSV, CSV_GZ, PARQUET, XLSX = ".csv", ".csv.gz", ".parquet", ".xlsx"
ENDINGS = (CSV_GZ, CSV, PARQUET, XLSX)
# What systems and programs put beside files, hidden from whoever delivers them.
UNSEEN = (
    *("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir"),
    *("$recycle.bin", "#recycle", "system volume information", "lost+found"),
)
UNFINISHED = (".crdownload", ".part", ".partial", ".download", ".filepart", ".opdownload", ".tmp")
PACKED = (".zip", ".rar", ".7z", ".tar", ".tgz", ".bz2", ".xz", ".zst")
WORKBOOKS = (".xls", ".et", ".ett", ".xlsm", ".xlsb", ".xltx", ".ods", ".numbers")
TEXTS = (".txt", ".tsv", ".dat", ".prn")
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
        state: What changes when the file does, as it was before anything of it was read.
    """

    path: Path
    name: str
    table: Table
    sheet: str = ""
    state: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """How many bytes it has, by that state."""
        return self.state[2]

    @property
    def told(self) -> str:
        """What people are told of it: the file, and the sheet where it has several."""
        return f"{self.name} sheet {self.sheet}" if self.sheet else self.name

    @property
    def ending(self) -> str:
        """The ending that says its format; empty where it is none of those that are read."""
        return _ending(self.path)


def state_of(path: Path) -> tuple[int, ...]:
    """What changes when a file is written to or replaced."""
    status = path.stat()
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def table_named(name: str) -> Table | None:
    """The table that a file, folder or sheet is named after, in English or Chinese."""
    name = name.strip().lower()
    tables = landing_contract().values()
    return next((table for table in tables if name in (table.name, table.label_zh)), None)


def landing_years(landing: Path) -> list[int]:
    """The fiscal years that a landing folder has a folder for, in order."""
    if not landing.is_dir():
        return []
    return sorted(int(p.name) for p in landing.iterdir() if p.is_dir() and is_year(p.name))


def contents(landing: Path, year: int) -> tuple[dict[str, Path], dict[str, tuple[int, ...]]]:
    """The files of a year whatever they are, unopened.

    Args:
        landing: The landing folder.
        year: The fiscal year, the name of a folder in it.

    Returns:
        Each file by its path below the landing folder, and what changes when it does. A file that
        goes away meanwhile has no state.
    """
    paths = {
        path.relative_to(landing).as_posix(): path for path, _ in _delivered(landing / str(year))
    }
    states = {}
    for name, path in paths.items():
        try:
            states[name] = state_of(path)
        except OSError:
            states[name] = ()
    return paths, states


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
        each file that is no table of the contract or cannot be read in its format. Hidden files,
        `~$…` and what systems put there are passed over.

    Raises:
        LandingRefused: The year has no folder, or it is elsewhere.
    """
    folder = landing / str(year)
    if not folder.is_dir():
        raise LandingRefused([f"{folder}: no such folder; expected the year's files"])
    if not folder.resolve().is_relative_to(landing.resolve()):
        raise LandingRefused(
            [
                f"{year}: the year's folder is a link that leads out of the landing folder, to "
                f"{folder.resolve()}; put the folder itself there"
            ]
        )
    files: list[LandedFile] = []
    reasons: list[str] = []
    try:
        delivered = list(_delivered(folder))
    except OSError as error:
        raise LandingRefused([f"{error.filename}: cannot be read ({error.strerror})"]) from None
    for path, table_name in delivered:
        try:
            _refuse_what_is_no_file(landing, path)
            state = state_of(path)
            found = _tables_of(path, path.relative_to(landing).as_posix(), table_name)
            files += [replace(file, state=state) for file in found]
        except OSError as error:
            reasons.append(
                f"{path.relative_to(landing).as_posix()}: cannot be read ({error.strerror}); "
                "check the file"
            )
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
    return sorted(
        path
        for path in folder.iterdir()
        if not path.name.startswith((".", "~$")) and path.name.lower() not in UNSEEN
    )


def _ending(path: Path) -> str:
    return next((ending for ending in ENDINGS if path.name.lower().endswith(ending)), "")


def _tables_of(path: Path, name: str, table_name: str) -> list[LandedFile]:
    table = table_named(table_name)
    if table and _ending(path):
        return [LandedFile(path, name, table)]
    if _ending(path) == XLSX and not table_named(path.parent.name):
        return _sheets_of(path, name)
    if hint := _hint(path):
        raise LandingRefused([f"{name}: {hint}"])
    if table:
        raise LandingRefused(
            [
                f"{name}: cannot read {path.suffix or 'a file without an ending'}; "
                f"expected {', '.join(ENDINGS)}"
            ]
        )
    raise LandingRefused([f"{name}: {_unknown(table_name)}"])


def _hint(path: Path) -> str:
    """What a file is that cannot be read, as its ending says, and what to do; empty if unknown."""
    suffix = path.suffix.lower()
    if suffix in UNFINISHED:
        return f"a {suffix} file is unfinished or left over; deliver it whole, or remove it"
    if suffix in PACKED:
        return f"cannot read {suffix}; unpack it and deliver what is in it"
    if suffix in WORKBOOKS:
        return f"cannot read {suffix}; {SAVE_AS_XLSX}"
    if suffix in TEXTS and table_named(path.stem):
        what = real_format(path)
        return f"{what} (.csv)" if what else f"cannot read {suffix}; {SAVE_AS_CSV} (.csv)"
    return ""


def _sheets_of(path: Path, name: str) -> list[LandedFile]:
    """The sheets of a workbook: each is named after its table, in English or Chinese.

    A sheet with a header alone delivers nothing, as if its table were absent.
    """
    files: list[LandedFile] = []
    reasons: list[str] = []
    with open_workbook(path, name) as book:
        for sheet, table in sheets_to_read(book, name):
            told = f"{name} sheet {sheet.name}"
            if table is None:
                reasons.append(f"{told}: {_unknown(sheet.name)}")
            elif not _delivers(book, sheet, table):
                continue
            elif table in [file.table for file in files]:
                reasons.append(f"{told}: another sheet is this table too; put all rows into one")
            else:
                files.append(LandedFile(path, name, table, sheet.name))
    if reasons:
        raise LandingRefused(reasons)
    return files


def sheets_to_read(book: Workbook, name: str) -> list[tuple[Sheet, Table | None]]:
    """The sheets of a workbook that may deliver rows, each with the table it is named after.

    Sheets in which nothing is to be seen, the notes and what programs hide are passed over.

    Args:
        book: The workbook.
        name: What people are told of it.

    Raises:
        LandingRefused: A hidden sheet is a table with rows.
    """
    sheets = [
        (sheet, table_named(sheet.name))
        for sheet in book.sheets
        if sheet.name.strip() != NOTES_SHEET
    ]
    reasons = [
        f"{name} sheet {sheet.name}: a hidden sheet that is a table; unhide it if it is delivered, "
        "else delete it"
        for sheet, table in sheets
        if table and sheet.is_hidden and _delivers(book, sheet, table)
    ]
    if reasons:
        raise LandingRefused(reasons)
    return [
        (sheet, table)
        for sheet, table in sheets
        if not sheet.is_hidden and book.has_rows(sheet, least=1, widest=0)
    ]


def _delivers(book: Workbook, sheet: Sheet, table: Table) -> bool:
    """Whether there is more in a table's sheet than its header."""
    return book.has_rows(sheet, least=2, widest=len(table.columns))


def _unknown(table_name: str) -> str:
    contract = landing_contract()
    names = [*contract, *(table.label_zh for table in contract.values())]
    copied = [name for name in names if _is_copy(table_name.lower(), name)]
    near = get_close_matches(table_name.lower(), names, n=1)
    if copied:
        hint = f"a copy of {copied[0]}? keep one and remove the other; "
    else:
        hint = f"did you mean {near[0]}? " if near else ""
    return (
        f"{table_name!r} is no table of the landing contract; {hint}"
        f"expected one of {', '.join(contract)}"
    )


def _is_copy(name: str, table_name: str) -> bool:
    """Whether a name is a table's with something before or after it, as copies have."""
    table = re.escape(table_name)
    return re.search(rf"^{table}(?!\w)|^{table}_|(?<![a-z0-9]){table}$", name) is not None
