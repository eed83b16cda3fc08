"""The scorecard site: every number is the marts', every text is text, every link leads somewhere."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import duckdb
import pytest
from lxml import html

from orchestration import verify
from orchestration.faults import WrongSurroundings
from orchestration.project import is_site_wanted
from orchestration.publication import chain, folder
from orchestration.publication.export import NOTHING, Kept
from orchestration.site import write as site
from orchestration.site.names import page
from tests.conftest import Published, TwoYears

NANSHAN, YANTIAN = "440305-gxj", "440308-fzyj"
HOSTILE = "<script>alert('甲&乙')</script>\""
FETCHING = ("src", "srcset", "data", "action", "poster", "background", "ping", "style")
DASH = "—"


def text(element: Any) -> str:
    return " ".join(element.text_content().split())


class Page:
    """A page as a reader sees it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.source = path.read_text("utf-8")
        self.tree = html.document_fromstring(self.source)

    def all(self, path: str) -> list[Any]:
        found: list[Any] = self.tree.xpath(path)
        return found

    def facts(self) -> dict[str, str]:
        """The figures at the head of the page by their labels."""
        return {
            text(li).removeprefix(text(li.xpath("b")[0])).strip(): text(li.xpath("b")[0])
            for li in self.all("//ul[@class='facts']/li")
        }

    def rows(self, section: str, table: int = 0) -> list[list[str]]:
        """The rows of a table of a section, its headings and bands left out."""
        tables = self.all(f"//section[@id='{section}']//table")
        if len(tables) <= table:
            return []
        return [
            [text(cell) for cell in row.xpath("td|th")]
            for row in tables[table].xpath(".//tbody/tr")
            if row.xpath("td")
        ]


def pages(folder: Path) -> dict[str, Page]:
    return {p.relative_to(folder).as_posix(): Page(p) for p in sorted(folder.rglob("*.html"))}


def folder_of(published: Published) -> Path:
    return published.warehouse / "published" / "site"


def plain(number: Decimal | int | None) -> str:
    """A number as people write it, by Python alone."""
    if number is None:
        return DASH
    written = f"{Decimal(number):,f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


def fixed(number: Decimal | None) -> str:
    return DASH if number is None else f"{number:.2f}"


def signed(number: Decimal) -> str:
    return f"{'−' if number < 0 else '+' if number else ''}{abs(number):.2f}"


def share(part: Decimal, whole: Decimal) -> str:
    return plain((100 * part / whole).quantize(Decimal("0.01"), "ROUND_HALF_UP")) + "%"


Query = Callable[[str], list[tuple[Any, ...]]]


def differing(folder: Path, rows: Query) -> Iterator[str]:
    """What pages show otherwise than the marts have it, for every year, department and indicator."""
    of_all = pages(folder)
    index = {r[0]: r[1:] for r in table_of(of_all["index.html"])}
    for year, departments, scored, highest, lowest, total in rows(
        """
        select fiscal_year, count(*), count(total_score), max(total_score), min(total_score),
            sum(total_score)
        from dim_departments left join (
            from fct_evaluations where rubric_role = 'official'
        ) using (unit_code, fiscal_year)
        group by all
        """
    ):
        mean = (total / scored).quantize(Decimal("0.01"), "ROUND_HALF_UP")
        shown = index[str(year)]
        if (shown[0], shown[1], *shown[4:7]) != (
            *(str(departments), str(scored)),
            *(plain(highest), plain(mean), plain(lowest)),
        ):
            yield f"index.html {year}: {shown}"
        facts = of_all[f"{year}/index.html"].facts()
        if (facts["单位"], facts["最高分"], facts["平均分"], facts["最低分"]) != (
            *(str(departments), plain(highest)),
            *(plain(mean), plain(lowest)),
        ):
            yield f"{year}/index.html: {facts}"
        yield from differing_ranking(of_all[f"{year}/index.html"], rows, year)
        yield from differing_indicators(of_all, rows, year)
        for (unit,) in rows(
            f"select unit_code from dim_departments where fiscal_year = {year} "
            "and not is_disclosure_exempt"
        ):
            shown_page = of_all[f"{year}/units/{page(unit)}"]
            for what in (differing_scores, differing_measures, differing_report, differing_cells):
                for told in what(shown_page, rows, unit.replace("'", "''"), year):
                    yield f"{year}/units/{page(unit)}: {told}"


def table_of(of: Page) -> list[list[str]]:
    return [[text(cell) for cell in row.xpath("td|th")] for row in of.all("//tbody/tr")]


