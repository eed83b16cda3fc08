"""The rule catalogue, read from rules.yml."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from orchestration import ledger
from orchestration.landing import cells
from orchestration.landing.contract import Column, landing_contract
from orchestration.plain import plain_sql

FOLDER = Path(__file__).parent
Stage = Literal["delivered", "waivers", "marts"]
# What a rule's own table is called in its query: Great Expectations fills in its batch.
BATCH = "with batch as not materialized (select * from {batch})"
BATCH_OF_YEARS = "with batch as not materialized (select * from {batch} where {years})"
# Other tables of what was delivered, which nine other years would only slow.
DELIVERED = re.compile(r"\bstaging\.stg_\w+")
RUN_YEARS = "fiscal_year in (select fiscal_year from audit.run_years)"
STAGES: tuple[Stage, ...] = get_args(Stage)


@dataclass(frozen=True)
class Expected:
    """A standard expectation of Great Expectations that says a rule, or a part of one.

    Attributes:
        table: Schema and name of the table that it is about.
        type: The expectation, as `expect_column_values_to_be_between`.
        kwargs: What it is told.
    """

    table: str
    type: str
    kwargs: dict[str, Any] = field(hash=False)


@dataclass(frozen=True)
class Rule:
    """One data rule.

    Attributes:
        rule_id: Its name in findings and reports.
        stage: `delivered`, on what the bureaus delivered; `waivers`, on the exceptions granted to
            what was found there; `marts`, on what is to be published.
        asset: Schema and table whose asset check it is, as `staging/stg_budgets`.
        severity: `critical` blocks the department, or publishing for a rule on marts; `warning`
            is shown.
        holds: What must hold.
        holds_zh: The same in Chinese; none of a rule of one's own that does not say it.
        query: SQL for the records that violate it, with `{batch}` for the rows of its own table,
            and `{years}` where those of what was delivered are told apart.
        message_zh: What a person is told, values by name in braces.
        message_en: The same in English.
        tolerance: How far apart two sums may be for each of their terms, in yuan; none: not at all.
        parameters: The rule's other numbers and names.
        can_be_waived: Whether an exception in seeds/waivers.csv may lift its block.
        every_year: Whether it is on every year that is published; else on the years run.
        expectations: The standard expectations that together count what the query gives; none
            where only the query says it.
    """

    rule_id: str
    stage: Stage
    asset: str
    severity: Literal["critical", "warning"]
    holds: str
    holds_zh: str | None
    query: str
    message_zh: str
    message_en: str
    tolerance: int | None = None
    parameters: dict[str, Any] = field(default_factory=dict, hash=False)
    can_be_waived: bool = True
    every_year: bool = False
    expectations: tuple[Expected, ...] = ()

    @property
    def table(self) -> str:
        """Schema and name of its table, as SQL writes them."""
        return self.asset.replace("/", ".")

    def sql(self, years: Iterable[int], batch: str | None = None) -> str:
        """The query as DuckDB takes it.

        Args:
            years: The fiscal years run. Of what was delivered it sees these and the years before.
            batch: The rows of its own table; the table itself by default.
        """
        seen = sorted({seen for year in years for seen in (year - 1, year)})
        return self.query.format(
            batch=batch or self.table, years=f"fiscal_year in ({', '.join(map(str, seen))})"
        )

    @property
    def is_waivable(self) -> bool:
        """Whether there is a block that an exception may lift."""
        return self.severity == "critical" and self.can_be_waived


@cache
def rules(stage: Stage) -> tuple[Rule, ...]:
    """The rules of a stage, in the order of the catalogue."""
    entries = yaml.safe_load((FOLDER / "rules.yml").read_text(encoding="utf-8"))["rules"]
    environment = _environment(entries)
    return tuple(_rule(entry, environment) for entry in entries if entry["stage"] == stage)


def _rule(entry: dict[str, Any], environment: Environment) -> Rule:
    values = {name: entry[name] for name in ("tolerance", "parameters") if name in entry}
    rendered = {
        name: environment.from_string(entry[name]).render(values)
        for name in ("holds", "holds_zh", "query")
        if name in entry
    }
    table = entry["asset"].replace("/", ".")
    query = re.sub(rf"\b{re.escape(table)}\b", "batch", rendered["query"])
    where, batch = "", BATCH
    if not entry.get("every_year"):
        where = f" where {RUN_YEARS}"
        query = DELIVERED.sub(r"(select * from \g<0> where {years})", query)
        batch = BATCH_OF_YEARS if DELIVERED.fullmatch(table) else BATCH
    expectations = tuple(
        Expected(
            table=each.get("asset", entry["asset"]).replace("/", "."),
            type=each["type"],
            kwargs=each["kwargs"],
        )
        for each in entry.get("expectations", ())
    )
    query = f"{batch} select * from ({query}){where}"
    optional = {"holds_zh": None}
    return Rule(**{**optional, **entry, **rendered, "query": query, "expectations": expectations})


def _environment(entries: list[dict[str, Any]]) -> Environment:
    """What the text of an entry may use: the contract's columns, the macros, the other entries."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701
    )
    tables = landing_contract().values()
    environment.globals.update(
        keys={table.name: table.record_key for table in tables},
        labels={t.name: {column.name: column.label_zh for column in t.columns} for t in tables},
        staged={t.name: {column.name: _staged(column) for column in t.columns} for t in tables},
        amounts=_columns(lambda column: column.is_amount and not column.is_signed),
        counts=_columns(lambda column: column.is_count),
        percentages=_columns(lambda column: column.is_percent),
        numbers=_columns(lambda column: column.is_number),
        run_date=ledger.RUN_DATE,
        plain=plain_sql,
        visible=cells.visible,
        looks_like=cells.looks_like,
        delivered=[entry for entry in entries if entry["stage"] == "delivered"],
    )
    macros: Any = environment.get_template("macros.sql.jinja").module
    environment.globals.update(
        {name: macro for name, macro in vars(macros).items() if callable(macro)}
    )
    return environment


def _columns(is_wanted: Callable[[Column], bool]) -> dict[str, list[str]]:
    """The contract's columns of some kind, by table."""
    tables = landing_contract().values()
    named = {t.name: [c.name for c in t.columns if is_wanted(c)] for t in tables}
    return {table: columns for table, columns in named.items() if columns}


def _staged(column: Column) -> str:
    """A column's name in staging, where amounts are in yuan and counts say so."""
    if column.is_amount:
        return f"{column.name}_yuan"
    if column.is_count:
        return f"{column.name.removesuffix('_count')}_count"
    return column.name
