"""jixiao what-if: under any rubric as the marts would have it, and nothing published by it."""

import io
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestration import cli, what_if
from orchestration.explain.evaluation import CannotExplain
from orchestration.project import SEEDS_DIR
from orchestration.publication import chain
from tests.conftest import LANDING, Published, TwoYears
from tests.reference import departments, fraction, read
from tests.rubric_reference import Rubric

NANSHAN, YANTIAN = "440305-gxj", "440308-fzyj"
OFFICIAL = {NANSHAN: "nanshan_2023", YANTIAN: "yantian_2023"}


@pytest.fixture(scope="module")
def compared(two_departments: Published) -> what_if.Comparison:
    before = _files(two_departments.warehouse)
    found = what_if.compare(two_departments.warehouse, "nanshan_2023", (NANSHAN, YANTIAN), None)
    assert _files(two_departments.warehouse) == before
    return found


def _files(folder: Path) -> dict[str, tuple[str, int]]:
    """Each file below a folder, with its checksum and the time of its last change."""
    return {
        str(path.relative_to(folder)): (
            str(path.readlink()) if path.is_symlink() else chain.sha256(path),
            path.lstat().st_mtime_ns,
        )
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def test_an_assigned_rubric_gives_what_is_published(
    compared: what_if.Comparison, two_departments: Published
) -> None:
    (of_nanshan,) = [d for d in compared.departments if d.unit_code == NANSHAN]
    assert [
        (of_nanshan.total, of_nanshan.grade, of_nanshan.status, of_nanshan.status_reason)
    ] == two_departments.rows(
        "select total_score, grade, status, status_reason from fct_evaluations "
        f"where unit_code = '{NANSHAN}' and rubric_id = 'nanshan_2023'"
    )
    assert (of_nanshan.difference, of_nanshan.official_total) == (0, of_nanshan.total)
    assert {
        (i.indicator_code, i.points, i.score) for i in of_nanshan.indicators
    } == {
        *two_departments.rows(
            "select indicator_code, points_possible, score from fct_indicator_scores "
            f"where unit_code = '{NANSHAN}' and rubric_id = 'nanshan_2023'"
        )
    }  # fmt: skip
    assert compared.changed == ()


def test_another_rubric_gives_what_an_independent_evaluation_does(
    compared: what_if.Comparison,
) -> None:
    """Of other weights too: an assessment counts in proportion to them."""
    rubrics = {
        r["rubric_id"]: Rubric(SEEDS_DIR, r["rubric_id"]) for r in read(SEEDS_DIR / "rubrics.csv")
    }
    of_unit = departments(LANDING, 2023)
    for department in compared.departments:
        delivered = of_unit[department.unit_code]
        scores, total, grade = rubrics["nanshan_2023"].score(
            delivered.measures(),
            {r["criterion_code"]: Fraction(r["value"]) for r in delivered.tables["assessments"]},
            rubrics[OFFICIAL[department.unit_code]],
        )
        assert {i.indicator_code: fraction(i.score) for i in department.indicators} == scores
        assert (fraction(department.total), department.grade) == (total, grade)
    (yantian,) = [d for d in compared.departments if d.unit_code == YANTIAN]
    assert yantian.official_rubric_id == "yantian_2023"
    assert any(i.points != i.official_points for i in yantian.indicators)


def test_a_year_that_is_not_the_latest(both_years: TwoYears) -> None:
    before = _files(both_years.warehouse)
    found = what_if.compare(both_years.warehouse, "shenzhen_2023", (), 2023)
    assert _files(both_years.warehouse) == before
    assert [
        (d.unit_code, d.status, d.status_reason, d.total, d.grade) for d in found.departments
    ] == both_years.rows(
        "select unit_code, status, status_reason, total_score, grade from fct_evaluations "
        "where fiscal_year = 2023 and rubric_id = 'shenzhen_2023' order by 1"
    )
    assert all(d.indicators == () for d in found.departments)


def test_what_is_told(
    compared: what_if.Comparison, two_departments: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(what_if, "compare", lambda *asked: compared)
    warehouse = str(two_departments.warehouse)
    arguments = ["what-if", "--rubric", "nanshan_2023", "--warehouse", warehouse]
    text = CliRunner().invoke(cli.jixiao, arguments)
    assert text.exit_code == 0
    lines = [line.split() for line in text.output.splitlines()]
    for d in compared.departments:
        assert [
            d.unit_name, d.unit_code, d.official_rubric_id, f"{d.official_total:.2f}",
            d.official_grade, f"{d.total:.2f}", d.grade, "scored", f"{d.difference:+.2f}",
        ] in lines  # fmt: skip
    assert "等级变动 0 / 2 " in text.output
    told = json.loads(CliRunner().invoke(cli.jixiao, [*arguments, "--format", "json"]).output)
    assert told["rubric_id"] == "nanshan_2023"
    assert [d["total"] for d in told["departments"]] == [
        f"{d.total.normalize():f}" if d.total else None for d in compared.departments
    ]


def test_what_is_missing_is_told(compared: what_if.Comparison) -> None:
    one = replace(
        compared.departments[0], total=None, grade=None, difference=None, status="incomplete",
        status_reason="缺少：q1_execution", unit_name="[red]", indicators=(),
    )  # fmt: skip
    gaps = replace(compared, departments=(one,) * 25, changed=("seeds",))
    what_if.show(gaps, out := io.StringIO())
    lines = out.getvalue().splitlines()
    assert lines[2].split() == [
        "[red]", NANSHAN, "nanshan_2023", "96.57", "优", "—", "—", "incomplete", "—",
    ]  # fmt: skip
    assert lines.count(f"{NANSHAN}: 缺少：q1_execution") == 20
    assert "and 5 more: --format json" in lines
    assert lines[-1].startswith("the seeds have changed since 2023 was published")


@pytest.mark.parametrize(
    ("rubric", "unit", "year", "message"),
    [
        ("nanshan_2024", (), None, "no rubric 'nanshan_2024'; nearest: nanshan_2023 "),
        ("nanshan_2023", ("无此单位",), None, "no department '无此单位'; "),
        ("nanshan_2023", (), 2019, "2019 is not published; there are: 2023"),
    ],
)
def test_what_is_not_there(
    two_departments: Published, rubric: str, unit: tuple[str, ...], year: int | None, message: str
) -> None:
    with pytest.raises(CannotExplain) as error:
        what_if.compare(two_departments.warehouse, rubric, unit, year)
    assert str(error.value).startswith(message)


def test_nothing_published(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["what-if", "--rubric", "x", "--warehouse", str(tmp_path)]) == 2
    assert capfd.readouterr().err == (
        f"jixiao: {tmp_path}: nothing is published there; jixiao run publishes\n"
    )