def differing_ranking(of: Page, rows: Query, year: int) -> Iterator[str]:
    expected = [
        [DASH if rank is None else str(rank), f"{name} {unit}", fixed(total), grade or DASH,
         plain(reported), DASH if gap is None else signed(gap), str(criticals), str(warnings)]
        for rank, name, unit, total, grade, reported, gap, criticals, warnings in rows(
            f"""
            select
                district_rank, coalesce(unit_name, unit_code), unit_code, total_score, grade,
                reported_total, total_difference,
                (
                    select count(*) from fct_findings as f
                    where (f.unit_code, f.fiscal_year, severity) = (d.unit_code, {year}, 'critical')
                ),
                (
                    select count(*) from fct_findings as f
                    where (f.unit_code, f.fiscal_year, severity) = (d.unit_code, {year}, 'warning')
                )
            from dim_departments as d
            left join (from fct_evaluations where rubric_role = 'official') as e
                using (unit_code, fiscal_year)
            where fiscal_year = {year} and not is_disclosure_exempt
            order by total_score desc nulls last, unit_code
            """
        )
    ]  # fmt: skip
    shown = [[*row[:2], *row[3:7], *row[8:]] for row in of.rows("ranking")]
    if shown != expected:
        yield f"{year}: ranking {shown}, expected {expected}"


def differing_indicators(of_all: dict[str, Page], rows: Query, year: int) -> Iterator[str]:
    listed = {row[0]: row[2:] for row in of_all[f"{year}/index.html"].rows("indicators")}
    for code, name, scored, lost, points_lost, score, points in rows(
        f"""
        select
            indicator_code, min(level3), count(score), count(*) filter (points_lost > 0),
            sum(points_lost), sum(score), sum(points_possible) filter (score is not null)
        from fct_indicator_scores
        inner join fct_evaluations using (unit_code, fiscal_year, rubric_id)
        inner join dim_indicators using (rubric_id, indicator_code)
        where fiscal_year = {year} and rubric_role = 'official'
        group by indicator_code
        """
    ):
        rate = share(score, points) if points else DASH
        expected = [str(scored), str(lost), plain(points_lost or 0), rate]
        if listed[name][:4] != expected:
            yield f"{year} {code}: {listed[name]}, expected {expected}"
        of = of_all[f"{year}/indicators/{page(code)}"]
        facts = of.facts()
        if facts["失分合计"] != plain(points_lost or 0) or facts.get("得分率", DASH) != rate:
            yield f"{year} {code}: {facts}"
        who = [
            [f"{name} {unit}", fixed(score), plain(possible), fixed(lost), why]
            for name, unit, score, possible, lost, why in rows(
                f"""
                select
                    coalesce(unit_name, unit_code), unit_code, score, points_possible,
                    s.points_lost, explanation_zh
                from fct_indicator_scores as s
                inner join fct_deductions using (unit_code, fiscal_year, rubric_id, indicator_code)
                inner join dim_departments as d using (unit_code, fiscal_year)
                where
                    fiscal_year = {year} and indicator_code = '{code}' and not is_disclosure_exempt
                    and rubric_id = official_rubric_id
                order by s.points_lost desc, unit_code
                """
            )
        ]
        if [[row[0], *row[2:]] for row in of.rows("lost")] != who:
            yield f"{year} {code}: {of.rows('lost')}, expected {who}"


def differing_scores(of: Page, rows: Query, unit: str, year: int) -> Iterator[str]:
    ((status, total, grade, rank, peers, reported, gap),) = rows(
        f"""
        select
            status, total_score, grade, district_rank, peers_count, reported_total,
            total_difference
        from dim_departments as d left join (
            from fct_evaluations where rubric_role = 'official'
        ) using (unit_code, fiscal_year)
        where unit_code = '{unit}' and fiscal_year = {year}
        """
    )
    facts = of.facts()
    if status != "scored":
        if facts or of.rows("scores") or of.rows("lost") or of.rows("steps"):
            yield f"scores of an evaluation that is {status}"
        return
    if facts["总分"].split(" / ")[0] != fixed(total) or facts["等级"] != grade:
        yield f"{facts}"
    if facts["区内名次"] != f"{rank} / {peers + 1}":
        yield f"{facts}"
    if reported is not None and (facts["自评总分"], facts["与自评相差"]) != (
        plain(reported), signed(gap),
    ):  # fmt: skip
        yield f"{facts}"
    yield from differing_points(of, rows, unit, year)
    yield from differing_steps(of, rows, unit, year)


