"""Opening an .xlsx workbook, and its cells as a person reads them, in one pass over its XML."""

import errno
import lzma
import posixpath
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import cached_property, lru_cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from xml.parsers import expat

from orchestration.faults import LandingRefused
from orchestration.landing.cells import INVISIBLE, SPACES
from orchestration.landing.formats import real_format
from orchestration.landing.number_formats import BUILT_IN, Cell, NumberFormat

# What a compressed file may grow to: more is taken for an attack, or for a mistake.
UNPACKED_LIMIT = 4 * 2**30
# What its lists may come to, which are held in memory: the texts that cells share, and others.
TEXTS_LIMIT, LIST_LIMIT = 2**28, 2**25
CHUNK = 2**18
# No program nests elements deeper, or writes a longer tag.
DEEPEST, LONGEST_TAG = 64, 2**24
LAST_ROW, LAST_COLUMN, LONGEST_TEXT = 2**20, 2**14, 2**15 - 1
# Beyond it, column IV, a text was left by mistake, though nothing of it is seen.
FAR_COLUMN = 2**8
# A spreadsheet program keeps fifteen digits of a number.
MOST_DIGITS = 15
MAIN = (
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "http://purl.oclc.org/ooxml/spreadsheetml/main",
)
# A number as it is read already, most often.
PLAIN = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?").fullmatch
CHARACTER = re.compile(r"_x([0-9A-Fa-f]{4})_")
LETTERS = re.compile(r"[A-Z]{1,3}")
MIDNIGHT = re.compile(r"T00:00(:00(\.0+)?)?Z?$")
TRUE, FALSE = ("1", "true"), ("0", "false")
# Elements of a cell or of a text that hold nothing of what is seen in it.
UNSEEN = frozenset(("extLst", "phoneticPr", "rPh", "rPr"))
NOTHING_SEEN = re.compile(f"[{SPACES}{INVISIBLE}]+").fullmatch
# What stands for a text of which nothing is seen.
BLANK = " "
# Sheets that are a chart or a form.
WITHOUT_CELLS = ("chartsheet", "dialogsheet")


class Damage(Exception):
    """What is wrong with a workbook, as people are told."""


# This, and what the standard library raises on damaged archives and XML.
DAMAGE = (
    Damage,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    expat.ExpatError,
    struct.error,
    EOFError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)
TOO_LONG = f"a text of more than {LONGEST_TEXT} characters; shorten it"
LOST = "it is damaged or cut off"
PROTECTED = "it is protected by a password"
ERROR = "an error of the spreadsheet; correct the formula and paste its value, or type the value"
LOST_DIGITS = (
    f"a number of more than {MOST_DIGITS} digits, of which a spreadsheet loses the last; "
    "enter a code as text"
)


class Sheet(NamedTuple):
    """A sheet with cells.

    Attributes:
        name: As it is seen.
        is_hidden: It is not seen.
        part: The entry of the archive that holds it.
    """

    name: str
    is_hidden: bool
    part: str


# The number of a row, and its cells by the number of their column.
Row = tuple[int, dict[int, Cell | str]]


@contextmanager
def open_workbook(path: Path, told: str) -> Iterator["Workbook"]:
    """Open an .xlsx workbook.

    Args:
        path: Where it is.
        told: What people are told of it.

    Raises:
        LandingRefused: It is no .xlsx workbook, is protected or damaged, or unpacks to too much.
    """
    try:
        archive = zipfile.ZipFile(path)
    except DAMAGE as error:
        what = real_format(path)
        raise LandingRefused(
            [f"{told}: {what}" if what else _unopened(told, _why(error))]
        ) from None
    with archive:
        if sum(entry.file_size for entry in archive.infolist()) > UNPACKED_LIMIT:
            raise LandingRefused([f"{told}: unpacks to more than 4 GiB; deliver it in parts"])
        yield Workbook(archive, told)


def _unopened(told: str, why: str) -> str:
    return (
        f"{told}: cannot be opened as an .xlsx workbook ({why}); save it as .xlsx, "
        "without a password"
    )


