"""Mid-year monitoring, and evaluations that are not final: an invented city in its open year."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from orchestration.explain.evaluation import explain
from orchestration.explain.show import notes_text
from orchestration.labels import NOT_FINAL
from orchestration.ledger import AsOf
from orchestration.project import SEEDS_DIR
from orchestration.publication import summary
from orchestration.report import read as report_read
from orchestration.report.forms import forms
from orchestration.report.layout import Line
from tests.conftest import DEPARTMENTS, Published
from tests.reference import read

YEAR = 2026
ENDS = ("lower", "upper")
# Between the month that is monitored and the end of the year.
STARTED = datetime(YEAR, 8, 5, tzinfo=UTC)
# Names are invented, as all figures are.
FILES = {
    "departments": DEPARTMENTS + """
month,2026,月报局,department,,深圳市,南山区
ledger,2026,台账局,department,,深圳市,盐田区
summary,2026,汇总局,department,,深圳市,南山区
nothing,2026,空白局,department,,深圳市,南山区
blocked,2026,阻断局,department,,深圳市,南山区
""".lstrip(),
    "budget_execution": """
unit_code,fiscal_year,month,adjusted_budget,cumulative_executed,progress_pct,execution_rate_pct,amount_unit
month,2026,3,1200,200,,,万元
month,2026,7,1200,700,,,万元
blocked,2026,3,1200,600,,,万元
blocked,2026,7,1200,500,,,万元
""".lstrip(),
    "budgets": """
unit_code,fiscal_year,budget_line,initial_budget,adjusted_budget,executed,amount_unit
ledger,2026,total,1000,1200,,元
summary,2026,total,100,100,40,万元
""".lstrip(),
    "projects": """
unit_code,fiscal_year,project_code,project_name,budget_total,executed_total,amount_unit
ledger,2026,a,明细项目,600,599,元
ledger,2026,b,未付项目,600,,元
summary,2026,c,"<b>{progress}</b>",200,90,元
summary,2026,d,零预算项目,0,0,元
""".lstrip(),
    "payments": """
unit_code,fiscal_year,payment_id,paid_on,amount,budget_line,project_code,is_refund,amount_unit
ledger,2026,1,2026-01-05,200,project,a,,元
ledger,2026,2,2026-07-31,100,project,a,false,元
ledger,2026,3,2026-07-31,20,project,a,true,元
ledger,2026,4,2026-08-01,300,project,a,false,元
ledger,2026,5,2026-03-01,280,basic,,false,元
""".lstrip(),
    "performance_targets": """
unit_code,fiscal_year,target_no,level1,level2,target_name,operator,expected_value,actual_value,is_attained,is_applicable,attained_pct
month,2026,1,产出指标,数量指标,培训场次,>=,≥12 场,7 场,,true,
month,2026,2,产出指标,质量指标,合格率,>=,≥95%,90%,,true,
month,2026,3,产出指标,成本指标,会议费,<=,≤10 万元,"125,000 元",,true,
month,2026,4,产出指标,时效指标,系统上线,before,2026年6月30日前,2026-07-02,,true,
month,2026,5,产出指标,时效指标,项目验收,before,2026年12月31日前,,false,true,
month,2026,6,产出指标,数量指标,简报期数,=,12 期,13 期,,true,
month,2026,7,效益指标,社会效益指标,营商环境,text,明显优化,推进中,false,true,
month,2026,8,效益指标,社会效益指标,群众参与,text,明显提升,,,true,30
month,2026,9,效益指标,社会效益指标,未报送的目标,>=,≥1 项,,,true,
month,2026,10,效益指标,社会效益指标,不适用,text,不适用,不适用,,false,
month,2026,11,效益指标,社会效益指标,无法比较的目标,>=,≥90%,约九成,,true,
""".lstrip(),
}  # fmt: skip
LIGHTS = """
    select
        unit_code, subject_type, subject_code, light, held_against, as_of_month,
        cast(compared_value as varchar)
    from fct_midyear_monitoring
    order by unit_code, subject_type, try_cast(subject_code as integer), subject_code