def differing_points(of: Page, rows: Query, unit: str, year: int) -> Iterator[str]:
    expected, why = [], []
    is_reported = "自评" in [text(head) for head in of.all("//section[@id='scores']//th")]
    for name, score, points, lost, printed, difference, told in rows(
        f"""
        select
            level3, score, points_possible, s.points_lost, reported_score, score_difference,
            explanation_zh
        from fct_indicator_scores as s
        inner join dim_indicators using (rubric_id, indicator_code)
        inner join dim_departments using (unit_code, fiscal_year)
        left join fct_deductions using (unit_code, fiscal_year, rubric_id, indicator_code)
        where
            unit_code = '{unit}' and fiscal_year = {year} and rubric_id = official_rubric_id
        order by sort_order
        """
    ):
        row = [name, fixed(score), plain(points), fixed(lost) if lost else ""]
        if is_reported:
            row += [
                plain(printed),
                DASH if difference is None else signed(difference) if difference else "0",
            ]
        expected.append(row)
        if lost:
            why.append([name, fixed(lost), told])
    shown = [[row[0], *row[2:-1]] for row in of.rows("scores")][:-1]
    if shown != expected:
        yield f"scores {shown}, expected {expected}"
    if of.rows("lost") != why:
        yield f"lost {of.rows('lost')}, expected {why}"


def differing_steps(of: Page, rows: Query, unit: str, year: int) -> Iterator[str]:
    expected = [
        (name, "" if comparison is None else comparison.translate({61: None}), target, gained,
         next_grade if reaches else None, full)
        for name, comparison, target, gained, reaches, next_grade, full in rows(
            f"""
            select
                coalesce(m.name_zh, i.level3), comparison, next_value, points_gained,
                is_next_grade_reached, next_grade,
                if(n.method = 'linear' and full_mark_at != next_value, full_mark_at, null)
            from fct_next_steps as n
            inner join dim_departments using (unit_code, fiscal_year)
            inner join fct_indicator_scores using (
                unit_code, fiscal_year, rubric_id, indicator_code
            )
            inner join dim_indicators as i using (rubric_id, indicator_code)
            inner join dim_criteria as c using (rubric_id, criterion_code)
            left join dim_measures as m on n.measure_code = m.measure_code
            where
                unit_code = '{unit}' and fiscal_year = {year} and rubric_id = official_rubric_id
                and points_lost > 0
            order by points_gained desc, i.sort_order, c.sort_order
            """
        )
    ]  # fmt: skip
    shown = []
    for row in of.all("//section[@id='steps']//tbody/tr"):
        name, _, target, _, gain, full = row.xpath("th|td")
        numbers = [
            Decimal(cell.xpath(".//data/@value")[0]) if cell.xpath(".//data") else None
            for cell in (target, gain, full)
        ]
        sign = text(target)[0] if numbers[0] is not None else ""
        reaches = gain.xpath("span[@class='tag']/text()")
        shown.append(
            (text(name.xpath("a")[0]), {"≥": ">", "≤": "<"}.get(sign, sign), *numbers[:2],
             reaches[0].strip() if reaches else None, numbers[2])
        )  # fmt: skip
    if shown != expected:
        yield f"steps {shown}, expected {expected}"


def differing_measures(of: Page, rows: Query, unit: str, year: int) -> Iterator[str]:
    measures = {
        code: (value, status)
        for code, value, status in rows(
            "select measure_code, value, status from fct_measures "
            f"where unit_code = '{unit}' and fiscal_year = {year}"
        )
    }
    for quarter, row in enumerate(of.rows("months"), start=1):
        for at, code in ((1, f"q{quarter}_progress"), (3, f"q{quarter}_execution_rate")):
            value, _ = measures[code]
            if value is not None and row[at] != share(value, Decimal(1)):
                yield f"{code}: {row[at]}, expected {value}"
    exact = {f"{value:f}" for value, _ in measures.values() if value is not None}
    for element in of.all("//section[@id='evidence']//ol//data"):
        if f"{Decimal(element.get('value')):f}" not in exact:
            yield f"no measure is {element.get('value')}"
    expected = rows(
        f"""
        select round(points_awarded, 4), points_possible, explanation_zh
        from fct_criterion_scores inner join dim_departments using (unit_code, fiscal_year)
        where unit_code = '{unit}' and fiscal_year = {year} and rubric_id = official_rubric_id
            and explanation_zh is not null
        """
    )
    shown = [text(li) for li in of.all("//section[@id='evidence']//ol/li")]
    if of.facts():
        for awarded, possible, told in expected:
            start = f"{plain(awarded)} / {plain(possible)} "
            if not any(s.startswith(start) and " ".join(told.split()) in s for s in shown):
                yield f"no criterion {start} {told}"


