"""A loaded DuckDB file for dbt by hand, apart from every warehouse: `make sandbox`."""

import sys
import tempfile
import warnings
from pathlib import Path

import duckdb

from orchestration import dbt, ledger, seeds
from orchestration.faults import LandingRefused, Refused, WrongSurroundings
from orchestration.graph.steps import DELIVERED, MARTS, MEASURED
from orchestration.landing.files import landing_years
from orchestration.landing.load import load_year
from orchestration.project import Folders, sandbox_file

RUN = "sandbox"


def make(landing: Path) -> list[int]:
    """Put a loaded file in the place of the target `dev`; what a failure leaves is that of before.

    Args:
        landing: The landing folder.

    Returns:
        The fiscal years in it.

    Raises:
        Refused: A year cannot be loaded, or a seed, model or test fails.
    """
    file = sandbox_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        new = Path(folder) / file.name
        years = fill(new, landing)
        for old in file.parent.glob(f"{file.name}*"):
            old.unlink()
        new.rename(file)
    return years


def fill(database: Path, landing: Path) -> list[int]:
    """Load every year of a landing folder into a new DuckDB file, and build all models there.

    No year was published before, so that a model built there any number of times finds no history
    to write.

    Args:
        database: The file, which must have the name of a build's.
        landing: The landing folder.

    Returns:
        The fiscal years in it.

    Raises:
        Refused: A year cannot be loaded, or a seed, model or test fails.
    """
    # Great Expectations takes seconds to import.
    from expectations import runner

    if faults := seeds.faults():
        raise Refused(faults)
    years = landing_years(landing)
    if not years:
        raise LandingRefused([f"{landing}: no folder of a fiscal year; expected one, as 2023"])
    with duckdb.connect(str(database)) as con:
        ledger.start_run(con, RUN, years, origin=ledger.Origin(str(landing.absolute())))
        for year in years:
            load_year(con, landing, year)
        ledger.loaded(con)
    _build(database, DELIVERED)
    for stage in ("delivered", "waivers"):
        runner.check(database, stage)
    _build(database, MARTS, exclude=MEASURED)
    return years


def _build(database: Path, select: str, exclude: str = "") -> None:
    if failures := dbt.build(database, select, exclude).failures:
        raise Refused(failures)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    try:
        years = make(Folders.from_environment().landing)
    except (Refused, WrongSurroundings) as error:
        sys.exit(f"jixiao: {error}")
    print(f"{sandbox_file()}: {', '.join(map(str, years))}")
    print("for dbt by hand, as: .venv/bin/dbt build --target dev")
