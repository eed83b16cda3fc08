"""How an explained score is shown: for a terminal, as JSON, and as a page."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

from orchestration.explain.evaluation import (
    Cell,
    Criterion,
    Evaluation,
    Finding,
    Input,
    Measure,
    Printed,
    Run,
    Score,
    exact_sum,
    with_parts,
)
from orchestration.html import templates
from orchestration.labels import NOT_FINAL, labels
from orchestration.plain import plain as as_written

SHOWN_CELLS = 20
TEMPLATES = Path(__file__).resolve().parent
LABELS = labels(
    "method", "basis", "fct_measures.status", "fct_evaluations.status", "rubric_role", "role",
    "verdict", "severity",
) | {
    # parameters of the methods
    "full_mark_at": "满分值",
    "over_target": "超过满分值时",
    "threshold": "阈值",
    "direction": "方向",
    "step_size": "步长",
    "points_per_step": "每步扣分",
    "step_rounding": "步数取整",
    "when_undefined": "指标无值时",
    "when_unbounded": "分母为 0 时",
    "choice": "择一组",
}  # fmt: skip


def plain(number: Decimal | int | None) -> str:
    """A number as people write it; a dash for none."""
    return "—" if number is None else as_written(number)


def fixed(number: Decimal | None, decimals: int) -> str:
    """A score with its rubric's decimals; a dash for none."""
    return "—" if number is None else f"{number:.{decimals}f}"


def signed(number: Decimal | None) -> str:
    """A difference with its sign."""
    return "—" if number is None else ("+" if number > 0 else "") + plain(number)


def label(code: str | None) -> str:
    """A code with its Chinese label."""
    return f"{LABELS[code]} {code}" if code in LABELS else str(code)


def sum_text(score: Score) -> str:
    """How the criteria's points come to the score."""
    if score.is_excluded:
        return "各要点均不适用，不计入总分"
    if score.points_awarded is None or score.score is None:
        return "有要点没有得分，不合计"
    counted = [c.points_awarded for c in score.criteria if c.points_awarded is not None]
    terms = " + ".join(plain(p) if p >= 0 else f"({plain(p)})" for p in counted)
    steps = [f"{terms} = {plain(score.points_awarded)}"]
    left = score.points_counted or score.points_possible
    total = score.points_awarded * score.points_possible / left
    if left != score.points_possible:
        steps.append(
            f"适用部分 {plain(left)} 分，× {plain(score.points_possible)} ÷ {plain(left)} 折算"
        )
    held = min(max(total, Decimal(0)), score.points_possible)
    if score.is_vetoed:
        steps.append("一票否决，计 0")
    elif held != total:
        steps.append(f"限于 0 至 {plain(score.points_possible)} 分，计 {plain(held)}")
    steps.append(
        f"四舍五入至 {score.score_decimals} 位小数，得 {fixed(score.score, score.score_decimals)}"
    )
    return "；".join(steps)


def basis_text(score: Score) -> str:
    """Of how many points each basis decides."""
    points: dict[str, Decimal] = defaultdict(Decimal)
    for criterion in score.criteria:
        if criterion.basis != "not_chosen":
            points[criterion.basis] += criterion.points_possible
    shown = {basis: p for basis, p in points.items() if p} or points
    return "，".join(f"{LABELS[basis]} {plain(p)}" for basis, p in shown.items())


def loss_text(score: Score) -> str:
    """What was lost and why, or what is missing, and how the printed score differs."""
    reasons = [score.explanation_zh] if score.explanation_zh else []
    if score.score is None:
        reasons += [
            c.explanation_zh or f"{c.criterion_code}：{LABELS[c.basis]}"
            for c in score.criteria
            if c.basis == "missing"
        ]
    if score.printed and score.printed.verdict == "mismatch":
        reasons.append(printed_text(score.printed))
    return "；".join(reasons)


