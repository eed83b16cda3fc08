"""The practical limit: the same scores straight from the landing CSV, without anything around them.

No evidence, sentences, checks or lineage; every score is held against the published ones
(`bench/compare.py`). The rubric is read from the seeds; the measures are written out, as one would
for speed, and of the landing tables only those are read that `bench/generate.py` writes.
"""

import argparse
from pathlib import Path

import duckdb

from bench import rubric
from orchestration import duck
from orchestration.landing.contract import Table, landing_contract
from orchestration.project import SEEDS_DIR

SQL = Path(__file__).with_suffix(".sql")
# All tables with numbers of 64 bits; amounts and percentages keep six decimals.
NARROW = "decimal(18,6)"
READ = (
    "departments",
    "budgets",
    "budget_execution",
    "procurement",
    "public_expenses",
    "staffing",
    "assets",
    "work_completion",
    "petitions",
    "satisfaction_surveys",
    "disclosures",
    "assessments",
    "payments",
)
SCORES = ("criterion_scores", "indicator_scores", "evaluations")
# What the rows of the seeds may say that the SQL does not know.
UNKNOWN = """
    select criterion_code from rubric_criteria
    where
        method not in ('linear', 'band', 'step', 'assessed', 'veto')
        or choice is not null or coalesce(full_mark_at, 1) != 1
        or coalesce(direction, 'above') != 'above' or coalesce(step_rounding, 'whole') != 'whole'
        or coalesce(when_undefined, 'zero') not in ('zero', 'full')
        or coalesce(when_unbounded, 'zero') not in ('zero', 'full')
        or (method = 'band' and measure_code is null) or (method = 'step' and points = 0)
    union all
    select criterion_code from rubric_bands where upper_points is not null or points is null
    union all
    select criterion_code from criterion where 10000 * points_e4 % official_e4 != 0
    union all
    select criterion_code from rubric_criteria
    where measure_code not in (select measure.measure_code from measure)
    union all
    select criterion_code from banded where len(points) > 4
"""


def score(landing: Path, out: Path, seeds: Path = SEEDS_DIR) -> None:
    """Compute the scores of all years of a landing folder.

    Args:
        landing: The landing folder; CSV in UTF-8 with English headers.
        out: The folder where the scores are written, a Parquet file of each of `SCORES`.
        seeds: The folder of the seeds.

    Raises:
        NotImplementedError: A row of the rubric seeds asks for what is not written out here.
    """
    with duckdb.connect() as con:
        rubric.read(con, seeds)
        for table in READ:
            con.execute(f"create view {table} as {_read(landing, landing_contract()[table])}")
        con.execute(SQL.read_text("utf-8"))
        if unknown := con.execute(UNKNOWN).fetchall():
            raise NotImplementedError(f"{unknown[0][0]}: the limit does not know its rule")
        out.mkdir(parents=True, exist_ok=True)
        for name in SCORES:
            path = duck.text(out / f"{name}.parquet")
            con.execute(f"copy {name} to {path} (format parquet)")


def _read(landing: Path, table: Table) -> str:
    """The rows of a table in all years; one that cannot be read blocks its department anyway."""
    types = {
        c.name: NARROW if c.data_type.startswith("decimal") else c.data_type for c in table.columns
    }
    found = sorted(landing.glob(f"*/{table.name}.csv"))
    if not found:
        nothing = ", ".join(f"cast(null as {kind}) as {name}" for name, kind in types.items())
        return f"select {nothing} where false"
    with found[0].open(encoding="utf-8") as stream:
        header = stream.readline().strip().split(",")
    columns = ", ".join(f"'{name}': '{types[name]}'" for name in header)
    files = ", ".join(map(duck.files, found))
    absent = "".join(
        f", cast(null as {kind}) as {name}" for name, kind in types.items() if name not in header
    )
    return (
        f"select *{absent} from read_csv([{files}], header = true, delim = ',', quote = '\"', "
        f"auto_detect = false, ignore_errors = true, columns = {{{columns}}})"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("landing", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    score(given.landing, given.out)
