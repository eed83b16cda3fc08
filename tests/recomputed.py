"""A workbook computed by the package `formulas`, whatever values it was written with."""

import re
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import ZipFile

import formulas
import numpy as np
import schedula
from lxml import etree

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
# A text of a formula, which is none; or a cell or a range, with its sheet.
REFERENCE = re.compile(
    r"\"(?:[^\"]|\"\")*\"|(?:'([^']+)'!)?(\$?[A-Z]{1,3}\$?\d+)(?::(\$?[A-Z]{1,3}\$?\d+))?"
)

Position = tuple[int, int]
Value = float | str


def position(name: str) -> Position:
    """Row and column, from 0, of $B$7."""
    letters, digits = re.fullmatch(r"\$?([A-Z]+)\$?(\d+)", name).groups()  # type: ignore[union-attr]
    column = 0
    for letter in letters:
        column = column * 26 + ord(letter) - 64
    return int(digits) - 1, column - 1


class Workbook:
    """What a workbook holds, and what its formulas come to.

    Attributes:
        written: Values by sheet and position, as they are in the file.
        formulas: The cells that are computed.
    """

    # Formulas that differ in their cells alone are compiled once.
    compiled: dict[str, Any] = {}  # noqa: RUF012
    results: dict[tuple[str, ...], Value] = {}  # noqa: RUF012

    def __init__(self, path: Path | BinaryIO) -> None:
        self.written: dict[str, dict[Position, Value]] = {}
        self.formulas: dict[str, dict[Position, str]] = {}
        self.merged: dict[str, list[str]] = {}
        with ZipFile(path) as package:
            shared = [
                "".join(text.text or "" for text in entry.iter(f"{MAIN}t"))
                for entry in etree.fromstring(package.read("xl/sharedStrings.xml"))
            ]
            sheets = etree.fromstring(package.read("xl/workbook.xml")).iter(f"{MAIN}sheet")
            for number, sheet in enumerate(sheets, start=1):
                root = etree.fromstring(package.read(f"xl/worksheets/sheet{number}.xml"))
                self._read(str(sheet.get("name")), root, shared)
        self.values: dict[tuple[str, Position], Any] = {}

    def _read(self, name: str, root: Any, shared: list[str]) -> None:
        written, computed = self.written.setdefault(name, {}), self.formulas.setdefault(name, {})
        self.merged[name] = [str(cell.get("ref")) for cell in root.iter(f"{MAIN}mergeCell")]
        for cell in root.iter(f"{MAIN}c"):
            at = position(str(cell.get("r")))
            value, formula = cell.find(f"{MAIN}v"), cell.find(f"{MAIN}f")
            if formula is not None:
                computed[at] = str(formula.text)
            if value is not None and value.text is not None:
                kind = cell.get("t")
                written[at] = (
                    shared[int(value.text)] if kind == "s"
                    else value.text if kind == "str" else float(value.text)
                )  # fmt: skip

    def change(self, sheet: str, at: Position, value: Value) -> None:
        """Write another value into a cell that is not computed."""
        assert at not in self.formulas[sheet]
        self.written[sheet][at] = value
        self.values.clear()

    def value(self, sheet: str, at: Position) -> Any:
        """What a cell comes to; an empty text where there is nothing."""
        value = self._value(sheet, at)
        return "" if value is schedula.EMPTY else value

    def _value(self, sheet: str, at: Position) -> Any:
        if (sheet, at) not in self.values:
            formula = self.formulas[sheet].get(at)
            self.values[sheet, at] = (
                self._computed(sheet, formula)
                if formula is not None
                else self.written[sheet].get(at, schedula.EMPTY)
            )
        return self.values[sheet, at]

    def _computed(self, sheet: str, formula: str) -> Any:
        cells: list[Any] = []

        def taken(found: re.Match[str]) -> str:
            of, first, last = found.groups()
            if first is None:
                return found[0]
            if last is None:
                cells.append(self._value(of or sheet, position(first)))
            else:
                (top, left), (bottom, right) = position(first), position(last)
                cells.append(
                    np.array(
                        [
                            [self._value(of or sheet, (row, column))
                             for column in range(left, right + 1)]
                            for row in range(top, bottom + 1)
                        ],
                        dtype=object,
                    )
                )  # fmt: skip
            return f"CELL_{len(cells)}_"

        pattern = REFERENCE.sub(taken, formula)
        if pattern not in self.compiled:
            self.compiled[pattern] = formulas.Parser().ast("=" + pattern)[1].compile()
        function = self.compiled[pattern]
        # Many criteria have the same numbers in the same formula.
        key = (pattern, *(repr(np.asarray(each, dtype=object).tolist()) for each in cells))
        if key not in self.results:
            result = function(*(cells[int(name.split("_")[1]) - 1] for name in function.inputs))
            (value,) = np.asarray(result, dtype=object).ravel()
            self.results[key] = value if isinstance(value, str) else float(value)
        return self.results[key]
