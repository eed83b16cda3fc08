"""`jixiao rubric`: what the rows of a rubric say in words, beside the printed clause."""

import csv
import re
from decimal import Decimal
from pathlib import Path

import pytest

from orchestration import cli, endings
from orchestration.explain.evaluation import Band
from orchestration.project import SEEDS_DIR
from orchestration.rubric import read, show
from orchestration.rubric.words import METHODS, applies, meaning

D = Decimal


def criterion(
    method: str, points: str = "6", *, bands: str = "", **options: object
) -> read.Criterion:
    """A criterion of a ratio's; its bands as [60%,90%) 1..3, without points where it is silent."""
    named = {
        "measure_code": "m", "measure_zh": "比率", "definition": "甲 ÷ 乙", "kind": "ratio",
        "stated_in": "r", "criterion_code": "c", "standard_zh": "条款", "is_deduction": False,
        **dict.fromkeys(
            (
                "full_mark_at", "over_target", "threshold", "direction", "step_size",
                "points_per_step", "step_rounding", "when_undefined", "when_unbounded", "choice",
            )
        ),
    }  # fmt: skip
    return read.Criterion(
        method=method,
        points=D(points),
        bands=tuple(band(text) for text in bands.split(";") if text),
        **(named | options),  # type: ignore[arg-type]
    )


def band(text: str) -> Band:
    found = re.fullmatch(r"([\[(])(\S*),(\S*)([\])])(?: (\S+?)(?:\.\.(\S+))?)?", text.strip())
    assert found
    opens, lower, upper, closes, points, upper_points = found.groups()
    return Band(
        D(lower) if lower else None, opens == "[", D(upper) if upper else None, closes == "]",
        D(points) if points else None, D(upper_points) if upper_points else None,
    )  # fmt: skip


COUNT = {"measure_code": "m", "measure_zh": "未完成项数", "kind": "count"}
NO_MEASURE = {"measure_code": None, "measure_zh": None, "kind": None, "definition": None}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (criterion("linear"), "得 6 分 × 比率，高于 100% 的按满分计。"),
        (criterion("linear", full_mark_at=D("0.950000"), over_target="exceed"),
         "得 6 分 × 比率 ÷ 95%，高于 95% 的照此多计，以本项指标的分值为限。"),
        (criterion("linear", over_target="zero"), "得 6 分 × 比率，高于 100% 的不得分。"),
        (criterion("linear", full_mark_at=D("0.05"), direction="below"),
         "比率 不高于 5% 得 6 分，高于的得 6 分 × 5% ÷ 比率。"),
        (criterion("band", bands="(,0.6) 0;[0.6,0.9) 1..3;[0.9,) 6"),
         "比率 低于 60% 得 0 分；60%（含）至 90%（不含）从 1 分至 3 分按直线计分；不低于 90% 得 6 分。"),
        (criterion("band", bands="(,1] 6;(1,)"),
         "比率 不高于 100% 得 6 分；高于 100% 评分标准未作规定，由评定计分。"),
        (criterion("band", bands="[1,1] 3;[2,2] 6", kind="level"),
         "比率 为 1 得 3 分；为 2 得 6 分；其他数值评分标准未作规定，由评定计分。"),
        (criterion("band", bands="[0,0] 0;[1,1] 3.5", **NO_MEASURE),
         "评定的数 为 0 得 0 分；为 1 得 3.5 分。"),
        (criterion("band", bands="(,) 6"), "比率 不论多少得 6 分。"),
        (criterion("step", threshold=D("0.1"), step_size=D("0.01"), points_per_step=D("0.1")),
         "6 分，比率 高于 10% 的部分每满 1% 扣 0.1 分，扣完为止。"),
        (criterion("step", threshold=D("0.9"), step_size=D("0.01"), points_per_step=D("0.5"),
                   direction="below", step_rounding="up"),
         "6 分，比率 低于 90% 的部分每 1% 扣 0.5 分，不足 1% 的按 1% 计，扣完为止。"),
        (criterion("step", threshold=D("0"), step_size=D("0.05"), points_per_step=D("1"),
                   direction="both", step_rounding="proportional"),
         "6 分，比率 偏离 0% 的部分每 5% 扣 1 分，按比例折算，扣完为止。"),
        (criterion("step", points_per_step=D("4"), **COUNT), "6 分，未完成项数每 1 项扣 4 分，扣完为止。"),
        (criterion("step", points_per_step=D("4"), step_size=D("2"), **COUNT),
         "6 分，未完成项数每满 2 项扣 4 分，扣完为止。"),
        (criterion("step", points_per_step=D("1"), **NO_MEASURE), "6 分，评定发现的每 1 项扣 1 分，扣完为止。"),
        (criterion("step", "0", points_per_step=D("2"), is_deduction=True, **NO_MEASURE),
         "评定发现的每 1 项扣 2 分，从本项指标其他条款的得分中扣，扣完为止。"),
        (criterion("step", "0", points_per_step=D("2"), is_deduction=True, when_undefined="full",
                   when_unbounded="assessed", **COUNT),
         "未完成项数每 1 项扣 2 分，从本项指标其他条款的得分中扣，扣完为止；"
         "无发生数（0 ÷ 0）时不扣分；分母为 0 而分子不为 0 时由评定扣分。"),
        (criterion("assessed", "2.50", **NO_MEASURE), "评定 0 至 2.5 分。"),
        (criterion("veto", "0", **NO_MEASURE), "评定发现 1 项及以上的，本项指标不得分。"),
        (criterion("assessed", choice="甲", **NO_MEASURE),
         "评定 0 至 6 分；与“甲”组的其他条款择一计分，取得分最高的一条。"),
        (criterion("linear", when_undefined="exclude", when_unbounded="full"),
         "得 6 分 × 比率，高于 100% 的按满分计；无发生数（0 ÷ 0）时不适用，不计入评分；"
         "分母为 0 而分子不为 0 时得满分。"),
    ],
)  # fmt: skip
def test_what_a_row_says(row: read.Criterion, said: str) -> None:
    assert meaning(row) == said


