"""Data Docs: the same story as the tables, on pages that need nothing but themselves."""

import re
import shutil
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import duckdb
import pytest

from expectations.rules import STAGES, rules
from orchestration.publication import data_docs
from tests.conftest import DEPARTMENTS, Published, shift_year, write

pytestmark = pytest.mark.builds

HOSTILE = "<script>alert('甲&乙')</script>"
BUDGETS = "unit_code,fiscal_year,budget_line,adjusted_budget,executed,amount_unit\n"
# All whose budgets are exceeded.
EXEMPT = ("B&1", "exceeded", "blocked")
FETCHING = {"src", "srcset", "data", "action", "poster", "background", "ping"}


class Page(HTMLParser):
    """What a reader of a page sees: its tables by caption, its sections and what it would fetch."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.section = ""
        self.rows: list[tuple[str, list[str]]] = []
        self.cell: list[str] | None = None
        self.source = path.read_text("utf-8")
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in FETCHING or (name == "href" and tag != "a"):
                self.fetched.append(value or "")
            if name == "href" and tag == "a":
                self.links.append(value or "")
            if name == "id":
                assert value not in self.ids
                self.ids.add(value or "")
                self.section = value or ""
        if tag == "tr":
            self.rows.append((self.section, []))
        if tag in ("td", "th"):
            self.cell = []

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th") and self.cell is not None:
            self.rows[-1][1].append(" ".join("".join(self.cell).split()))
            self.cell = None

    def handle_data(self, data: str) -> None:
        if self.cell is not None:
            self.cell.append(data)

    def row(self, first: str) -> list[str]:
        """The cells of the one row of the overview whose first cell starts with a text."""
        (cells,) = [
            cells for section, cells in self.rows if not section and cells[0].split(" ")[0] == first
        ]
        return cells

    def findings(self, section: str) -> list[list[str]]:
        """The rows listed of a rule or of a department."""
        return [cells for of, cells in self.rows if of == section][1:]


def pages(published: Published) -> dict[str, Page]:
    folder = published.warehouse / "published" / "data_docs"
    return {path.name: Page(path) for path in folder.iterdir()}


def state_of(published: Published) -> Path:
    """The whole warehouse that the current publication was made from."""
    name = (published.warehouse / "published").readlink().name
    return published.warehouse / "states" / f"{name}.duckdb"


def deliver(landing: Path) -> None:
    """Two years: a sound department, one with a hostile name, a stranger, one without a rubric."""
    write(
        landing / "2023" / "departments.csv",
        DEPARTMENTS
        + "A,2023,甲,department,,深圳市,南山区\n"
        + f"B&1,2023,{HOSTILE},department,,深圳市,盐田区\n"
        + "C,2023,丙,department,,某市,某区\n",
    )
    write(
        landing / "2023" / "budgets.csv",
        BUDGETS
        + "A,2023,total,100,90,元\n"
        + "B&1,2023,total,100,120,元\n"
        + "B&1,2023,basic,50,60,元\n"
        + "stranger,2023,total,100,90,元\n",
    )
    shift_year(landing, 2023, 2024)
    (landing / "2024" / "budgets.csv").write_text(BUDGETS + "A,2024,total,9,9,元\n", "utf-8")


def test_there_is_an_overview_and_two_pages_a_year(invented: Published) -> None:
    assert set(pages(invented)) == {
        "index.html",
        *("2023.html", "2023-departments.html"),
        *("2024.html", "2024-departments.html"),
    }


def test_no_page_asks_for_anything_outside(invented: Published, two_departments: Published) -> None:
    for published in (invented, two_departments):
        for name, page in pages(published).items():
            assert page.fetched == [], name
            assert not re.search(r"//|url\(|@import|fetch\(", page.source.replace("</", "")), name
            assert not {"link", "img", "iframe", "object", "base"} & set(page.tags), name


def test_every_link_leads_somewhere(invented: Published) -> None:
    of_all = pages(invented)
    for name, page in of_all.items():
        for link in page.links:
            target, _, anchor = link.partition("#")
            ids = of_all[target or name].ids
            assert not anchor or unquote(anchor) in ids, (name, link)


def test_delivered_text_is_shown_as_text(invented: Published) -> None:
    for name, page in pages(invented).items():
        assert "<script>alert" not in page.source, name
        assert page.tags.count("script") == (name != "index.html"), name
    page = pages(invented)["2023-departments.html"]
    assert any(cells[0] == HOSTILE for section, cells in page.rows if not section)


def test_the_overview_counts_what_the_marts_hold(invented: Published) -> None:
    index = pages(invented)["index.html"]
    for year in (2023, 2024):
        ((departments, blocked, criticals, waived, warnings),) = invented.rows(
            f"""
            select
                (select count(*) from dim_departments where fiscal_year = {year}),
                (
                    select count(distinct unit_code) from fct_evaluations
                    where fiscal_year = {year} and status = 'blocked'
                ),
                count(*) filter (severity = 'critical'),
                count(*) filter (is_waived),
                count(*) filter (severity = 'warning')
            from fct_findings where fiscal_year = {year}
            """
        )
        ((run, version, violated),) = invented.rows(
            f"""
            select run_id, code_version, (
                select count(distinct rule_id) from fct_findings where fiscal_year = {year}
            )
            from audit.runs where fiscal_year = {year}
            """
        )
        counts = (departments, blocked, criticals, waived, warnings)
        shown = index.row(str(year))
        assert shown[1:6] == [str(count) for count in counts]
        in_catalogue = [rule for stage in STAGES for rule in rules(stage)]
        assert shown[6:8] == [str(len(in_catalogue)), str(violated)]
        assert shown[9:] == [version, run[:8]]
    # B&1 and three others; two findings of it, one of a stranger, and eight of those others.
    assert index.row("2023")[2:4] == ["4", "11"]
    assert index.row("2024")[2:4] == ["1", "2"]


def test_each_rule_and_department_has_the_findings_of_the_marts(invented: Published) -> None:
    of_all = pages(invented)
    for year in (2023, 2024):
        by_rule, by_unit = of_all[f"{year}.html"], of_all[f"{year}-departments.html"]
        for stage in STAGES:
            for rule in rules(stage):
                ((records, departments),) = invented.rows(
                    "select count(*), count(distinct unit_code) from fct_findings "
                    f"where fiscal_year = {year} and rule_id = '{rule.rule_id}'"
                )
                shown = by_rule.row(rule.rule_id)
                assert shown[0] == f"{rule.rule_id} {rule.holds_zh} {rule.holds}"
                assert shown[3:5] == [str(records), str(departments)]
                assert shown[5].startswith("✗" if records else "✓")
                assert len(by_rule.findings(rule.rule_id)) == records
        for unit, severity, key, observed, message, english in invented.rows(
            "select unit_code, severity, record_key, observed, message_zh, message_en "
            f"from audit.findings where fiscal_year = {year}"
        ):
            said = (message.partition("：")[2], english.partition(": ")[2])
            listed = [
                cells
                for cells in by_unit.findings(unit)
                if severity in cells[0] and cells[1].endswith(key) and cells[3] == observed
            ]
            assert sum(all(text in cells[2] for text in said) for cells in listed) == 1
        assert by_unit.ids == {
            unit
            for (unit,) in invented.rows(
                f"select unit_code from fct_findings where fiscal_year = {year}"
            )
        }


def test_the_outcome_of_every_rule_is_published(invented: Published) -> None:
    kept = invented.rows(
        "select fiscal_year, rule_id, stage, severity, holds, tolerance, run_id "
        "from audit.rule_outcomes order by all"
    )
    runs = dict(invented.rows("select fiscal_year, run_id from audit.runs"))
    assert kept == sorted(
        (year, rule.rule_id, stage, rule.severity, rule.holds, rule.tolerance, runs[year])
        for year in (2023, 2024)
        for stage in STAGES
        for rule in rules(stage)
    )


def test_a_long_list_is_cut_and_says_where_the_rest_is(
    invented: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = state_of(invented)
    monkeypatch.setattr(data_docs, "LISTED", 1)
    monkeypatch.setattr(data_docs, "LISTED_IN_ALL", 1)
    with duckdb.connect(str(state), read_only=True) as con:
        data_docs.write(con, tmp_path / "pages")
    page = Page(tmp_path / "pages" / "2023.html")
    assert len(page.findings("execution_within_budget")) == 1
    assert page.row("execution_within_budget")[3] == "5"
    where = "fiscal_year = 2023 and rule_id = 'execution_within_budget'"
    assert f"另有 4 处未列出，见 <code>marts.fct_findings</code> <code>where {where}" in page.source
    # Of the departments after the first nothing is listed, and the page says where it is.
    page = Page(tmp_path / "pages" / "2023-departments.html")
    ((first, *others),) = [
        [
            row[0]
            for row in invented.rows(
                "select unit_code, count(*) from fct_findings where fiscal_year = 2023 group by all "
                "order by count(*) filter (severity = 'critical' and not is_waived) > 0 desc, "
                "count(*) filter (severity = 'critical') desc, count(*) desc, unit_code"
            )
        ]
    ]
    assert len(page.findings(first)) == 1 and others
    for unit in others:
        assert page.findings(unit) == []
        assert f"unit_code = '{unit}'" in unescape(page.source)


def test_who_is_exempt_is_in_totals_and_in_no_list(invented: Published, tmp_path: Path) -> None:
    shutil.copyfile(state_of(invented), tmp_path / "state.duckdb")
    with duckdb.connect(str(tmp_path / "state.duckdb")) as con:
        data_docs.write(con, tmp_path / "disclosed")
        con.execute(
            f"update marts.dim_departments set is_disclosure_exempt = true where unit_code in {EXEMPT}"
        )
        data_docs.write(con, tmp_path / "pages")
    before, of_all = (
        {path.name: Page(path) for path in (tmp_path / name).iterdir()}
        for name in ("disclosed", "pages")
    )
    is_named = ("B&amp;1", "alert(")
    assert any(text in before["2023-departments.html"].source for text in is_named)
    assert any(text in before["2023.html"].source for text in is_named)
    for name, page in of_all.items():
        assert not any(text in page.source for text in is_named), name
        # The others are of 2023 alone.
        exempt = len(EXEMPT) if name.startswith("2023") else 1
        assert (f"{exempt} 个单位因涉密不予公开" in page.source) == (name != "index.html"), name
    # What is left out of the list is counted.
    assert of_all["index.html"].row("2023") == before["index.html"].row("2023")
    shown = of_all["2023.html"]
    assert shown.row("execution_within_budget")[3] == "5"
    assert {"execution_within_budget", "known_unit"} <= before["2023.html"].ids
    others = invented.rows(
        "select distinct rule_id from fct_findings "
        f"where fiscal_year = 2023 and unit_code not in {EXEMPT}"
    )
    assert shown.ids == {rule_id for (rule_id,) in others}
    assert "execution_within_budget" not in shown.ids
    # A stranger of this file of tests, and one of another.
    assert len(shown.findings("known_unit")) == 2


def test_a_year_from_before_outcomes_were_kept_still_shows_its_findings(
    invented: Published, tmp_path: Path
) -> None:
    state = state_of(invented)
    shutil.copyfile(state, tmp_path / "state.duckdb")
    with duckdb.connect(str(tmp_path / "state.duckdb")) as con:
        con.execute("delete from audit.rule_outcomes where fiscal_year = 2023")
        data_docs.write(con, tmp_path / "pages")
    assert Page(tmp_path / "pages" / "index.html").row("2023")[6:8] == ["—", "—"]
    page = Page(tmp_path / "pages" / "2023.html")
    assert "jixiao run --year 2023" in page.source
    assert len(page.findings("execution_within_budget")) == 5
