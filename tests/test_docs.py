"""The pages show what the commands and queries in them give for the two departments."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path

import duckdb
import pytest

from orchestration import cli, explain
from orchestration.project import PROJECT_DIR
from tests.conftest import Published

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROMPT = "$ .venv/bin/jixiao explain "
# Runs, times and checksums are those of the day.
OF_THE_DAY = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{12,64}|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
)


def shown(page: str) -> Iterator[tuple[str, str]]:
    """Each query or command of a page, with the output beneath it."""
    blocks = FENCE.findall((PROJECT_DIR / "docs" / page).read_text("utf-8"))
    for number, (language, text) in enumerate(blocks):
        if language == "sql" and blocks[number + 1][1].startswith("┌"):
            yield text, blocks[number + 1][1]
        elif text.startswith(PROMPT):
            command, _, output = text.partition("\n")
            yield command, output


def lines(text: str) -> list[str]:
    return [OF_THE_DAY.sub("…", line.rstrip()) for line in text.strip("\n").splitlines()]


def holds(output: list[str], expected: list[str]) -> bool:
    """Whether the output is what a page shows, where a line … stands for any lines."""
    if "…" not in expected:
        return output == expected
    cut = expected.index("…")
    if output[:cut] != expected[:cut]:
        return False
    rest = expected[cut + 1 :]
    return any(holds(output[start:], rest) for start in range(cut, len(output) + 1))


@pytest.mark.parametrize(
    ("asked", "expected"), [*shown("audit.md"), *shown("how-to.md")], ids=lambda text: text[:40]
)
def test_what_the_pages_show(
    asked: str,
    expected: str,
    two_departments: Published,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    if asked.startswith(PROMPT):
        arguments = shlex.split(asked.removeprefix(PROMPT))
        status = cli.main(["explain", *arguments, "--warehouse", str(two_departments.warehouse)])
        out, err = capsys.readouterr()
        assert status == (cli.WRONG_USAGE if err else cli.PUBLISHED)
        found = err + out
    else:
        with duckdb.connect() as con:
            path = two_departments.warehouse / "published" / "scores.duckdb"
            con.execute(f"attach '{path}' as scores (read_only); use scores.marts")
            con.sql(asked).show(max_width=200, max_rows=100)
        found = capsys.readouterr().out
    assert holds(lines(found), lines(expected)), found


def test_the_pages_are_read() -> None:
    assert len(list(shown("audit.md"))) >= 6
    assert len(list(shown("how-to.md"))) >= 2


def test_the_json_is_as_the_page_says() -> None:
    page = (PROJECT_DIR / "docs" / "audit.md").read_text("utf-8")
    table = page.split("## The answer as JSON")[1]
    rows = re.findall(r"^\| (\w+) \| (.*) \|$", table, re.MULTILINE)[1:]
    objects = {
        kind.__name__.lower(): [field.name for field in fields(kind)]
        for kind in vars(explain).values()
        if is_dataclass(kind)
    }
    told = {
        name: [re.match(r"\w+", field)[0] for field in re.sub(r"\(.*?\)", "", listed).split(", ")]
        for name, listed in rows
    }
    assert told == objects


def test_a_line_of_dots_stands_for_any_lines() -> None:
    assert holds(["a", "b", "c"], ["a", "…", "c"])
    assert holds(["a", "c"], ["a", "…", "c"])
    assert not holds(["a", "b", "d"], ["a", "…", "c"])
    assert not holds(["a", "b", "c"], ["a", "…", "b"])
    assert not holds(["x", "c"], ["a", "…", "c"])
