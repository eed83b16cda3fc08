"""How a rubric is shown: for a terminal, and as a page."""

from itertools import groupby
from pathlib import Path
from typing import TextIO

from orchestration.explain.show import plain
from orchestration.html import templates
from orchestration.rubric.read import Indicator, Rubric
from orchestration.rubric.words import NOTES, facts, meaning

TEMPLATES = Path(__file__).resolve().parent


def show(rubric: Rubric, out: TextIO) -> None:
    """Print a rubric for a terminal: each indicator, its clauses and what their rows mean.

    Args:
        rubric: The rubric.
        out: Where to print it.
    """
    from rich.console import Console

    console = Console(file=out, highlight=False, markup=False, soft_wrap=True)
    console.print(f"{rubric.rubric_id}  {rubric.name or ''}".rstrip(), style="bold")
    for heading, text in facts(rubric):
        console.print(f"{heading}  {text}")
    for indicator in rubric.indicators:
        console.print()
        console.print(
            f"{indicator.level1} · {indicator.level2} · {indicator.level3}  "
            f"{indicator.indicator_code}  {plain(indicator.points)} 分"
            f"{origin(rubric, indicator.stated_in)}",
            style="bold",
        )
        if indicator.description_zh:
            console.print(f"指标说明  {indicator.description_zh}")
        console.print(f"评分标准  {indicator.standard_zh or '—'}")
        for number, criterion in enumerate(indicator.criteria, 1):
            console.print(f"{number}. {criterion.standard_zh or '—'}")
            console.print(f"   怎样计分  {meaning(criterion)}")
            code = criterion.criterion_code + origin(rubric, criterion.stated_in)
            console.print(f"   编码  {code}，{plain(criterion.points)} 分")
            if criterion.measure_code:
                console.print(
                    f"   数据  {criterion.measure_code} {criterion.measure_zh}："
                    f"{criterion.definition}"
                )
    console.print()
    for note in NOTES:
        console.print(note)


def to_html(rubric: Rubric) -> str:
    """The rubric as one page, as printed ones are laid out, that asks for nothing from outside."""
    environment = templates(TEMPLATES)
    environment.globals.update(plain=plain, meaning=meaning, facts=facts, origin=origin)
    page = environment.get_template("rubric.html.jinja")
    return page.render(rubric=rubric, rows=rows(rubric), notes=NOTES)


def rows(rubric: Rubric) -> list[tuple[Indicator, dict[str, int]]]:
    """Each indicator, with how many rows its cells of levels 1 and 2 reach over, if they begin."""
    found = []
    spans: dict[str, int] = {}
    for _, of_level1 in groupby(rubric.indicators, lambda i: i.level1):
        first = list(of_level1)
        spans["level1"] = _height(first)
        for _, of_level2 in groupby(first, lambda i: i.level2):
            second = list(of_level2)
            spans["level2"] = _height(second)
            for indicator in second:
                found.append((indicator, spans))
                spans = {}
    return found


def _height(indicators: list[Indicator]) -> int:
    return sum(max(len(indicator.criteria), 1) for indicator in indicators)


def origin(rubric: Rubric, stated_in: str) -> str:
    """Which rubric a row is taken from, where it is not the rubric's own."""
    return "" if stated_in == rubric.rubric_id else f"（出自 {stated_in}）"
