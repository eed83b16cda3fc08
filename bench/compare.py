"""Scores that were computed in another way, held against the published ones, each and every one."""

from dataclasses import dataclass
from pathlib import Path

import duckdb

from orchestration import duck

# What is compared: the file of the scores, the mart, its keys, and pairs of columns that are equal.
COMPARED = (
    (
        "criterion_scores",
        "fct_criterion_scores",
        ("criterion_code",),
        # 18 decimals against 14.
        "m.points_awarded is distinct from "
        "cast(s.points_e14 as decimal(20, 0)) * 0.00000000000001::decimal(14, 14)",
    ),
    (
        "indicator_scores",
        "fct_indicator_scores",
        ("indicator_code",),
        "m.score is distinct from cast(s.score_e4 as decimal(14, 0)) * 0.0001::decimal(4, 4)",
    ),
    (
        "evaluations",
        "fct_evaluations",
        (),
        "m.total_score is distinct from cast(s.total_e4 as decimal(14, 0)) * 0.0001::decimal(4, 4)"
        " or m.grade is distinct from s.grade",
    ),
)


@dataclass(frozen=True)
class Comparison:
    """What a comparison came to.

    Attributes:
        compared: How many scores are in the marts of evaluations that are no blocked ones.
        differing: How many of them are not there, are others, or are there and should not be.
        blocked: How many evaluations were passed over, as a data rule blocks their department.
        first: The first of those that differ, as a person would look them up.
    """

    compared: int
    differing: int
    blocked: int
    first: str


def compare(published: Path, scores: Path) -> Comparison:
    """Hold criteria, indicators and totals against the marts.

    Args:
        published: The published DuckDB file.
        scores: The folder with the Parquet files of the other scores.
    """
    compared = differing = 0
    first = ""
    with duckdb.connect() as con:
        duck.attach(con, published, "published")
        con.execute("use published.marts")
        con.execute(
            "create temp table blocked as select unit_code, fiscal_year, rubric_id "
            "from fct_evaluations where status = 'blocked'"
        )
        (blocked,) = con.execute("select count(*) from blocked").fetchall()[0]
        for name, mart, keys, differs in COMPARED:
            key = duck.names(("unit_code", "fiscal_year", "rubric_id", *keys))
            path = duck.files(scores / f"{name}.parquet")
            joined = f"""
                from (from {mart} anti join blocked using (unit_code, fiscal_year, rubric_id)) as m
                full join (
                    from read_parquet({path})
                    anti join blocked using (unit_code, fiscal_year, rubric_id)
                ) as s using ({key})
            """
            wrong = f"m.unit_code is null or s.unit_code is null or {differs}"
            count, wrongs = con.execute(
                f"select count(*), count(*) filter ({wrong}) {joined}"
            ).fetchall()[0]
            compared += count
            differing += wrongs
            if wrongs and not first:
                (row,) = con.execute(
                    f"select {key}, m, s {joined} where {wrong} order by all limit 1"
                ).fetchall()
                first = f"{mart}: {row}"
    return Comparison(compared, differing, blocked, first)
