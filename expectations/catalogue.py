"""The rule catalogue, read from rules.yml."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from orchestration.contract import landing_contract

FOLDER = Path(__file__).parent
Stage = Literal["delivered", "marts"]


@dataclass(frozen=True)
class Rule:
    """One data rule.

    Attributes:
        rule_id: Its name in findings and reports.
        stage: `delivered`, on what the bureaus delivered; `marts`, on what is to be published.
        asset: Schema and table whose asset check it is, as `staging/stg_budgets`.
        severity: `critical` blocks the department, or publishing for a rule on marts; `warning`
            is shown.
        holds: What must hold.
        query: SQL for the records that violate it, with `{batch}` for the table of the years run.
        message_zh: What a person is told, values by name in braces.
        message_en: The same in English.
    """

    rule_id: str
    stage: Stage
    asset: str
    severity: Literal["critical", "warning"]
    holds: str
    query: str
    message_zh: str
    message_en: str


@cache
def rules(stage: Stage) -> tuple[Rule, ...]:
    """The rules of a stage, in the order of the catalogue."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701
    )
    macros: Any = environment.get_template("macros.sql.jinja").module
    keys = {table.name: table.record_key for table in landing_contract().values()}
    entries = yaml.safe_load((FOLDER / "rules.yml").read_text(encoding="utf-8"))["rules"]
    return tuple(
        Rule(
            **{
                **entry,
                "query": _of_years_run(
                    environment.from_string(entry["query"]).render(
                        keys=keys, parts_sum=macros.parts_sum
                    )
                ),
            }
        )
        for entry in entries
        if entry["stage"] == stage
    )


def _of_years_run(query: str) -> str:
    return f"select * from ({query}) where fiscal_year in (select fiscal_year from {{batch}})"