def differing_report(of: Page, rows: Query, unit: str, year: int) -> Iterator[str]:
    for verdict in ("mismatch", "match", "not_computable"):
        expected = sorted(
            (printed or DASH, computed or DASH, *((why or "",) if verdict != "match" else ()))
            for printed, computed, why in rows(
                "select reported_text, computed_text, explained_by from fct_reconciliation where "
                f"(unit_code, fiscal_year, verdict) = ('{unit}', {year}, '{verdict}')"
            )
        )
        title = {"mismatch": "不一致", "match": "一致", "not_computable": "无法计算"}[verdict]
        shown = sorted(
            tuple(cells[1:3] + ([cells[4]] if verdict != "match" else []))
            for part in of.all("//section[@id='reconciled']/details")
            if text(part.xpath("summary")[0]).split()[0] == title
            for cells in (
                [text(cell) for cell in row.xpath("td|th")] for row in part.xpath(".//tbody/tr")
            )
        )
        if shown != expected:
            yield f"{verdict}: {shown}, expected {expected}"


def differing_cells(of: Page, rows: Query, unit: str, year: int) -> Iterator[str]:
    for indicator, delivered, unit_of_money, file, row in rows(
        f"""
        select distinct
            indicator_code, coalesce(delivered_value, '（空）'), coalesce(' ' || amount_unit, ''),
            source_file, source_row
        from fct_evidence inner join dim_departments using (unit_code, fiscal_year)
        where
            unit_code = '{unit}' and fiscal_year = {year} and rubric_id = official_rubric_id
            and indicator_code is not null and lines_count is null
        """
    ):
        cells = {
            (text(tr.xpath("td")[1]).split(" → ")[0], text(tr.xpath("td")[3]))
            for tr in of.all(f"//details[@id='i-{indicator}']//table//tr[td[4]]")
        }
        value = delivered if delivered == "（空）" else delivered + unit_of_money
        if (" ".join(value.split()), f"{file}:{row}") not in cells:
            yield f"{indicator}: no cell {value} of {file}:{row}"
    findings = sorted(
        " ".join(message.partition("：")[2].split())
        for (message,) in rows(
            f"select message_zh from fct_findings where (unit_code, fiscal_year) = ('{unit}', {year})"
        )
    )
    shown = {text(li) for li in of.all("//li")}
    for message in findings:
        if not any(message in each for each in shown):
            yield f"no finding {message}"


def marts(database: Path) -> Query:
    """Asks the marts of a database, opened once."""
    con = duckdb.connect(str(database), read_only=True)
    con.execute("use scores.marts")
    return lambda query: con.execute(query).fetchall()


def marts_of(published: Published) -> Query:
    return marts((published.warehouse / "published").resolve() / "scores.duckdb")


@pytest.mark.builds
def test_every_number_is_the_marts(both_years: TwoYears) -> None:
    assert list(differing(folder_of(both_years), marts_of(both_years))) == []


@pytest.mark.builds
def test_another_number_would_be_seen(two_departments: Published, tmp_path: Path) -> None:
    shutil.copytree(folder_of(two_departments), tmp_path / "site")
    unit = f"2023/units/{NANSHAN}.html"
    changes = [
        ("index.html", ">96.57<", ">96.75<", "index.html 2023: "),
        ("2023/index.html", ">96.57</b>", ">96.75</b>", "2023/index.html: "),
        ("2023/index.html", "number>96.08<", "number>96.80<", "2023: ranking "),
        ("2023/index.html", "68.33%", "68.34%", "2023 financial_compliance: "),
        ("2023/indicators/petitions.html", "<b>0</b>", "<b>0.01</b>", "2023 petitions: "),
        ("2023/indicators/procurement.html", "1.88<", "1.89<", "2023 procurement: "),
        (unit, "<b>优</b>", "<b>良</b>", f"{unit}: {{"),
        (unit, ">2.10<", ">2.01<", f"{unit}: scores "),
        (unit, "扣 0.41 分", "扣 0.14 分", f"{unit}: lost "),
        (unit, '≥ <data value="0.6840381962', '≤ <data value="0.6840381962', f"{unit}: steps "),
        (unit, "19.53%</data>", "19.35%</data>", f"{unit}: q1_progress: "),
        (unit, "111.52%</data>", "111.25%</data>", f"{unit}: q3_execution_rate: "),
        (unit, "0.1992207067", "0.1992207068", f"{unit}: no measure is 0.1992207068"),
        (unit, "24.56%", "24.65%", f"{unit}: mismatch: "),
        (unit, "85.96%<td>85.96%", "85.96%<td>85.97%", f"{unit}: match: "),
        (unit, "budgets.csv:2", "budgets.csv:3", f"{unit}: financial_compliance: no cell "),
        (unit, "全年未支出", "全年已支出", f"{unit}: no finding "),
    ]
    for name, was, now, _ in changes:
        page_of = tmp_path / "site" / name
        source = page_of.read_text("utf-8")
        assert was in source, (name, was)
        page_of.write_text(source.replace(was, now), "utf-8")
    lines = list(differing(tmp_path / "site", marts_of(two_departments)))
    for *_, told in changes:
        assert any(line.startswith(told) for line in lines), (told, lines)


