"""What the rows of a rubric say, in words: to be read beside the printed clause."""

from decimal import Decimal

from orchestration.explain.evaluation import Band
from orchestration.explain.show import plain
from orchestration.labels import labels
from orchestration.rubric.read import Assignment, Criterion, Rubric

UNDEFINED = "无发生数（0 ÷ 0）时"
UNBOUNDED = "分母为 0 而分子不为 0 时"
# What a deduction does where another criterion gives points, or none.
OFF = {"full": "不扣分", "zero": "不扣分", "assessed": "由评定扣分"}
NOTES = (
    "未另注明的，无发生数（0 ÷ 0）和分母为 0 时均不得分；扣分条款不扣分。",
    "缺少数据的，由评定计分；没有评定的，该单位资料不全，不出总分。",
    "各项指标得分为其各条之和，以 0 和本项指标的分值为限。",
    "条款有不适用的，按其余条款的分值折算；整项不适用的，总分按其余指标的分值折算。",
)


def meaning(criterion: Criterion) -> str:
    """How a criterion gives points, in a sentence.

    Args:
        criterion: The criterion.

    Returns:
        The sentence, in Chinese; points as 分, ratios in percent.
    """
    parts = [METHODS[criterion.method](criterion)]
    for when, column in ((UNDEFINED, "when_undefined"), (UNBOUNDED, "when_unbounded")):
        if code := getattr(criterion, column):
            instead = labels(column) | (OFF if criterion.is_deduction else {})
            parts.append(when + instead[code])
    if criterion.choice:
        parts.append(f"与“{criterion.choice}”组的其他条款择一计分，取得分最高的一条")
    return "；".join(parts) + "。"


def _linear(criterion: Criterion) -> str:
    measure, points = criterion.measure_zh, plain(criterion.points)
    full = _value(
        Decimal(1) if criterion.full_mark_at is None else criterion.full_mark_at, criterion
    )
    if criterion.direction == "below":
        return f"{measure} 不高于 {full} 得 {points} 分，高于的得 {points} 分 × {full} ÷ {measure}"
    share = "" if criterion.full_mark_at in (None, 1) else f" ÷ {full}"
    above = labels("over_target")[criterion.over_target or "cap"]
    limit = "，以本项指标的分值为限" if criterion.over_target == "exceed" else ""
    return f"得 {points} 分 × {measure}{share}，高于 {full} 的{above}{limit}"


def _band(criterion: Criterion) -> str:
    said = [_of_band(band, criterion) for band in criterion.bands]
    are_levels = all(b.lower is not None and b.lower == b.upper for b in criterion.bands)
    if are_levels and criterion.measure_code:
        said.append("其他数值评分标准未作规定，由评定计分")
    return f"{criterion.measure_zh or '评定的数'} " + "；".join(said)


def _of_band(band: Band, criterion: Criterion) -> str:
    where = _where(band, criterion)
    if band.points is None:
        return f"{where}评分标准未作规定，由评定计分"
    if band.upper_points is None:
        return f"{where}得 {plain(band.points)} 分"
    return f"{where}从 {plain(band.points)} 分至 {plain(band.upper_points)} 分按直线计分"


def _where(band: Band, criterion: Criterion) -> str:
    lower, upper = (None if b is None else _value(b, criterion) for b in (band.lower, band.upper))
    if lower is None and upper is None:
        return "不论多少"
    if lower is None:
        return f"{'不高于' if band.upper_inclusive else '低于'} {upper} "
    if upper is None:
        return f"{'不低于' if band.lower_inclusive else '高于'} {lower} "
    if lower == upper:
        return f"为 {lower} "
    ends = (
        "含" if inclusive else "不含" for inclusive in (band.lower_inclusive, band.upper_inclusive)
    )
    return f"{lower}（{next(ends)}）至 {upper}（{next(ends)}）"


def _step(criterion: Criterion) -> str:
    size = Decimal(1) if criterion.step_size is None else criterion.step_size
    threshold = criterion.threshold or Decimal(0)
    is_counted = criterion.kind == "count" or criterion.measure_code is None
    each = _value(size, criterion) + (" 项" if is_counted else " ")
    takes = {
        "whole": f"每满 {each}扣 {plain(criterion.points_per_step)} 分",
        "up": f"每 {each}扣 {plain(criterion.points_per_step)} 分，不足 {each}的按 {each}计",
        "proportional": f"每 {each}扣 {plain(criterion.points_per_step)} 分，按比例折算",
    }[criterion.step_rounding or "whole"]
    if size == 1:
        takes = takes.replace("每满", "每")
    subject = criterion.measure_zh or "评定发现的"
    direction = criterion.direction or "above"
    if threshold or direction != "above":
        subject += f" {labels('direction')[direction]} {_value(threshold, criterion)} 的部分"
    if criterion.is_deduction:
        return f"{subject}{takes}，从本项指标其他条款的得分中扣，扣完为止"
    return f"{plain(criterion.points)} 分，{subject}{takes}，扣完为止"


def _assessed(criterion: Criterion) -> str:
    return f"评定 0 至 {plain(criterion.points)} 分"


def _veto(_: Criterion) -> str:
    return "评定发现 1 项及以上的，本项指标不得分"


METHODS = {
    "linear": _linear,
    "band": _band,
    "step": _step,
    "assessed": _assessed,
    "veto": _veto,
}


def _value(value: Decimal, criterion: Criterion) -> str:
    return f"{plain(value * 100)}%" if criterion.kind == "ratio" else plain(value)


def facts(rubric: Rubric) -> list[tuple[str, str]]:
    """What holds of the whole rubric: a heading and a sentence each."""
    decimals = f"各项得分保留 {rubric.score_decimals} 位小数"
    grades = "，".join(f"{grade} ≥ {plain(lower)}" for grade, lower in rubric.grades)
    found = [
        ("来源", rubric.source or "—"),
        ("满分", f"{plain(rubric.total_points)} 分，{decimals}"),
        ("等级", grades),
        ("适用", "；".join(applies(a) for a in rubric.assignments) or "尚无"),
    ]
    if rubric.based_on:
        found.append(("依据", f"以 {rubric.based_on} 为基础，注明出自该标准的各行与其相同"))
    return found


def applies(assignment: Assignment) -> str:
    """Where and when a rubric applies."""
    place = f"{assignment.city or ''}{assignment.district or ''}" or "各地"
    kind = f" {labels('unit_type')[assignment.unit_type]}" if assignment.unit_type else ""
    unit = f" {assignment.unit_code}" if assignment.unit_code else ""
    first, last = assignment.fiscal_year_from, assignment.fiscal_year_to
    if first is not None and first == last:
        years = f"{first} 年度"
    elif first is None and last is None:
        years = "各年度"
    else:
        years = f"{first} 年度起" if first is not None else ""
        years += f"至 {last} 年度" if last is not None else ""
    role = labels("rubric_role")[assignment.role]
    return f"{place}{kind}{unit}，{years}（{role} {assignment.role}）"