class Workbook:
    """An open workbook.

    Attributes:
        sheets: Its sheets with cells, in order; sheets that are charts are left out.
    """

    def __init__(self, archive: zipfile.ZipFile, told: str) -> None:
        self._archive = archive
        self._told = told
        entries = archive.infolist()
        self._parts = {_part_name(entry.filename): entry for entry in entries}
        if len(self._parts) != len(entries):
            raise LandingRefused([_unopened(told, "it holds a part twice")])
        documents = [part for kind, part in self._links("").values() if kind == "officeDocument"]
        if not documents or _part_name(documents[0]) not in self._parts:
            raise LandingRefused([_unopened(told, "it holds no workbook")])
        if documents[0].endswith(".bin"):
            raise LandingRefused([_unopened(told, "it is a binary workbook, .xlsb")])
        self._linked = self._links(documents[0])
        self._is_1904 = False
        self.sheets = list(self._sheets(documents[0]))
        seen: set[str] = set()
        for sheet in self.sheets:
            if sheet.name.casefold() in seen:
                raise LandingRefused(
                    [f"{told} sheet {sheet.name}: a name that occurs twice; keep one of the sheets"]
                )
            seen.add(sheet.name.casefold())

    def rows(self, sheet: Sheet, told: str, widest: int = LAST_COLUMN) -> Iterator[Row]:
        """The rows of a sheet in which anything is to be seen, one after the other.

        Args:
            sheet: The sheet.
            told: What people are told of it.
            widest: The last column that may hold anything.

        Yields:
            The number of a row, and by the number of their column the cells with something in
            them: as text, or as more where a text does not say all.

        Raises:
            LandingRefused: The sheet is damaged, holds a formula, merged cells, or something
                beyond the last column, be it a text that nobody can see, far beyond.
        """
        reader = _SheetReader(self, told, widest)
        for _ in self._read(sheet.part, reader.parser, told, lambda: reader.near):
            yield from reader.rows
            reader.rows.clear()
            reader.refuse_long_text()

    def has_rows(self, sheet: Sheet, least: int, widest: int) -> bool:
        """Whether anything is to be seen in so many rows of a sheet, or it cannot be read.

        Args:
            sheet: The sheet.
            least: The number of rows.
            widest: As for `rows`.
        """
        try:
            return len(list(islice(self.rows(sheet, self._told, widest), least))) == least
        except LandingRefused:
            return True

    @cached_property
    def texts(self) -> list[str]:
        """The texts that cells share, as `decoded` gives them."""
        texts: list[str] = []
        pieces: list[str] = []
        depth = 0
        unseen_from = DEEPEST

        def start(name: str, attributes: dict[str, str]) -> None:
            nonlocal depth, unseen_from
            del attributes
            local = _local(name)
            depth += 1
            _refuse_deep(depth)
            if local in UNSEEN:
                unseen_from = min(unseen_from, depth)
            elif local == "t" and depth < unseen_from:
                parser.CharacterDataHandler = pieces.append

        def end(name: str) -> None:
            nonlocal depth, unseen_from
            depth -= 1
            if depth < unseen_from:
                unseen_from = DEEPEST
            parser.CharacterDataHandler = None
            if _local(name) == "si":
                self._refuse_long(pieces)
                texts.append(decoded("".join(pieces)))
                pieces.clear()

        parser = _parser(start, end)
        for part in self._parts_of("sharedStrings"):
            for _ in self._read(part, parser, self._told, limit=TEXTS_LIMIT):
                self._refuse_long(pieces)
        return texts

    def _refuse_long(self, pieces: list[str]) -> None:
        if sum(map(len, pieces)) > LONGEST_TEXT:
            raise LandingRefused([f"{self._told}: {pieces[0][:20]!r} begins {TOO_LONG}"])

    @cached_property
    def formats(self) -> dict[str | None, NumberFormat | None]:
        """The number formats by the number of the cell's style, none where it shows all."""
        codes: dict[str, str] = {str(number): code for number, code in BUILT_IN.items()}
        used: list[str] = []
        for part in self._parts_of("styles"):
            for parent, name, attributes in self._elements(part):
                match parent, name:
                    case "numFmts", "numFmt":
                        code = attributes.get("formatCode", "")
                        codes[attributes.get("numFmtId", "")] = code
                    case "cellXfs", "xf":
                        used.append(attributes.get("numFmtId", "0"))
        formats = {key: NumberFormat(codes.get(key, ""), is_1904=self._is_1904) for key in {*used}}
        telling = {key: None if shown.is_plain else shown for key, shown in formats.items()}
        by_style: dict[str | None, NumberFormat | None] = {"0": None}
        by_style |= {str(style): telling[key] for style, key in enumerate(used)}
        return by_style | {None: by_style["0"]}

    def _sheets(self, book: str) -> Iterator[Sheet]:
        for parent, name, attributes in self._elements(book):
            if not parent and name != "workbook":
                raise LandingRefused([_unopened(self._told, f"it is another kind of {name}")])
            if name == "workbookPr":
                self._is_1904 = attributes.get("date1904") in TRUE
            elif (parent, name) == ("sheets", "sheet"):
                title = attributes.get("name", "")
                kind, part = self._linked.get(attributes.get("id", ""), ("", ""))
                if kind == "worksheet":
                    yield Sheet(title, attributes.get("state", "visible") != "visible", part)
                elif kind not in WITHOUT_CELLS:
                    told = f"{self._told} sheet {title}"
                    raise LandingRefused([_damaged(told, Damage("its part is missing"))])

    def _parts_of(self, kind: str) -> list[str]:
        return [part for is_kind, part in self._linked.values() if is_kind == kind][:1]

    def _links(self, source: str) -> dict[str, tuple[str, str]]:
        """The parts that a part is linked with: kind and name, by the link's id."""
        folder, name = posixpath.split(source)
        links = posixpath.join(folder, "_rels", f"{name}.rels")
        if _part_name(links) not in self._parts:
            return {}
        return {
            attributes.get("Id", ""): (
                posixpath.basename(attributes.get("Type", "")),
                posixpath.normpath(posixpath.join("/", folder, attributes.get("Target", ""))),
            )
            for _, element, attributes in self._elements(links)
            if element == "Relationship" and attributes.get("TargetMode") != "External"
        }

    def _elements(self, part: str) -> Iterator[tuple[str, str, dict[str, str]]]:
        """The elements of a part: the parent's name, its own, and its attributes."""
        found: list[tuple[str, str, dict[str, str]]] = []
        parents = [""]

        def start(name: str, attributes: dict[str, str]) -> None:
            told = {_local(key): value for key, value in attributes.items()}
            found.append((parents[-1], _local(name), told))
            parents.append(_local(name))
            _refuse_deep(len(parents))

        def end(name: str) -> None:
            del name
            parents.pop()

        for _ in self._read(part, _parser(start, end), self._told, limit=LIST_LIMIT):
            yield from found
            found.clear()

    def _read(
        self,
        part: str,
        parser: expat.XMLParserType,
        told: str,
        near: Callable[[], str] = str,
        limit: int = UNPACKED_LIMIT,
    ) -> Iterator[None]:
        """Give a part to a parser, piece by piece."""
        entry = self._parts.get(_part_name(part))
        try:
            if entry is None:
                raise Damage(f"its part {part} is missing")
            if entry.file_size > limit:
                raise Damage(f"its part {part} is larger than {limit >> 20} MiB")
            stream = self._archive.open(entry)
        except DAMAGE as error:
            raise LandingRefused([_damaged(told, error)]) from None
        with stream:
            chunk, length = b"-", 0
            while chunk:
                try:
                    chunk = stream.read(CHUNK)
                    parser.Parse(chunk, not chunk)
                    length += len(chunk)
                    if chunk and length - parser.CurrentByteIndex > LONGEST_TAG:
                        raise Damage("a tag without an end")
                except DAMAGE as error:
                    raise LandingRefused([_damaged(told + near(), error)]) from None
                yield