"""


BANDS = {
    (row["light"], row["held_against"], *(Decimal(row[b]) if row[b] else None for b in ENDS))
    for row in read(SEEDS_DIR / "monitoring_bands.csv")
}


def write(landing: Path) -> Path:
    """The files of the year."""
    folder = landing / str(YEAR)
    folder.mkdir(parents=True)
    for table, text in FILES.items():
        (folder / f"{table}.csv").write_text(text, "utf-8")
    return landing


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """The open year, built once; not to be changed."""
    from orchestration.graph.run import run

    folder = tmp_path_factory.mktemp("midyear")
    landing, warehouse = write(folder / "landing"), folder / "warehouse"
    as_of = AsOf(STARTED, "Asia/Shanghai")
    assert run(landing, warehouse, [YEAR], "jixiao run", as_of) == {YEAR: []}
    return Published(warehouse)


def test_each_subject_has_its_light_and_nothing_missing_is_a_number(published: Published) -> None:
    assert [tuple(map(str, row)) for row in published.rows(LIGHTS)] == [
        ("blocked", "department", "blocked", "withheld", "calendar", "7", "0.7142857143"),
        # 280 + 300 − 20 of 1,200 by July, the payment of August apart: on the bound.
        ("ledger", "department", "ledger", "yellow", "calendar", "7", "0.8000000000"),
        ("ledger", "project", "a", "yellow", "calendar", "7", "0.8000000000"),
        ("ledger", "project", "b", "not_delivered", "None", "None", "None"),
        # 700 of 1,200 in seven months of twelve: on the calendar.
        ("month", "department", "month", "green", "calendar", "7", "1.0000000000"),
        ("month", "target", "1", "green", "calendar", "7", "1.0000000000"),
        ("month", "target", "2", "yellow", "year", "7", "0.9473684211"),
        ("month", "target", "3", "red", "ceiling", "7", "0.2500000000"),
        ("month", "target", "4", "red", "deadline", "7", "2.0000000000"),
        ("month", "target", "5", "green", "deadline", "7", "-153.0000000000"),
        ("month", "target", "6", "red", "ceiling", "7", "0.0833333333"),
        ("month", "target", "7", "yellow", "statement", "7", "0.0000000000"),
        ("month", "target", "8", "red", "calendar", "7", "0.5142857143"),
        ("month", "target", "9", "not_delivered", "None", "None", "None"),
        ("month", "target", "11", "not_comparable", "None", "None", "None"),
        ("nothing", "department", "nothing", "not_delivered", "None", "None", "None"),
        ("summary", "department", "summary", "red", "calendar", "7", "0.6857142857"),
        ("summary", "project", "c", "red", "calendar", "7", "0.7714285714"),
        ("summary", "project", "d", "not_comparable", "None", "7", "None"),
    ]
    assert published.rows(
        """
        select count(*) from fct_midyear_monitoring
        where light = 'not_delivered' and coalesce(
            budget_yuan, executed_yuan, progress, calendar_share, compared_value, actual_number,
            band_lower, band_upper
        ) is not null
        """
    ) == [(0,)]


def test_every_number_can_be_worked_out_again_from_those_beside_it(published: Published) -> None:
    """By floating point, apart from the warehouse's own division, and the light by its band."""
    found = published.rows(
        """
        select
            subject_code, light, held_against, as_of_month, budget_yuan, executed_yuan,
            expected_number, actual_number, expected_on, actual_on, is_attained, progress,
            calendar_share, progress_to_calendar, compared_value, band_lower, band_lower_inclusive,
            band_upper, band_upper_inclusive
        from fct_midyear_monitoring where held_against is not null
        """
    )
    assert {row[2] for row in found} == {"calendar", "year", "ceiling", "deadline", "statement"}
    for (code, light, against, month, budget, executed, expected, actual, due, done, attained,
         progress, share, pace, compared, lower, with_lower, upper, with_upper) in found:  # fmt: skip
        if against in ("calendar", "year"):
            # Target 8 is delivered as a percentage.
            of = executed / budget if budget else actual / expected if expected else Decimal("0.3")
            assert progress == pytest.approx(of), code
        if against == "calendar":
            assert share == pytest.approx(Decimal(month) / 12)
            assert pace == pytest.approx(progress / share)
        end = date(YEAR, month + 1, 1) - timedelta(days=1)
        if against == "calendar":
            of = pace
        elif against == "year":
            of = progress
        elif against == "ceiling":
            of = (actual - expected) / abs(expected)
        elif against == "deadline":
            of = ((done or end) - due).days
        else:
            of = int(attained)
        assert compared == pytest.approx(of), code
        assert lower is None or compared > lower or (with_lower and compared == lower), code
        assert upper is None or compared < upper or (with_upper and compared == upper), code
        assert (light, against, lower, upper) in BANDS or light == "withheld", code