def printed_text(printed: Printed) -> str:
    """A printed figure, what it was compared with, and what explains the difference."""
    where = f"（{printed.location}）" if printed.location else ""
    named = ""
    if printed.role:
        named = f"{LABELS[printed.role]} "
    elif printed.table_name:
        named = f"{_cell_name(printed)} "
    text = f"自评 {named}{printed.reported_text or '—'}{where}，{LABELS[printed.verdict]}"
    if printed.verdict == "mismatch":
        source = "所报" if printed.table_name else "计算"
        text += f"：{source}为 {printed.computed_text or '—'}，相差 {signed(printed.difference)}"
        text += f"，{printed.explained_by or '未找到解释'}"
    return text


def parameters_text(criterion: Criterion) -> str:
    """The parameters of a criterion's method."""
    given = [
        f"{label(name)} = {plain(value) if isinstance(value, Decimal) else value}"
        for name, value in criterion.parameters.items()
    ]
    for band in criterion.bands:
        lower = ("[" if band.lower_inclusive else "(") + plain(band.lower)
        upper = plain(band.upper) + ("]" if band.upper_inclusive else ")")
        bounds = f"{'(−∞' if band.lower is None else lower}, "
        earned = "未作规定" if band.points is None else f"{plain(band.points)} 分"
        if band.upper_points is not None:
            earned += f"至 {plain(band.upper_points)} 分（直线）"
        given.append(f"{bounds}{'+∞)' if band.upper is None else upper} → {earned}")
    return "；".join(given)


def quotient_text(measure: Measure) -> str:
    """The measure as a calculation."""
    if measure.status == "missing":
        return label(measure.status)
    value = plain(measure.value) if measure.status == "defined" else label(measure.status)
    if measure.numerator is None:
        return value
    return f"{plain(measure.numerator)} ÷ {plain(measure.denominator)} = {value}"


def part_text(measure: Measure, part: Measure) -> str:
    """What a part counts with in a derived measure."""
    texts = []
    for use in measure.inputs:
        if use.input_measure != part.measure_code:
            continue
        text = LABELS[use.role]
        if part.value is not None:
            text += f"计 {plain(part.value if use.cap is None else min(part.value, use.cap))}"
        if use.cap is not None:
            text += f"，至多 {plain(use.cap)}"
        texts.append(text if use.weight == 1 else f"{text} × {plain(use.weight)}")
    return "；".join(texts)


def needed_text(measure: Measure) -> list[str]:
    """What a missing measure is made of, a line for each alternative."""
    if not measure.inputs:
        return [f"unit_measures[measure_code={measure.measure_code}].numerator"]
    lines = []
    for alternative in sorted({i.alternative for i in measure.inputs}):
        inputs = [i for i in measure.inputs if i.alternative == alternative]
        lines.append("、".join(dict.fromkeys(_input_text(i) for i in inputs)))
    return lines


def _input_text(needed: Input) -> str:
    if needed.input_measure:
        return needed.input_measure
    year = "（上年）" if needed.year_offset < 0 else ""
    return f"{needed.input_table}[{needed.input_key or ''}].{needed.input_column}{year}"


def delivered_text(cell: Cell) -> str:
    """A cell as delivered, and as corrected."""
    unit = f" {cell.amount_unit}" if cell.amount_unit else ""
    text = "（空）" if cell.delivered_value is None else cell.delivered_value + unit
    if cell.correction is None:
        return text
    unit = f" {cell.corrected_unit or cell.amount_unit or ''}".rstrip()
    return f"{text} → {'（空）' if cell.corrected_value is None else cell.corrected_value + unit}"


def place_text(cell: Cell) -> str:
    """The file and row of a cell, and whose it is where that is a unit that is continued.

    Of a cell that a database was asked for, the source, its query and the row.
    """
    whose = f"（前身 {cell.predecessor}）" if cell.predecessor else ""
    if cell.origin and "query" in cell.origin:
        return f"{cell.origin['source']} 的查询 {cell.table_name}:{cell.source_row}{whose}"
    return f"{cell.source_file}:{cell.source_row}{whose}"