class _SheetReader:
    """What is done at each element of a sheet.

    Attributes:
        parser: What the sheet's XML is to be given to.
        rows: The rows that were read.
    """

    def __init__(self, book: Workbook, told: str, widest: int) -> None:
        self.rows: list[Row] = []
        self.parser = _parser(self._start_sheet, self._end)
        self._book = book
        self._formats = book.formats
        self._told = told
        self._widest = widest
        self._pieces: list[str] = []
        self.parser.CharacterDataHandler = self._pieces.append
        # What is open: nothing, the cells, a row, a cell, its value, its inline text, a run of it.
        self._open = ""
        self._has_cells = False
        self._depth = self._unseen = 0
        self._row, self._row_name, self._is_implied = 0, "0", False
        self._column = 0
        self._cells: dict[int, Cell | str] = {}
        self._kind: str | None = None
        self._style: str | None = None
        self._text: str | None = None

    @property
    def place(self) -> str:
        """The cell that was begun last."""
        return f"{column_letters(self._column)}{self._row}"

    @property
    def near(self) -> str:
        """Where reading stands, as people are told."""
        return f" cell {self.place}" if self._column else f" row {self._row}" if self._row else ""

    def refuse_long_text(self) -> None:
        """Refuse a text that goes on and on."""
        if self._open in ("v", "t"):
            self._refuse_longer(sum(map(len, self._pieces)))
        else:
            self._pieces.clear()

    def _refuse_longer(self, length: int) -> None:
        if length > LONGEST_TEXT:
            raise LandingRefused([f"{self._told} cell {self.place}: {TOO_LONG}"])

    def _start_sheet(self, name: str, attributes: dict[str, str]) -> None:
        del attributes
        space, _, local = name.rpartition(" ")
        if space not in MAIN or local != "worksheet":
            raise Damage(f"{local} is no sheet of cells")
        self._name_c, self._name_v, self._name_row = f"{space} c", f"{space} v", f"{space} row"
        self.parser.StartElementHandler = self._start

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == self._name_c:
            if self._open != "row":
                raise Damage("a cell outside a row")
            reference = attributes.get("r")
            if reference is None:
                column = self._column + 1
            else:
                # Of B16 in row 6 what is left, B1, is no column.
                column = column_number(reference.removesuffix(self._row_name))
                column = column or self._in_other_row(reference)
            if not self._column < column <= LAST_COLUMN:
                raise Damage(f"followed by {reference or 'a cell beyond the last column'}")
            self._column = column
            self._kind = attributes.get("t")
            self._style = attributes.get("s")
            self._text = None
            self._open = "c"
        elif name == self._name_v:
            if self._open != "c" or self._text is not None:
                raise Damage("a value too many")
            self._pieces.clear()
            self._open = "v"
        elif name == self._name_row:
            self._start_row(attributes)
        else:
            self._start_other(_local(name), attributes)

    def _in_other_row(self, reference: str) -> int:
        """The column of a cell that names another row than its row was taken for."""
        letters = LETTERS.match(reference)
        number = reference[letters.end() :] if letters else ""
        if (
            not (self._is_implied and not self._column and number.isdecimal() and number.isascii())
            or not self._row < int(number) <= LAST_ROW
        ):
            raise Damage(f"followed by {reference}, in row {self._row}")
        self._row, self._row_name = int(number), str(int(number))
        return column_number(reference.removesuffix(self._row_name))

    def _start_row(self, attributes: dict[str, str]) -> None:
        if self._open != "sheetData":
            raise Damage("a row outside the cells")
        told = attributes.get("r")
        number = self._row + 1 if told is None else int(told)
        if not self._row < number <= LAST_ROW:
            raise Damage(f"row {number} after row {self._row}; the last is {LAST_ROW}")
        self._row, self._row_name, self._is_implied = number, str(number), told is None
        self._column, self._cells = 0, {}
        self._open = "row"

    def _start_other(self, local: str, attributes: dict[str, str]) -> None:
        match self._open, local:
            case "", "sheetData":
                if self._has_cells:
                    raise Damage("two lists of cells")
                self._open, self._has_cells = "sheetData", True
            case "c", "f":
                raise LandingRefused(
                    [
                        f"{self._told} cell {self.place}: a formula; copy the sheet's cells and "
                        "paste them as values"
                    ]
                )
            case "c", "is" if self._text is None:
                self._open, self._text = "is", ""
            case "is", "t":
                self._pieces.clear()
                self._open = "t"
            case "is", "r":
                self._depth += 1
                _refuse_deep(self._depth)
            case _ if local in UNSEEN or not self._open:
                self._unseen = 1
                self.parser.StartElementHandler = self._start_unseen
                self.parser.EndElementHandler = self._end_unseen
            case _:
                raise Damage(f"{local} within {self._open}")

    def _refuse_merged(self, reference: str) -> None:
        raise LandingRefused(
            [f"{self._told} cells {reference}: merged cells; unmerge and fill them"]
        )

    def _start_unseen(self, name: str, attributes: dict[str, str]) -> None:
        self._unseen += 1
        _refuse_deep(self._unseen)
        if _local(name) == "mergeCell":
            self._refuse_merged(attributes.get("ref", ""))

    def _end_unseen(self, name: str) -> None:
        del name
        self._unseen -= 1
        if not self._unseen:
            self._pieces.clear()
            self.parser.StartElementHandler = self._start
            self.parser.EndElementHandler = self._end

    def _end(self, name: str) -> None:
        if name == self._name_v:
            self._text = "".join(self._pieces)
            self._pieces.clear()
            self._open = "c"
        elif name == self._name_c:
            self._open = "row"
            text, kind = self._text, self._kind
            if text and (kind is None or kind == "n"):
                cell = self._number(text)
            else:
                cell = self._other(kind, text) if text and kind else self._without_value()
            if cell and cell != BLANK:
                if self._column > self._widest:
                    shown = cell if isinstance(cell, str) else cell.shown
                    self._refuse_beyond(repr(shown[:80]), "beyond")
                self._cells[self._column] = cell
            elif cell and self._column > max(self._widest, FAR_COLUMN):
                self._refuse_beyond("a text that nobody can see", "far beyond")
        elif name == self._name_row:
            self._open = "sheetData"
            if self._cells:
                self.rows.append((self._row, self._cells))
        else:
            self._end_other(_local(name))

    def _refuse_beyond(self, what: str, how_far: str) -> None:
        raise LandingRefused(
            [
                f"{self._told} cell {self.place}: {what} stands {how_far} the columns of the "
                "table; delete it"
            ]
        )

    def _end_other(self, local: str) -> None:
        match local:
            case "t":
                self._text = f"{self._text}{''.join(self._pieces)}"
                self._refuse_longer(len(self._text))
                self._open = "is"
            case "r":
                self._depth -= 1
            case "is":
                self._pieces.clear()
                self._open = "c"
            case "sheetData":
                self._open = ""
            case "worksheet":
                if not self._has_cells:
                    raise Damage("it has no cells, not even an empty list of them")

    def _without_value(self) -> Cell | str:
        if self._kind == "e":
            return Cell("", "#", ERROR)
        if "".join(self._pieces).strip():
            raise Damage("text that is no value")
        return ""

    def _other(self, kind: str, text: str) -> Cell | str:
        if kind == "s":
            texts = self._book.texts
            if not text.isdecimal() or int(text) >= len(texts):
                raise Damage(f"text {text[:80]} of {len(texts)}")
            return texts[int(text)]
        self._refuse_longer(len(text))
        match kind:
            case "str" | "inlineStr":
                return decoded(text)
            case "e":
                return Cell("", text, ERROR)
            case "d":
                return MIDNIGHT.sub("", text.strip())
            case "b" if text in TRUE:
                return "true"
            case "b" if text in FALSE:
                return "false"
            case _:
                raise Damage(f"{text[:80]!r} as a cell of the kind {kind}")

    def _number(self, text: str) -> Cell | str:
        if len(text) > MOST_DIGITS or not PLAIN(text):
            text = number_text(text)
            if len(text.partition(".")[0].lstrip("-")) > MOST_DIGITS:
                return Cell(text, text, LOST_DIGITS)
        try:
            shown = self._formats[self._style]
        except KeyError:
            raise Damage(f"style {self._style}, which is not there") from None
        return text if shown is None else shown.show(text)


