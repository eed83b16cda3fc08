"""What stands on a form, whatever its format: lines, and tables with merged cells."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Style = Literal["head", "center", "left", "number", "marked"]
LineStyle = Literal["title", "line", "strong", "body", "note"]


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: What it shows.
        style: How.
        columns: How many columns it takes.
        rows: How many rows.
        value: Of an amount or score, the number; a workbook has it in the place of the text.
        name: What a workbook computes in its place, if something.
    """

    text: str = ""
    style: Style = "center"
    columns: int = 1
    rows: int = 1
    value: Decimal | None = None
    name: tuple[str, str] | None = None


@dataclass(frozen=True)
class Placed:
    """A cell where it stands: its first row and column, from 0."""

    cell: Cell
    row: int
    column: int


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        widths: Of its columns, in millimetres.
        heads: How many of its first rows are repeated on each page.
        rows: Cells of each row, without those that a cell of a row above takes.
        kept: How many of its last rows stand on one page.
    """

    widths: tuple[float, ...]
    heads: int
    rows: list[list[Cell]]
    kept: int = 0

    def placed(self) -> list[list[Placed]]:
        """The cells that begin in each row, with the column where they stand.

        Raises:
            ValueError: The cells of a row are more or fewer than its columns.
        """
        taken: set[tuple[int, int]] = set()
        found: list[list[Placed]] = []
        for number, cells in enumerate(self.rows):
            of_row: list[Placed] = []
            column = 0
            for cell in cells:
                while (number, column) in taken:
                    column += 1
                of_row.append(Placed(cell, number, column))
                taken |= {
                    (number + down, column + right)
                    for down in range(cell.rows)
                    for right in range(cell.columns)
                }
                column += cell.columns
            found.append(of_row)
        every = {
            (row, column) for row in range(len(self.rows)) for column in range(len(self.widths))
        }
        if taken != every:
            raise ValueError(f"cells overlap or lack: {sorted(taken ^ every)[:3]}")
        return found


@dataclass(frozen=True)
class Line:
    """A paragraph."""

    text: str
    style: LineStyle = "line"


@dataclass(frozen=True)
class Form:
    """A form of one department.

    Attributes:
        name: What it is called in the name of its file.
        is_wide: Whether its page, A4, lies on its side.
        parts: What stands on it, from top to bottom.
    """

    name: str
    is_wide: bool
    parts: tuple[Line | Table, ...]

    def tables(self) -> Iterator[Table]:
        """Its tables."""
        return (part for part in self.parts if isinstance(part, Table))
