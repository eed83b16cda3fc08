"""The figures of the benchmark as one table: on the terminal, and in docs/performance.md."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from orchestration.project import PROJECT_DIR

PAGE = PROJECT_DIR / "docs" / "performance.md"
BEGIN, END = "<!-- make bench begins -->", "<!-- make bench ends -->"


@dataclass(frozen=True)
class Figure:
    """A row of the table.

    Attributes:
        name: The figure's name in the JSON lines.
        label: What people are told.
        unit: s (seconds), bytes, number or ratio.
        goal: What it is to come to, empty for none.
        stretch: What would be better still.
    """

    name: str
    label: str
    unit: str
    goal: str = ""
    stretch: str = ""


FIGURES = (
    Figure("cpu", "whole run, CPU", "s"),
    Figure("wall", "whole run, wall", "s"),
    *(
        Figure(f"step_{step}", f"  {step}", "s")
        for step in ("load", "stage", "check_delivered", "score", "check_marts", "publish")
    ),
    Figure("step_rest", "  before, between and after", "s"),
    Figure("limit_cpu", "the limit", "s"),
    Figure("limit_lines", "  lines of code", "number"),
    Figure("polars_cpu", "the same in polars", "s"),
    Figure("polars_lines", "  lines of code", "number"),
    Figure("straight_cpu", "the same SQL straight", "s"),
    Figure("parquet_cpu", "one Parquet write of the marts", "s"),
    Figure("bare_cpu", "bare imports and dbt parse", "s"),
    Figure("alone_cpu", "a year alone", "s"),
    Figure("anew_cpu", "one year among ten, anew", "s"),
    Figure("scores", "scores compared", "number"),
    Figure("limit_differing", "  that differ, limit", "number"),
    Figure("polars_differing", "  that differ, polars", "number"),
    Figure("blocked", "  blocked evaluations, passed over", "number"),
    Figure("peak_bytes", "peak memory", "bytes", "3 GB", "2 GB"),
    Figure("limit_peak_bytes", "  of the limit", "bytes"),
    Figure("landed_bytes", "landed", "bytes"),
    Figure("disk_bytes", "on disk", "bytes"),
    Figure("written_bytes", "written in all", "bytes"),
    Figure("evidence_rows", "evidence rows stored", "number"),
    Figure("run_to_limit", "whole run ÷ limit", "ratio", "15", "10"),
    Figure("run_to_straight", "whole run ÷ the same SQL straight", "ratio", "1.3", "1.2"),
    Figure("publish_to_parquet", "publish ÷ one Parquet write", "ratio", "2", "1.5"),
    Figure("evidence_to_cells", "evidence rows ÷ delivered cells", "ratio", "1.2", "1.0"),
    Figure("disk_to_landed", "on disk ÷ landed", "ratio", "5", "3"),
    Figure("anew_to_alone_cpu", "one year among ten ÷ alone, CPU", "ratio", "1.2", "1.05"),
    Figure("anew_to_alone_written", "  bytes written", "ratio", "1.2", "1.05"),
    Figure("run_to_bare", "two departments ÷ bare imports", "ratio", "1.5", "1.3"),
)


@dataclass
class Case:
    """What was measured of one size.

    Attributes:
        name: The size, as people are told.
        figures: Numbers by the names of `FIGURES`.
    """

    name: str
    figures: dict[str, Any] = field(default_factory=dict)


def shown(number: float | None, unit: str) -> str:
    """A number as the table has it; a dash for one that was not measured."""
    if number is None:
        return "—"
    if unit == "bytes":
        if number >= 1e9:
            return f"{number / 1e9:.2f} GB"
        return f"{number / 1e6:.0f} MB" if number >= 1e7 else f"{number / 1e6:.2f} MB"
    if unit == "number":
        return f"{number:,}"
    if unit == "ratio":
        return f"{number:.2f}" if number < 10 else f"{number:.0f}"
    return f"{number:,.1f} s"


def rows(cases: Iterable[Case]) -> tuple[list[str], list[list[str]]]:
    """The header and the rows of the table; a figure that no case has is left out."""
    cases = list(cases)
    header = ["", *(case.name for case in cases), "goal", "stretch"]
    found = [
        [
            figure.label,
            *(shown(case.figures.get(figure.name), figure.unit) for case in cases),
            figure.goal,
            figure.stretch,
        ]
        for figure in FIGURES
        if any(case.figures.get(figure.name) is not None for case in cases)
    ]
    return header, found


def show(cases: Iterable[Case], title: str) -> None:
    """Print the table.

    Args:
        cases: What was measured.
        title: The day and the machine.
    """
    header, found = rows(cases)
    table = Table(title=title)
    for name in header:
        table.add_column(name, justify="left" if not name else "right", no_wrap=not name)
    for row in found:
        table.add_row(*row)
    Console(width=max(120, 34 + 13 * len(header))).print(table)


def write_page(cases: Iterable[Case], title: str, page: Path = PAGE) -> None:
    """Put the table into the page, between its two marks.

    Args:
        cases: What was measured.
        title: The day and the machine.
        page: The page.
    """
    header, found = rows(cases)
    # Figures below another are set in, as on the terminal.
    found = [[re.sub("^  ", "&emsp;", label), *cells] for label, *cells in found]
    lines = [
        f"{title}.",
        "",
        "| " + " | ".join(header) + " |",
        "|---|" + "---:|" * (len(header) - 1),
        *("| " + " | ".join(row) + " |" for row in found),
    ]
    before, _, rest = page.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    text = "\n".join(lines)
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", "utf-8")
