"""The jixiao command."""

import gc
import logging
import os
import signal
import sys
import time
import traceback
import warnings
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from orchestration import endings, running, terminal
from orchestration.endings import (
    DIFFERENT,
    INTERRUPTED,
    PUBLISHED,
    REFUSED,
    SAME,
    WITH_GAPS,
    WRONG_USAGE,
)
from orchestration.faults import WrongSurroundings, in_a_line, keep_details
from orchestration.landing.files import is_year
from orchestration.project import OWN, Folders
from orchestration.publication import chain
from orchestration.regions import names, targets
from orchestration.regions.targets import Target

# Where the context keeps the folder that a fault's details are written to.
WAREHOUSE = f"{__name__}.warehouse"
STARTED = time.monotonic()


def main(arguments: list[str] | None = None) -> int:
    """Run the jixiao command.

    Args:
        arguments: The command line without the program's name; the process's own by default.

    Returns:
        0: published. 1: refused. 2: wrong usage or configuration. 3, with --strict: published,
        but an evaluation is blocked or incomplete. Of verify 0: the same, 1: different.
    """
    try:
        return int(jixiao.main(arguments, prog_name="jixiao", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return endings.told("interrupted", INTERRUPTED)


class _Commands(click.Group):
    """Commands in the order of their use, whose faults end in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except KeyboardInterrupt:
            return endings.told("interrupted", INTERRUPTED)
        except WrongSurroundings as wrong:
            return endings.told(str(wrong))
        except Exception as error:
            folder = ctx.meta.get(WAREHOUSE, Folders.from_environment().warehouse)
            return endings.told(
                f"{in_a_line(error)} ({keep_details(traceback.format_exc(), folder)})"
            )


class _FiscalYear(click.ParamType[int]):
    name = "year"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, str) and not is_year(value):
            self.fail(f"{value!r} is no fiscal year; expected four digits", param, ctx)
        return int(value)


def _folder(ctx: click.Context, param: click.Parameter, folder: Path) -> Path:
    try:
        os.fspath(folder).encode()
    except UnicodeEncodeError:
        shown = os.fsencode(folder).decode(errors="backslashreplace")
        raise WrongSurroundings(f"{shown}: its name is not in UTF-8; rename it") from None
    ctx.meta[f"{__name__}.{param.name}"] = folder
    return folder


_landing = click.option(
    "--landing",
    type=click.Path(readable=False, path_type=Path),
    default=lambda: Folders.from_environment().landing,
    callback=_folder,
    metavar="DIR",
    help="The landing folder.  [default: JIXIAO_LANDING, else landing if it is there, else the "
    "example in data/landing]",
)
_warehouse = click.option(
    "--warehouse",
    type=click.Path(readable=False, path_type=Path),
    default=lambda: Folders.from_environment().warehouse,
    callback=_folder,
    metavar="DIR",
    help="The warehouse.  [default: JIXIAO_WAREHOUSE, else warehouse]",
)
_regions = click.option(
    "--region",
    "regions",
    multiple=True,
    metavar="R",
    help="A region of the landing folder; may be repeated; . is its own years.  [default: every "
    "region, and its own years]",
)
_region = click.option(
    "--region",
    metavar="R",
    help="A region; . is what is of none.  [default: the only one that is published]",
)
_units = click.option(
    "--unit",
    "units",
    multiple=True,
    metavar="U",
    help="A unit code, or a part of the unit's name; may be repeated.  [default: all]",
)
_years_to_load = click.option(
    "--year",
    "years",
    type=_FiscalYear(),
    multiple=True,
    metavar="Y",
    help="A fiscal year; may be repeated.  [default: every year in the landing folder]",
)


@click.group(cls=_Commands, context_settings={"terminal_width": 80})
@click.version_option(version("jixiao"), message="%(prog)s %(version)s")
def jixiao() -> None:
    """部门整体绩效评价: scores government departments from raw tables."""


@jixiao.command()
@_years_to_load
@_regions
@_landing
@_warehouse
@click.option(
    "--strict", is_flag=True, help="Exit with 3 where an evaluation is blocked or incomplete."
)
@click.option(
    "--preview",
    is_flag=True,
    help="Build and check one year, publish nothing and say what would change.",
)
def run(
    years: tuple[int, ...],
    regions: tuple[str, ...],
    landing: Path,
    warehouse: Path,
    strict: bool,
    preview: bool,
) -> int:
    """Load, check, score and publish.

    Years are built one after the other, and so are regions. One that is refused leaves the others
    published. What is published already is not published again.
    """
    _tell_progress()
    root = Folders(landing, warehouse)
    wanted, refused = targets.to_load(root, regions, years)
    if preview:
        return running.preview(running.only(wanted, refused, root), strict)
    statuses: list[int] = []
    for number, target in enumerate(wanted):
        started = time.monotonic() if number else STARTED
        with endings.of_region(target, statuses):
            folders = names.prepare(root, target.region)
            of = replace(target, folders=folders)
            statuses.append(running.run(of, root, strict, started, number == 0))
        if statuses[-1] == INTERRUPTED:
            return INTERRUPTED
        if target.region != OWN:
            statuses.append(running.show_as_one(root))
    if not regions:
        there = {target.region for target in wanted}
        for region in names.built(warehouse):
            if region not in there and not root.of(region).landing.is_dir():
                print(f"{region} stays published; {landing} has no such region")
    statuses += [endings.refused(line) for line in refused]
    return endings.gravest(statuses)


@jixiao.command()
@click.argument("run_id", metavar="RUN")
@_region
@_warehouse
def publish(run_id: str, region: str | None, warehouse: Path) -> int:
    """Publish a preview, exactly as it was built.

    RUN is the run that jixiao run --preview has told, or how it begins. It is refused where the
    files, the seeds, the code or what is published are no longer those that it was built from.
    """
    _tell_progress()
    from orchestration import approval
    from orchestration.faults import Refused
    from orchestration.graph.build import user
    from orchestration.publication import summary
    from orchestration.publication.folder import Warehouse

    root = Folders(Path(), warehouse)
    region = targets.which(root, region, with_previews=True)
    of = Warehouse(root.of(region).warehouse)
    try:
        with names.told_of(region):
            year = approval.publish(of.root, run_id, user())
    except Refused as refused:
        for reason in refused.reasons:
            print(f"refused: {reason}", file=sys.stderr)
        return REFUSED
    summary.show(of.database, [year])
    print(f"{year} is published in {of.published}, head {chain.head(of.published)}")
    return PUBLISHED if region == OWN else running.show_as_one(root)


@jixiao.command()
@_region
@_warehouse
def rollback(region: str | None, warehouse: Path) -> int:
    """Publish again what was published before.

    The ledger and the history tell it. Once more goes back one further, as far as publications are
    kept.
    """
    _tell_progress()
    from orchestration.graph.build import user
    from orchestration.publication.folder import Warehouse
    from orchestration.publication.rollback import roll_back

    root = Folders(Path(), warehouse)
    region = targets.which(root, region)
    of = Warehouse(root.of(region).warehouse.resolve())
    with names.told_of(region), of.building(say=logging.getLogger("jixiao").info):
        restored = roll_back(of, user(), "jixiao rollback")
    for year in restored.years:
        print(f"{year} is as {restored.restored} published it; {restored.undone} is undone")
    print(f"published in {of.published}, head {chain.head(of.published)}")
    return PUBLISHED if region == OWN else running.show_as_one(root)


@jixiao.command()
@_years_to_load
@_regions
@_landing
@_warehouse
@click.option(
    "--strict",
    is_flag=True,
    help="Do all that run would, in a temporary folder, and exit with 3 where it would.",
)
def check(
    years: tuple[int, ...], regions: tuple[str, ...], landing: Path, warehouse: Path, strict: bool
) -> int:
    """Read every file and seed and say what is wrong with it.

    Nothing is built or published. It exits with 1 where run would refuse a year.
    """
    _tell_progress()
    wanted, refused = targets.to_load(Folders(landing, warehouse), regions, years)
    running.tell_nobody()
    from orchestration.check import check_seeds, check_year, would_have_gaps

    statuses: list[int] = []
    readable = []
    for target in wanted:
        with endings.of_region(target, statuses):
            endings.head(target)
            of_years = {year: check_year(target.folders.landing, year) for year in target.years}
            refused += [target.line(line) for lines in of_years.values() for line in lines]
            if found := [year for year, reasons in of_years.items() if not reasons]:
                readable.append(replace(target, years=found))
    of_seeds = check_seeds()
    for target in readable if strict and not of_seeds else ():
        with endings.of_region(target, statuses):
            endings.head(target)
            folders = target.folders
            more, has_gaps = would_have_gaps(folders.landing, folders.warehouse, target.years)
            refused += map(target.line, more)
            statuses += [WITH_GAPS] if has_gaps else []
    statuses += [endings.refused(reason) for reason in refused + of_seeds]
    return endings.gravest(statuses)


@jixiao.command()
@click.option(
    "--year",
    "years",
    type=_FiscalYear(),
    multiple=True,
    metavar="Y",
    help="A fiscal year; may be repeated.  [default: every year that sources.yml names, and every "
    "one of the landing folder that a source is for]",
)
@_regions
@_landing
def fetch(years: tuple[int, ...], regions: tuple[str, ...], landing: Path) -> int:
    """Fetch landing tables from databases and S3 storage.

    The file sources.yml in the landing folder, or the one that JIXIAO_SOURCES names, says from
    where; of a region the one in its folder. What a source holds is put into the landing folder
    whole or not at all, and only where it has changed. It exits with 1 where what a source holds is
    refused, with 2 where one cannot be reached.
    """
    _tell_progress()
    targets.years_of(landing)
    root = Folders(landing, Path())
    refused: list[str] = []
    if not regions:
        regions, refused = _with_sources(landing)
    elif missing := [name for name in regions if not root.of(name).landing.is_dir()]:
        raise WrongSurroundings(f"no folder {root.of(missing[0]).landing} of a region")
    if len(regions) > 1 and os.environ.get("JIXIAO_SOURCES"):
        raise WrongSurroundings(
            "JIXIAO_SOURCES names the sources of one region; say which by --region, or unset it "
            f"and put a sources.yml into each of {targets.listed(regions)}"
        )
    statuses: list[int] = []
    for region in regions:
        target = Target(region, root.of(region), [])
        with endings.of_region(target, statuses):
            statuses.append(_fetch(target, years))
    statuses += [endings.refused(line) for line in refused]
    return endings.gravest(statuses)


def _with_sources(landing: Path) -> tuple[tuple[str, ...], list[str]]:
    """The regions that have sources of their own, and why others cannot be fetched.

    Without any it is the landing folder itself, which says what it lacks.
    """
    from orchestration.sources import config

    found = names.delivered(landing)
    own = [OWN] if config.sources_file(landing).is_file() or not found.names else []
    of_regions = [name for name in found.names if (landing / name / config.FILE).is_file()]
    return (*own, *of_regions) or (OWN,), list(found.refused)


def _fetch(target: Target, years: tuple[int, ...]) -> int:
    from orchestration.sources import config
    from orchestration.sources.fetch import fetch as fetched

    landing = target.folders.landing
    path = config.sources_file(landing)
    try:
        sources = config.read(path)
    except WrongSurroundings as wrong:
        return max(endings.told(target.line(line)) for line in str(wrong).splitlines())
    wanted = sorted(set(years)) or config.years(sources, landing)
    if not wanted:
        return endings.told(target.line(f"{path}: no fiscal year to fetch; name one with --year"))
    if strange := [y for y in wanted if not any(of.is_for(y) for of in sources.values())]:
        listed = ", ".join(map(str, strange))
        return endings.told(target.line(f"{path}: no source is for {listed}; see its years"))
    outcomes = fetched(landing, sources, wanted)
    for of in outcomes:
        for line in of.refused:
            endings.refused(target.line(f"{of.year} refused: {of.source}: {line}"))
        for line in of.faults:
            endings.told(target.line(f"{of.year} {of.source}: {line}"))
    if any(of.faults for of in outcomes):
        return WRONG_USAGE
    return REFUSED if any(of.refused for of in outcomes) else PUBLISHED


@jixiao.command()
@click.option(
    "--year", type=_FiscalYear(), required=True, metavar="Y", help="The fiscal year of the data."
)
@click.option(
    "--out",
    type=click.Path(readable=False, path_type=Path),
    metavar="FILE",
    help="The workbook.  [default: landing-template-<Y>.xlsx in this folder]",
)
def template(year: int, out: Path | None) -> int:
    """Write a workbook for bureaus to fill in."""
    from orchestration.landing.template import write_template

    path = out or Path(f"landing-template-{year}.xlsx")
    try:
        with path.open("xb") as stream:
            write_template(stream, year)
    except FileExistsError:
        return endings.told(f"{path}: exists already; move it away or choose another --out")
    except OSError as error:
        return endings.told(f"{path}: cannot be written ({error.strerror}); choose another --out")
    print(f"{path}: fill it in and put it into the folder {year} of the landing folder")
    return PUBLISHED


@jixiao.command()
@click.argument("unit", metavar="UNIT")
@click.argument("indicator", required=False, metavar="[INDICATOR]")
@click.option(
    "--year",
    type=_FiscalYear(),
    metavar="Y",
    help="A fiscal year.  [default: the latest published]",
)
@click.option("--rubric", metavar="R", help="A rubric.  [default: the department's official one]")
@click.option(
    "--format",
    "shape",
    type=click.Choice(["text", "json", "html"]),
    default="text",
    show_default=True,
    help="For people or for programs.",
)
@_region
@_warehouse
def explain(
    unit: str,
    indicator: str | None,
    year: int | None,
    rubric: str | None,
    shape: str,
    region: str | None,
    warehouse: Path,
) -> int:
    """Follow a published score to the cells that it came from.

    UNIT is a unit code, or a part of the unit's name. INDICATOR is an indicator's code or its
    Chinese name; without it every indicator is shown in a line.
    """
    from orchestration.explain import show
    from orchestration.explain.evaluation import CannotExplain
    from orchestration.explain.evaluation import explain as explained

    _, folders = targets.published(warehouse, region)
    try:
        evaluation = explained(folders.warehouse, unit, indicator, year, rubric)
    except CannotExplain as error:
        return endings.told(str(error))
    if shape != "text":
        terminal.use_utf8()
    is_whole = indicator is None
    if shape == "json":
        print(show.to_json(evaluation))
    elif shape == "html":
        print(show.to_html(evaluation, is_whole=is_whole))
    else:
        show.show(evaluation, sys.stdout, is_whole=is_whole)
    return PUBLISHED


@jixiao.command()
@click.argument("name", metavar="NAME")
@click.option(
    "--format",
    "shape",
    type=click.Choice(["text", "html"]),
    default="text",
    show_default=True,
    help="For a terminal, or a page to print.",
)
def rubric(name: str, shape: str) -> int:
    """Print a rubric as people read it.

    NAME is a rubric_id of the seeds, or a part of the rubric's name. Each clause stands above what
    its row means in words, so that it can be laid beside the printed rubric.
    """
    running.tell_nobody()
    from orchestration.explain.evaluation import CannotExplain
    from orchestration.rubric import read, show

    try:
        found = read.read(name)
    except CannotExplain as error:
        return endings.told(str(error))
    except read.FaultySeeds as faults:
        for line in str(faults).splitlines():
            print(f"refused: {line}", file=sys.stderr)
        return REFUSED
    if shape == "html":
        terminal.use_utf8()
        print(show.to_html(found))
    else:
        show.show(found, sys.stdout)
    return PUBLISHED


@jixiao.command("what-if")
@click.option("--rubric", required=True, metavar="R", help="A rubric of the seeds.")
@_units
@click.option(
    "--year",
    type=_FiscalYear(),
    metavar="Y",
    help="A fiscal year.  [default: the latest published]",
)
@click.option(
    "--format",
    "shape",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="For people or for programs.",
)
@_region
@_warehouse
def what_if(
    rubric: str,
    units: tuple[str, ...],
    year: int | None,
    shape: str,
    region: str | None,
    warehouse: Path,
) -> int:
    """Say what departments would come to under a rubric.

    It is any rubric of the seeds, assigned or not: the same models evaluate it on a copy of what
    is published, and publish nothing. With --unit each indicator is shown too.
    """
    running.tell_nobody()
    from orchestration import what_if as what_if_
    from orchestration.explain.evaluation import CannotExplain
    from orchestration.faults import Refused

    _, folders = targets.published(warehouse, region)
    try:
        found = what_if_.compare(folders.warehouse, rubric, units, year)
    except CannotExplain as error:
        return endings.told(str(error))
    except Refused as refused:
        for reason in refused.reasons:
            print(f"refused: {reason}", file=sys.stderr)
        return REFUSED
    if shape == "json":
        terminal.use_utf8()
        print(what_if_.to_json(found))
    else:
        what_if_.show(found, sys.stdout)
    return PUBLISHED


@jixiao.command()
@click.option(
    "--year", type=_FiscalYear(), required=True, metavar="Y", help="A published fiscal year."
)
@_units
@click.option(
    "--out",
    type=click.Path(readable=False, path_type=Path),
    metavar="DIR",
    help="Where to.  [default: reports/<Y> in this folder, of a region reports/<R>/<Y>]",
)
@click.option(
    "--format",
    "shape",
    type=click.Choice(["docx", "xlsx", "pdf"]),
    default="docx",
    show_default=True,
    help="Documents, workbooks that recompute the scores, or PDF by LibreOffice.",
)
@_region
@_warehouse
def report(
    year: int,
    units: tuple[str, ...],
    out: Path | None,
    shape: str,
    region: str | None,
    warehouse: Path,
) -> int:
    """Write the official forms of a year.

    Of each department 部门整体支出绩效评分表, 部门整体支出绩效目标完成情况自评表 and a draft of
    存在问题及改进措施, a file each. A file of that name is replaced.
    """
    from orchestration.report.read import CannotReport
    from orchestration.report.write import write_forms

    region, folders = targets.published(warehouse, region)
    try:
        out = out or Path("reports", region, str(year))
        print(write_forms(folders.warehouse, year, units, out, shape))
    except CannotReport as error:
        return endings.told(str(error))
    return PUBLISHED


@jixiao.command()
@click.option(
    "--run",
    "run_id",
    metavar="ID",
    help="A run in audit.runs.  [default: the current run of every published year]",
)
@_region
@_landing
@_warehouse
def verify(run_id: str | None, region: str | None, landing: Path, warehouse: Path) -> int:
    """Build what is published again and say what differs.

    It prints same and exits with 0, or prints each difference and exits with 1.
    """
    _tell_progress()
    region, folders = targets.published(warehouse, region, landing)
    with names.told_of(region):
        heads = chain.heads_file()
    running.tell_nobody()
    from orchestration.verify import NotPublished, differences

    targets.years_of(folders.landing)
    try:
        lines = differences(folders.landing, folders.warehouse, run_id, heads)
    except NotPublished as error:
        return endings.told(str(error))
    print("\n".join(lines) if lines else "same")
    return DIFFERENT if lines else SAME


def _tell_progress() -> None:
    """A line for each step on standard error; nothing of the engines' own talk, nor telemetry."""
    warnings.filterwarnings("ignore")
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("jixiao").setLevel(logging.INFO)
    for name in ("DAGSTER_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
        os.environ.setdefault(name, "1")


def command() -> None:
    """The process that the shell starts."""
    # Importing the engines makes more than half a million objects that stay: look for garbage less
    # often than after every 700.
    gc.set_threshold(100_000, 50, 100)
    # What systemd stops ends as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    terminal.prepare()
    status = main()
    if fault := terminal.fault():
        status = status or endings.told(fault)
    # Nothing is left to collect; looking through every imported object would take two seconds.
    gc.freeze()
    sys.exit(status)


if __name__ == "__main__":
    command()