def number_text(text: str) -> str:
    """A number as a workbook has it, with the fifteen digits that count: 0.1, not 1e-1.

    Raises:
        Damage: It is no number.
    """
    try:
        short = format(float(text), f".{MOST_DIGITS}g")
    except ValueError:
        short = "nan"
    if "n" in short or "_" in text or not text.isascii():
        raise Damage(f"{text[:80]!r} as a number")
    return f"{Decimal(short):f}" if "e" in short else short


def decoded(text: str) -> str:
    """A text with its escaped characters, as `_x000D_`; `BLANK` where nothing of it is seen."""
    if "_x" in text:
        text = CHARACTER.sub(lambda found: chr(int(found[1], 16) or 0xFFFD), text)
        # What lies beyond the first 65,536 characters is escaped as two.
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return BLANK if NOTHING_SEEN(text) else text


@lru_cache(maxsize=LAST_COLUMN)
def column_number(letters: str) -> int:
    """The number of a column, from 1: AB is 28; 0 where the letters are none."""
    if not LETTERS.fullmatch(letters):
        return 0
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def column_letters(number: int) -> str:
    """The letters of a column: 28 is AB."""
    letters = ""
    while number:
        number, place = divmod(number - 1, 26)
        letters = chr(ord("A") + place) + letters
    return letters


def _parser(
    start: Callable[[str, dict[str, str]], None], end: Callable[[str], None]
) -> expat.XMLParserType:
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = _refuse_doctype
    return parser


def _refuse_doctype(*_: object) -> None:
    raise Damage("it declares a document type, as no spreadsheet program does")


def _refuse_deep(depth: int) -> None:
    if depth > DEEPEST:
        raise Damage(f"more than {DEEPEST} elements within each other")


def _local(name: str) -> str:
    """The name of an element or attribute without its namespace."""
    return name.rpartition(" ")[2]


def _part_name(name: str) -> str:
    """Capitals do not tell the names of parts apart, nor does the slash before them."""
    return name.replace("\\", "/").lstrip("/").lower()


def _damaged(told: str, error: Exception) -> str:
    what_to_do = "open the workbook in its program and save it again"
    return f"{told}: cannot be read ({_why(error)}); {what_to_do}"


def _why(error: Exception) -> str:
    """What people are told of an error: nothing in the words of a program."""
    if isinstance(error, Damage):
        return str(error)
    # A damaged archive has its reader seek before its beginning.
    if isinstance(error, OSError) and error.strerror and error.errno != errno.EINVAL:
        return error.strerror
    return PROTECTED if "encrypted" in str(error) else LOST
