"""Running a year's steps without Dagster, for what no Dagster is to be told of."""

import traceback
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from orchestration import seeds
from orchestration.faults import Refused, WrongSurroundings, keep_details
from orchestration.graph.build import FIRST_YEAR, JOB, Build, Launched, Settings
from orchestration.graph.steps import steps
from orchestration.ledger import AsOf


def run(
    landing: Path,
    warehouse: Path,
    years: list[int],
    command: str,
    as_of: AsOf | None = None,
    *,
    is_preview: bool = False,
) -> dict[int, list[str]]:
    """Build and publish fiscal years one after the other; one that is refused leaves the others.

    Args:
        landing: The landing folder.
        warehouse: The warehouse folder.
        years: The fiscal years.
        command: What launches them, as the ledger has it.
        as_of: When the runs count as started; when they do by default.
        is_preview: Whether builds are kept for approval instead of being published.

    Returns:
        For each year the reasons why it was refused, one line each; none where it was published.
    """
    if faults := seeds.faults():
        return faulty_seeds(years, faults)
    settings = Settings(landing.absolute(), warehouse.absolute(), as_of, command, is_preview)
    return {year: no_fiscal_year(year) or _reasons(year, settings) for year in years}


def faulty_seeds(years: list[int], faults: list[str]) -> dict[int, list[str]]:
    """What is told of each year where the seeds cannot be loaded."""
    return {year: [f"{year} refused: {fault}" for fault in faults] for year in years}


def no_fiscal_year(year: int) -> list[str]:
    """Why a year cannot be one to build; nothing where it can."""
    # The open year and the next are there too: bureaus deliver before a year is over.
    last = datetime.now(UTC).year + 1
    if FIRST_YEAR <= year <= last:
        return []
    return [
        f"{year} refused: expected a fiscal year from {FIRST_YEAR} to {last}; "
        "correct the folder's name"
    ]


def _reasons(year: int, settings: Settings) -> list[str]:
    """Run a year's steps; why it was refused, or what went wrong, with the details in a file."""
    launched = Launched(str(uuid4()), JOB, None, str(settings.command))
    build = Build(launched, year, settings)
    try:
        with build.held():
            for _ in steps(build):
                pass
    except Refused as refused:
        return [f"{year} refused: {reason}" for reason in refused.reasons]
    except Exception as error:
        details = traceback.format_exc()
        cause: BaseException = error
        while cause.__cause__:
            cause = cause.__cause__
        if isinstance(cause, WrongSurroundings):
            return [f"{year} refused: {cause}"]
        said = " ".join("".join(traceback.format_exception_only(cause)).split())
        return [f"{year} refused: {said} ({keep_details(details, settings.warehouse)})"]
    return []