def row_text(cell: Cell) -> str:
    """The same in words."""
    if cell.origin and "query" in cell.origin:
        return f"{cell.origin['source']} 的查询 {cell.table_name} 第 {cell.source_row} 行"
    return f"{cell.source_file} 第 {cell.source_row} 行"


def counted_text(cell: Cell) -> str:
    """What a cell counts with: its value, times its weight where that is not 1."""
    if cell.counted is None or cell.weight == 1:
        return plain(cell.counted)
    return f"{plain(cell.value)} × {plain(cell.weight)}"


def largest(cells: Iterable[Cell]) -> tuple[list[Cell], list[Cell]]:
    """The cells to show, and the rest: all of few, the largest of many."""
    shown = list(cells)
    if len(shown) > SHOWN_CELLS:
        shown.sort(key=lambda cell: abs(cell.counted or Decimal(0)), reverse=True)
    return shown[:SHOWN_CELLS], shown[SHOWN_CELLS:]


def by_role(cells: Iterable[Cell]) -> dict[str, list[Cell]]:
    """Cells by role, in their order."""
    roles = defaultdict(list)
    for cell in cells:
        roles[cell.role].append(cell)
    return dict(roles)


def total(cells: Iterable[Cell]) -> Decimal:
    """Σ weight × value."""
    return exact_sum(cell.counted for cell in cells if cell.counted is not None)


def all_cells(evaluation: Evaluation) -> Iterator[Cell]:
    """Every cell that is shown."""
    for printed in evaluation.printed:
        yield from printed.cells
    for score in evaluation.scores:
        if score.printed:
            yield from score.printed.cells
        for criterion in score.criteria:
            yield from criterion.assessments
            if criterion.measure:
                for measure in with_parts(criterion.measure):
                    yield from measure.cells


def files(evaluation: Evaluation) -> list[tuple[str, str, str, str]]:
    """File, SHA-256, load and time of load of all cells, each once."""
    return sorted(
        {(c.source_file, c.source_sha256, c.load_id, c.loaded_at or "—")
         for c in all_cells(evaluation)}
    )  # fmt: skip


def origins(evaluation: Evaluation) -> list[tuple[str, str]]:
    """The files of all cells that were fetched, each once, and in a line from where."""
    found = {c.source_file: c.origin for c in all_cells(evaluation) if c.origin}
    return [(name, origin_text(origin)) for name, origin in sorted(found.items())]


def origin_text(origin: dict[str, str]) -> str:
    """Where a file was fetched from: a query and its moment, or an object and its version."""
    o = defaultdict(str, origin)
    if "query" in origin:
        query = " ".join(o["query"].split())
        return (
            f"数据源 {o['source']}（{o['server']}，{o['taken_at']} 的快照，{o['rows']} 行，"
            f"{o['parameters']}）：{query}"
        )
    version = f"版本 {o['version']}，" if "version" in origin else ""
    return (
        f"数据源 {o['source']}（{o['endpoint']}，{o['taken_at']} 取得）：桶 {o['bucket']} 的对象 "
        f"{o['key']}，{version}ETag {o['etag']}，{o['last_modified']} 存入"
    )


def run_text(run: Run | None) -> str:
    """The run, in a line."""
    if run is None:
        return "没有登记发布的运行"
    return (
        f"{run.published_at} 由运行 {run.run_id} 发布；程序版本 {run.code_version}，"
        f"评分标准 {run.seeds_sha256[:12]}，交付文件 {run.landing_sha256[:12]}"
    )


