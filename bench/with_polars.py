"""The same scores in polars: what one would write who has no warehouse.

Like the limit it has no evidence, sentences, checks or lineage, and its scores are held against the
published ones. Money is in cents, values are × 10^10, points × 10^14, scores × 10^4, in 64 bits.
"""

import argparse
from pathlib import Path

import polars as pl

from orchestration.project import SEEDS_DIR

DEPARTMENT = ["unit_code", "fiscal_year"]
EVALUATION = [*DEPARTMENT, "rubric_id"]
ONE = 10**10
DECIMAL = pl.Decimal(18, 6)
COUNTS = (
    *("month", "authorised", "actual", "planned_count", "completed_on_time_count", "received"),
    *("replied", "replied_on_time", "respondents"),
)
AMOUNTS = (
    *("initial_budget", "adjusted_budget", "executed", "cumulative_executed", "planned", "actual"),
    *("budgeted", "fixed_assets_total", "fixed_assets_in_use", "amount"),
)
NUMBERS = ("progress_pct", "execution_rate_pct", "satisfaction_pct", "value")


class Landing:
    """The delivered tables of all years."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def table(self, name: str, *columns: str) -> pl.LazyFrame:
        """A table's rows with some of its columns, amounts in cents and other decimals × 10^10."""
        money, numbers = set(columns) & set(AMOUNTS), set(columns) & set(NUMBERS)
        if name == "staffing":
            money = set()
        types: dict[str, pl.DataType | type[pl.DataType]] = {
            "unit_code": pl.String, "amount_unit": pl.String, "fiscal_year": pl.Int64,
            **{c: pl.Int64 for c in columns if c in COUNTS},
            **dict.fromkeys(money | numbers, DECIMAL),
        }  # fmt: skip
        wanted = [*DEPARTMENT, *columns, *(["amount_unit"] if money else [])]
        paths = sorted(self.folder.glob(f"*/{name}.csv"))
        if not paths:
            as_read = {c: pl.Int64 if kind == DECIMAL else kind for c, kind in types.items()}
            return pl.LazyFrame(schema={c: as_read.get(c, pl.String) for c in wanted})
        rows = pl.scan_csv(
            paths, schema_overrides=types, ignore_errors=True, infer_schema_length=0
        ).select(wanted)
        unit = pl.col("amount_unit")
        factor = pl.when(unit == "元").then(100).when(unit == "万元").then(1_000_000)
        return rows.with_columns(
            *(_integer(pl.col(c), 10**6) * factor // 10**6 for c in money),
            *(_integer(pl.col(c), 10**6) * 10**4 for c in numbers),
        )


def _integer(number: pl.Expr, factor: int) -> pl.Expr:
    return (number * factor).cast(pl.Int64)


def divided(n: pl.Expr, d: pl.Expr | int) -> pl.Expr:
    """A quotient of two that are not negative, half up."""
    return (2 * n + d) // (2 * d)


def ratio(n: pl.Expr, d: pl.Expr) -> pl.Expr:
    """A quotient × 10^10, half up, by long division in two steps."""
    d = pl.when(d != 0).then(d)
    rest = n % d * 10**5
    return n // d * ONE + rest // d * 10**5 + divided(rest % d * 10**5, d)


def status(n: pl.Expr, d: pl.Expr) -> pl.Expr:
    """Whether a quotient is defined, undefined, unbounded, or lacks a part."""
    return (
        pl.when(n.is_null() | d.is_null()).then(pl.lit("missing"))
        .when(d != 0).then(pl.lit("defined"))
        .when(n == 0).then(pl.lit("undefined"))
        .otherwise(pl.lit("unbounded"))
    )  # fmt: skip


def whole(column: str, among: pl.Expr) -> pl.Expr:
    """A sum of some rows; none where there is none, or one has an empty cell."""
    cells = pl.col(column).filter(among)
    return pl.when((cells.null_count() == 0) & (cells.len() > 0)).then(cells.sum())


def measure(frame: pl.LazyFrame, code: str, n: pl.Expr, d: pl.Expr) -> pl.LazyFrame:
    """A measure's value and status for each row of a frame."""
    return frame.select(
        *DEPARTMENT, measure_code=pl.lit(code), measured=ratio(n, d), status=status(n, d)
    )


def measures(landing: Landing) -> pl.LazyFrame:
    """The measures that the rubrics ask for; where one is missing there may be no row."""
    c = pl.col
    found = []
    budgets = landing.table("budgets", "budget_line", "initial_budget", "adjusted_budget").filter(
        c("budget_line") == "total"
    )
    added = (c("adjusted_budget") - c("initial_budget")).abs()
    found.append(measure(budgets, "budget_adjustment_rate", added, c("initial_budget")))
    found += _execution(landing)
    for code, table, key, total, other, under in (
        ("procurement_execution_rate", "procurement", "category", "total", "", "planned"),
        (
            *("three_public_control_rate", "public_expenses", "item", "three_public"),
            *("daily_public_use", "budgeted"),
        ),
    ):
        rows = landing.table(table, key, "actual", under)
        is_total, has_both = c(key) == total, c("actual").is_not_null() & c(under).is_not_null()
        is_part = (c(key) != total) & (c(key) != other)
        summed = rows.group_by(DEPARTMENT).agg(
            pl.when((is_total & has_both).any())
            .then(c(column).filter(is_total).max())
            .otherwise(whole(column, is_part))
            .alias(column)
            for column in ("actual", under)
        )
        found.append(measure(summed, code, c("actual"), c(under)))
    daily = landing.table("public_expenses", "item", "actual", "budgeted").filter(
        c("item") == "daily_public_use"
    )
    found.append(measure(daily, "daily_public_use_control_rate", c("actual"), c("budgeted")))
    is_on = c("staff_category") != "off_establishment"
    staff = (
        landing.table("staffing", "staff_category", "authorised", "actual")
        .group_by(DEPARTMENT)
        .agg(
            on=whole("actual", is_on),
            posts=whole("authorised", is_on),
            off=c("actual").filter(~is_on).max(),
        )
    )
    found.append(measure(staff, "establishment_control_rate", c("on"), c("posts")))
    found.append(measure(staff, "off_establishment_rate", c("off"), c("on") + c("off")))
    assets = landing.table("assets", "fixed_assets_total", "fixed_assets_in_use")
    found.append(
        measure(
            assets,
            "fixed_asset_utilisation_rate",
            c("fixed_assets_in_use"),
            c("fixed_assets_total"),
        )
    )
    work = landing.table("work_completion", "work_type", "planned_count", "completed_on_time_count")
    done, planned = c("completed_on_time_count"), c("planned_count")
    projects = work.filter(c("work_type") == "project")
    tasks = work.filter(c("work_type") == "key_task")
    found.append(measure(projects, "project_completion_rate", done, planned))
    found.append(measure(tasks, "unfinished_key_tasks", planned - done, pl.lit(1)))
    letters = (
        landing.table("petitions", "received", "replied", "replied_on_time")
        .group_by(DEPARTMENT)
        .agg(whole(name, pl.lit(True)) for name in ("received", "replied", "replied_on_time"))
    )
    found.append(measure(letters, "petition_reply_rate", c("replied"), c("received")))
    found.append(measure(letters, "petition_on_time_rate", c("replied_on_time"), c("received")))
    found.append(_satisfaction(landing))
    found += _disclosures(landing)
    return pl.concat(found)


def _execution(landing: Landing) -> list[pl.LazyFrame]:
    """Rates and progress of the quarters, and their means."""
    c = pl.col
    executed, adjusted = c("cumulative_executed"), c("adjusted_budget")
    months = (
        landing.table(
            "budget_execution",
            *("month", "adjusted_budget", "cumulative_executed", "progress_pct"),
            "execution_rate_pct",
        )
        .filter(c("month").is_in([3, 6, 9, 12]))
        .join(_paid(landing), on=[*DEPARTMENT, "month"], how="left")
        .with_columns(cumulative_executed=executed.fill_null(c("paid")))
    )
    progress, rate, month = c("progress_pct"), c("execution_rate_pct"), c("month")
    by_amount = executed.is_not_null() & adjusted.is_not_null()
    formed = months.select(
        *DEPARTMENT,
        "month",
        status=pl.when(by_amount)
        .then(status(executed, adjusted))
        .when(progress.is_not_null() | rate.is_not_null())
        .then(pl.lit("defined"))
        .otherwise(pl.lit("missing")),
        execution_rate=pl.when(by_amount)
        .then(ratio(executed * 12, adjusted * month))
        .when(progress.is_not_null())
        .then(divided(progress * 12, 100 * month))
        .otherwise(divided(rate, 100)),
        progress=pl.when(by_amount)
        .then(ratio(executed, adjusted))
        .when(progress.is_not_null())
        .then(divided(progress, 100))
        .otherwise(divided(rate * month, 1200)),
    )
    found = []
    for name, capped in (
        ("execution_rate", pl.min_horizontal(c("execution_rate"), ONE)),
        ("progress", c("progress")),
    ):
        found.append(
            formed.select(
                *DEPARTMENT,
                measure_code=pl.format("q{}_{}", month // 3, pl.lit(name)),
                measured=c(name),
                status="status",
            )
        )
        statuses = c("status")
        found.append(
            formed.group_by(DEPARTMENT)
            .agg(
                measured=divided(capped.sum(), 4),
                status=pl.when((statuses.len() < 4) | (statuses == "missing").any())
                .then(pl.lit("missing"))
                .when((statuses == "unbounded").any())
                .then(pl.lit("unbounded"))
                .when((statuses == "undefined").any())
                .then(pl.lit("undefined"))
                .otherwise(pl.lit("defined")),
            )
            .select(
                *DEPARTMENT,
                measure_code=pl.lit(f"average_{name}"),
                measured=pl.when(c("status") == "defined").then(c("measured")),
                status="status",
            )
        )
    return found


def _paid(landing: Landing) -> pl.LazyFrame:
    """Payments up to the end of each quarter, where all of them say their day and amount."""
    c = pl.col
    day = c("paid_on").str.to_date("%Y-%m-%d", strict=False)
    is_refund = c("is_refund").fill_null("false") == "true"
    lines = landing.table("payments", "paid_on", "amount", "is_refund").select(
        *DEPARTMENT,
        quarter=pl.when(day.dt.year() == c("fiscal_year")).then(day.dt.quarter().cast(pl.Int64)),
        net=pl.when(is_refund).then(-c("amount")).otherwise(c("amount")),
        is_payment=~is_refund,
    )
    quarters = lines.group_by([*DEPARTMENT, "quarter"]).agg(
        c("net").sum(), blanks=c("net").null_count(), payments=c("is_payment").sum()
    )
    both = quarters.join(quarters, on=DEPARTMENT, suffix="_before").filter(
        c("quarter").is_not_null()
    )
    until = c("quarter_before") <= c("quarter")
    is_whole = (c("blanks_before").filter(until).sum() == 0) & (c("payments").max() > 0)
    return (
        both.group_by([*DEPARTMENT, "quarter"])
        .agg(
            paid=pl.when(is_whole & c("quarter_before").is_not_null().all()).then(
                c("net_before").filter(until).sum()
            )
        )
        .select(*DEPARTMENT, "paid", month=c("quarter") * 3)
    )


def _satisfaction(landing: Landing) -> pl.LazyFrame:
    """The mean of the surveys, weighted where every one says how many answered."""
    c = pl.col
    pleased, asked = c("satisfaction_pct"), c("respondents")
    weighted, weights = (pleased * asked).sum(), asked.sum()
    is_weighted, is_known = asked.null_count() == 0, pleased.null_count() == 0
    return (
        landing.table("satisfaction_surveys", "satisfaction_pct", "respondents")
        .group_by(DEPARTMENT)
        .agg(
            measured=pl.when(is_known & is_weighted & (weights > 0))
            .then(divided(weighted, weights * 100))
            .when(is_known & ~is_weighted)
            .then(divided(pleased.sum(), pl.len().cast(pl.Int64) * 100)),
            status=pl.when(~is_known)
            .then(pl.lit("missing"))
            .when(is_weighted & (weights == 0))
            .then(pl.lit("undefined"))
            .otherwise(pl.lit("defined")),
        )
        .select(*DEPARTMENT, "measured", "status", measure_code=pl.lit("satisfaction_rate"))
        .select(*DEPARTMENT, "measure_code", "measured", "status")
    )


def _disclosures(landing: Landing) -> list[pl.LazyFrame]:
    levels = {"compliant": ONE, "partial": ONE // 2, "not_disclosed": 0}
    said = pl.col("status")
    return [
        landing.table("disclosures", "document", "status")
        .filter(pl.col("document") == document)
        .select(
            *DEPARTMENT,
            measure_code=pl.lit(f"{document}_disclosure"),
            measured=said.replace_strict(levels, default=None, return_dtype=pl.Int64),
            status=pl.when(said == "exempt")
            .then(pl.lit("undefined"))
            .when(said.is_not_null())
            .then(pl.lit("defined"))
            .otherwise(pl.lit("missing")),
        )
        for document in ("budget", "final_accounts")
    ]


class Rubrics:
    """The rubric seeds, with what a rubric takes from the one that it is based on."""

    def __init__(self, seeds: Path) -> None:
        self.seeds = seeds
        self.rubrics = self._read("rubrics")
        self.assignments = self._read("rubric_assignments")
        self.indicators = self._resolved("rubric_indicators", "indicator_code")
        self.criteria = self._resolved("rubric_criteria", "criterion_code")
        self.bands = self._resolved("rubric_bands", "criterion_code")
        self.grades = self._resolved("grade_bands")

    def _read(self, seed: str) -> pl.DataFrame:
        return pl.read_csv(self.seeds / f"{seed}.csv", infer_schema_length=0)

    def _resolved(self, seed: str, *key: str) -> pl.DataFrame:
        own = self._read(seed)
        derived = self.rubrics.filter(pl.col("based_on").is_not_null())
        taken = (
            own.join(derived.select("based_on", to="rubric_id"), left_on="rubric_id",
                     right_on="based_on")
            .drop("rubric_id")
            .rename({"to": "rubric_id"})
            .join(own, on=["rubric_id", *key], how="anti")
        )  # fmt: skip
        return pl.concat([own, taken.select(own.columns)])


def _scaled(column: str, factor: int) -> pl.Expr:
    return (pl.col(column).str.to_decimal(scale=6) * factor).cast(pl.Int64)


def criteria_scores(landing: Landing, rubrics: Rubrics) -> pl.LazyFrame:
    """The points of every criterion."""
    c = pl.col
    departments = landing.table("departments", "city", "district")
    here = rubrics.assignments.lazy().with_columns(
        c("fiscal_year_from").cast(pl.Int64).fill_null(0),
        c("fiscal_year_to").cast(pl.Int64).fill_null(9999),
    )
    assigned = departments.join(here, how="cross", suffix="_of").filter(
        (c("city_of").is_null() | (c("city") == c("city_of")))
        & (c("district_of").is_null() | (c("district") == c("district_of")))
        & c("fiscal_year").is_between(c("fiscal_year_from"), c("fiscal_year_to"))
    )
    official = assigned.filter(c("role") == "official").select(*DEPARTMENT, official_id="rubric_id")
    criteria = rubrics.criteria.lazy().select(
        *("rubric_id", "indicator_code", "criterion_code", "method", "measure_code", "over_target"),
        *("when_undefined", "when_unbounded"),
        takes_number=(c("method") == "step") & c("measure_code").is_null(),
        points=_scaled("points", 10**4),
        per_step=_scaled("points_per_step", 10**4),
        threshold=_scaled("threshold", ONE).fill_null(0),
        step_size=_scaled("step_size", ONE).fill_null(ONE),
    )
    bands = rubrics.bands.lazy().select(
        *("rubric_id", "criterion_code", "lower_inclusive", "upper_inclusive"),
        lower=_scaled("lower", ONE),
        upper=_scaled("upper", ONE),
        band_points=_scaled("points", 10**4) * ONE,
    )
    assessments = landing.table("assessments", "criterion_code", "value").select(
        *DEPARTMENT, "criterion_code", assessed="value", is_assessed=pl.lit(True)
    )
    judged = (
        assigned.join(official, on=DEPARTMENT)
        .select(*EVALUATION, "official_id")
        .join(criteria, on="rubric_id")
        .join(
            criteria.select("criterion_code", official_id="rubric_id", official_points="points"),
            on=["official_id", "criterion_code"],
            how="left",
        )
        .join(measures(landing), on=[*DEPARTMENT, "measure_code"], how="left")
        .join(assessments, on=[*DEPARTMENT, "criterion_code"], how="left")
    )
    value = c("measured")
    held = (
        c("lower").is_null()
        | (value > c("lower"))
        | ((value == c("lower")) & (c("lower_inclusive") == "true"))
    ) & (
        c("upper").is_null()
        | (value < c("upper"))
        | ((value == c("upper")) & (c("upper_inclusive") == "true"))
    )
    banded = (
        judged.filter((c("method") == "band") & (c("status") == "defined"))
        .select(*EVALUATION, "criterion_code", "measured")
        .join(bands, on=["rubric_id", "criterion_code"])
        .filter(held)
        .select(*EVALUATION, "criterion_code", "band_points")
    )
    return judged.join(banded, on=[*EVALUATION, "criterion_code"], how="left").select(
        *EVALUATION,
        "indicator_code",
        "criterion_code",
        is_vetoing=(c("method") == "veto") & (c("assessed") > 0).fill_null(False),
        points_e14=_points(),
    )


def _points() -> pl.Expr:
    c = pl.col
    number = pl.when(c("takes_number")).then(c("assessed")).otherwise(c("measured"))
    excess = (number - c("threshold")).clip(lower_bound=0)
    steps = divided(excess * 10**6, c("step_size")) // 10**6
    full, status = c("points") * ONE, c("status").fill_null("missing")
    official = c("official_points").fill_null(c("points"))
    given = c("assessed").clip(0, official * 10**6)
    return (
        pl.when(c("method") == "veto")
        .then(pl.when(c("is_assessed") & c("assessed").is_null()).then(None).otherwise(0))
        .when((c("method") == "step") & (c("takes_number") | (status == "defined")))
        .then((c("points") - c("per_step") * steps).clip(lower_bound=0) * ONE)
        .when(c("measure_code").is_null() | (status == "missing"))
        .then(given * c("points") // official * 10**4)
        .when(status == "undefined")
        .then(pl.when(c("when_undefined") == "full").then(full).otherwise(0))
        .when(status == "unbounded")
        .then(pl.when(c("when_unbounded") == "full").then(full).otherwise(0))
        .when(c("method") == "band")
        .then(c("band_points"))
        .when((c("measured") <= ONE) | (c("over_target") == "exceed"))
        .then(c("points") * c("measured"))
        .when(c("over_target") == "zero")
        .then(0)
        .otherwise(full)
    )


def indicator_scores(criteria: pl.LazyFrame, rubrics: Rubrics) -> pl.LazyFrame:
    """The scores of the indicators: vetoed, held within their points, rounded half up."""
    c = pl.col
    points = rubrics.indicators.lazy().select(
        "rubric_id", "indicator_code", possible=_scaled("points", 10**4) * ONE
    )
    decimals = rubrics.rubrics.lazy().select(
        "rubric_id", decimals=c("score_decimals").cast(pl.Int64).fill_null(2)
    )
    place = pl.lit(10, pl.Int64)
    held = pl.when(~c("is_vetoed")).then(c("points").clip(0, c("possible"))).otherwise(0)
    return (
        criteria.group_by([*EVALUATION, "indicator_code"])
        .agg(
            is_vetoed=c("is_vetoing").any(),
            points=pl.when(c("points_e14").null_count() == 0).then(c("points_e14").sum()),
        )
        .join(points, on=["rubric_id", "indicator_code"])
        .join(decimals, on="rubric_id")
        .select(
            *EVALUATION,
            "indicator_code",
            score_e4=pl.when(c("points").is_not_null()).then(
                divided(held, place ** (14 - c("decimals"))) * place ** (4 - c("decimals"))
            ),
        )
    )


def evaluations(indicators: pl.LazyFrame, rubrics: Rubrics) -> pl.LazyFrame:
    """The totals with their grades."""
    c = pl.col
    grades = rubrics.grades.lazy().select("rubric_id", "grade", lower=_scaled("lower", 10**4))
    reached = c("lower") <= c("total_e4")
    return (
        indicators.group_by(EVALUATION)
        .agg(total_e4=pl.when(c("score_e4").null_count() == 0).then(c("score_e4").sum()))
        .join(grades, on="rubric_id")
        .group_by([*EVALUATION, "total_e4"])
        .agg(grade=c("grade").filter(reached).sort_by(c("lower").filter(reached)).last())
    )


def score(landing: Path, out: Path, seeds: Path = SEEDS_DIR) -> None:
    """Compute the scores of all years of a landing folder.

    Args:
        landing: The landing folder; CSV in UTF-8 with English headers.
        out: The folder where the scores are written, as `bench/limit.py` writes them.
        seeds: The folder of the seeds.
    """
    rubrics = Rubrics(seeds)
    out.mkdir(parents=True, exist_ok=True)
    criteria = criteria_scores(Landing(landing), rubrics).collect()
    indicators = indicator_scores(criteria.lazy(), rubrics).collect()
    criteria.write_parquet(out / "criterion_scores.parquet")
    indicators.write_parquet(out / "indicator_scores.parquet")
    totals = evaluations(indicators.lazy(), rubrics).collect()
    totals.write_parquet(out / "evaluations.parquet")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("landing", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    score(given.landing, given.out)
