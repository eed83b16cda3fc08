"""The steps of a year, from its files to its publication, and what each of them has to tell.

Whoever runs them, Dagster or a command without it, runs these.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from expectations.rules import Stage
from orchestration import dbt, ledger, seeds
from orchestration.faults import LandingRefused, Refused
from orchestration.graph.build import Build
from orchestration.landing.contract import landing_contract
from orchestration.landing.load import Load, load_year
from orchestration.project import lineage_settings
from orchestration.publication import chain

if TYPE_CHECKING:
    from expectations.runner import Outcome

# Measures, rubrics and what each criterion is taken from are there before the checks, so that a
# rule may compare with them.
MEASURED = (
    "+int_criteria__awarded +int_reconciliation__figures_explained fqn:jixiao.intermediate.rubrics"
)
# By name, as a path would be looked for below the folder that the command is run in.
DELIVERED = f"fqn:jixiao.staging resource_type:seed {MEASURED}"
MARTS = "fqn:jixiao.intermediate fqn:jixiao.marts"


@dataclass(frozen=True)
class Loaded:
    """A table of the landing contract with the files that were loaded into it."""

    table: str
    loads: list[Load]


@dataclass(frozen=True)
class Built:
    """The result of a node of dbt, as its log has it.

    Attributes:
        event: The result.
        compiled: The manifest with the SQL that ran, where columns are followed; else empty.
    """

    event: dict[str, Any]
    compiled: dict[str, Any]


@dataclass(frozen=True)
class Checked:
    """What a data rule came to."""

    outcome: "Outcome"


@dataclass(frozen=True)
class Released:
    """A publication: its folder and the checksum of it and of all before it."""

    folder: Path
    head: str


@dataclass(frozen=True)
class Previewed:
    """A build that waits for approval."""

    path: Path


Result = Loaded | Built | Checked | Released | Previewed


def steps(build: Build) -> Iterator[Result]:
    """Run a year's steps in their order.

    Args:
        build: The build, whose warehouse is held.

    Returns:
        What each step has to tell, once it is done.

    Raises:
        Refused: The year is not published.
    """
    yield from _load(build)
    yield from _run_dbt(build, "stage", DELIVERED)
    yield from _check(build, "check_delivered", "delivered", "waivers")
    yield from _run_dbt(build, "score", MARTS, exclude=MEASURED)
    yield from _check(build, "check_marts", "marts")
    yield from _keep(build) if build.settings.is_preview else _publish(build)


def _load(build: Build) -> Iterator[Loaded]:
    with build.step("load") as step:
        if faults := seeds.faults():
            raise LandingRefused(faults)
        with duckdb.connect(str(build.of.build_file)) as con:
            ledger.start_run(
                con, build.launched.run_id, [build.year], build.settings.as_of, build.origin
            )
            loads = load_year(con, build.landing_dir, build.year)
            ledger.loaded(con)
        unchanged = sum(load.is_unchanged for load in loads)
        step.told = (
            f"{len(loads)} files{f' ({unchanged} unchanged)' if unchanged else ''}, "
            f"{sum(load.rows_loaded for load in loads)} rows loaded, "
            f"{sum(load.rows_rejected for load in loads)} rejected"
        )
        if build.recorder:
            build.recorder.loaded(build.landing_dir, loads)
    for table in landing_contract():
        yield Loaded(table, [load for load in loads if load.table_name == table])


def _run_dbt(build: Build, name: str, select: str, exclude: str = "") -> Iterator[Built]:
    follows_columns = lineage_settings()["column_lineage"]
    with build.step(name) as step:
        artifacts = follows_columns or build.recorder is not None
        run = dbt.build(build.of.build_file, select, exclude, artifacts=artifacts)
        with duckdb.connect(str(build.of.build_file)) as con:
            ledger.invoked(con, build.launched.run_id, run.invocation_id, run.built)
        step.told = f"{len(run.events)} models, seeds and tests, {len(run.failures)} failed"
        step.refused = run.failures or None
        if build.recorder:
            build.recorder.built(run.target)
    compiled = {}
    if follows_columns:
        compiled = json.loads((run.target / "manifest.json").read_text("utf-8"))
    for event in run.events:
        yield Built(event, compiled)
    if run.failures:
        raise Refused(run.failures)


def _check(build: Build, name: str, *stages: Stage) -> Iterator[Checked]:
    # Great Expectations takes seconds to import.
    from expectations import runner

    with build.step(name) as step:
        outcomes = [o for stage in stages for o in runner.check(build.of.build_file, stage)]
        violations = sum(outcome.violations for outcome in outcomes)
        step.told = f"{len(outcomes)} data rules, {violations} findings"
        if build.recorder:
            build.recorder.checked(outcomes)
        # The checkpoint decides; where its counts are not ours, the gate before publishing refuses.
        violated = [o for o in outcomes if o.rule.stage == "marts" and not o.holds]
        step.refused = [line for outcome in violated for line in _said(outcome)] or None
    for outcome in outcomes:
        yield Checked(outcome)
    if step.refused:
        raise Refused(step.refused)


def _said(outcome: "Outcome") -> list[str]:
    """Why publishing is refused: the first records that violate a rule on marts, and how many."""
    lines = [f"{outcome.rule.rule_id}: {line}" for line in outcome.sample]
    more = outcome.violations - len(lines)
    return [*lines, f"{outcome.rule.rule_id}: and {more} more"] if more > 0 else lines


def _keep(build: Build) -> Iterator[Previewed]:
    with build.step("preview") as step:
        path = build.of.preview(build.launched.run_id)
        step.told = f"run {build.launched.run_id}, not published"
    yield Previewed(path)


def _publish(build: Build) -> Iterator[Released]:
    with build.step("publish") as step:
        if build.of.is_unchanged():
            folder, told = build.of.published.resolve(), "as published before"
        else:
            folder, told = build.of.publish(build.launched.run_id), "head"
        head = chain.head(folder)
        step.told = f"{build.of.published}, {told} {head}"
        if build.recorder:
            build.recorder.published(folder)
    yield Released(folder, head)
