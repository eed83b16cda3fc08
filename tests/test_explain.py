"""jixiao explain: a score followed to its cells, as text, JSON and a page."""

import csv
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration import cli, endings
from orchestration.explain.evaluation import CannotExplain, pick
from orchestration.explain.show import SHOWN_CELLS
from orchestration.project import PROJECT_DIR
from tests.conftest import LANDING, Published, append_rows, shift_year
from tests.test_two_departments import NANSHAN, YANTIAN

pytestmark = pytest.mark.builds

CHANNELS = 30
ODD_NAME = "<b>甲局</b> & [bold]乙科"


@pytest.fixture
def explain(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the command on a warehouse: exit status, output, errors."""

    def run(published: Published, *arguments: str) -> tuple[int, str, str]:
        status = cli.main(["explain", *arguments, "--warehouse", str(published.warehouse)])
        out, err = capsys.readouterr()
        return status, out, err

    return run


def deliver(landing: Path) -> None:
    """2023: the two departments, and a third. 2024: four others more, each of them in trouble."""
    shutil.copytree(LANDING, landing)
    shift_year(landing, 2023, 2024)
    append_rows(landing / "2023" / "departments.csv", "Z-1,2023,已撤并局,department,,深圳市,南山区")
    year = landing / "2024"
    append_rows(
        year / "departments.csv",
        f'A-1,2024,"{ODD_NAME}",department,,深圳市,盐田区',
        "B-1,2024,受阻局,department,,深圳市,南山区",
        "C-1,2024,外市局,department,,广州市,天河区",
        "D-1,2024,无名局,no_such_type,,深圳市,南山区",
    )
    append_rows(
        year / "petitions.csv",
        *(f"A-1,2024,渠道{n:02},{n + 1},{n + 1},{n}" for n in range(CHANNELS)),
    )
    append_rows(
        year / "procurement.csv",
        "A-1,2024,goods,100,90,,万元",
        "A-1,2024,services,,10,,万元",
        "B-1,2024,total,100,9x,,万元",
    )
    # A cell that a measure sums, with another number in the report.
    append_rows(
        year / "reported_figures.csv",
        "A-1,2024,,,petitions,channel=渠道29,received,三,29",
        "A-1,2024,,,petitions,channel=渠道29,replied_on_time,三,29",
    )
    # A veto that was found, and points beyond what the criterion has.
    append_rows(
        year / "assessments.csv",
        "A-1,2024,spending_violation,2,审计局,违规支出",
        "A-1,2024,spending_regularity,1,,",
        "A-1,2024,accounting_regularity,1,,",
        "A-1,2024,budget_adjustment,0.5,,",
    )


def cells_of(node: Any) -> Iterator[dict[str, Any]]:
    """Every cell in the JSON."""
    if isinstance(node, dict):
        if "source_row" in node:
            yield node
        for value in node.values():
            yield from cells_of(value)
    elif isinstance(node, list):
        for value in node:
            yield from cells_of(value)


def test_a_score_down_to_its_cells(two_departments: Published, explain: Any) -> None:
    status, out, err = explain(two_departments, NANSHAN, "财务合规性", "--year", "2023")
    assert (status, err) == (0, "")
    for shown in (
        "2.10 / 3 分",
        "超出一个百分点扣0.1分",
        "阈值 threshold = 0.1",
        "1 + 0.1 + 1 + 0 = 2.1；四舍五入至 2 位小数，得 2.10",
        "492,454,900 ÷ 2,471,906,200 = 0.1992207067",
        "296436.11 万元",
        "2023/budgets.csv:2",
        "自评 3，不一致：计算为 2.1，相差 -0.9，未扣 预算调整率 的 0.9 分",
    ):
        assert shown in out, shown
    (sha256, load_id, run_id) = two_departments.rows(
        "select source_sha256, load_id, run_id from audit.loads, audit.runs "
        "where source_file = '2023/budgets.csv'"
    )[0]
    assert f"{sha256}  {load_id}" in out
    assert f"由运行 {run_id} 发布" in out.splitlines()[-1]


def test_every_score_in_a_line(two_departments: Published, explain: Any) -> None:
    _, out, _ = explain(two_departments, "盐田")
    for shown in ("总分 96.08，等级 优", "自评 96.08，一致", "分值依据 计算 40，评定 58，默认 2"):
        assert shown in out
    scored = re.compile(r"^\S+ ([a-z_]+) +\d+\.\d\d ")
    lines = {m[1]: line for line in out.splitlines() if (m := scored.match(line))}
    codes = two_departments.rows(
        "select indicator_code from dim_indicators where rubric_id = 'yantian_2023' "
        "order by sort_order"
    )
    # A name too long for its line has its code in the next.
    assert list(lines) == [c for (c,) in codes if c != "effectiveness"]
    assert "编外人员控制率 22.22% 高于 10%，扣 1 分" in lines["off_establishment_control"]
    assert lines["petitions"].split()[2:] == ["3.00", "3", "评定", "1，默认", "2", "3"]


def test_the_same_answer_by_code_and_name(two_departments: Published, explain: Any) -> None:
    (_, by_code, _), (_, by_name, _) = (
        explain(two_departments, *asked, "--format", "json")
        for asked in ((NANSHAN, "budget_execution"), ("南山区工业", "预算执行率"))
    )
    assert json.loads(by_code) == json.loads(by_name)
    assert json.loads(by_code)["scores"][0]["score"] == "5.59"


@pytest.mark.parametrize(
    ("unit", "rubric"), [(NANSHAN, "nanshan_2023"), (YANTIAN, "shenzhen_2023")]
)
def test_json_holds_what_the_score_was_made_of(
    two_departments: Published, explain: Any, unit: str, rubric: str
) -> None:
    _, out, _ = explain(two_departments, unit, "--rubric", rubric, "--format", "json")
    told = json.loads(out)
    assert told["rubric_id"] == rubric
    evidence = two_departments.rows(
        f"select count(*) from fct_evidence where unit_code = '{unit}' and rubric_id = '{rubric}'"
    )
    cells = list(cells_of(told))
    assert (len(cells),) == evidence[0]
    # Text of exact decimals, never a float.
    assert not re.search(r": -?\d+\.\d", out)
    for cell in cells:
        with (LANDING / cell["source_file"]).open(encoding="utf-8", newline="") as stream:
            rows = list(csv.reader(stream))
        delivered = rows[cell["source_row"] - 1][rows[0].index(cell["column_name"])]
        if cell["value"] is not None and cell["column_name"] != "status":
            assert Decimal(delivered) == Decimal(cell["delivered_value"])

    def check(measure: dict[str, Any]) -> None:
        for role in ("numerator", "denominator"):
            counted = [Decimal(c["counted"]) for c in measure["cells"] if c["role"] == role]
            if counted and measure["status"] != "missing":
                assert sum(counted) == Decimal(measure[role])
        for part in measure["parts"]:
            check(part)

    total = Decimal(0)
    for score in told["scores"]:
        awarded = [Decimal(c["points_awarded"]) for c in score["criteria"]]
        assert sum(awarded) == Decimal(score["points_awarded"])
        total += Decimal(score["score"])
        for criterion in score["criteria"]:
            if criterion["measure"] and criterion["basis"] == "computed":
                check(criterion["measure"])
    assert total == Decimal(told["total_score"])


def test_a_mean_shows_its_parts(two_departments: Published, explain: Any) -> None:
    _, out, _ = explain(two_departments, YANTIAN, "budget_execution")
    assert "其中  一季度预算执行率 q1_execution_rate（分子计 0.646，至多 1）" in out
    _, out, _ = explain(two_departments, NANSHAN, "budget_execution", "--rubric", "shenzhen_2023")
    # The second quarter's 1.35 counts as 1.
    assert "q2_execution_rate（分子计 1，至多 1）" in out
    assert "3.7693797957 ÷ 4 = 0.9423449489" in out


def test_a_corrected_cell_shows_both_values(two_departments: Published, explain: Any) -> None:
    _, out, _ = explain(two_departments, NANSHAN, "public_expense_control")
    assert "0.008256 万元 → 82.56 万元" in out
    assert "更正  item=three_public budgeted：报告误印为“元”" in out
    assert "批准人 本数据集编者，2026-11-22（2023/corrections.csv 第 2 行）" in out


def test_of_many_cells_the_largest_are_shown(invented: Published, explain: Any) -> None:
    _, out, _ = explain(invented, "A-1", "petitions")
    block = out.split("petition_reply_rate")[1].split("petition_on_time_rate")[0]
    numerators = [line for line in block.splitlines() if line.strip().startswith("分子")]
    shown = [line for line in numerators if "petitions[" in line]
    assert len(shown) == SHOWN_CELLS
    assert "渠道29" in shown[0]
    # 1 + … + 10 are left.
    assert f"另有 {CHANNELS - SHOWN_CELLS} 个单元格" in block
    rest, total = (line.split()[-1] for line in numerators[-2:])
    assert (rest, total) == ("55", "465")
    _, out, _ = explain(invented, "A-1", "petitions", "--format", "json")
    (score,) = json.loads(out)["scores"]
    (criterion,) = (c for c in score["criteria"] if c["criterion_code"] == "petition_reply")
    assert len(criterion["measure"]["cells"]) == 2 * CHANNELS


def test_what_is_missing_is_named(invented: Published, explain: Any) -> None:
    _, out, _ = explain(invented, "A-1")
    assert "状态 资料不全 incomplete" in out
    assert "缺少：" in out and "effectiveness" in out
    _, out, _ = explain(invented, "A-1", "政府采购执行情况")
    # Half of it was delivered; the ways to have all of it.
    assert "procurement[category=goods].actual" in out
    assert "需要  procurement[category=total].actual、procurement[category=total].planned" in out
    assert "有要点没有得分，不合计" in out


def test_findings_of_what_a_score_rests_on(two_departments: Published, explain: Any) -> None:
    """Of a record that it read, or of what the report prints for a measure or its parts."""
    rules = {
        code: set(re.findall(r"数据规则 (\w+)", explain(two_departments, NANSHAN, code)[1]))
        for code in ("procurement", "budget_execution", "effectiveness")
    }
    assert rules == {
        "procurement": {"sme_within_procurement"},
        "budget_execution": {"reported_figures_agree"},
        "effectiveness": set(),
    }


def test_what_is_printed_of_a_sum_and_of_a_cell(
    two_departments: Published, invented: Published, explain: Any
) -> None:
    _, out, _ = explain(two_departments, YANTIAN, "financial_compliance")
    assert (
        "自评 分子 853.5万元（三（二）2），不一致：计算为 332.2万元，相差 -5,213,500，"
        "印的是调整预算数，未减年初预算数：8535000"
    ) in out
    assert "数据规则 reported_figures_agree（警告 warning）2023 440308-fzyj reported_figures" in out
    _, out, _ = explain(invented, "A-1", "petitions")
    cell = "自评 petitions[channel=渠道29]."
    assert f"{cell}replied_on_time 29（三），一致" in out
    assert f"{cell}received 29（三），不一致：所报为 30，相差 +1，印的是按时回复件数：29" in out
    (finding,) = (line for line in out.splitlines() if "数据规则 reported_figures_agree" in line)
    assert (
        "petitions;渠道29;received：收到件数 前后不一：29（三，印的是按时回复件数：29）, 30（所报数据）"
        in finding
    )
    _, out, _ = explain(invented, "A-1", "procurement")
    assert "petitions[" not in out
    assert "数据规则 reported_figures_agree" not in out


def test_a_veto(invented: Published, explain: Any) -> None:
    _, out, _ = explain(invented, "A-1", "financial_compliance")
    assert "1 + 0.5 + 1 + 0 = 2.5；一票否决，计 0；四舍五入至 2 位小数，得 0.00" in out


def test_a_blocked_department_says_why(invented: Published, explain: Any) -> None:
    for asked in (("受阻",), ("B-1", "procurement")):
        status, out, _ = explain(invented, *asked)
        assert status == 0
        assert "状态 未通过数据规则 blocked" in out
        assert "数据规则 readable_row（严重 critical）" in out
        assert "actual = 9x" in out
    _, out, _ = explain(invented, "B-1", "satisfaction")
    assert "数据规则 readable_row" not in out


def test_the_scorecard_of_departments_in_trouble(invented: Published) -> None:
    """One that is blocked, and one that lacks nearly everything: rows, without what they lack."""
    rows = invented.rows(
        """
        select
            unit_code, status_zh, count(*), count(score), count(points_lost), count(is_vetoed),
            count(points_computed), sum(points_missing) > 50, count(total_score), count(grade),
            count(district_rank), count(status_reason), sum(points_possible),
            list(indicator_code order by indicator_code) filter (where findings_critical > 0)
        from obt_scorecard
        where fiscal_year = 2024 and unit_code in ('A-1', 'B-1', 'C-1', 'D-1')
        group by all order by all
        """
    )
    incomplete, blocked = rows
    assert blocked == ("B-1", "未通过数据规则", 21, 0, 0, 0, 0, None, 0, 0, 0, 21, 100,
                       ["procurement"])  # fmt: skip
    # A veto is 0, whatever else is missing, where nothing of it is.
    assert incomplete[:2] == ("A-1", "资料不全")
    assert incomplete[2] == incomplete[6] == incomplete[11] == 21
    assert incomplete[3] == incomplete[4] < 5
    assert incomplete[7:11] == (True, 0, 0, 0)
    assert incomplete[13] is None
    ((said,),) = invented.rows(
        "select measures_zh from obt_scorecard "
        "where (unit_code, indicator_code) = ('B-1', 'procurement')"
    )
    assert said == "政府采购执行率 缺少"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["440305-gxk"], "no department '440305-gxk'; nearest: 440305-gxj 深圳市南山区"),
        (["深圳市"], "department '深圳市' fits 2: 440305-gxj 深圳市南山区"),
        (
            ["南山", "财务合规度"],
            "no indicator of nanshan_2023 '财务合规度'; nearest: financial_com",
        ),
        (["南山", "预算"], "'预算' fits 3: budget_rationality 预算编制合理性; "),
        (["南山", "--year", "2021"], "2021 is not published; published are 2023, 2024"),
        (["Z-1"], "2024 has no department 'Z-1'; it is in 2023: give --year"),
        (["南山", "--rubric", "yantian_2023"], "no rubric of this department 'yantian_2023'; near"),
        (["C-1"], "C-1 has no evaluation for 2024: "),
        (["D-1"], "no_such_type"),
    ],
)
def test_what_is_not_published(
    invented: Published, explain: Any, arguments: list[str], message: str
) -> None:
    status, out, err = explain(invented, *arguments)
    assert (status, out) == (endings.WRONG_USAGE, "")
    assert message in err
    assert len(err.splitlines()) == 1


def test_an_earlier_year(invented: Published, explain: Any) -> None:
    status, out, err = explain(invented, "已撤并局", "--year", "2023", "--format", "json")
    assert (status, err) == (0, "")
    assert json.loads(out)["fiscal_year"] == 2023


def test_nothing_published(tmp_path: Path, explain: Any) -> None:
    status, _, err = explain(Published(tmp_path), "南山")
    assert status == endings.WRONG_USAGE
    assert "nothing is published there; jixiao run publishes" in err
    (tmp_path / "published").mkdir()
    path = tmp_path / "published" / "scores.duckdb"
    path.write_text("no database")
    assert explain(Published(tmp_path), "南山")[0] == endings.WRONG_USAGE
    path.unlink()
    with duckdb.connect(str(path)) as con:
        con.execute("create schema marts; create table marts.dim_departments (unit_code varchar)")
    status, _, err = explain(Published(tmp_path), "南山")
    assert status == endings.WRONG_USAGE
    assert "not what this version publishes" in err
    assert len(err.splitlines()) == 1


class Page(HTMLParser):
    """What a browser would see of a page: text, and what it would fetch."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.tags, self.fetched = "", [], []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [
            v for k, v in attrs if k in ("src", "href") and not (v or "").startswith("#")
        ]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_stands_alone(two_departments: Published, explain: Any) -> None:
    _, out, _ = explain(two_departments, NANSHAN, "--format", "html")
    page = Page(out)
    assert page.fetched == []
    assert not {"link", "script", "img", "iframe"} & set(page.tags)
    assert not re.search(r"url\(|@import|https?:", out)
    for shown in ("96.57", "97.47", "1 + 0.1 + 1 + 0 = 2.1", "0.008256 万元 → 82.56 万元",
                  "296436.11 万元", "2023/budgets.csv:2"):  # fmt: skip
        assert shown in page.text, shown
    # A section for each of the indicators, and each link leads to one.
    ids = set(re.findall(r'<section id="(\w+)">', out))
    assert ids == set(re.findall(r'href="#(\w+)"', out))
    assert len(ids) == 21


