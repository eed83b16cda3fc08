"""The official forms: what stands on them, and what the workbooks come to when they are computed."""

import dataclasses
import os
import re
import stat
from collections.abc import Callable
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import docx
import pytest
from docx.oxml.ns import qn

from orchestration import cli, endings
from orchestration.report import forms, workbook
from orchestration.report import formulas as sheets
from orchestration.report.layout import Cell, Form, Line, Table
from orchestration.report.read import Department, read
from orchestration.report.read import Published as Read
from orchestration.report.texts import file_name
from tests.conftest import LANDING, Published
from tests.recomputed import Workbook, position
from tests.reference import read as rows_of
from tests.test_two_departments import NANSHAN, YANTIAN

pytestmark = pytest.mark.builds

UNITS = {NANSHAN: "深圳市南山区工业和信息化局（本级）", YANTIAN: "深圳市盐田区发展研究中心"}

Told = tuple[int, str, str]


@pytest.fixture
def report(two_departments: Published, capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    """Run the command on the two departments: exit status, output, errors."""

    def run(*arguments: object, warehouse: Path = two_departments.warehouse) -> Told:
        given = ["report", *map(str, arguments), "--warehouse", str(warehouse)]
        status = cli.main(given)
        out, err = capsys.readouterr()
        return status, out, err

    return run


@pytest.fixture(scope="module")
def published(two_departments: Published) -> Read:
    return read(two_departments.warehouse, 2023)


def of(published: Read, unit: str) -> Department:
    return next(each for each in published.departments if each.unit_code == unit)


def computed(form: Form, department: Department, published: Read) -> Workbook:
    stream = BytesIO()
    workbook.write(form, department, published, stream)
    return Workbook(stream)


def cells(table: Any) -> list[list[str]]:
    """The texts of a table of a document, merged cells in each place that they take."""
    return [[cell.text for cell in row.cells] for row in table.rows]


@pytest.fixture
def documents(report: Callable[..., Told], tmp_path: Path) -> dict[tuple[str, str], Any]:
    """The documents by department and form."""
    status, out, _ = report("--year", 2023, "--out", tmp_path)
    assert status == endings.PUBLISHED
    assert re.fullmatch(rf"{tmp_path}: 6 files, .* 2 departments for 2023, in .* s \(.*\)\n", out)
    return {
        (unit, name): docx.Document(str(tmp_path / f"{unit} {UNITS[unit]} 2023 {name}.docx"))
        for unit in UNITS
        for name in (forms.SCORES, forms.TARGETS, forms.PROBLEMS)
    }


def test_the_score_form_has_the_rows_of_the_rubric_and_the_scores_of_the_marts(
    documents: dict[tuple[str, str], Any], two_departments: Published
) -> None:
    for unit in UNITS:
        document = documents[unit, forms.SCORES]
        (table,) = document.tables
        found = cells(table)
        assert found[0][6:] == ["指标说明", "参考评分标准", "分数", "自评\n分数", "差异"]
        assert found[1][:6] == ["一级指标"] * 2 + ["二级指标"] * 2 + ["三级指标"] * 2
        assert found[2][:6] == ["名称", "参考分值"] * 3
        expected = two_departments.rows(
            f"""
            select level1, sum(i.points) over (partition by level1),
                level2, sum(i.points) over (partition by level2),
                level3, i.points, description_zh, standard_zh,
                score, reported_score, score_difference
            from fct_indicator_scores as s
            join dim_departments as d on (s.unit_code, s.fiscal_year, rubric_id)
                = (d.unit_code, d.fiscal_year, official_rubric_id)
            join dim_indicators as i using (rubric_id, indicator_code)
            where s.unit_code = '{unit}' order by sort_order
            """
        )
        assert len(expected) == 21
        for row, wanted in zip(found[3:24], expected, strict=True):
            for shown, value in zip(row, wanted, strict=True):
                if isinstance(value, Decimal):
                    assert Decimal(shown) == value
                else:
                    assert shown.split() == value.split()
        printed = {NANSHAN: ["97.47", "-0.9"], YANTIAN: ["96.08", "0"]}[unit]
        assert found[24][8:] == [{NANSHAN: "96.57", YANTIAN: "96.08"}[unit], *printed]
        assert found[24][0] == "综合评分"
        assert found[25][8:] == ["优", *{NANSHAN: ("优", "—"), YANTIAN: ("—", "—")}[unit]]
        assert [row[0] for row in found[26:]] == ["填表人", "联系电话", "填报日期"]
        assert {row[8] for row in found[26:]} == {""}
        kept = [row.cells[0].paragraphs[0].paragraph_format.keep_with_next for row in table.rows]
        assert kept == [None] * 24 + [True] * 4 + [None]
        assert f"部门（单位）名称（公章）：{UNITS[unit]}" in [p.text for p in document.paragraphs]


def test_the_page_is_a4_and_its_heads_are_repeated(
    documents: dict[tuple[str, str], Any],
) -> None:
    for (_, name), document in documents.items():
        (section,) = document.sections
        sides = (section.page_width.mm, section.page_height.mm)
        assert [round(side) for side in sides] == (
            [210, 297] if name == forms.PROBLEMS else [297, 210]
        )
        for table in document.tables:
            heads = [row._tr.trPr.find(qn("w:tblHeader")) is not None for row in table.rows]
            assert heads == sorted(heads, reverse=True)
        normal = document.styles["Normal"].element.rPr.rFonts
        assert normal.get(qn("w:eastAsia")) == "仿宋"
    table = documents[NANSHAN, forms.SCORES].tables[0]
    assert sum(row._tr.trPr.find(qn("w:tblHeader")) is not None for row in table.rows) == 3


def test_tasks_and_targets_are_as_delivered(documents: dict[tuple[str, str], Any]) -> None:
    head, tasks, aims, targets = map(cells, documents[NANSHAN, forms.TARGETS].tables)
    assert head == [["部门（单位）名称", UNITS[NANSHAN], "预算年度", "2023"]]
    assert tasks[0][4:] == ["预算数（元）"] * 2 + ["执行数（元）"] * 2
    delivered = [
        row for row in rows_of(LANDING / "2023" / "projects.csv") if row["unit_code"] == NANSHAN
    ]
    columns = ("budget_total", "budget_fiscal", "executed_total", "executed_fiscal")
    assert [[row[1], *row[4:]] for row in tasks[2:15]] == [
        [row["project_name"], *(f"{Decimal(row[column]):,.2f}" for column in columns)]
        for row in delivered
    ]
    # What is not delivered of the basic expenditure is no 0, and neither are the sums of it.
    assert tasks[15][1:] == [
        "基本支出", "", "", "31,117,997.70", "未报送", "28,073,142.80", "未报送",
    ]  # fmt: skip
    assert tasks[16][4:] == [
        "2,964,361,055.66", forms.NO_SUM, "2,928,889,653.05", forms.NO_SUM,
    ]  # fmt: skip
    assert aims[0][1:] == ["预期目标", "目标实际完成情况"]
    named = [
        row
        for row in rows_of(LANDING / "2023" / "performance_targets.csv")
        if row["unit_code"] == NANSHAN
    ]
    assert [row[1:] for row in targets[1:]] == [
        [row[c] for c in ("level1", "level2", "target_name", "expected_value", "actual_value")]
        for row in named
    ]
    _, tasks, _, targets = map(cells, documents[YANTIAN, forms.TARGETS].tables)
    assert tasks[2][1:] == [
        "区委（区政府）重大课题研究经费", "", "", "550,000.00", "未报送", "未报送", "未报送",
    ]  # fmt: skip
    assert targets[1][1] == "未报送绩效指标"


def test_what_an_older_version_did_not_publish_is_not_said_to_be_missing(
    published: Read, two_departments: Published
) -> None:
    assert published.unpublished == frozenset()
    older = dataclasses.replace(published, unpublished=frozenset({"projects"}))
    department = dataclasses.replace(of(published, NANSHAN), tasks=[], targets=[])
    tables = list(forms.forms(department, older)[1].tables())
    assert tables[1].rows[2][1].text.startswith("项目支出未发布：该年度由旧版本发布")
    assert tables[3].rows[1][1].text == "未报送绩效指标"


def test_problems_are_the_deductions(
    documents: dict[tuple[str, str], Any], two_departments: Published
) -> None:
    for unit in UNITS:
        texts = [paragraph.text for paragraph in documents[unit, forms.PROBLEMS].paragraphs]
        lost = two_departments.rows(
            f"""
            select level3, explanation_zh
            from fct_deductions as s
            join dim_departments as d on (s.unit_code, s.fiscal_year, rubric_id)
                = (d.unit_code, d.fiscal_year, official_rubric_id)
            join dim_indicators using (rubric_id, indicator_code)
            where s.unit_code = '{unit}' order by sort_order
            """
        )
        assert [t for t in texts if t.startswith("现状描述：")] == [
            f"现状描述：{sentence}。" for _, sentence in lost
        ]
        assert [t.split("”")[0].split("“")[1] for t in texts if "指标满分" in t] == [
            name for name, _ in lost
        ]
        assert texts.count("改进措施：") == len(lost) > 3


# What a workbook comes to.


def compare(book: Workbook, department: Department, published: Read) -> None:
    """Each criterion, score, total and grade is that of the marts, and each check says so."""
    assert department.rubric is not None
    assert department.evaluation is not None
    for row in (row for row, column in book.formulas[sheets.CRITERIA] if column == sheets.BASIS):
        code, awarded, basis = (
            book.value(sheets.CRITERIA, (row, column))
            for column in (sheets.CODE, sheets.AWARDED, sheets.BASIS)
        )
        found = department.criteria[code]
        same(awarded, found["points_awarded"], "", code)
        assert basis == published.label("basis", found["basis"]), code
    (head,) = (at for at, v in book.written[sheets.FORM].items() if v == "分数")
    scores = [at for at in sorted(book.formulas[sheets.FORM]) if at[1] == head[1]]
    *of_indicators, total, grade = scores
    for at, indicator in zip(of_indicators, department.rubric.indicators, strict=True):
        row = department.scores[indicator["indicator_code"]]
        told = forms.score_text(row, department, published)
        same(book.value(sheets.FORM, at), row["score"], told, indicator["indicator_code"])
    same(
        book.value(sheets.FORM, total), department.evaluation["total_score"],
        forms.total_text(department), "total",
    )  # fmt: skip
    assert book.value(sheets.FORM, grade) == (department.evaluation["grade"] or "—")
    for name, computed in book.formulas.items():
        for at in computed:
            value, written = book.value(name, at), book.written[name].get(at, "")
            assert value != sheets.DIFFERS, (department.unit_code, name, at)
            # What a program that computes nothing shows.
            if isinstance(written, float):
                assert value == pytest.approx(written, abs=1e-9), (name, at)
            elif written:
                assert value == written, (name, at)


def same(found: Any, expected: Decimal | None, otherwise: str, what: str) -> None:
    if expected is None:
        assert found == otherwise, what
    else:
        assert found == pytest.approx(float(expected), abs=1e-9), what


@pytest.mark.parametrize("unit", UNITS)
def test_the_workbook_recomputes(unit: str, published: Read) -> None:
    department = of(published, unit)
    compare(
        computed(forms.forms(department, published)[0], department, published),
        department,
        published,
    )


def test_the_workbook_follows_its_cells(published: Read) -> None:
    """Amounts, parameters and assessments are cells: another value gives another score."""
    department = of(published, YANTIAN)
    book = computed(forms.forms(department, published)[0], department, published)

    def find(sheet: str, column: int, text: str, then: int) -> tuple[int, int]:
        row = next(r for (r, c), v in book.written[sheet].items() if (c, v) == (column, text))
        return row, then

    def score(level3: str) -> float:
        return float(book.value(sheets.FORM, find(sheets.FORM, 4, level3, 8)))

    (total,) = (at for at, v in book.written[sheets.FORM].items() if v == 96.08 and at[1] == 8)
    assert score("编外人员控制率") == 0
    # 2 of 9 are off the establishment: of 100, 2%.
    book.change(sheets.MEASURES, find(sheets.MEASURES, 0, "off_establishment_rate", 4), 100)
    assert score("编外人员控制率") == 1
    assert book.value(sheets.FORM, total) == pytest.approx(97.08)
    # A bound of a band, a threshold, a full mark and points that an assessor has given.
    lower = next(
        row
        for (row, column), v in book.written[sheets.BANDS].items()
        if (column, v) == (0, "编外人员控制率")
    )
    book.change(sheets.BANDS, (lower, 4), 0.01)
    # A value in no band is one that the rubric is silent about.
    assert book.value(sheets.FORM, find(sheets.FORM, 4, "编外人员控制率", 8)) == "缺少"
    book.change(sheets.BANDS, (lower + 1, 2), 0.01)
    assert score("编外人员控制率") == 0.5
    book.change(
        sheets.CRITERIA,
        find(sheets.CRITERIA, sheets.CODE, "budget_adjustment", sheets.THRESHOLD),
        0.6,
    )
    assert score("财务合规性") == pytest.approx(2.7)
    book.change(
        sheets.CRITERIA,
        find(sheets.CRITERIA, sheets.CODE, "project_timeliness", sheets.FULL_MARK_AT), 2,
    )  # fmt: skip
    assert score("项目完成及时性") == 3
    book.change(
        sheets.CRITERIA, find(sheets.CRITERIA, sheets.CODE, "effectiveness", sheets.ASSESSED), 20
    )
    (effect,) = (
        at for at in book.formulas[sheets.FORM] if at[1] == 8 and book.value(sheets.FORM, at) == 20
    )
    assert book.written[sheets.FORM][effect] == 25
    first = next(at for at, v in book.written[sheets.FORM].items() if v == "核对")
    checks = [book.value(sheets.FORM, at) for at in book.formulas[sheets.FORM] if at[1] == first[1]]
    # Four indicators, the total, which is now below 90, its grade, and what is said of all.
    assert checks.count(sheets.DIFFERS) == 7
    assert checks[-1] == sheets.DIFFERS


def changed(department: Department, **evaluation: object) -> Department:
    """The department with another evaluation, and without any score."""
    basis = {"blocked": "withheld", "incomplete": "missing"}[str(evaluation["status"])]
    scores, criteria = dict(department.scores), dict(department.criteria)
    for code, row in department.criteria.items():
        if basis == "withheld" or code == "key_tasks":
            criteria[code] = row | {
                "points_awarded": None, "basis": basis, "measure_value": None,
                "explanation_zh": "重点工作 缺少数据，无法评分",
            }  # fmt: skip
            scores[row["indicator_code"]] = department.scores[row["indicator_code"]] | {
                "score": None, "score_difference": None, "explanation_zh": None,
                "is_vetoed": None,
            }  # fmt: skip
    measures = dict(department.measures)
    if basis == "missing":
        measures["unfinished_key_tasks"] = measures["unfinished_key_tasks"] | {
            "numerator": None, "value": None, "status": "missing",
        }  # fmt: skip
    none = {"total_score": None, "grade": None, "total_difference": None}
    return dataclasses.replace(
        department,
        evaluation={**(department.evaluation or {}), **none, **evaluation},
        scores=scores,
        criteria=criteria,
        measures=measures,
    )


@pytest.mark.parametrize(
    ("status", "total", "score", "count"),
    [("blocked", "暂不评分", "暂不计分", 21), ("incomplete", "未评分", "缺少", 1)],
)
def test_what_has_no_score_says_why(
    status: str, total: str, score: str, count: int, published: Read
) -> None:
    department = changed(of(published, NANSHAN), status=status, status_reason="测试所写的原因")
    form, _, problems = forms.forms(department, published)
    lines = [part.text for part in form.parts if isinstance(part, Line)]
    assert f"评价状态：{total}。原因：测试所写的原因。" in lines
    (table,) = form.tables()
    texts = [cell.text for row in table.rows for cell in row]
    assert texts.count(score) == count
    assert total in texts
    reason = "“重点工作完成情况”未评分：重点工作 缺少数据，无法评分。"
    assert (reason in lines) == (status == "incomplete")
    assert (Line(reason, "body") in problems.parts) == (status == "incomplete")
    compare(computed(form, department, published), department, published)


def test_without_a_rubric_there_is_a_form_that_says_so(published: Read) -> None:
    department = dataclasses.replace(
        of(published, NANSHAN), rubric=None, evaluation=None, scores={}, criteria={}
    )
    for form in forms.forms(department, published):
        stream = BytesIO()
        workbook.write(form, department, published, stream)
        texts = [part.text for part in form.parts if isinstance(part, Line)]
        told = "评价状态：未评分。原因：没有适用的正式评分标准。" in texts
        assert told == (form.name != forms.TARGETS)


def test_no_text_is_a_formula_and_no_digit_is_lost_in_silence(published: Read) -> None:
    """A text of a file stays one, and a number that does not fit is told in full."""
    evil, amount = '=HYPERLINK("http://x","y")', Decimal("12345678901234567.89")
    task = of(published, NANSHAN).tasks[0] | {"task_name": evil, "budget_total_yuan": amount}
    department = dataclasses.replace(
        of(published, NANSHAN), unit_name=evil, tasks=[task, *of(published, NANSHAN).tasks[1:]]
    )
    for form in forms.forms(department, published):
        stream = BytesIO()
        workbook.write(form, department, published, stream)
        book = Workbook(stream)
        assert not any("HYPERLINK" in f for of in book.formulas.values() for f in of.values())
        assert any(evil in str(v) for of in book.written.values() for v in of.values())
        with ZipFile(stream) as package:
            notes = [n for n in package.namelist() if "comments" in n]
            told = any("12,345,678,901,234,567.89" in package.read(n).decode() for n in notes)
        assert told == (form.name == forms.TARGETS)


def test_amounts_are_summed_by_the_workbook(published: Read) -> None:
    department = of(published, NANSHAN)
    book = computed(forms.forms(department, published)[1], department, published)
    (sheet,) = book.formulas
    found = {at: book.value(sheet, at) for at in sorted(book.formulas[sheet])}
    assert list(found.values()) == [
        pytest.approx(2964361055.66), forms.NO_SUM, pytest.approx(2928889653.05), forms.NO_SUM,
    ]  # fmt: skip
    (row, column) = list(found)[1]
    book.change(sheet, (row - 1, column), 31117997.70)
    assert book.value(sheet, (row, column)) == pytest.approx(2962809456.95)


# The command.


def test_the_files_are_named_and_replaced(
    report: Callable[..., Told], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = {f"{YANTIAN} {UNITS[YANTIAN]} 2023 {name}.xlsx"
             for name in (forms.SCORES, forms.TARGETS, forms.PROBLEMS)}  # fmt: skip
    old = tmp_path / "reports" / "2023" / f"{YANTIAN} {UNITS[YANTIAN]} 2023 {forms.SCORES}.xlsx"
    old.parent.mkdir(parents=True)
    old.write_text("old")
    for unit in (YANTIAN, "盐田区发展"):
        assert report("--year", 2023, "--unit", unit, "--format", "xlsx")[0] == endings.PUBLISHED
    assert {path.name for path in old.parent.iterdir()} == names
    assert Workbook(old).formulas[sheets.FORM]
    first = old.read_bytes()
    report("--year", 2023, "--unit", YANTIAN, "--format", "xlsx")
    assert old.read_bytes() == first


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--year", "2022"), "2022 is not published; published are 2023"),
        (("--year", "2023", "--unit", "440305-gx"), "2023: no department"),
        (("--year", "2023", "--unit", "深圳市"), "2023: department '深圳市' fits 2: 440305-gxj"),
        (("--year", "23"), "'23' is no fiscal year"),
        ((), "Missing option '--year'"),
    ],
)
def test_what_is_not_there_is_told(
    arguments: tuple[str, ...], told: str, report: Callable[..., Told], tmp_path: Path
) -> None:
    if arguments[-1:] == ("440305-gx",):
        arguments = (*arguments[:-1], "440306-gxj")
        told = "2023: no department '440306-gxj'; nearest: 440305-gxj"
    status, out, err = report(*arguments, "--out", tmp_path / "new")
    assert (status, out) == (endings.WRONG_USAGE, "")
    assert told in err
    assert not (tmp_path / "new").exists()