def notes_text(evaluation: Evaluation) -> list[str]:
    """Whether a total is final or why it lacks, how it differs from what is printed, its bases."""
    e = evaluation
    bases = ["computed", "assessed", "default", "missing"]
    bases += ["excluded"] if e.points_excluded else []
    rests_on = (f"{LABELS[basis]} {plain(getattr(e, f'points_{basis}'))}" for basis in bases)
    return [
        *([NOT_FINAL] if e.is_final is False else []),
        *([e.status_reason] if e.status_reason else []),
        *(printed_text(printed) for printed in e.printed),
        f"分值依据 {'，'.join(rests_on)}",
    ]


def concerned_text(evaluation: Evaluation, finding: Finding) -> str:
    """The indicators that a finding concerns, where all are shown; empty where there is none."""
    shown = [s.level3 for s in evaluation.scores if s.indicator_code in finding.indicator_codes]
    return f"（涉及 {'、'.join(shown)}）" if shown else ""


def to_json(evaluation: Evaluation) -> str:
    """The evaluation as JSON: every field of the tree by its name, decimals as exact text."""

    def exact(value: object) -> str:
        if isinstance(value, Decimal):
            return plain(value).replace(",", "")
        raise TypeError(type(value))

    return json.dumps(asdict(evaluation), ensure_ascii=False, indent=2, default=exact)


def to_html(evaluation: Evaluation, *, is_whole: bool) -> str:
    """The evaluation as one page that asks for nothing from outside."""
    environment = templates(TEMPLATES)
    environment.globals.update(
        {f.__name__: f for f in (
            plain, fixed, signed, label, sum_text, basis_text, loss_text, printed_text,
            parameters_text, quotient_text, part_text, needed_text, delivered_text, counted_text,
            place_text, row_text, largest, by_role, total, files, origins, run_text, notes_text,
            concerned_text,
        )}
    )  # fmt: skip
    environment.globals["labels"] = LABELS
    page = environment.get_template("explain.html.jinja")
    return page.render(e=evaluation, is_whole=is_whole)


def show(evaluation: Evaluation, out: TextIO, *, is_whole: bool) -> None:
    """Print the evaluation for a terminal: a line for each score, or one score down to its cells.

    Args:
        evaluation: What to show.
        out: Where to.
        is_whole: Whether all scores were asked for.
    """
    from rich.console import Console

    # Tables are as wide as the terminal, or as most of their lines; sentences are not broken.
    console = Console(
        file=out,
        width=None if out.isatty() else 140,
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=True,
    )
    e = evaluation
    console.print(f"{e.unit_name or ''} {e.unit_code}  {e.fiscal_year} 年度", style="bold")
    console.print(f"{e.rubric_name or ''} {e.rubric_id}（{label(e.rubric_role)}）")
    console.print(f"状态 {label(e.status)}")
    if e.total_score is not None:
        rank = f"，区内第 {e.district_rank} 名" if e.district_rank else ""
        console.print(f"总分 {fixed(e.total_score, e.score_decimals)}，等级 {e.grade}{rank}")
    for line in notes_text(e):
        console.print(line)
    console.print()
    if is_whole:
        _show_scores(console, e)
    else:
        for score in e.scores:
            _show_score(console, score)
        _show_files(console, e)
    findings = e.findings if is_whole else e.scores[0].findings
    for finding in findings:
        console.print(
            f"数据规则 {finding.rule_id}（{label(finding.severity)}）{finding.message_zh}"
            f"{concerned_text(e, finding) if is_whole else ''}"
        )
    console.print(run_text(e.run))


def _table(*columns: str, numbers: tuple[str, ...] = ()) -> Any:
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in numbers else "left", overflow="fold")
    return table


def _show_scores(console: Any, e: Evaluation) -> None:
    table = _table(
        "三级指标", "得分", "满分", "依据", "自评", "失分", "原因",
        numbers=("得分", "满分", "自评", "失分"),
    )  # fmt: skip
    for score in e.scores:
        table.add_row(
            f"{score.level3} {score.indicator_code}",
            fixed(score.score, score.score_decimals),
            plain(score.points_possible),
            basis_text(score),
            plain(score.reported_score),
            plain(score.points_lost) if score.points_lost else "",
            loss_text(score),
        )
    console.print(table, soft_wrap=False)
    console.print()


