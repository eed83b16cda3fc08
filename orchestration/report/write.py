"""A year's forms written into a folder, each file whole or not at all."""

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from orchestration.faults import WrongSurroundings
from orchestration.report import pdf, word, workbook
from orchestration.report.forms import forms
from orchestration.report.read import Department, Published, read
from orchestration.report.texts import file_name


def write_forms(warehouse: Path, year: int, units: Sequence[str], out: Path, shape: str) -> str:
    """Write the forms of a year's departments.

    Args:
        warehouse: The warehouse folder, of which the published copy is read.
        year: The fiscal year.
        units: Codes of departments, or parts of their names; none for all.
        out: The folder, which may be new. A file that is there already is replaced.
        shape: docx, xlsx or pdf.

    Returns:
        What was written and how long it took, as people are told.

    Raises:
        CannotReport: What was asked for is not published.
        WrongSurroundings: The folder cannot be written, or there is nothing to make PDF with.
    """
    started = time.monotonic()
    soffice = pdf.program() if shape == "pdf" else ""
    published = read(warehouse, year, units)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".jixiao-", dir=out) as made, _bar() as bar:
            task = bar.add_task("", total=len(published.departments))
            number = 0
            at_once = pdf.AT_ONCE if soffice else 1
            for first in range(0, len(published.departments), at_once):
                several = published.departments[first : first + at_once]
                paths = [
                    path
                    for department in several
                    for path in _written(department, published, Path(made), shape)
                ]
                if soffice:
                    paths = pdf.convert(soffice, paths, Path(made), Path(made, "profile"))
                for path in paths:
                    path.replace(out / path.name)
                number += len(paths)
                bar.update(task, advance=len(several))
    except OSError as error:
        raise WrongSurroundings(
            f"{error.filename or out}: cannot be written ({error.strerror}); choose another --out"
        ) from None
    seconds = time.monotonic() - started
    departments = len(published.departments)
    return (
        f"{out}: {number} files, the forms of {departments} department{'s' * (departments != 1)} "
        f"for {year}, in {seconds:.1f} s ({number / seconds:.1f} files a second)"
    )


def _written(
    department: Department, published: Published, folder: Path, shape: str
) -> Iterator[Path]:
    for form in forms(department, published):
        name = file_name(
            department.unit_code, department.unit_name, str(department.fiscal_year), form.name
        )
        path = folder / f"{name}.{'xlsx' if shape == 'xlsx' else 'docx'}"
        with path.open("xb") as stream:
            if shape == "xlsx":
                workbook.write(form, department, published, stream)
            else:
                word.write(form, stream, department.published_at)
        yield path


def _bar() -> Progress:
    """A bar on standard error, where that is a terminal."""
    return Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(file=sys.stderr),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