def test_nothing_published_and_no_place_to_write(
    report: Callable[..., Told], tmp_path: Path
) -> None:
    status, _, err = report("--year", 2023, warehouse=tmp_path)
    assert status == endings.WRONG_USAGE
    assert err.endswith("nothing is published there; jixiao run publishes\n")
    (tmp_path / "file").touch()
    status, _, err = report("--year", 2023, "--out", tmp_path / "file")
    assert status == endings.WRONG_USAGE
    assert (
        err
        == f"jixiao: {tmp_path / 'file'}: cannot be written (File exists); choose another --out\n"
    )


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_pdf_is_made_by_libreoffice(
    report: Callable[..., Told], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One process for several files, what it lacks is told, and so is where there is none."""
    monkeypatch.setattr("orchestration.report.pdf.PROGRAMS", ("soffice",))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    script(
        tmp_path / "soffice",
        f"echo started >> {tmp_path}/log\n"
        'while [ $# -gt 0 ]; do case "$1" in --outdir) out="$2"; shift;;\n'
        '*.docx) cp "$1" "$out/$(basename "$1" .docx).pdf";; esac; shift; done',
    )
    assert (
        report("--year", 2023, "--format", "pdf", "--out", tmp_path / "o")[0] == endings.PUBLISHED
    )
    assert sorted(path.suffix for path in (tmp_path / "o").iterdir()) == [".pdf"] * 6
    assert (tmp_path / "log").read_text() == "started\n"
    script(tmp_path / "soffice", "echo no display >&2; exit 3")
    status, _, err = report("--year", 2023, "--format", "pdf", "--out", tmp_path / "o")
    assert status == endings.WRONG_USAGE
    assert "LibreOffice has not written it (no display); use --format docx" in err
    monkeypatch.setenv("PATH", str(tmp_path / "o"))
    status, _, err = report("--year", 2023, "--format", "pdf", "--out", tmp_path / "o")
    assert status == endings.WRONG_USAGE
    assert "install it" in err
    assert "--format docx" in err
    assert len(list((tmp_path / "o").iterdir())) == 6


def test_names_are_safe_and_no_two_are_the_same() -> None:
    assert file_name("A-1", "甲局", "2023", "表") == "A-1 甲局 2023 表"
    odd = {file_name(code, '..\\a/b:*?"<>|\x00', "2023", "表") for code in ("a/b", "a\\b", "a_b")}
    assert len(odd) == 3
    for name in odd:
        assert re.fullmatch(r"a_b(~[0-9a-f]{8})? _a_b________? 2023 表", name), name
    long = file_name("A" * 500, "局" * 500, "2023", "表")
    assert len(long.encode()) <= 220
    assert long.endswith(" 2023 表")


def test_cells_that_overlap_are_told() -> None:
    with pytest.raises(ValueError, match="overlap"):
        Table((1, 1), 0, [[Cell(rows=2), Cell()], [Cell(), Cell()]]).placed()


def test_positions_of_cells() -> None:
    assert position("$AB$7") == (6, 27)
