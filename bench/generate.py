"""Landing folders of invented departments, as many as wanted; the same seed gives the same bytes.

Everything in them is invented: names, amounts, scores. Nothing is drawn from a real department.
"""

import argparse
from pathlib import Path

import duckdb

from bench import rubric
from orchestration import duck

SQL = Path(__file__).with_suffix(".sql")
TABLES = (
    "departments",
    "budgets",
    "budget_execution",
    "procurement",
    "public_expenses",
    "staffing",
    "assets",
    "projects",
    "work_completion",
    "performance_targets",
    "petitions",
    "satisfaction_surveys",
    "disclosures",
    "assessments",
    "reported_scores",
)
# Fewer would leave a quarter or a line of the budget without any.
FEWEST_PAYMENTS = 12


def generate(
    folder: Path,
    departments: int,
    years: tuple[int, ...] = (2023,),
    payments: int = 0,
    defects: float = 0.0,
    seed: int = 1,
) -> Path:
    """Write a landing folder.

    Args:
        folder: The folder; each year is a folder in it.
        departments: How many departments each year has, half of them in each of two districts.
        years: The fiscal years.
        payments: Payments of each department and year, in the place of what budgets say was
            executed; none by default.
        defects: The share of departments, 0 to 1, that get a fault: a gap, a zero that something is
            divided by, a violation, more spent than there was, or a row that cannot be read.
        seed: What everything is drawn from.

    Returns:
        The folder.

    Raises:
        ValueError: There are payments, but too few for every quarter and line to have one.
    """
    if 0 < payments < FEWEST_PAYMENTS:
        raise ValueError(f"payments: {payments}; expected none, or {FEWEST_PAYMENTS} or more")
    with duckdb.connect() as con:
        rubric.read(con)
        con.execute("set preserve_insertion_order = true")
        for name, value in (
            ("departments", departments),
            ("payments", payments),
            ("defects", round(defects * 1000)),
            ("seed", seed),
        ):
            con.execute(f"set variable {name} = {value}")
        for year in years:
            con.execute(f"set variable year = {year}")
            con.execute(SQL.read_text("utf-8"))
            target = folder / str(year)
            target.mkdir(parents=True, exist_ok=True)
            for table in TABLES:
                _copy(con, table, target / f"{table}.csv")
            if payments:
                _copy(con, "payment_lines", target / "payments.csv")
    return folder


def _copy(con: duckdb.DuckDBPyConnection, relation: str, path: Path) -> None:
    con.execute(f"copy (from {relation}) to {duck.text(path)} (format csv, header)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--departments", type=int, default=100)
    parser.add_argument("--years", type=int, nargs="+", default=[2023])
    parser.add_argument("--payments", type=int, default=0, help="of each department and year")
    parser.add_argument("--defects", type=float, default=0.0, help="share of departments, 0 to 1")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    generate(
        given.folder,
        given.departments,
        tuple(given.years),
        given.payments,
        given.defects,
        given.seed,
    )
