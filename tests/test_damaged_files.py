"""Whatever is delivered: each row is loaded as it was meant, or rejected, or its file is refused.

`JIXIAO_ODD_FILES=2000 pytest tests/test_damaged_files.py` tries more files, `JIXIAO_ODD_SEED=2`
others; what fails is told with its seed and with all that is odd about the file.
"""

import gzip
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

from orchestration.faults import LandingRefused
from orchestration.landing import load as module
from orchestration.landing.contract import Column
from orchestration.project import PROJECT_DIR
from tests.conftest import DEPARTMENTS, write
from tests.odd import SURE, WRONG, YEAR, Case, Row
from tests.odd.parquets import parquets
from tests.odd.texts import texts
from tests.odd.workbooks import workbooks
from tests.test_workbook import STAFFING, package, parts, sheet
from tests.test_workbook import row as sheet_row

SEED = int(os.environ.get("JIXIAO_ODD_SEED", "1"))
COUNT = int(os.environ.get("JIXIAO_ODD_FILES", "200"))
BATCH = 50
# Words of the programs that read a file, which say nothing to who delivers it.
INTERNAL = re.compile(
    r"Traceback|Error\b|Exception|zipfile|zip file|CRC|magic|decompress|codec|expat|well-formed"
    r"|no element|mismatched|undefined entity|junk|token|literal|could not|can't|Errno|[Tt]hrift"
    r"|snappy|TProto|protocol|LINE \d|(?i:duckdb)|[Ii]nvalid|Conversion|Binder|Catalog|Parser"
    r"|read_csv|Truncated|compression|stored block|distance|unpack requires|/tmp|None\b"
)
# What reading whatever file may take beyond what the programs take that read it, in MiB.
MOST_MEMORY = 400


@dataclass
class Outcome:
    """What came of files, by their names as people are told.

    Attributes:
        refused: Why files were refused.
        loads: Rows read, loaded and rejected, and whether a file ends in a line.
        loaded: The rows, by their department, each with its number.
        rejected: Number, department, column, value and reason of the others.
    """

    refused: dict[str, list[str]] = field(default_factory=dict)
    loads: dict[str, tuple[int, int, int, bool]] = field(default_factory=dict)
    loaded: dict[str, dict[str, tuple[int, dict[str, Any]]]] = field(default_factory=dict)
    rejected: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)


def told_of(case: Case) -> str:
    return f"{YEAR}/{case.name}"


def outcome(folder: Path, cases: list[Case]) -> Outcome:
    """Load files; those that are refused are taken away, so that of the others more is seen."""
    found = Outcome()
    year = folder / str(YEAR)
    write(year / "departments.csv", DEPARTMENTS + "A,2023,甲,department,,深圳市,南山区\n")
    for case in cases:
        write(year / case.name, case.content)
    with duckdb.connect() as con:
        con.execute("set threads = 1")
        while True:
            try:
                module.load_year(con, folder, YEAR)
                break
            except LandingRefused as refused:
                _take_away(folder, cases, refused.reasons, found)
        for name, *counts in con.execute(
            "select source_file, rows_read, rows_loaded, rows_rejected, ends_in_line "
            "from audit.loads"
        ).fetchall():
            found.loads[name] = tuple(counts)
        for table in {case.table.name for case in cases}:
            cursor = con.execute(f"from raw.{table}")
            names = [column[0] for column in cursor.description or ()]
            for record in cursor.fetchall():
                values = dict(zip(names, record, strict=True))
                by_unit = found.loaded.setdefault(values["source_file"], {})
                assert values["unit_code"] not in by_unit
                by_unit[values["unit_code"]] = (values["source_row"], values)
        for name, *told in con.execute(
            "select source_file, source_row, unit_code, column_name, value, reason "
            "from audit.rejected_rows"
        ).fetchall():
            found.rejected.setdefault(name, []).append(tuple(told))
    return found


def _take_away(folder: Path, cases: list[Case], reasons: list[str], found: Outcome) -> None:
    """Remove the files that were refused; every reason names its file, first of all."""
    names = {told_of(case) for case in cases}
    for reason in reasons:
        if re.fullmatch(r"\w+: and \d+ more such rows", reason):
            continue
        name = reason.partition(":")[0].partition(" ")[0]
        assert name in names, reason
        found.refused.setdefault(name, []).append(reason)
        (folder / name).unlink(missing_ok=True)


