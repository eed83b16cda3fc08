"""Seeds as files: each is held as strictly as a delivery, before dbt reads it."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration import seeds
from orchestration.project import SEEDS_DIR
from tests.conftest import LANDING

Damage = Callable[[bytes], bytes]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped seeds, to damage."""
    return Path(shutil.copytree(SEEDS_DIR, tmp_path / "seeds"))


def in_row(number: int, old: str, new: str) -> Damage:
    """Change a row of a file, as people count them."""

    def damage(content: bytes) -> bytes:
        rows = content.decode().split("\n")
        assert old in rows[number - 1]
        rows[number - 1] = rows[number - 1].replace(old, new, 1)
        return "\n".join(rows).encode()

    return damage


def add(text: str) -> Damage:
    return lambda content: content + text.encode()


def cell(number: int, column: str, text: str) -> Damage:
    """Write a cell of grade_bands.csv, rubrics.csv or another file without quotation marks."""

    def damage(content: bytes) -> bytes:
        rows = [row.split(",") for row in content.decode().split("\n")]
        rows[number - 1][rows[0].index(column)] = text
        return "\n".join(",".join(row) for row in rows).encode()

    return damage


WAIVER = "known_unit,A,2023,已报备,财政局,2024-12-31\n"
BANDS = "rubric_bands"
# The seed, what is done to it, and all that is said.
CASES: dict[str, tuple[str, Damage, str]] = {
    "GB18030": (
        "grade_bands", lambda content: content.decode().encode("gb18030"),
        "row 2: is in GB18030, expected UTF-8; save it as CSV UTF-8",
    ),
    "one row in GB18030": (
        "grade_bands", lambda content: content + "nanshan_2023,极差,1\n".encode("gb18030"),
        "row 6: is not in UTF-8; save it as CSV UTF-8",
    ),
    "UTF-16": (
        "grade_bands", lambda content: content.decode().encode("utf-16-be"),
        "row 1: holds NUL bytes, so it is no UTF-8; save it as CSV UTF-8",
    ),
    "a NUL": (
        "grade_bands", in_row(3, "良", "\0"), "row 3: holds NUL bytes, so it is no UTF-8;"
    ),
    "an open quotation mark": (
        "rubrics", in_row(3, ",盐田区部门", ',"盐田区部门'),
        "row 3: a quotation mark that does not enclose a whole cell; close it, or",
    ),
    "an open quotation mark before quoted cells": (
        "rubric_indicators", in_row(2, ",部门决策", ',"部门决策'),
        "row 2: a quotation mark that does not enclose a whole cell;",
    ),
    "a quotation mark within a cell": (
        "rubrics", in_row(3, "盐田区部门", '盐田区"部门'), "row 3: a quotation mark that does not"
    ),
    "text after a quoted cell": (
        "grade_bands", in_row(3, "良", '"良"好'), "row 3: a quotation mark that does not"
    ),
    "rows within a quoted cell": (
        "grade_bands",
        lambda content: in_row(5, "差", '差"')(in_row(3, "良", '"良')(content)),
        "row 3 column grade: found '良,80<U+000A>nanshan_2023,中,60<U+000A>nanshan_2023,差', which "
        "holds what reads as further rows; close the quotation mark before",
    ),
    "mixed line ends": (
        "grade_bands", in_row(3, "80", "80\r"), "row 3: ends in CR LF, expected LF as above;"
    ),
    "line ends of an old Mac": (
        "grade_bands", lambda content: content.replace(b"\n", b"\r"),
        "row 1: ends in CR, expected LF or CR LF; save it again",
    ),
    "a cell too few": (
        "grade_bands", in_row(3, ",80", ""), "row 3: 2 cells, expected 3 as in the header;"
    ),
    "a cell too many": (
        "grade_bands", in_row(3, "80", "80,000"), "row 3: 4 cells, expected 3 as in the header;"
    ),
    "Excel's blank last row": ("grade_bands", add(",,\n"), "row 6: every cell is empty; remove"),
    "a blank line": ("grade_bands", add("\n"), "row 6: every cell is empty; remove the row"),
    "no header": ("waivers", lambda _: b"", "row 1: no header found, expected rule_id, unit_code,"),
    "a wrong header": (
        "grade_bands", in_row(1, "grade", "grades"),
        "row 1 column 2: 'grades' is no column of it; did you mean grade? expected rubric_id, grade",
    ),
    "a column without a name": (
        "waivers", in_row(1, "expires_on", "expires_on,"), "row 1 column 7: '' is no column of it;"
    ),
    "a column twice": (
        "grade_bands", in_row(1, "grade", "lower"), "row 1 column 3: 'lower' occurs twice; keep one"
    ),
    "a missing column": (
        "waivers", in_row(1, ",reason", ""), "row 1: the column reason is missing; add it, its"
    ),
    "a row twice": (
        "grade_bands", add("nanshan_2023,良,80\n"), "row 6: the same as row 3; remove one"
    ),
    "percent": (
        BANDS, cell(3, "lower", "50%"),
        "row 3 column lower: found '50%', expected a number, as 0.9; write 0.5",
    ),
    "thousands": (
        BANDS, cell(3, "lower", "１０００.5"),
        "row 3 column lower: found '１０００.5', expected a number, as 0.9; write 1000.5",
    ),
    "no number": (BANDS, cell(3, "lower", "半"), "found '半', expected a number, as 0.9"),
    "an exponent": (BANDS, cell(3, "lower", "5E-1"), "found '5E-1', expected a number, as 0.9; write 0.5"),
    "digits that would be rounded away": (
        BANDS, cell(3, "points", "0.123456789"),
        "row 3 column points: found '0.123456789', expected 4 decimals at most, further ones would "
        "be rounded away; write 0.1235",
    ),
    "more than the type holds": (
        BANDS, cell(3, "points", "100000"),
        "row 3 column points: found '100000', expected a number below 100,000; nothing larger can",
    ),
    "a bound beyond all money": (
        BANDS, cell(3, "upper", "100000000000000"), "expected a number below 100,000,000,000,000;"
    ),
    "a fraction of a whole number": (
        "rubrics", cell(3, "score_decimals", "2.5"),
        "row 3 column score_decimals: found '2.5', expected a whole number",
    ),
    "a whole number as Excel may write it": (
        "rubrics", cell(3, "score_decimals", "2.0"), "found '2.0', expected a whole number; write 2"
    ),
    "a truth": (
        BANDS, cell(3, "lower_inclusive", "是"),
        "row 3 column lower_inclusive: found '是', expected true or false",
    ),
    "a day as people write it": (
        "waivers", add(WAIVER.replace("2024-12-31", "2024/12/31")),
        "row 2 column expires_on: found '2024/12/31', expected a day as 2023-12-31; write 2024-12-31",
    ),
    "a day that does not exist": (
        "waivers", add(WAIVER.replace("2024-12-31", "2024-02-30")),
        "row 2 column expires_on: found '2024-02-30', expected a day that exists, as 2023-12-31",
    ),
    "a short year": (
        "waivers", add(WAIVER.replace("2023", "23")),
        "row 2 column fiscal_year: found '23', expected a fiscal year, as 2023",
    ),
    "a year with a word": (
        "rubric_assignments", in_row(2, "2023,", "2023年,"),
        "row 2 column fiscal_year_from: found '2023年', expected a fiscal year, as 2023",
    ),
    "a space after a code": (
        "grade_bands", in_row(2, "nanshan_2023", "nanshan_2023 "),
        "row 2 column rubric_id: found 'nanshan_2023 ', with spaces around it; write 'nanshan_2023'",
    ),
    "a wide space before a code": (
        "grade_bands", in_row(2, "优", "\u3000优"),
        "row 2 column grade: found '<U+3000>优', with spaces around it; write '优'",
    ),
    "a space within a code": (
        "grade_bands", in_row(2, "nanshan_2023", "nanshan\u00a02023"),
        "found 'nanshan<U+00A0>2023', expected a code without spaces; correct it",
    ),
    "what cannot be seen": (
        "grade_bands", in_row(2, "nanshan_2023", "nanshan_2023\u200b"),
        "found 'nanshan_2023<U+200B>', with a character that cannot be seen (U+200B); remove it",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("seed", "damage", "said"), CASES.values(), ids=CASES)
def test_a_damaged_seed_is_told(folder: Path, seed: str, damage: Damage, said: str) -> None:
    path = folder / f"{seed}.csv"
    path.write_bytes(damage(path.read_bytes()))
    lines = seeds.faults(folder)
    assert all(line.startswith(f"seeds/{seed}.csv") for line in lines)
    assert len([line for line in lines if said in line]) == 1, lines


SOUND: dict[str, tuple[str, Damage]] = {
    "the byte order mark of Excel": ("grade_bands", lambda content: b"\xef\xbb\xbf" + content),
    "line ends of Windows": ("grade_bands", lambda content: content.replace(b"\n", b"\r\n")),
    "no line end at the end": ("grade_bands", lambda content: content.removesuffix(b"\n")),
    "quoted cells": (
        "rubrics", in_row(2, "nanshan_2023,,南山区", '"nanshan_2023",,南山区')
    ),
    "a line break and a doubled mark in a quoted cell": (
        "waivers", add(WAIVER.replace("已报备", '"已报备，\n见""附件"""'))
    ),
    "a truth as Excel writes it": (BANDS, cell(3, "lower_inclusive", "TRUE")),
    "zeros that say nothing": (BANDS, cell(3, "points", "1.0000000000")),
    "a hundred million": (BANDS, cell(3, "upper", "100000000")),
    "columns in another order": (
        "grade_bands",
        lambda content: b"".join(
            b",".join(reversed(row.split(b","))) + b"\n" for row in content.splitlines()
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("seed", "change"), SOUND.values(), ids=SOUND)
def test_what_is_sound_raises_nothing(folder: Path, seed: str, change: Damage) -> None:
    path = folder / f"{seed}.csv"
    path.write_bytes(change(path.read_bytes()))
    assert seeds.faults(folder) == []


def test_all_faults_of_all_seeds_are_told_at_once(folder: Path) -> None:
    assert seeds.faults(folder) == []
    for seed, damage in (
        (BANDS, cell(3, "lower", "50%")), (BANDS, cell(4, "upper", "?")),
        ("grade_bands", add(",,\n")),
    ):  # fmt: skip
        path = folder / f"{seed}.csv"
        path.write_bytes(damage(path.read_bytes()))
    (folder / "waivers.csv").unlink()
    (folder / "rubrics (2).csv").write_bytes((folder / "rubrics.csv").read_bytes())
    found = [line.split(":")[0] for line in seeds.faults(folder)]
    assert found == [
        "seeds/rubrics (2).csv", "seeds/rubric_bands.csv row 3 column lower",
        "seeds/rubric_bands.csv row 4 column upper", "seeds/grade_bands.csv row 6",
        "seeds/waivers.csv",
    ]  # fmt: skip


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_seed_that_dbt_cannot_read_is_one_line(
    project: Callable[..., "subprocess.CompletedProcess[str]"], tmp_path: Path, command: str
) -> None:
    path: Path = project.folder / "seeds" / "grade_bands.csv"  # type: ignore[attr-defined]
    path.write_bytes(path.read_text("utf-8").encode("gb18030"))
    where = ["--warehouse", str(tmp_path / "warehouse")] if command == "run" else []
    said = project(command, "--landing", str(LANDING), *where)
    assert said.returncode == 1
    assert said.stderr.splitlines()[-1].endswith(
        "refused: seeds/grade_bands.csv row 2: is in GB18030, expected UTF-8; save it as CSV UTF-8"
    )
    assert "Traceback" not in said.stderr + said.stdout
