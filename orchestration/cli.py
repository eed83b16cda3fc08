"""The jixiao command."""

import argparse
import gc
import logging
import os
import sys
import warnings
from pathlib import Path

from orchestration.files import is_year, landing_years
from orchestration.project import Folders, lineage_settings

PUBLISHED, REFUSED, WRONG_USAGE, WITH_GAPS = 0, 1, 2, 3
SAME, DIFFERENT = 0, 1
INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Run the jixiao command.

    Args:
        arguments: The command line without the program's name; the process's own by default.

    Returns:
        0: published. 1: refused. 2: wrong usage or configuration. 3, with --strict: published,
        but an evaluation is blocked or incomplete. Of verify 0: the same, 1: different.
    """
    options = _parser().parse_args(arguments)
    if options.command == "template":
        return _template(options.year, options.out or Path(f"landing-template-{options.year}.xlsx"))
    if options.command == "explain":
        return _explain(options)
    warnings.filterwarnings("ignore")
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("jixiao").setLevel(logging.INFO)
    if options.command == "verify":
        return _verify(options.landing, options.warehouse, options.run)
    return _of_landing(options)


def _of_landing(options: argparse.Namespace) -> int:
    """The commands that read the landing folder: check and run."""
    found = landing_years(options.landing)
    if not found:
        return _wrong_usage(
            f"{options.landing}: no fiscal years to load; expected folders such as 2023"
        )
    if absent := sorted(set(options.year or []) - set(found)):
        return _wrong_usage(
            f"no {', '.join(str(options.landing / str(year)) for year in absent)}; "
            f"the landing folder has {', '.join(map(str, found))}"
        )
    years = sorted(set(options.year or found))
    if options.command == "check":
        return _check(options.landing, years)
    try:
        options.warehouse.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return _wrong_usage(f"{options.warehouse}: no folder to build in ({error.strerror})")
    events = lineage_settings()["openlineage_file"]
    try:
        if events:
            Path(events).open("a").close()
    except OSError as error:
        return _wrong_usage(
            f"{events}: no file to write OpenLineage events to ({error.strerror}); "
            "correct JIXIAO_OPENLINEAGE_FILE"
        )
    try:
        return _run(options, years)
    except KeyboardInterrupt:
        print("jixiao: interrupted; what was published stays", file=sys.stderr)
        return INTERRUPTED


def _wrong_usage(message: str) -> int:
    print(f"jixiao: {message}", file=sys.stderr)
    return WRONG_USAGE


def _template(year: int, path: Path) -> int:
    from orchestration.template import write_template

    try:
        with path.open("xb") as stream:
            write_template(stream, year)
    except FileExistsError:
        return _wrong_usage(f"{path}: exists already; move it away or choose another --out")
    except OSError as error:
        return _wrong_usage(f"{path}: cannot be written ({error.strerror}); choose another --out")
    print(f"{path}: fill it in and put it into the folder {year} of the landing folder")
    return PUBLISHED


def _explain(options: argparse.Namespace) -> int:
    from orchestration import explain, explanations

    is_whole = options.indicator is None
    try:
        evaluation = explain.explain(
            options.warehouse, options.unit, options.indicator, options.year, options.rubric
        )
    except explain.CannotExplain as error:
        return _wrong_usage(str(error))
    if options.format == "json":
        print(explanations.to_json(evaluation))
    elif options.format == "html":
        print(explanations.to_html(evaluation, is_whole=is_whole))
    else:
        explanations.show(evaluation, sys.stdout, is_whole=is_whole)
    return PUBLISHED


def _check(landing: Path, years: list[int]) -> int:
    from orchestration.check import check_year

    refused = [reason for year in years for reason in check_year(landing, year)]
    for reason in refused:
        print(reason, file=sys.stderr)
    return REFUSED if refused else PUBLISHED


def _verify(landing: Path, warehouse: Path, run_id: str | None) -> int:
    _silence_telemetry()
    # What is built to compare is no run that others are told of.
    for name in ("DAGSTER_HOME", "JIXIAO_OPENLINEAGE_FILE"):
        os.environ.pop(name, None)
    from orchestration.verify import NotPublished, differences

    if not landing.is_dir():
        return _wrong_usage(f"{landing}: no such folder; expected the landing folder")
    try:
        lines = differences(landing, warehouse, run_id)
    except NotPublished as error:
        return _wrong_usage(str(error))
    except KeyboardInterrupt:
        print("jixiao: interrupted", file=sys.stderr)
        return INTERRUPTED
    print("\n".join(lines) if lines else "same")
    return DIFFERENT if lines else SAME


def _silence_telemetry() -> None:
    for name in ("DAGSTER_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
        os.environ.setdefault(name, "1")


def _run(options: argparse.Namespace, years: list[int]) -> int:
    _silence_telemetry()
    logging.getLogger("jixiao").info("jixiao: %s", ", ".join(map(str, years)))
    # The engines take seconds to import, so only once the command is known to be sound.
    from orchestration import report
    from orchestration.launch import launch

    outcomes = launch(options.landing, options.warehouse, years)
    published = [year for year, reasons in outcomes.items() if not reasons]
    has_gaps = report.show(options.warehouse, published) if published else False
    for reasons in outcomes.values():
        for reason in reasons:
            print(reason, file=sys.stderr)
    if len(published) < len(years):
        return REFUSED
    return WITH_GAPS if options.strict and has_gaps else PUBLISHED


def _parser() -> argparse.ArgumentParser:
    folders = Folders.from_environment()
    parser = argparse.ArgumentParser(
        prog="jixiao",
        description="部门整体绩效评价: scores government departments from raw tables.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="load, check, score and publish")
    check = commands.add_parser("check", help="read every file and say what is wrong with it")
    verify = commands.add_parser(
        "verify", help="build published years again and say what differs from what is published"
    )
    verify.add_argument(
        "--run",
        metavar="ID",
        help="a run in audit.runs; the current run of every published year by default",
    )
    for command in (run, check):
        command.add_argument(
            "--year",
            type=int,
            action="append",
            metavar="Y",
            help="fiscal year, may be repeated; every year in the landing folder by default",
        )
    for command in (run, check, verify):
        command.add_argument(
            "--landing",
            type=Path,
            default=folders.landing,
            metavar="DIR",
            help="the landing folder",
        )
    explain = commands.add_parser("explain", help="follow a published score to its cells")
    explain.add_argument("unit", metavar="UNIT", help="unit code, or a part of the unit's name")
    explain.add_argument(
        "indicator",
        nargs="?",
        metavar="INDICATOR",
        help="indicator code or its Chinese name; every indicator in a line by default",
    )
    explain.add_argument(
        "--year",
        type=_fiscal_year,
        metavar="Y",
        help="fiscal year; the latest published by default",
    )
    explain.add_argument(
        "--rubric", metavar="R", help="rubric; the department's official one by default"
    )
    explain.add_argument(
        "--format", choices=("text", "json", "html"), default="text", help="text by default"
    )
    for command in (run, explain, verify):
        command.add_argument(
            "--warehouse",
            type=Path,
            default=folders.warehouse,
            metavar="DIR",
            help="the warehouse",
        )
    run.add_argument(
        "--strict",
        action="store_true",
        help="exit with 3 where an evaluation is blocked or incomplete",
    )
    template = commands.add_parser("template", help="write a workbook for bureaus to fill in")
    template.add_argument(
        "--year", type=_fiscal_year, required=True, metavar="Y", help="fiscal year of the data"
    )
    template.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="the workbook; landing-template-<Y>.xlsx in this folder by default",
    )
    return parser


def _fiscal_year(text: str) -> int:
    if not is_year(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no fiscal year; expected four digits")
    return int(text)


def command() -> None:
    """The process that the shell starts."""
    # Importing the engines makes more than half a million objects that stay: look for garbage less
    # often than after every 700.
    gc.set_threshold(100_000, 50, 100)
    status = main()
    # Nothing is left to collect; looking through every imported object would take two seconds.
    gc.freeze()
    sys.exit(status)


if __name__ == "__main__":
    command()
