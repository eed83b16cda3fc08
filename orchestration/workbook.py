"""Opening an .xlsx workbook, and its cells as a person reads them."""

import datetime
import re
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path
from xml.etree import ElementTree

import python_calamine as calamine

from orchestration.faults import LandingRefused

# What a compressed file may grow to: more is taken for an attack, or for a mistake.
UNPACKED_LIMIT = 4 * 2**30
CELL = re.compile(rb"<(?:\w+:)?c\b([^>]*)>")
ATTRIBUTE = re.compile(rb'\b(\w+)="([^"]*)"')
PLACE = re.compile(rb"([A-Z]+)(\d+)$")
FORMULA = re.compile(rb'<(?:\w+:)?c\b[^>]*?\br="([A-Z]+\d+)"[^>]*>\s*<(?:\w+:)?f\b')


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
        raise LandingRefused([_unopened(told, error)]) from None


def _unopened(told: str, error: Exception) -> str:
    return (
        f"{told}: cannot be opened as an .xlsx workbook ({error}); save it as .xlsx, "
        "without a password"
    )


def cell_texts(
    path: Path, told: str, sheet: calamine.CalamineSheet
) -> tuple[int, Iterator[list[str]]]:
    """The rows of a sheet as a person reads them.

    Args:
        path: Where its workbook is.
        told: What people are told of it.
        sheet: The sheet.

    Returns:
        The number of the first row that holds anything, and the cells of each row from there.

    Raises:
        LandingRefused: A cell holds a formula.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            content = archive.read(_part_of(archive, sheet.name))
            percentages = _percentages(archive, content)
    except (KeyError, ValueError, StopIteration, ElementTree.ParseError) as error:
        raise LandingRefused([_unopened(told, error)]) from None
    if formula := FORMULA.search(content):
        raise LandingRefused(
            [
                f"{told} cell {formula[1].decode()}: a formula; copy the sheet's cells and paste "
                "them as values"
            ]
        )
    above = (sheet.start or (0, 0))[0]
    rows = islice(enumerate(sheet.iter_rows(), start=1), above, None)
    return above + 1, (
        [
            _text(cell, is_percentage=(number, position) in percentages)
            for position, cell in enumerate(row, start=1)
        ]
        if percentages
        else [_text(cell) for cell in row]
        for number, row in rows
    )


def _xml(archive: zipfile.ZipFile, name: str) -> ElementTree.Element:
    # Expat itself refuses entities that expand without end.
    return ElementTree.fromstring(archive.read(name))  # noqa: S314


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str:
    """The name of the entry that holds a sheet."""
    book = _xml(archive, "xl/workbook.xml")
    links = _xml(archive, "xl/_rels/workbook.xml.rels")
    targets = {link.get("Id"): link.get("Target", "") for link in links}
    (target,) = (
        next(targets[value] for name, value in node.items() if name.endswith("}id"))
        for node in book.iter()
        if node.tag.endswith("}sheet") and node.get("name") == sheet
    )
    return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"


def _percentages(archive: zipfile.ZipFile, content: bytes) -> set[tuple[int, int]]:
    """Row and column of the cells that show a percentage: 88.15% is stored as 0.8815."""
    if "xl/styles.xml" not in archive.namelist():
        return set()
    styles = _xml(archive, "xl/styles.xml")
    formats = {"9", "10"} | {
        node.get("numFmtId")
        for node in styles.iter()
        if node.tag.endswith("}numFmt") and "%" in node.get("formatCode", "")
    }
    used = next((node for node in styles if node.tag.endswith("}cellXfs")), ())
    shown = {str(i).encode() for i, style in enumerate(used) if style.get("numFmtId") in formats}
    if not shown:
        return set()
    return {
        (int(place[2]), _column_number(place[1]))
        for attributes in (dict(ATTRIBUTE.findall(cell)) for cell in CELL.findall(content))
        if attributes.get(b"s") in shown and (place := PLACE.match(attributes.get(b"r", b"")))
    }


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number


def _text(cell: object, *, is_percentage: bool = False) -> str:
    """A cell as a person reads it: 1234.5, 2023, 2023-12-31, true, 88.15%."""
    match cell:
        case bool():
            return str(cell).lower()
        case float():
            # A workbook holds fifteen significant digits.
            number = Decimal(format(cell, ".15g"))
            return format(number * 100, "f") + "%" if is_percentage else format(number, "f")
        case datetime.datetime():
            return cell.date().isoformat() if cell.time() == datetime.time() else cell.isoformat()
        case _:
            return str(cell)