@pytest.mark.builds
def test_pages_ask_for_nothing_and_lead_somewhere(both_years: TwoYears) -> None:
    of_all = pages(folder_of(both_years))
    assert len(of_all) == 1 + 2 * (1 + 2 + 21)
    for name, of in of_all.items():
        for element in of.tree.iter():
            for attribute in FETCHING:
                value = element.get(attribute) or ""
                assert "//" not in value and "url(" not in value, (name, value)
            if element.tag == "script":
                assert not element.text, name
            link = element.get("href") or element.get("src")
            if not link or link.startswith("#"):
                continue
            path, _, anchor = link.partition("#")
            target = of.path.parent / unquote(path)
            assert target.is_file(), (name, link)
            if anchor and "/site/" in target.resolve().as_posix():
                assert Page(target).tree.get_element_by_id(unquote(anchor)) is not None
    assert not re.search(r"https?:|//[a-z]", (site.TEMPLATES / "site.css").read_text("utf-8"))


@pytest.mark.builds
def test_each_label_has_its_english(two_departments: Published) -> None:
    assets = folder_of(two_departments) / "assets"
    known = set(re.findall(r'"([^"]+)": "', (assets / "site.js").read_text("utf-8")))
    known |= set(re.findall(r'"((?:[^"\\]|\\.)+)": "', (assets / "labels.js").read_text("utf-8")))
    for name, of in pages(folder_of(two_departments)).items():
        for element in of.all("//*[contains(concat(' ', @class, ' '), ' t ')]"):
            label = element.get("placeholder") or text(element)
            parts = [label] if label in known else label.split(" · ")
            told = [part for part in parts if part not in known]
            # A record of a bureau's own is called as the bureau does.
            assert not told or "reconciled" in [p.get("id") for p in element.iterancestors()], (
                name, label,
            )  # fmt: skip


class Changed:
    """A published database with rows of one's own, which nothing holds to its keys, and its site."""

    def __init__(self, published: Published, folder: Path) -> None:
        self.folder = folder / "site"
        self.database = folder / "scores.duckdb"
        original = published.warehouse / "published" / "scores.duckdb"
        with duckdb.connect(str(self.database)) as con:
            con.execute(f"attach '{original}' as original (read_only)")
            tables = "from duckdb_tables() where database_name = 'original'"
            views = "select sql from duckdb_views() where database_name = 'original'"
            for schema, table in con.sql(f"select schema_name, table_name {tables}").fetchall():
                con.execute(f"create schema if not exists {schema}")
                con.execute(f"create table {schema}.{table} as from original.{schema}.{table}")
            for (sql,) in con.sql(f"{views} and not internal").fetchall():
                con.execute(sql)

    def written(self, *changes: str) -> dict[str, Page]:
        with duckdb.connect(str(self.database)) as con:
            con.execute("use scores.marts")
            for change in changes:
                con.execute(change)
        with duckdb.connect(str(self.database), read_only=True) as con:
            site.write(con, self.folder)
        return pages(self.folder)

    @cached_property
    def rows(self) -> Query:
        return marts(self.database)


@pytest.fixture
def changed(two_departments: Published, tmp_path: Path) -> Changed:
    return Changed(two_departments, tmp_path)


TABLES_OF_UNITS = (
    *("dim_departments", "fct_evaluations", "fct_indicator_scores", "fct_criterion_scores"),
    *("fct_deductions", "fct_measures", "fct_reconciliation", "fct_findings"),
    *("fct_evidence_cells", "fct_finding_indicators"),
)


def recoded(unit: str, code: str) -> list[str]:
    quoted = code.replace("'", "''")
    return [
        f"update {table} set unit_code = '{quoted}' where unit_code = '{unit}'"
        for table in TABLES_OF_UNITS
    ]