def faults(case: Case, found: Outcome) -> Iterator[str]:
    """What is wrong with what came of a file."""
    name = told_of(case)
    if reasons := found.refused.get(name):
        if case.fate == SURE:
            yield f"refused: {reasons}"
        if case.fate == WRONG and not any(case.place in reason for reason in reasons):
            yield f"does not tell {case.place}: {reasons}"
        for reason in reasons:
            yield from _faults_of_words(reason.replace(name, ""))
    elif case.fate == WRONG:
        yield f"not refused: {found.loaded.get(name)} {found.rejected.get(name)}"
    elif name in found.loads or case.rows:
        rows, loaded, rejected, ends = found.loads.get(name, (0, 0, 0, False))
        if rows != loaded + rejected or (case.is_counted and rows != len(case.rows)):
            yield f"{len(case.rows)} rows, read {rows}, loaded {loaded}, rejected {rejected}"
        for number, _, column, value, reason in found.rejected.get(name, ()):
            yield from _faults_of_words(reason.replace(value or "\0", ""))
            assert number
            assert column or value
        if case.is_checked:
            last = case.rows[-1] if case.may_end_early and ends and case.rows else None
            yield from _faults_of_rows(case, last, found)


def _faults_of_words(reason: str) -> Iterator[str]:
    if internal := INTERNAL.search(reason):
        yield f"speaks of {internal[0]!r}: {reason}"
    if not reason or len(reason.splitlines()) > 1 or len(reason) > 1000:
        yield f"no sentence: {reason!r}"


def _faults_of_rows(case: Case, last: Row | None, found: Outcome) -> Iterator[str]:  # noqa: C901
    by_unit = dict(found.loaded.get(told_of(case), {}))
    rejected = {number: told for number, *told in found.rejected.get(told_of(case), ())}
    for row in case.rows:
        number, values = by_unit.pop(row.unit, (0, {}))
        if row is last:
            continue
        if not values:
            if row.fate == SURE:
                yield f"row {row.number} is rejected: {rejected.get(row.number)}"
            elif case.is_counted and row.number not in rejected:
                yield f"row {row.number} is neither loaded nor rejected"
            continue
        if case.is_counted and number != row.number:
            yield f"row {row.number} is told as row {number}"
        if row.fate == WRONG:
            yield f"row {row.number} is loaded: {[s.text for s in row.cells.values() if s.fate]}"
        for column in case.table.columns:
            said = row.cells.get(column.name)
            if not is_same(said.value if said else None, values[column.name], column):
                yield (
                    f"row {row.number} {column.name}: {said.text if said else ''!r} is loaded as "
                    f"{values[column.name]!r}"
                )
    for unit in by_unit:
        if last is None or not str(last.unit).startswith(unit):
            yield f"a row of {unit!r} is loaded, which is not there"


def is_same(wanted: Any, found: Any, column: Column) -> bool:
    if wanted is None or found is None:
        return wanted is None and (found is None or (column.may_be_empty and found == ""))
    if isinstance(wanted, str):
        return plain(wanted) == plain(found)
    return bool(found == wanted) and isinstance(found, type(wanted))