def _show_score(console: Any, score: Score) -> None:
    console.print(
        f"{score.level3} {score.indicator_code}（{score.level1} · {score.level2}）  "
        f"{fixed(score.score, score.score_decimals)} / {plain(score.points_possible)} 分",
        style="bold",
    )
    console.print(f"评分标准  {score.standard_zh or '—'}")
    console.print(f"合计  {sum_text(score)}")
    if score.explanation_zh:
        console.print(f"失分  {score.explanation_zh}")
    if score.printed:
        places = "、".join(row_text(c) for c in score.printed.cells)
        console.print(f"自评得分  {printed_text(score.printed)}（{places}）")
    for number, criterion in enumerate(score.criteria, 1):
        console.print()
        console.print(
            f"{number}. {criterion.criterion_code}  "
            f"{plain(criterion.points_awarded)} / {plain(criterion.points_possible)} 分，"
            f"{label(criterion.basis)}",
            style="bold",
        )
        console.print(f"条款  {criterion.standard_zh or '—'}")
        parameters = parameters_text(criterion)
        console.print(f"方法  {label(criterion.method)}{f'：{parameters}' if parameters else ''}")
        if criterion.explanation_zh:
            console.print(f"说明  {criterion.explanation_zh}")
        if criterion.measure:
            _show_measure(console, criterion.measure)
        if criterion.assessments:
            _show_cells(console, criterion.assessments)
    console.print()


def _show_measure(console: Any, measure: Measure, as_part: str = "") -> None:
    name = f"{measure.name_zh or ''} {measure.measure_code}"
    console.print(f"{f'其中  {name}（{as_part}）' if as_part else f'指标  {name}'}")
    console.print(f"  {quotient_text(measure)}    {measure.definition or ''}".rstrip())
    if measure.status == "missing":
        for line in needed_text(measure):
            console.print(f"  需要  {line}")
    for printed in measure.printed:
        console.print(f"  {printed_text(printed)}")
    if measure.cells:
        _show_cells(console, measure.cells)
    for part in measure.parts:
        _show_measure(console, part, part_text(measure, part))


def _show_cells(console: Any, cells: tuple[Cell, ...]) -> None:
    from rich.padding import Padding

    table = _table(
        "", "单元格", "交付值", "计入（金额为元）", "文件:行", numbers=("计入（金额为元）",)
    )
    corrections = {}
    for role, of_role in by_role(cells).items():
        shown, rest = largest(of_role)
        for cell in shown:
            table.add_row(
                LABELS[role],
                _cell_name(cell),
                delivered_text(cell),
                counted_text(cell),
                place_text(cell),
            )
            if cell.correction:
                corrections[cell.correction] = cell
        if rest:
            table.add_row(LABELS[role], f"另有 {len(rest)} 个单元格", "", plain(total(rest)), "")
        if len(of_role) > 1:
            table.add_row(LABELS[role], "Σ", "", plain(total(of_role)), "")
    console.print(Padding(table, (0, 0, 0, 2)), soft_wrap=False)
    for correction, cell in corrections.items():
        console.print(f"  更正  {cell.record_key} {cell.column_name}：{correction}")


def _cell_name(cell: Cell | Printed) -> str:
    record = f"[{cell.record_key}]" if cell.record_key else ""
    return f"{cell.table_name}{record}.{cell.column_name}"


def _show_files(console: Any, e: Evaluation) -> None:
    used = files(e)
    if not used:
        return
    table = _table("文件", "SHA-256", "批次 load_id", "载入时间")
    for row in used:
        table.add_row(*row)
    console.print(table, soft_wrap=False)
    for name, text in origins(e):
        console.print(f"{name}  {text}")
    console.print()