def test_where_a_rubric_applies() -> None:
    def said(*cells: object) -> str:
        return applies(read.Assignment(*cells))  # type: ignore[arg-type]

    assert said("深圳市", "南山区", None, None, 2023, None, "official") == (
        "深圳市南山区，2023 年度起（正式 official）"
    )
    assert said(None, None, "subordinate", None, 2023, 2023, "comparison") == (
        "各地 二级单位，2023 年度（对照 comparison）"
    )
    assert said("深圳市", None, None, "X-1", None, 2024, "official") == (
        "深圳市 X-1，至 2024 年度（正式 official）"
    )
    assert said(None, None, None, None, 2023, 2025, "official") == (
        "各地，2023 年度起至 2025 年度（正式 official）"
    )
    assert said(None, None, None, None, None, None, "official") == "各地，各年度（正式 official）"


def test_every_method_has_words() -> None:
    with (SEEDS_DIR / "rubric_criteria.csv").open(encoding="utf-8", newline="") as stream:
        assert {row["method"] for row in csv.DictReader(stream)} - {""} <= set(METHODS)


@pytest.mark.builds
def test_a_rubric_as_people_read_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Yantian's: its own rows and those of Nanshan's that count under it, in one place each."""
    assert cli.main(["rubric", "盐田"]) == endings.PUBLISHED
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert lines[0] == "yantian_2023  盐田区部门整体绩效评价指标体系（2023年度）"
    assert "等级  优 ≥ 90，良 ≥ 80，中 ≥ 60，差 ≥ 0" in lines
    assert "适用  深圳市盐田区，2023 年度起（正式 official）" in lines
    headings = [
        line for line in lines if re.search(r" 分(（出自 nanshan_2023）)?$", line) and " · " in line
    ]
    assert len(headings) == 21
    assert sum(D(re.search(r"  (\S+) 分", line)[1]) for line in headings) == 100  # type: ignore[index]
    assert "部门决策 · 目标设置 · 绩效目标完整性  target_completeness  5 分" in headings
    at = lines.index("   编码  budget_adjustment（出自 nanshan_2023），1 分")
    assert lines[at - 1 : at + 2] == [
        "   怎样计分  1 分，预算调整率 高于 10% 的部分每满 1% 扣 0.1 分，扣完为止；无发生数（0 ÷ 0）时不得分。",
        "   编码  budget_adjustment（出自 nanshan_2023），1 分",
        "   数据  budget_adjustment_rate 预算调整率：｜调整预算数 − 年初预算数｜ ÷ 年初预算数（合计）",
    ]

    assert cli.main(["rubric", "yantian_2023", "--format", "html"]) == endings.PUBLISHED
    page = capsys.readouterr().out
    assert page.count("<tr>") == 1 + 1 + sum(line.startswith("   编码  ") for line in lines)
    assert 'rowspan="' in page and "http" not in page
    # Every clause and its meaning, as in the text.
    for line in lines:
        if line.startswith("   怎样计分  "):
            assert line.removeprefix("   怎样计分  ") in page

    assert cli.main(["rubric", "宝安"]) == endings.WRONG_USAGE
    assert "nanshan_2023 南山区部门整体绩效评价指标体系（2023年度）" in capsys.readouterr().err


@pytest.mark.builds
def test_faulty_seeds_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(read.seeds, "faults", lambda: ["seeds/rubrics.csv row 2: x"])
    assert cli.main(["rubric", "盐田"]) == endings.REFUSED
    assert capsys.readouterr().err == "refused: seeds/rubrics.csv row 2: x\n"


def test_cells_reach_over_the_rows_of_their_level() -> None:
    def indicator(level1: str, level2: str, criteria: int) -> read.Indicator:
        rows = (criterion("assessed"),) * criteria
        return read.Indicator("r", "i", level1, level2, "三级", D(1), None, None, rows)

    indicators = (indicator("甲", "一", 2), indicator("甲", "一", 1), indicator("甲", "二", 3),
                  indicator("乙", "二", 1))  # fmt: skip
    rubric = read.Rubric("r", None, None, None, 2, D(4), (), (), indicators)
    assert [spans for _, spans in show.rows(rubric)] == [
        {"level1": 6, "level2": 3}, {}, {"level2": 3}, {"level1": 1, "level2": 1}
    ]  # fmt: skip


def test_a_page_shows_names_as_text(tmp_path: Path) -> None:
    rubric = read.Rubric("r", None, "<b>甲</b>", None, 2, D(4), (), (), ())
    assert "<b>甲</b>" not in show.to_html(rubric)
