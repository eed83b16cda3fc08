"""Every measure, score, total and grade against an independent evaluation in exact fractions."""

from fractions import Fraction
from pathlib import Path

import pytest

from orchestration.project import SEEDS_DIR
from orchestration.publication import summary
from tests.conftest import LANDING, City, Published
from tests.reference import DEFINED, departments, fraction, read
from tests.rubric_reference import Rubric

pytestmark = pytest.mark.builds


# The city first: it is built while another process builds what all others begin with.
@pytest.fixture(params=["city 2023", "city 2024", "city 2025", "two departments"])
def evaluated(request: pytest.FixtureRequest) -> tuple[Path, int, Published]:
    if request.param == "two departments":
        return LANDING, 2023, request.getfixturevalue("two_departments")
    city = request.getfixturevalue("city")
    return city.landing, int(request.param.split()[1]), city


def test_measures(evaluated: tuple[Path, int, Published]) -> None:
    landing, year, published = evaluated
    found = {
        (unit, code): (status, fraction(value))
        for unit, code, status, value in published.rows(
            f"select unit_code, measure_code, status, value from fct_measures "
            f"where fiscal_year = {year}"
        )
    }
    expected = {
        (unit, code): (measure.status, measure.value)
        for unit, department in departments(landing, year).items()
        for code, measure in department.measures().items()
    }
    assert {key: found[key] for key in expected} == expected
    assert {status for status, _ in expected.values()} >= {DEFINED}


def test_scores(evaluated: tuple[Path, int, Published]) -> None:
    landing, year, published = evaluated
    rubrics = {
        r["rubric_id"]: Rubric(SEEDS_DIR, r["rubric_id"]) for r in read(SEEDS_DIR / "rubrics.csv")
    }
    official = {"南山区": "nanshan_2023", "盐田区": "yantian_2023"}
    expected_scores, expected_totals = {}, {}
    for unit, department in departments(landing, year).items():
        own = official[department.tables["departments"][0]["district"]]
        measures = department.measures()
        assessments = {
            row["criterion_code"]: Fraction(row["value"])
            for row in department.tables["assessments"]
        }
        for rubric_id in (own, "shenzhen_2023"):
            scores, total, grade = rubrics[rubric_id].score(measures, assessments, rubrics[own])
            expected_totals[unit, rubric_id] = (total, grade)
            expected_scores |= {(unit, rubric_id, code): s for code, s in scores.items()}
    assert {
        (unit, rubric, code): fraction(score)
        for unit, rubric, code, score in published.rows(
            "select unit_code, rubric_id, indicator_code, score from fct_indicator_scores "
            f"where fiscal_year = {year}"
        )
    } == expected_scores
    assert {
        (unit, rubric): (fraction(total), grade)
        for unit, rubric, total, grade in published.rows(
            "select unit_code, rubric_id, total_score, grade from fct_evaluations "
            f"where fiscal_year = {year}"
        )
    } == expected_totals


def test_synthetic_departments_reach_every_status(city: City) -> None:
    """The comparison above is worth something only where the data go everywhere."""
    assert {row[0] for row in city.rows("select distinct status from fct_measures")} == {
        "defined", "undefined", "unbounded", "missing",
    }  # fmt: skip
    assert {row[0] for row in city.rows("select distinct basis from fct_criterion_scores")} == {
        "computed", "assessed", "default", "missing",
    }  # fmt: skip
    (scored,) = city.rows("select count(*) from fct_evaluations where status = 'scored'")
    assert scored[0] > City.DEPARTMENTS


def test_a_city_is_shown_in_summary(city: City, capsys: pytest.CaptureFixture[str]) -> None:
    assert summary.show(city.warehouse / "published" / "scores.duckdb", [2023])
    out = capsys.readouterr().out
    lines = [line.split() for line in out.splitlines() if line.startswith("2023  ")]
    counts = city.rows(
        "select count(*), count(*) filter (where status = 'scored') from fct_evaluations "
        "where rubric_id = 'shenzhen_2023' and fiscal_year = 2023"
    )
    assert [line[1] for line in lines] == ["nanshan_2023", "yantian_2023", "shenzhen_2023"]
    assert [(int(line[3]), int(line[4])) for line in lines[-1:]] == counts
    # The reasons of the first departments, and where the others are.
    assert sum("缺少：" in line for line in out.splitlines()) == summary.SHOWN_REASONS
    assert "more: marts.fct_evaluations, status_reason" in out


def test_evidence_suffices_to_recompute_every_measure(
    evaluated: tuple[Path, int, Published],
) -> None:
    """Numerator and denominator are Σ weight × value of the evidence; no denominator means 1."""
    _, year, published = evaluated
    sums = published.rows(
        f"""
        with evidence as (
            select distinct unit_code, fiscal_year, measure_code, role, table_name, record_key,
                column_name, weight, value, source_file, source_row
            from fct_evidence
            where fiscal_year = {year} and role in ('numerator', 'denominator')
        ),
        summed as (
            select
                unit_code, fiscal_year, measure_code,
                sum(weight * value) filter (where role = 'numerator') as numerator,
                sum(weight * value) filter (where role = 'denominator') as denominator
            from evidence group by all
        )
        select
            s.unit_code, s.measure_code, m.numerator, m.denominator, s.numerator,
            coalesce(s.denominator, 1)
        from summed as s
        inner join fct_measures as m using (unit_code, fiscal_year, measure_code)
        where m.status != 'missing'
        """
    )
    assert len(sums) > 20
    for unit, code, numerator, denominator, of_evidence, under in sums:
        assert (numerator, denominator) == (of_evidence, under), (unit, code)


def test_published_values_are_their_own_quotients(evaluated: tuple[Path, int, Published]) -> None:
    _, year, published = evaluated
    for code, numerator, denominator, value in published.rows(
        "select measure_code, numerator, denominator, value from fct_measures "
        f"where status = 'defined' and fiscal_year = {year}"
    ):
        exact = Fraction(numerator) / Fraction(denominator)
        assert abs(exact - Fraction(value)) <= Fraction(1, 2 * 10**10), code