@pytest.mark.builds
@pytest.mark.parametrize("code", ["../x", "A b%23#中文", HOSTILE])
def test_whatever_a_department_is_called_its_page_is_its_own(changed: Changed, code: str) -> None:
    quoted = HOSTILE.replace("'", "''")
    of_all = changed.written(
        *recoded(NANSHAN, code),
        *recoded(YANTIAN, code.swapcase()),
        f"update dim_departments set unit_name = '{quoted}'",
        f"update fct_findings set message_zh = '{quoted}' || repeat('长', 2000)",
        f"update fct_evidence_cells set source_file = '2023/a b#%<b>中文.csv', delivered_value = '{quoted}'",
        f"update fct_reconciliation set location = '{quoted}', explained_by = '{quoted}'",
        f"update fct_evaluations set status_reason = '{quoted}'",
    )
    units = [name for name in of_all if "/units/" in name]
    same = code == code.swapcase()
    assert len(units) == len({name.lower() for name in units}) == (1 if same else 2)
    assert {path.parent.name for path in changed.folder.rglob("*.html")} == {
        "site", "2023", "units", "indicators",
    }  # fmt: skip
    for of in of_all.values():
        assert "<script>alert" not in of.source
        assert (
            HOSTILE in text(of.tree) or of.path.name == "index.html" or "indicators" in str(of.path)
        )
    links = of_all["2023/index.html"].all("//section[@id='ranking']//th/a/@href")
    assert {unquote(link) for link in links} == {name.removeprefix("2023/") for name in units}
    if code == HOSTILE:
        assert list(differing(changed.folder, changed.rows)) == []


def test_names_of_pages_are_safe_and_no_two_codes_share_one() -> None:
    codes = [
        *("440305-gxj", "a", "A", "a.b", "a/b", "a\\b", "../x", "x", "..", ".", "", " ", "con"),
        *("CON", "nul", "aux", "-a", "甲", "乙", "a" * 300, "a" * 301, "a b", "a%20b", "\ud800"),
    ]
    names = [page(code) for code in codes]
    assert len({name.lower() for name in names}) == len(codes)
    for name in names:
        assert re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,90}\.html", name), name
        assert name.split(".")[0] not in ("con", "nul", "aux") or name.count(".") > 1
    assert page("440305-gxj") == "440305-gxj.html"


@pytest.mark.builds
def test_who_is_exempt_is_in_totals_and_on_no_page(changed: Changed) -> None:
    of_all = changed.written(
        f"update dim_departments set is_disclosure_exempt = true where unit_code = '{YANTIAN}'"
    )
    ((name,),) = changed.rows(
        f"select unit_name from dim_departments where unit_code = '{YANTIAN}'"
    )
    for path, of in of_all.items():
        assert YANTIAN not in of.source and name not in of.source, path
    year = of_all["2023/index.html"]
    assert year.facts()["单位"] == "2"
    assert "1 个单位因涉密不予公开" in text(year.tree)
    lost = [Decimal(row[4]) for row in year.rows("indicators")]
    ((all_lost,),) = changed.rows(
        "select sum(points_lost) from fct_deductions where rubric_id != 'shenzhen_2023'"
    )
    assert sum(lost) == all_lost
    assert list(differing(changed.folder, changed.rows)) == []


@pytest.mark.builds
def test_who_is_blocked_or_incomplete_has_a_page_that_says_why(changed: Changed) -> None:
    of_all = changed.written(
        "update fct_evaluations set status = 'blocked', total_score = null, grade = null, "
        f"district_rank = null, status_reason = '原因甲' where unit_code = '{NANSHAN}'",
        f"update fct_findings set severity = 'critical' where unit_code = '{NANSHAN}' "
        "and rule_id = 'sme_within_procurement'",
        "update fct_evaluations set status = 'incomplete', total_score = null, grade = null, "
        f"district_rank = null, status_reason = '原因乙' where unit_code = '{YANTIAN}'",
        "update fct_criterion_scores set basis = 'missing', points_awarded = null, "
        f"explanation_zh = '缺少某数' where unit_code = '{YANTIAN}' and criterion_code = 'key_tasks'",
    )
    blocked, incomplete = (text(of_all[f"2023/units/{u}.html"].tree) for u in (NANSHAN, YANTIAN))
    assert "原因甲" in blocked and "以下问题解决或获豁免之前不计分。" in blocked
    assert "授予中小企业合同金额 24,106,400 元 大于" in blocked
    assert "原因乙" in incomplete and "缺少某数" in incomplete
    for of in (blocked, incomplete):
        assert "指标得分" not in of and "怎样多得分" not in of
    assert of_all["2023/index.html"].rows("ranking")[0][0] == DASH


@pytest.mark.builds
def test_departments_with_the_same_total_share_a_rank(changed: Changed) -> None:
    of_all = changed.written(
        "update fct_evaluations set total_score = 96.57, district_rank = 1, peers_count = 1 "
        "where rubric_role = 'official'"
    )
    assert [row[0] for row in of_all["2023/index.html"].rows("ranking")] == ["1", "1"]
    for unit in (NANSHAN, YANTIAN):
        assert of_all[f"2023/units/{unit}.html"].facts()["区内名次"] == "1 / 2"


