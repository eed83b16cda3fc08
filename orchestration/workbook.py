"""Opening an .xlsx workbook, and its cells as a person reads them."""

import datetime
import zipfile
from decimal import Decimal
from pathlib import Path

import python_calamine as calamine

from orchestration.faults import LandingRefused

# What a compressed file may grow to: more is taken for an attack, or for a mistake.
UNPACKED_LIMIT = 4 * 2**30


def open_workbook(path: Path, told: str) -> calamine.CalamineWorkbook:
    """Open an .xlsx workbook.

    Args:
        path: Where it is.
        told: What people are told of it.

    Raises:
        LandingRefused: It is no .xlsx workbook, is protected, or unpacks to too much.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > UNPACKED_LIMIT:
                raise LandingRefused([f"{told}: unpacks to more than 4 GiB; deliver it in parts"])
        return calamine.load_workbook(path)
    except (zipfile.BadZipFile, calamine.CalamineError, OSError) as error:
        raise LandingRefused(
            [
                f"{told}: cannot be opened as an .xlsx workbook ({error}); save it as .xlsx, "
                "without a password"
            ]
        ) from None


def cell_text(cell: object) -> str:
    """A cell as a person reads it: 1234.5, 2023, 2023-12-31, true."""
    match cell:
        case bool():
            return str(cell).lower()
        case float():
            # A workbook holds fifteen significant digits.
            return format(Decimal(format(cell, ".15g")), "f")
        case datetime.datetime():
            return cell.date().isoformat() if cell.time() == datetime.time() else cell.isoformat()
        case _:
            return str(cell)
