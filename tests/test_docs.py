"""The pages show what the commands and queries in them give for the two departments."""

import csv
import re
import shlex
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path

import duckdb
import pytest

from orchestration import cli, dbt, endings
from orchestration.explain import evaluation as explain
from orchestration.project import PROJECT_DIR
from tests.conftest import Published

pytestmark = pytest.mark.builds

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
    ("page", "asked", "expected"),
    [
        (page, *pair)
        for page in ("audit.md", "bi.md", "engine.md", "how-to.md")
        for pair in shown(page)
    ],
    ids=lambda text: text[:40],
)
def test_what_the_pages_show(
    page: str,
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
        assert status == (endings.WRONG_USAGE if err else endings.PUBLISHED)
        found = err + out
    else:
        with duckdb.connect() as con:
            if page == "engine.md":
                (path,) = (two_departments.warehouse / "states").glob("*.duckdb")
                # A view names the catalogue that it was made in.
                con.execute(f"attach '{path}' as warehouse (read_only); use warehouse.marts")
            else:
                path = two_departments.warehouse / "published" / "scores.duckdb"
                con.execute(f"attach '{path}' as scores (read_only); use scores.marts")
            con.sql(asked).show(max_width=200, max_rows=100)
        found = capsys.readouterr().out
    assert holds(lines(found), lines(expected)), found


def test_the_pages_are_read() -> None:
    assert len(list(shown("audit.md"))) >= 6
    assert len(list(shown("bi.md"))) >= 9
    assert len(list(shown("how-to.md"))) >= 2
    assert len(list(shown("engine.md"))) >= 12


def test_the_engine_is_shown_with_rows_of_the_files() -> None:
    page = (PROJECT_DIR / "docs" / "engine.md").read_text("utf-8")
    (delivered,) = re.findall(r"^```\n\$ cat (\S+)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert (PROJECT_DIR / delivered[0]).read_text("utf-8") == delivered[1]
    of_seeds = re.findall(r"^(\w+\.csv)\n(.*?)(?=^```$|\n\n)", page, re.MULTILINE | re.DOTALL)
    assert len(of_seeds) == 5
    for name, text in of_seeds:
        with (PROJECT_DIR / "seeds" / name).open(encoding="utf-8", newline="") as stream:
            seed = list(csv.DictReader(stream))
        for row in csv.DictReader(text.splitlines()):
            assert any(row.items() <= whole.items() for whole in seed), (name, row)


def test_the_engine_leads_through_every_model_of_the_measure() -> None:
    """All that the score of a measure without line items goes through, and no model that is gone."""
    page = (PROJECT_DIR / "docs" / "engine.md").read_text("utf-8")
    told = set(re.findall(r"\b(?:stg|int|fct)_[a-z]+(?:_[a-z_]+)?\b", page))
    models = {
        node.name: node.original_file_path
        for node in dbt.parsed()[0].nodes.values()
        if node.resource_type == "model"
    }
    assert told - {"int_rollups__"} <= set(models)
    passed = {name for name, path in models.items() if re.search("/(measures|scores)/", path)}
    assert passed - told == set()


def test_the_links_lead_somewhere() -> None:
    pages = [*(PROJECT_DIR / "docs").rglob("*.md"), *PROJECT_DIR.glob("*.md")]
    texts = {page: page.read_text("utf-8") for page in pages}
    anchors = {
        page.resolve(): {
            re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        }
        for page, text in texts.items()
    }
    for page, text in texts.items():
        for target in re.findall(r"\]\((?!https?:)([^)\s]*)\)", text):
            path, _, anchor = target.partition("#")
            file = (page.parent / path).resolve() if path else page.resolve()
            assert file.exists(), (page.name, target)
            assert not anchor or anchor in anchors[file], (page.name, target)


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