@pytest.mark.builds
def test_the_years_before_are_those_of_the_units_that_are_continued(
    both_years: TwoYears, tmp_path: Path
) -> None:
    changed = Changed(both_years, tmp_path)
    of_all = changed.written(
        *(
            "insert into dim_unit_successions by name "
            f"select '{NANSHAN}' as unit_code, 2024 as fiscal_year, 'merged' as succession_kind, "
            f"'{unit}' as predecessor_unit_code"
            for unit in (NANSHAN, YANTIAN)
        )
    )
    totals = {
        (unit, year): fixed(total)
        for unit, year, total in changed.rows(
            "select unit_code, fiscal_year, total_score from fct_evaluations "
            "where rubric_role = 'official'"
        )
    }
    shown = of_all[f"2024/units/{NANSHAN}.html"].rows("trend")
    assert [(row[0], row[2]) for row in shown] == [
        ("2024", totals[NANSHAN, 2024]),
        ("2023", totals[NANSHAN, 2023]),
        ("2023", totals[YANTIAN, 2023]),
    ]
    assert "合并" in shown[2][1] and YANTIAN in shown[2][1]
    # Who goes on alone has itself; a page says nothing of years after its own.
    assert [row[0] for row in of_all[f"2024/units/{YANTIAN}.html"].rows("trend")] == [
        "2024",
        "2023",
    ]
    assert of_all[f"2023/units/{NANSHAN}.html"].rows("trend") == []
    assert "2024" not in of_all[f"2023/units/{NANSHAN}.html"].source


@pytest.mark.builds
def test_a_year_of_an_older_version_has_no_pages(both_years: TwoYears, tmp_path: Path) -> None:
    changed = Changed(both_years, tmp_path)
    of_all = changed.written(
        "update dim_departments set is_disclosure_exempt = null where fiscal_year = 2023"
    )
    assert not any(name.startswith("2023/") for name in of_all)
    assert "jixiao run --year 2023" in of_all["index.html"].source
    assert of_all[f"2024/units/{NANSHAN}.html"].rows("trend") == []


@pytest.mark.builds
def test_verify_tells_of_pages_that_the_inputs_do_not_give(
    two_departments: Published, tmp_path: Path
) -> None:
    published = (two_departments.warehouse / "published").resolve()
    shutil.copytree(published / "site", tmp_path / "site")
    with duckdb.connect() as con:
        for name in ("published", "rebuilt"):
            con.execute(f"attach '{published / 'scores.duckdb'}' as {name} (read_only)")
        (run,) = con.execute("select run_id, fiscal_year from published.audit.runs").fetchall()
        target = SimpleNamespace(run_id=run[0], fiscal_year=run[1])

        def differences() -> list[str]:
            return list(verify._changed_site(con, tmp_path, published, [target]))  # type: ignore[list-item]

        assert differences() == []
        index, unit, other = (
            tmp_path / "site" / name
            for name in (
                "2023/index.html",
                f"2023/units/{NANSHAN}.html",
                f"2023/units/{YANTIAN}.html",
            )
        )
        # What changed since the publication before cannot be made again, and is passed over.
        source = index.read_text("utf-8")
        start = source.index("<section id=changes>")
        end = source.index("</section>", start)
        index.write_text(source[:start] + "<section id=changes>more" + source[end:], "utf-8")
        unit.write_text(unit.read_text("utf-8").replace("96.57", "96.75"), "utf-8")
        other.unlink()
        assert differences() == [
            f"site/2023/units/{NANSHAN}.html: differs from the rebuild",
            f"site/2023/units/{YANTIAN}.html: gone",
        ]


@pytest.mark.builds
def test_what_changed_since_the_last_publication_is_told(
    changed: Changed, two_departments: Published
) -> None:
    ((run,),) = two_departments.rows("select run_id from audit.runs")
    of_all = changed.written(
        *(
            "insert into fct_evaluation_history by name "
            f"select '{unit}' as unit_code, 2023 as fiscal_year, '{rubric}' as rubric_id, "
            "'total_score' as item_type, 'TOTAL' as item_code, 95.5 as old_value, "
            "96.57 as new_value, 'before' as old_run_id, "
            f"'{of_run}' as new_run_id, now() as changed_at, '更换 <b>' as cause"
            for unit, rubric, of_run in (
                (NANSHAN, "nanshan_2023", run),
                # Of a run before, and of a rubric that is not official.
                (YANTIAN, "yantian_2023", "another"),
                (YANTIAN, "shenzhen_2023", run),
            )
        )
    )
    (row,) = of_all["2023/index.html"].rows("changes")
    assert row[1:] == ["总分", "95.5", "96.57", "更换 <b>"]


