"""What `jixiao run` does of a region: its years built, published and told."""

import logging
import os
import shlex
import time
from dataclasses import replace
from pathlib import Path

from orchestration import endings, settings
from orchestration.faults import WrongSurroundings
from orchestration.project import OWN, Folders, dagster_home
from orchestration.publication import chain
from orchestration.regions import names, targets
from orchestration.regions.targets import Target


def run(target: Target, root: Folders, strict: bool, started: float, is_first: bool) -> int:
    """Build and publish the years of a region.

    Args:
        target: The region, its folders and years.
        root: The folders that all regions are in.
        strict: Whether gaps in evaluations have a status of their own.
        started: The moment that the time in all is counted from, of `time.monotonic`.
        is_first: Whether starting the engines is part of it.

    Returns:
        The exit status.
    """
    from orchestration.publication.folder import Warehouse

    landing, warehouse, wanted = target.folders.landing, target.folders.warehouse, target.years
    dagster_home()
    Warehouse(warehouse).prepare()
    _require_writable()
    logger = logging.getLogger("jixiao")
    logger.info("jixiao: %s from %s", ", ".join(map(str, wanted)), landing)
    # The engines take seconds to import, so only once the command is known to be sound.
    from orchestration import automation
    from orchestration.launch import launch
    from orchestration.publication import summary

    if is_first:
        logger.info("%-21s %5.1f s  the engines", "jixiao: started", time.monotonic() - started)
    try:
        if automation.has_regions(root):
            outcomes = launch(root.landing, root.warehouse, wanted, region=target.region)
        else:
            outcomes = launch(landing, warehouse, wanted)
    except KeyboardInterrupt:
        return endings.told("interrupted; what was published stays", endings.INTERRUPTED)
    logger.info("%-21s %5.1f s  in all", "jixiao: done", time.monotonic() - started)
    count, size = Warehouse(warehouse).kept()
    of = f"{count} of {settings.kept_publications()} publications"
    logger.info("%-21s %s, %.1f MB", "jixiao: kept", of, size / 1e6)
    published = [year for year, reasons in outcomes.items() if not reasons]
    endings.head(target)
    has_gaps = summary.show(Warehouse(warehouse).database, published) if published else False
    if published:
        for line in summary.kept(warehouse, landing):
            print(line)
    for reasons in outcomes.values():
        for reason in reasons:
            endings.refused(target.line(reason))
    _alert(target, outcomes)
    if len(published) < len(wanted):
        return endings.REFUSED
    return endings.WITH_GAPS if strict and has_gaps else endings.PUBLISHED


def _alert(target: Target, outcomes: dict[int, list[str]]) -> None:
    """Tell the webhook what is left to do; whoever reads the output has just been told."""
    from orchestration.alerts import topics, webhook
    from orchestration.alerts.tell import Topic, tell

    if not webhook.is_wanted():
        return
    from orchestration.publication.folder import Warehouse

    database = Warehouse(target.folders.warehouse).database
    of_years: list[Topic] = []
    for year, reasons in outcomes.items():
        if reasons:
            lines = [reason.removeprefix(f"{year} refused: ") for reason in reasons]
            of_years.append(topics.refused(database, year, lines))
        else:
            of_years += topics.published(database, year)
    told = {of.key: replace(of, heading=target.line(of.heading)) for of in of_years}
    tell(target.folders.warehouse, list(told.values()), log=False)


def _require_writable() -> None:
    """See that what a run is to note elsewhere can be noted, and told."""
    from orchestration.alerts import webhook

    webhook.check()
    for variable, what in (
        ("JIXIAO_OPENLINEAGE_FILE", "OpenLineage events"),
        (chain.HEADS_FILE, "the heads of publications"),
    ):
        path = os.environ.get(variable)
        try:
            if path:
                Path(path).open("a").close()
        except OSError as error:
            raise WrongSurroundings(
                f"{path}: no file to write {what} to ({error.strerror}); correct {variable}"
            ) from None


def only(wanted: list[Target], refused: list[str], root: Folders) -> Target:
    """The only region that there is to preview."""
    if refused:
        raise WrongSurroundings(refused[0])
    if len(wanted) != 1:
        there = targets.listed(target.region for target in wanted)
        raise WrongSurroundings(
            f"--preview is of one region; {root.landing} has {there}: say which by --region"
        )
    return replace(wanted[0], folders=names.prepare(root, wanted[0].region))


def preview(target: Target, strict: bool) -> int:
    """Build a year without publishing it, and print what would change; the exit status."""
    landing, warehouse, years = target.folders.landing, target.folders.warehouse, target.years
    if len(years) != 1:
        listed = ", ".join(map(str, years))
        raise WrongSurroundings(
            f"--preview is of one year, as the next is built on what it publishes; {landing} has "
            f"{listed}: say which by --year"
        )
    tell_nobody()
    from orchestration.publication.folder import Warehouse

    of = Warehouse(warehouse)
    of.prepare()
    from orchestration import approval
    from orchestration.graph.run import run as build
    from orchestration.publication import summary

    with names.told_of(target.region):
        outcomes = build(landing, warehouse, years, "jixiao run --preview", is_preview=True)
    (reasons,) = outcomes.values()
    for reason in reasons:
        endings.refused(target.line(reason))
    if reasons:
        return endings.REFUSED
    (run_id, path), *_ = (
        (run_id, path)
        for run_id, path in of.previews().items()
        if path.stem.startswith(f"{years[0]}-")
    )
    endings.head(target)
    has_gaps = summary.show(path, years)
    for line in summary.first(approval.changes(path), f"marts.fct_evaluation_history of {path}"):
        print(line)
    region = "" if target.region == OWN else f" --region {shlex.quote(target.region)}"
    print(f"not published; jixiao publish {run_id[:8]}{region} publishes exactly this")
    return endings.WITH_GAPS if strict and has_gaps else endings.PUBLISHED


def show_as_one(root: Folders) -> int:
    """Let the catalogue show what the regions have published; the exit status."""
    from orchestration.regions import catalogue

    started = time.monotonic()
    try:
        shown = catalogue.write(root.warehouse)
    except WrongSurroundings as wrong:
        return endings.told(str(wrong))
    for line in catalogue.told(root.warehouse) if shown else ():
        logging.getLogger("jixiao").info(
            "%-21s %5.1f s  %s", "jixiao: catalogue", time.monotonic() - started, line
        )
    return endings.PUBLISHED


def tell_nobody() -> None:
    """What is built to compare, or to see what would be, is no run that others are told of."""
    for name in ("DAGSTER_HOME", "JIXIAO_OPENLINEAGE_FILE", chain.HEADS_FILE):
        os.environ.pop(name, None)
