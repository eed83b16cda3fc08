"""The three official forms of a department.

Their rows and words are those of the printed forms (部门整体支出绩效评价); what only a person can
write is left open, and what is missing is said to be, never 0.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from itertools import groupby

from orchestration.labels import NOT_FINAL
from orchestration.plain import plain
from orchestration.report.layout import Cell, Form, Line, Table
from orchestration.report.read import Department, Published, Row

SCORES, TARGETS, PROBLEMS = (
    "部门整体支出绩效评分表",
    "部门整体支出绩效目标完成情况自评表",
    "存在问题及改进措施",
)
TITLES = {
    SCORES: SCORES,
    TARGETS: "部门（单位）整体支出绩效目标完成情况自评表",
    PROBLEMS: "部门整体支出绩效存在问题及改进措施（草稿）",
}
NOT_DELIVERED = "未报送"
NO_SUM = "有未报送数，不合计"
NOT_APPLICABLE = "不适用"
NO_SCORE = {"blocked": "暂不评分", "incomplete": "未评分"}
# Numbered clauses of a standard stand in lines of their own, as they are printed.
CLAUSE = re.compile(r"\s+(?=(?:\d{1,2}[.．、]|[（(]\d{1,2}[）)])\s*\D)")
TO_FILL_IN = "填报人：____________　　联系电话：____________　　填报日期：______年____月____日"


def forms(department: Department, published: Published) -> tuple[Form, ...]:
    """The forms of a department.

    Args:
        department: What is published of it.
        published: What all departments share.

    Returns:
        部门整体支出绩效评分表, 部门整体支出绩效目标完成情况自评表 and the draft of
        存在问题及改进措施.
    """
    return (
        Form(SCORES, True, (*_head(SCORES, department), *_scores(department, published))),
        Form(TARGETS, True, (*_title(TARGETS, department), *_targets(department, published))),
        Form(PROBLEMS, False, (*_head(PROBLEMS, department), *_problems(department))),
    )


def _title(name: str, department: Department) -> Iterator[Line]:
    yield Line(TITLES[name], "title")
    if department.is_final is False:
        yield Line(f"{NOT_FINAL}。", "strong")


def _head(name: str, department: Department) -> Iterator[Line]:
    yield from _title(name, department)
    yield Line(f"部门（单位）名称（公章）：{department.unit_name}")
    yield Line(f"预算年度：{department.fiscal_year}")
    if department.rubric is None:
        yield Line("评价状态：未评分。原因：没有适用的正式评分标准。", "strong")
        return
    yield Line(f"评分标准：{department.rubric.name or department.rubric.rubric_id}")
    status = (department.evaluation or {}).get("status")
    if status != "scored":
        reason = (department.evaluation or {}).get("status_reason") or NOT_DELIVERED
        yield Line(
            f"评价状态：{NO_SCORE.get(str(status), '未评分')}。原因：{reason.rstrip('。')}。",
            "strong",
        )


def _source(department: Department) -> Iterator[Line]:
    """Which publication a form is made from."""
    if department.run_id and department.published_at:
        yield Line(
            f"注：得分按已发布数据计算（{department.published_at:%Y-%m-%d %H:%M} UTC 发布，"
            f"运行 {department.run_id}）。", "note",
        )  # fmt: skip


# 部门整体支出绩效评分表


def score_text(score: Row | None, department: Department, published: Published) -> str:
    """An indicator's score as the form shows it; why there is none where there is none.

    Args:
        score: Its row of fct_indicator_scores, if there is one.
        department: The department.
        published: What all departments share.
    """
    if score is not None and score["score"] is not None:
        return plain(score["score"])
    if score is not None and score["is_excluded"]:
        return published.label("basis", "excluded")
    is_blocked = (department.evaluation or {}).get("status") == "blocked"
    return published.label("basis", "withheld" if is_blocked else "missing")


def total_text(department: Department) -> str:
    """The total as the form shows it; that there is none where there is none."""
    evaluation = department.evaluation or {}
    if evaluation.get("total_score") is not None:
        return plain(evaluation["total_score"])
    return NO_SCORE.get(str(evaluation.get("status")), "未评分")


def _scores(department: Department, published: Published) -> Iterator[Line | Table]:
    rubric, evaluation = department.rubric, department.evaluation or {}
    if rubric is None:
        yield Line(TO_FILL_IN)
        return
    is_printed = evaluation.get("reported_total") is not None or any(
        score["reported_score"] is not None for score in department.scores.values()
    )
    widths = (18, 11, 18, 11, 24, 11, 50, 86 if is_printed else 111, 13)
    rows = [
        [
            Cell("评价指标", "head", columns=6),
            *(Cell(text, "head", rows=3) for text in ("指标说明", "参考评分标准", "分数")),
            *(Cell(text, "head", rows=3) for text in ("自评\n分数", "差异") if is_printed),
        ],
        [Cell(f"{level}级指标", "head", columns=2) for level in "一二三"],
        [Cell(text, "head") for _ in range(3) for text in ("名称", "参考分值")],
    ]
    heads = len(rows)
    for _, of_level1 in groupby(rubric.indicators, key=lambda row: row["level1"]):
        group1 = list(of_level1)
        first1: list[Cell] = _level(group1, "level1")
        for _, of_level2 in groupby(group1, key=lambda row: row["level2"]):
            group2 = list(of_level2)
            first2 = _level(group2, "level2")
            for row in group2:
                score = department.scores.get(row["indicator_code"])
                rows.append([
                    *first1, *first2,
                    Cell(row["level3"]), Cell(plain(row["points"]), value=row["points"],
                                              name=("points", row["indicator_code"])),
                    Cell(in_lines(row["description_zh"]), "left"),
                    Cell(in_lines(row["standard_zh"]), "left"),
                    Cell(score_text(score, department, published),
                         value=score["score"] if score else None,
                         name=("score", row["indicator_code"])),
                    *(_compared(row["indicator_code"], score, "reported_score", "score_difference")
                      if is_printed else ()),
                ])  # fmt: skip
                first1, first2 = [], []
    of_total = _compared("", evaluation, "reported_total", "total_difference") if is_printed else ()
    grades = (evaluation.get("reported_grade"), evaluation.get("grade"))
    of_grade = (Cell(grades[0] or "—"), _differs(None not in grades and grades[0] != grades[1]))
    rows += [
        [
            Cell("综合评分", "head", columns=8),
            Cell(total_text(department), value=evaluation.get("total_score"), name=("total", "")),
            *of_total,
        ],
        [
            Cell("评分等级", "head", columns=8),
            Cell(evaluation.get("grade") or "—", name=("grade", "")),
            *(of_grade if is_printed else ()),
        ],
    ]
    rows += [
        [Cell(text, "head", columns=7), Cell(columns=4 if is_printed else 2)]
        for text in ("填表人", "联系电话", "填报日期")
    ]
    yield Table(widths + ((12, 13) if is_printed else ()), heads, rows, kept=5)
    for reason in without_score(department):
        yield Line(reason, "body")
    if is_printed:
        yield Line("注：差异 = 分数 − 自评分数。", "note")
    yield from _source(department)


def _level(group: list[Row], level: str) -> list[Cell]:
    points = sum((row["points"] for row in group), Decimal(0))
    return [
        Cell(group[0][level], rows=len(group)),
        Cell(plain(points), rows=len(group), value=points),
    ]


def _compared(code: str, row: Row | None, reported: str, difference: str) -> tuple[Cell, Cell]:
    """The printed score, and how the computed one differs from it."""
    printed, apart = (row[reported], row[difference]) if row else (None, None)
    return (
        Cell("—" if printed is None else plain(printed), value=printed, name=("reported", code)),
        Cell(
            "—" if apart is None else ("+" if apart > 0 else "") + plain(apart),
            "marked" if apart else "center",
            value=apart,
            name=("difference", code),
        ),
    )


def _differs(is_other: bool) -> Cell:
    return Cell("不同" if is_other else "—", "marked" if is_other else "center")


def without_score(department: Department) -> Iterator[str]:
    """Why each criterion without points has none, a sentence each, in the rubric's order."""
    if department.rubric is None:
        return
    for indicator in department.rubric.indicators:
        for criterion in department.rubric.criteria.get(indicator["indicator_code"], []):
            found = department.criteria.get(criterion["criterion_code"])
            if found is not None and found["basis"] == "missing":
                yield f"“{indicator['level3']}”未评分：{found['explanation_zh'].rstrip('。')}。"