@pytest.mark.builds
def test_pages_of_a_year_before_stay_the_same_files(both_years: TwoYears) -> None:
    before, now = sorted((both_years.warehouse / "publications").iterdir())
    names = {path.relative_to(now).as_posix() for path in (now / "site" / "2023").rglob("*.html")}
    assert len(names) == 1 + 2 + 21
    assert all((now / name).samefile(before / name) for name in names)


@pytest.mark.builds
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("select 1", ()),
        (f"update fct_evaluations set total_score = 95 where unit_code = '{NANSHAN}'", (NANSHAN,)),
        (
            f"update dim_departments set unit_name = '别名' where unit_code = '{YANTIAN}'",
            (YANTIAN,),
        ),
        ("update fct_evaluations set peers_count = peers_count + 1", (NANSHAN, YANTIAN)),
        (f"delete from dim_departments where unit_code = '{YANTIAN}'", (YANTIAN,)),
    ],
)
def test_of_a_later_year_those_pages_are_written_anew_that_show_what_changed(
    both_years: TwoYears, tmp_path: Path, change: str, told: tuple[str, ...]
) -> None:
    """And all of them say what they would if they were all written anew."""
    changed = Changed(both_years, tmp_path)
    where = "where" if " where " not in change else "and"
    if change != "select 1":
        change = f"{change} {where} fiscal_year = 2023"
    publication = (both_years.warehouse / "published").resolve()
    new = tmp_path / "new"

    def stays(year: int, path: Path) -> bool:
        shutil.copytree(publication / "site" / str(year), path, copy_function=os.link)
        return True

    anew = changed.written(change)
    before = site.Before(publication / "scores.duckdb", 2023, stays)
    with duckdb.connect(str(changed.database), read_only=True) as con:
        con.execute("use scores.marts")
        site.write(con, new, before)
    of_later = {
        path.relative_to(new / "2024").as_posix(): path for path in (new / "2024").rglob("*.html")
    }
    for name, path in of_later.items():
        assert path.read_text("utf-8") == anew[f"2024/{name}"].source
    written = {
        name
        for name, path in of_later.items()
        if not path.samefile(publication / "site" / "2024" / name)
    }
    assert written == {f"units/{unit}.html" for unit in told}
    # They are not written over those of the publication before.
    assert chain.changed(both_years.warehouse, publication.name) == []


@pytest.mark.builds
def test_pages_that_were_changed_are_written_anew(
    two_departments: Published, tmp_path: Path
) -> None:
    publication = tmp_path / "publication"
    shutil.copytree((two_departments.warehouse / "published").resolve(), publication)
    kept = Kept(publication, years=(2023,), built=2024, has_same_seeds=True)
    new = tmp_path / "new"
    assert kept.keeps(2023, new / "site" / "2023", new)
    assert len(list((new / "site" / "2023").rglob("*.html"))) == 1 + 2 + 21
    shutil.rmtree(new)
    unlike = Kept(publication, years=(2023,), built=2024, has_same_seeds=False)
    assert not unlike.keeps(2023, new / "site" / "2023", new)
    another = Kept(publication, years=(2022,), built=2024, has_same_seeds=True)
    assert not another.keeps(2023, new / "site" / "2023", new)
    (publication / "site" / "2023" / "index.html").write_text("another")
    assert not Kept(publication, (2023,), 2024, True).keeps(2023, new / "site" / "2023", new)
    assert not (new / "site" / "2023").exists()


def test_what_cannot_be_written_refuses_the_publication_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", str(tmp_path / "site" / "x.html"))

    monkeypatch.setattr(site, "write", full)
    with duckdb.connect() as con, pytest.raises(WrongSurroundings) as wrong:
        folder._write_site(con, tmp_path, NOTHING)
    assert str(wrong.value) == (
        f"the scorecard site cannot be written ({tmp_path}/site/x.html: No space left on device); "
        "make room for it, or set JIXIAO_SITE=off to publish without it"
    )


def test_the_setting_is_on_or_off(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, wanted in (("", True), ("on", True), ("off", False)):
        monkeypatch.setenv("JIXIAO_SITE", value)
        assert is_site_wanted() is wanted
    monkeypatch.setenv("JIXIAO_SITE", "Off")
    with pytest.raises(WrongSurroundings, match="JIXIAO_SITE=Off: expected on or off"):
        is_site_wanted()