def test_names_are_text_wherever_they_are_shown(invented: Published, explain: Any) -> None:
    _, out, _ = explain(invented, "A-1", "--format", "html")
    assert ODD_NAME in Page(out).text
    assert "<b>甲局" not in out
    assert ODD_NAME in explain(invented, "A-1")[1]


def test_nothing_slow_is_imported(two_departments: Published) -> None:
    """Three seconds of Dagster, dbt or Great Expectations would be most of the answer's time."""
    script = (
        "import sys; from orchestration import cli; "
        f"cli.main(['explain', '{NANSHAN}', '--warehouse', '{two_departments.warehouse}']); "
        "print(sorted({m.split('.')[0] for m in sys.modules} "
        "& {'dagster', 'dbt', 'great_expectations', 'sqlalchemy'}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT_DIR, capture_output=True, text=True, check=True
    )
    assert run.stdout.splitlines()[-1] == "[]"


def test_pick() -> None:
    named = {"x-1": "甲局", "x-2": "甲局二科", "甲局": None}
    assert pick("unit", "x-2", named) == "x-2"
    assert pick("unit", "二科", named) == "x-2"
    # Exact before part of; two that are exact are two.
    with pytest.raises(CannotExplain, match="fits 2: x-1 甲局; 甲局; give the code of one"):
        pick("unit", "甲局", named)
    with pytest.raises(CannotExplain, match=r"no unit 'q'; there are: x-1 甲局; x-2"):
        pick("unit", "q", named)