def plain(text: str) -> str:
    """A text without what is no part of it, its lines ended in one way."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return lines.replace("\ufeff", "").replace("\u200b", "").strip()


@cache
def made(seed: int, count: int) -> list[Case]:
    """So many files; those that must be refused stand together, which takes less time."""
    r = Random(seed)  # noqa: S311
    share = count // 20
    cases = [*texts(r, count * 9 // 20), *parquets(r, share)]
    cases += workbooks(r, count - len(cases))
    return sorted(cases, key=lambda case: case.fate)


@pytest.mark.parametrize("batch", range(0, COUNT, BATCH))
def test_a_file_is_read_as_it_was_meant_or_not_at_all(batch: int, tmp_path: Path) -> None:
    cases = made(SEED, COUNT)[batch : batch + BATCH]
    found = outcome(tmp_path, cases)
    wrong = [f"{case}: {fault}" for case in cases for fault in faults(case, found)]
    assert not wrong, f"seed {SEED}, {COUNT} files\n" + "\n".join(wrong)


def test_every_oddity_is_tried() -> None:
    """By each table of forms, whatever the seed."""
    traits = {trait for case in made(SEED, COUNT) for trait in case.traits}
    from tests.odd import parquets, texts, workbooks

    wanted = {change.__name__ for m in (texts, workbooks) for change in m.FAULTS}
    wanted |= {change.__name__ for change in parquets.CHANGES} | {*texts.ENCODINGS}
    assert wanted <= traits


def far_cell(path: Path) -> None:
    far = "<row r='1048576'><c r='XFD1048576' s='1'/></row>"
    package(path, parts(sheet(STAFFING + sheet_row("A", 2023, "worker", 1) + far)))


def filled(name: str, before: str, filling: bytes, after: str) -> Any:
    """A workbook with a part of 200 MiB that are packed into a few hundred kilobytes."""

    def make(path: Path) -> None:
        package(path, parts(sheet(STAFFING + sheet_row("A", 2023, "worker", 1))) | {name: ""})
        content = parts(sheet(STAFFING))
        del content[name]
        package(path, content)
        with (
            zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive,
            archive.open(name, "w", force_zip64=True) as part,
        ):
            part.write(before.encode())
            for _ in range(200):
                part.write(filling * (2**20 // len(filling)))
            part.write(after.encode())

    return make


def packed(filling: bytes, mebibytes: int) -> Any:
    def make(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with gzip.open(path, "wb", compresslevel=1) as stream:
            stream.write(b"unit_code,fiscal_year,staff_category,actual\nA,2023,")
            for _ in range(mebibytes):
                stream.write(filling * (2**20 // len(filling)))

    return make


SHEET, TEXTS = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"
HEAVY = [
    ("far.xlsx", far_cell),
    ("spaces.xlsx", filled(SHEET, sheet(STAFFING).removesuffix("</sheetData></worksheet>"), b" " * 64, "</sheetData></worksheet>")),
    ("rows.xlsx", filled(SHEET, sheet(STAFFING).removesuffix("</sheetData></worksheet>"), b"<row><c/></row>", "</sheetData></worksheet>")),
    ("text.xlsx", filled(SHEET, sheet(STAFFING + "<row><c t='str'><v>").removesuffix("</sheetData></worksheet>"), b"x" * 64, "")),
    ("tag.xlsx", filled(SHEET, "<worksheet a='", b"x" * 64, "")),
    ("shared.xlsx", filled(TEXTS, sheet("").partition(">")[0].replace("worksheet", "sst") + "><si><t>", b"x" * 64, "</t></si></sst>")),
    ("line.csv.gz", packed(b"x" * 64, 200)),
    ("mark.csv.gz", packed(b'"' + b"x" * 64 + b"\n", 25)),
    ("blank.csv.gz", packed(b"\n", 10)),
]  # fmt: skip
MEASURE = """
import json, resource, sys, tempfile, pathlib
import duckdb
from orchestration.landing import load as landing
from orchestration.faults import LandingRefused

# DuckDB keeps to what it is given, so that what else grows with a file is seen.
landing.MEMORY_LIMIT = "200MB"

def used():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

def load():
    with tempfile.TemporaryDirectory() as folder:
        con = duckdb.connect(folder + "/build.duckdb")
        try:
            landing.load_year(con, pathlib.Path(sys.argv[1]), int(sys.argv[2]))
        except LandingRefused as refused:
            return refused.reasons
    return []

before = (load(), used())[1]
sys.argv[2] = sys.argv[3]
print(json.dumps([load(), used() - before]))
"""


@pytest.mark.parametrize(("name", "make"), HEAVY, ids=[name for name, _ in HEAVY])
def test_no_file_takes_much_memory(name: str, make: Any, tmp_path: Path) -> None:
    """Beside what a small file takes, whether it is loaded or refused."""
    for year in (2022, YEAR):
        write(
            tmp_path / str(year) / "departments.csv",
            DEPARTMENTS + f"A,{year},甲,department,,深圳市,南山区\n",
        )
    package(
        tmp_path / "2022" / "staffing" / "a.xlsx",
        parts(sheet(STAFFING + sheet_row("A", 2022, "worker", 1))),
    )
    write(
        tmp_path / "2022" / "petitions.csv.gz",
        gzip.compress("unit_code,fiscal_year,channel\nA,2022,网上\n".encode()),
    )
    make(tmp_path / str(YEAR) / "staffing" / name)
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path), "2022", str(YEAR)],
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        check=True,
    )
    reasons, used = json.loads(run.stdout.splitlines()[-1])
    assert used < MOST_MEMORY
    assert all(reason.startswith(f"{YEAR}/staffing/{name}") for reason in reasons)