def test_each_says_why_and_where_it_was_delivered(published: Published) -> None:
    told = dict(published.rows("select subject_code, explanation_zh from fct_midyear_monitoring"))
    assert told["a"] == (
        "明细项目：截至 7 月执行 280 元，为预算 600 元的 46.67%，序时进度 58.33%，"
        "执行进度为序时进度的 80%，80%（含）至 100%（不含）的为黄灯"
    )
    assert told["3"] == "会议费：截至 7 月为 12.5 万元，超过上限 10 万元，超出 25%：红灯"
    assert told["nothing"] == "空白局：未报送截至 7 月的执行数"
    assert told["blocked"].endswith("执行进度为序时进度的 71.43%；数据规则未通过，暂不判定")
    places = published.rows(
        """
        select
            subject_code, table_name, record_key, column_name, budget_record_key, lines_count,
            source_file, source_row
        from fct_midyear_monitoring where subject_code in ('a', 'month', 'c', '7') order by 1
        """
    )
    assert places == [
        ("7", "performance_targets", "target_no=7", "is_attained", None, None,
         "2026/performance_targets.csv", 8),
        ("a", "payments", "project_code=a", "amount", "project_code=a", 3, "2026/payments.csv", None),
        ("c", "projects", "project_code=c", "executed_total", "project_code=c", None,
         "2026/projects.csv", 4),
        ("month", "budget_execution", "month=7", "cumulative_executed", "month=7", None,
         "2026/budget_execution.csv", 3),
    ]  # fmt: skip


def test_a_year_that_is_not_over_is_not_final_wherever_it_shows(
    published: Published, two_departments: Published, tmp_path: Path
) -> None:
    final = "select distinct is_final from {} where is_final is distinct from {}"
    for mart in ("fct_evaluations", "obt_scorecard"):
        assert published.rows(final.format(mart, "true")) == [(False,)]
        assert two_departments.rows(final.format(mart, "false")) == [(True,)]

    database = published.warehouse / "published" / "scores.duckdb"
    report = list(summary.read(database, [YEAR]).lines())
    assert (
        "2026 未决算：年度未结束，年中数据，非最终结果 (the year is not over: not final)" in report
    )
    closed = two_departments.warehouse / "published" / "scores.duckdb"
    assert not any("未决算" in line for line in summary.read(closed, [2023]).lines())

    for of, year, unit, is_open in (
        (published, YEAR, "month", True), (two_departments, 2023, "440305-gxj", False)
    ):  # fmt: skip
        found = explain(of.warehouse, unit, None, year, None)
        assert (NOT_FINAL in notes_text(found)) is is_open
        site = of.warehouse / "published" / "site"
        pages = [site / "index.html", site / str(year) / "index.html",
                 site / str(year) / "units" / f"{unit}.html",
                 site / str(year) / "indicators" / "budget_execution.html"]  # fmt: skip
        assert [("未决算" in page.read_text("utf-8")) for page in pages] == [is_open] * 4
        read_year = report_read.read(of.warehouse, year, [unit])
        for form in forms(read_year.departments[0], read_year):
            lines = [part.text for part in form.parts if isinstance(part, Line)]
            assert (f"{NOT_FINAL}。" in lines) is is_open


def test_a_page_shows_lights_with_words_and_nothing_from_files_as_markup(
    published: Published,
) -> None:
    pages = published.warehouse / "published" / "site" / str(YEAR)
    page = (pages / "units" / "month.html").read_text("utf-8")
    assert re.findall(r'<span class="mark (\w+)">. <span class=t>(绿灯|黄灯|红灯)', page) == [
        ("holds", "绿灯"), *[("critical", "红灯")] * 4, *[("warning", "黄灯")] * 2,
        *[("holds", "绿灯")] * 2,
    ]  # fmt: skip
    assert page.index("id=monitoring") < page.index("资料不全")
    assert "&lt;b&gt;{progress}&lt;/b&gt;：截至 7 月" in (
        pages / "units" / "summary.html"
    ).read_text("utf-8")
    # Nothing was delivered of this one.
    assert "id=monitoring" not in (pages / "units" / "nothing.html").read_text("utf-8")


def test_of_a_closed_year_the_months_alone_say_how_it_stood(two_departments: Published) -> None:
    assert two_departments.rows(
        """
        select unit_code, subject_type, light, min(as_of_month), round(min(progress), 4), count(*)
        from fct_midyear_monitoring group by all order by all
        """
    ) == [
        ("440305-gxj", "department", "green", 6, Decimal("0.6764"), 1),
        ("440305-gxj", "project", "not_delivered", None, None, 13),
        ("440305-gxj", "target", "not_delivered", None, None, 18),
        # 93.9% of the calendar's half.
        ("440308-fzyj", "department", "yellow", 6, Decimal("0.4695"), 1),
        ("440308-fzyj", "project", "not_delivered", None, None, 3),
    ]