def in_lines(text: str | None) -> str:
    """A standard with its numbered clauses each in a line."""
    return CLAUSE.sub("\n", text or "")


# 部门（单位）整体支出绩效目标完成情况自评表


def _targets(department: Department, published: Published) -> Iterator[Line | Table]:
    yield Table(
        (34, 140, 34, 59), 0,
        [[Cell("部门（单位）名称", "head"), Cell(department.unit_name),
          Cell("预算年度", "head"), Cell(str(department.fiscal_year))]],
    )  # fmt: skip
    yield _tasks(department.tasks, _none("projects", published))
    yield Table(
        (20, 123.5, 123.5), 1,
        [[Cell("年度总体目标完成情况", "head"), Cell("预期目标", "head"),
          Cell("目标实际完成情况", "head")],
         [Cell(), Cell("\n\n\n", "left"), Cell("\n\n\n", "left")]],
    )  # fmt: skip
    yield _indicators(department.targets, _none("performance_targets", published))
    yield Line(TO_FILL_IN)
    yield Line("注：主要内容、完成情况和年度总体目标由填报单位填写。", "note")


def _none(table: str, published: Published) -> str:
    """What stands in the place of a table's rows where there are none."""
    name = published.label("table_name", table)
    if table in published.unpublished:
        return f"{name}未发布：该年度由旧版本发布，须重新运行"
    return f"{NOT_DELIVERED}{name}"


