"""docs/rubrics.md: every row on the page is scored, and comes to what the page shows."""

import re
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from orchestration.project import PROJECT_DIR, SEEDS_DIR
from tests.conftest import Published, append_rows, copy_of_the_project, write
from tests.test_docs import FENCE, holds, lines
from tests.test_typed import tables

pytestmark = pytest.mark.builds

PAGE = (PROJECT_DIR / "docs" / "rubrics.md").read_text("utf-8")
COMMAND = "$ .venv/bin/jixiao "


def section(heading: str) -> str:
    return PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def blocks(text: str) -> list[tuple[str, str]]:
    return FENCE.findall(text)


@dataclass
class Followed:
    """What a reader who follows the page comes to."""

    published: Published
    said: str
    printed: str


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Followed:
    folder = tmp_path_factory.mktemp("rubrics")
    jixiao = copy_of_the_project(folder / "project")
    delivered = section("What is delivered")
    for _, text in blocks(PAGE.replace(delivered, "").replace(section("The header lines"), "")):
        for name, rows in tables(text):
            append_rows(folder / "project" / "seeds" / name, *rows)
    for part in re.split(r"^In `landing/", delivered, flags=re.MULTILINE)[1:]:
        for name, rows in tables(*(text for _, text in blocks(part))):
            write(folder / "landing" / part[:4] / name, "\n".join([*rows, ""]))
    where = ("--landing", str(folder / "landing"), "--warehouse", str(folder / "warehouse"))
    ran = jixiao("run", *where)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    printed = jixiao("rubric", "example_2024")
    assert printed.returncode == 0, printed.stderr
    return Followed(Published(folder / "warehouse"), ran.stdout, printed.stdout)


def test_the_header_lines_are_those_of_the_seeds() -> None:
    ((_, text),) = blocks(section("The header lines"))
    shown = dict(line.split() for line in text.splitlines())
    assert len(shown) == 8
    for name, header in shown.items():
        assert (SEEDS_DIR / name).read_text("utf-8").splitlines()[0] == header


def test_every_clause_has_its_rows_and_every_row_is_scored(followed: Followed) -> None:
    clauses = re.findall(r"^> (\S+?)（(\d+) 分）", PAGE, re.MULTILINE)
    assert len(clauses) == 15
    scored = followed.published.rows(
        "select indicator_code, cast(points_possible as integer) from fct_indicator_scores "
        "where rubric_id = 'example_2024' and fiscal_year = 2024"
    )
    assert sorted(points for _, points in scored) == sorted(int(points) for _, points in clauses)
    criteria = re.findall(r"^example_2024,\w+,\w+,\d+,[\d.]+,\w+,", PAGE, re.MULTILINE)
    assert followed.published.rows(
        "select count(*) from fct_criterion_scores where rubric_id = 'example_2024'"
    ) == [(len(criteria),)]


def test_the_run_says_what_the_page_shows(followed: Followed) -> None:
    (shown,) = [
        text for _, text in blocks(section("The published score")) if "department 部门" in text
    ]
    said = [line.split() for line in followed.said.splitlines()]
    assert all(line.split() in said for line in shown.splitlines())


def test_the_queries_give_what_the_page_shows(
    followed: Followed, capsys: pytest.CaptureFixture[str]
) -> None:
    found = blocks(section("The published score"))
    asked = [
        (text, found[n + 1][1]) for n, (language, text) in enumerate(found) if language == "sql"
    ]
    assert len(asked) == 2
    with duckdb.connect() as con:
        path = followed.published.warehouse / "published" / "scores.duckdb"
        con.execute(f"attach '{path}' as scores (read_only); use scores.marts")
        for query, expected in asked:
            con.sql(query).show(max_width=300, max_rows=100)
            out = capsys.readouterr().out
            assert holds(lines(out), lines(expected)), out


def test_an_assessment_that_a_choice_passes_over_is_told(followed: Followed) -> None:
    assert followed.published.rows(
        "select record_key, message_zh from fct_findings where rule_id = 'assessment_used'"
    ) == [
        (
            "criterion_code=praised_by_ministry",
            "2024 EX-01 assessments praised_by_ministry：评定值 0 未被使用：择一计分，计入的是另一项",
        )
    ]


def test_the_rubric_is_printed_as_the_page_shows(followed: Followed) -> None:
    ((_, text),) = blocks(section("Lay it beside the printed table"))
    command, _, expected = text.partition("\n")
    assert command == f"{COMMAND}rubric example_2024"
    assert holds(lines(followed.printed), lines(expected)), followed.printed


def test_the_next_year_has_what_differs(followed: Followed) -> None:
    """Both rubrics come to 100 points; the second has no buildings and more for procurement."""
    rows = followed.published.rows(
        "select indicator_code, points from dim_indicators where rubric_id = 'example_2025'"
    )
    points = dict(rows)
    assert "buildings" not in points
    assert (points["procurement"], sum(points.values()), len(points)) == (10, 100, 14)


def test_every_kind_of_clause_is_on_the_page() -> None:
    """The table at the top names methods alone, and each of them has an example."""
    table = section("Which clause is which row")
    methods = set(re.findall(r"^\|[^|]+\| `(\w+)` \|", table, re.MULTILINE))
    used = set(re.findall(r"^example_2024,\w+,\w+,\d+,[\d.]+,(\w+),", PAGE, re.MULTILINE))
    assert methods == used == {"linear", "band", "step", "assessed", "veto"}


def test_a_page_of_its_own_is_linked() -> None:
    for page in ("README.md", "docs/how-to.md", "docs/concepts.md"):
        assert "rubrics.md" in Path(PROJECT_DIR / page).read_text("utf-8")
