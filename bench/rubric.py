"""The rubric seeds as tables, with what a rubric takes from the one that it is based on."""

from pathlib import Path

import duckdb

from orchestration import duck
from orchestration.project import SEEDS_DIR

# Points and bounds as the seeds have them, in types of 64 bits.
TYPES = {
    "points": "decimal(9,4)",
    "points_per_step": "decimal(9,4)",
    "full_mark_at": "decimal(18,10)",
    "threshold": "decimal(18,10)",
    "step_size": "decimal(18,10)",
    "lower": "decimal(18,10)",
    "upper": "decimal(18,10)",
    "upper_points": "decimal(9,4)",
    "lower_inclusive": "boolean",
    "upper_inclusive": "boolean",
    "sort_order": "integer",
    "score_decimals": "integer",
    "total_points": "decimal(9,4)",
    "fiscal_year_from": "integer",
    "fiscal_year_to": "integer",
}
KEYS = {
    "rubric_indicators": "indicator_code",
    "rubric_criteria": "criterion_code",
    "rubric_bands": "criterion_code",
    "grade_bands": "rubric_id",
}


def read(con: duckdb.DuckDBPyConnection, seeds: Path = SEEDS_DIR) -> None:
    """Make a table of each rubric seed, its rows resolved one level of `based_on` down.

    Args:
        con: Where the tables are made, each with the name of its seed.
        seeds: The folder of the seeds.

    Raises:
        NotImplementedError: A rubric is based on one that is itself based on another.
    """
    for seed in ("rubrics", "rubric_assignments", *KEYS):
        path = seeds / f"{seed}.csv"
        header = path.open(encoding="utf-8").readline().strip().split(",")
        columns = ", ".join(f"'{c}': '{TYPES.get(c, 'varchar')}'" for c in header)
        con.execute(
            f"create table {seed} as from read_csv({duck.files(path)}, header = true, "
            f"delim = ',', quote = '\"', auto_detect = false, columns = {{{columns}}})"
        )
    deep = con.execute(
        "select r.rubric_id from rubrics as r join rubrics as b on r.based_on = b.rubric_id "
        "where b.based_on is not null"
    ).fetchall()
    if deep:
        raise NotImplementedError(f"{deep[0][0]}: based on a rubric that is based on another")
    for seed, key in KEYS.items():
        con.execute(
            f"""
            insert into {seed}
            select base.* replace (rubrics.rubric_id as rubric_id)
            from {seed} as base
            join rubrics on base.rubric_id = rubrics.based_on
            anti join {seed} as own
                on rubrics.rubric_id = own.rubric_id
                and {"true" if key == "rubric_id" else f"base.{key} = own.{key}"}
            """
        )
        if seed in ("rubric_indicators", "rubric_criteria"):
            con.execute(f"delete from {seed} where points is null")