def _tasks(tasks: list[Row], none: str) -> Table:
    columns = (
        ("budget_total_yuan", "budget_fiscal_yuan"),
        ("executed_total_yuan", "executed_fiscal_yuan"),
    )
    rows = [
        [
            Cell("年度主要任务完成情况", "head", rows=2),
            *(Cell(text, "head", rows=2) for text in ("任务名称", "主要内容", "完成情况")),
            Cell("预算数（元）", "head", columns=2),
            Cell("执行数（元）", "head", columns=2),
        ],
        [Cell(text, "head") for _ in columns for text in ("总额", "其中：财政拨款")],
    ]
    side = [Cell(rows=len(tasks) + 1 if tasks else 1)]
    if not tasks:
        rows.append([*side, Cell(none, "left", columns=7)])
    for task in tasks:
        rows.append(
            [
                *side, Cell(task["task_name"] or task["record_key"]), Cell(), Cell(),
                *(amount(task[column]) for pair in columns for column in pair),
            ]
        )  # fmt: skip
        side = []
    if tasks:
        rows.append(
            [
                Cell("金额合计", "head", columns=3),
                *(_sum(tasks, column) for pair in columns for column in pair),
            ]
        )
    return Table((20, 34, 50.5, 50.5, 28, 28, 28, 28), 2, rows)


def amount(value: Decimal | None) -> Cell:
    """An amount in yuan, with its cents; that it was not delivered where it was not."""
    if value is None:
        return Cell(NOT_DELIVERED)
    return Cell(f"{value:,.2f}", "number", value=value)


def _sum(tasks: list[Row], column: str) -> Cell:
    values = [task[column] for task in tasks]
    if None in values:
        return Cell(NO_SUM, name=("sum", column))
    total = sum(values, Decimal(0))
    return Cell(f"{total:,.2f}", "number", value=total, name=("sum", column))


def _indicators(targets: list[Row], none: str) -> Table:
    rows = [
        [Cell(text, "head") for text in (
            "年度绩效指标完成情况", "一级指标", "二级指标", "三级指标", "预期指标值",
            "实际完成指标值",
        )]
    ]  # fmt: skip
    side = [Cell(rows=len(targets) or 1)]
    if not targets:
        rows.append([*side, Cell(none, "left", columns=5)])
    for of_level1 in _runs(targets, lambda row: row["level1"]):
        first1 = [Cell(of_level1[0]["level1"] or NOT_DELIVERED, rows=len(of_level1))]
        for of_level2 in _runs(of_level1, lambda row: row["level2"]):
            first2 = [Cell(of_level2[0]["level2"] or NOT_DELIVERED, rows=len(of_level2))]
            for row in of_level2:
                values = [row[name] for name in ("target_name", "expected_value", "actual_value")]
                empty = NOT_APPLICABLE if row["is_applicable"] is False else NOT_DELIVERED
                rows.append([*side, *first1, *first2, *(Cell(value or empty) for value in values)])
                side, first1, first2 = [], [], []
    return Table((20, 34, 40, 83, 45, 45), 1, rows)


def _runs(rows: Iterable[Row], key: Callable[[Row], object]) -> list[list[Row]]:
    return [list(group) for _, group in groupby(rows, key=key)]


# 存在问题及改进措施


def _problems(department: Department) -> Iterator[Line]:
    lost = [
        (indicator, score)
        for indicator in (department.rubric.indicators if department.rubric else ())
        if (score := department.scores.get(indicator["indicator_code"]))
        and score["explanation_zh"] is not None
    ]
    status = (department.evaluation or {}).get("status")
    if status in ("scored", "incomplete") and not lost:
        yield Line("已评分的各项指标均未扣分。", "body")
    for number, (indicator, score) in enumerate(lost, start=1):
        points, got = plain(indicator["points"]), plain(score["score"])
        yield Line(f"{number}. “{indicator['level3']}”指标满分 {points} 分，得 {got} 分", "strong")
        yield Line(f"现状描述：{score['explanation_zh'].rstrip('。')}。", "body")
        yield Line("改进措施：", "body")
        for _ in range(3):
            yield Line("", "body")
    reasons = list(without_score(department))
    if reasons:
        yield Line("未评分的指标", "strong")
    for reason in reasons:
        yield Line(reason, "body")
    yield Line(TO_FILL_IN)
    yield from _source(department)
