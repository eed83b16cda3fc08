"""What Dagster repeats after a failure or a kill is the whole run, and nothing else is published."""

import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from expectations import checkpoint, runner
from orchestration import ledger
from orchestration.definitions import build_definitions
from orchestration.faults import NotWhole
from orchestration.graph.build import JOB
from orchestration.publication import gate
from orchestration.publication.folder import Warehouse
from tests.conftest import Published, TwoYears, append_rows
from tests.engines import ENGINES

pytestmark = pytest.mark.builds

YANTIAN = "440308-fzyj"


def yearly_evaluation(folder: str) -> dg.JobDefinition:
    """The job on the landing folder and the warehouse in a folder."""
    definitions = build_definitions(f"{folder}/landing", f"{folder}/warehouse")
    return definitions.resolve_job_def(JOB)


def execute(
    folder: Path, instance: dg.DagsterInstance, failed_run_id: str | None = None, **tags: str
) -> dg.JobExecutionResult:
    """Run 2024 as Dagster does, or repeat a run that failed."""
    again = dg.ReexecutionOptions.from_failure(failed_run_id, instance) if failed_run_id else None
    return dg.execute_job(
        dg.build_reconstructable_job(__name__, "yearly_evaluation", (str(folder),)),
        instance=instance,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        tags={"dagster/partition": "2024"} | tags,
        reexecution_options=again,
        raise_on_error=False,
    )


def with_a_violation(both_years: TwoYears, folder: Path) -> TwoYears:
    """A copy of two years published, after which a violation in 2024 is delivered."""
    for name in ("landing", "warehouse"):
        shutil.copytree(both_years.landing.parent / name, folder / name, symlinks=True)
    # Which takes the two points of 财务合规性 that the year was published with.
    append_rows(
        folder / "landing" / "2024" / "assessments.csv",
        f"{YANTIAN},2024,spending_violation,1,甲,乙",
    )
    return TwoYears(folder)


@pytest.fixture
def published(both_years: TwoYears, tmp_path: Path) -> TwoYears:
    return with_a_violation(both_years, tmp_path)


def totals(published: Published) -> dict[int, Any]:
    return {
        year: total
        for (unit, year, rubric), total in published.totals().items()
        if unit == YANTIAN and rubric == "yantian_2023"
    }


def runs(published: Published) -> list[tuple[Any, ...]]:
    """Every run as it was noted, but for whether it is current."""
    return published.rows(
        "select * exclude (is_current) from scores.audit.runs order by published_at"
    )


class Unpublished:
    """A build of 2024 that is ready to be published, as its run left it."""

    def __init__(self, folder: Path, file: Path, run_id: str) -> None:
        self.file, self.run_id = file, run_id
        self.published = folder / "warehouse" / "published" / "scores.duckdb"


@dataclass
class Failed:
    """A run of Dagster that failed when it was to publish, and what it had built."""

    folder: Path
    instance: dg.DagsterInstance
    result: dg.JobExecutionResult
    unpublished: Unpublished


@pytest.fixture(scope="module")
def failed(both_years: TwoYears, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Failed]:
    folder, kept = tmp_path_factory.mktemp("failed"), tmp_path_factory.mktemp("unpublished")
    with_a_violation(both_years, folder)

    def fail(warehouse: Warehouse, run_id: str) -> Path:
        shutil.copyfile(warehouse.build_file, kept / "warehouse.duckdb")
        raise OSError("no space left")

    with dg.instance_for_test() as instance:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Warehouse, "publish", fail)
            result = execute(folder, instance)
        # What is published there changes later.
        shutil.copytree(folder / "warehouse", kept / "warehouse", symlinks=True)
        unpublished = Unpublished(kept, kept / "warehouse.duckdb", result.run_id)
        yield Failed(folder, instance, result, unpublished)


@pytest.fixture
def unpublished(failed: Failed) -> Unpublished:
    return failed.unpublished


def is_as_a_whole_run(
    published: Published, both_years: TwoYears, before: list[tuple[Any, ...]], run_id: str
) -> None:
    """The changed year is published as it was delivered, and the other is as it was."""
    was = totals(both_years)
    assert totals(published) == {2023: was[2023], 2024: was[2024] - 2}
    *kept, added = runs(published)
    # What was current is so no longer; nothing else of an earlier run is touched.
    assert kept == before
    assert added[:2] == (run_id, 2024)
    assert set(
        published.rows("select fiscal_year, unit_code, new_run_id from fct_evaluation_history")
    ) == {(2024, YANTIAN, run_id)}


def test_reexecution_from_failure_is_a_whole_run(failed: Failed, both_years: TwoYears) -> None:
    published = TwoYears(failed.folder)
    before = runs(both_years)
    assert not failed.result.success
    # What the checks found is told; what was thrown away was never there.
    told = failed.result.get_asset_check_evaluations()
    assert {"execution_within_budget", "grid_complete"} <= {e.check_name for e in told}
    assert failed.result.get_asset_materialization_events() == []
    assert runs(published) == before
    again = execute(failed.folder, failed.instance, failed.result.run_id)
    assert again.success
    is_as_a_whole_run(published, both_years, before, again.run_id)
    assert published.rows(
        f"select landing_root, launched_how from scores.audit.runs where run_id = '{again.run_id}'"
    ) == [(str(failed.folder / "landing"), f"Dagster: re-execution of {failed.result.run_id}")]


def run_and_kill(folder: str, home: str) -> None:
    """A run that is killed when it is to publish; for a process of its own."""
    os.environ["DAGSTER_HOME"] = home
    Warehouse.publish = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]
    with dg.DagsterInstance.get() as instance:
        execute(Path(folder), instance)


def test_a_retry_after_a_kill_is_a_whole_run(
    published: Published, both_years: TwoYears, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = runs(published)
    (tmp_path / "dagster").mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload([*ENGINES])
    killed = server.Process(target=run_and_kill, args=(str(tmp_path), str(tmp_path / "dagster")))
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    with dg.DagsterInstance.get() as instance:
        (run,) = instance.get_runs()
        # As Dagster's monitor finds it, which then has it retried.
        instance.report_run_failed(run)
        assert runs(published) == before
        again = execute(tmp_path, instance, run.run_id, **{"dagster/retry_number": "1"})
        assert again.success
    is_as_a_whole_run(published, both_years, before, again.run_id)
    assert published.rows(
        f"select launched_how from scores.audit.runs where run_id = '{again.run_id}'"
    ) == [(f"Dagster: automatic retry of {run.run_id}",)]


def refusal(unpublished: Unpublished, file: Path, run_id: str) -> str:
    with duckdb.connect(str(file)) as con, pytest.raises(NotWhole) as refused:
        gate.require_whole(con, run_id, unpublished.published)
    (reason,) = refused.value.reasons
    assert reason.startswith(f"run {run_id} is not published: ")
    assert reason.endswith("; start the whole run anew")
    return reason


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        (
            "update audit.run_years set run_id = 'another'",
            "it did not do each of load, stage, check_delivered, score, check_marts itself",
        ),
        (
            "update audit.run_years set steps = list_filter(steps, lambda s: s != 'check_marts')",
            "it did not do each of load, stage, check_delivered, score, check_marts itself",
        ),
        ("drop table audit.run_years", "it did not do each of load, "),
        ("delete from audit.runs where published_at is null", "the ledger does not have it"),
        (
            "update audit.run_years set nodes = list_filter(nodes, lambda n: n not like '%.fct_deductions')",
            "dbt did not build fct_deductions",
        ),
        (
            "delete from audit.rule_outcomes where rule_id = 'known_unit' and fiscal_year = 2024",
            "data rules that it did not check, or that do not hold: known_unit",
        ),
        (
            "update audit.rule_outcomes set run_id = 'another' where stage = 'waivers'",
            "data rules that it did not check, or that do not hold: ",
        ),
        (
            "update audit.rule_outcomes set records = 1 where rule_id = 'grid_complete'",
            "data rules that it did not check, or that do not hold: grid_complete",
        ),
        (
            "delete from audit.validations where stage = 'delivered' and fiscal_year = 2024",
            "the checkpoint delivered did not run; start",
        ),
        (
            "update audit.validations set run_id = 'another' where stage = 'marts'",
            "the checkpoint marts did not run; start",
        ),
        (
            "delete from marts.fct_measures where fiscal_year = 2023",
            "fct_measures has lost or gained rows of 2023",
        ),
    ],
)
def test_what_a_run_did_not_do_itself_is_not_published(
    unpublished: Unpublished, tmp_path: Path, lost: str, said: str
) -> None:
    file = Path(shutil.copy(unpublished.file, tmp_path))
    with duckdb.connect(str(file)) as con:
        con.execute(lost)
    assert f"is not published: {said}" in refusal(unpublished, file, unpublished.run_id)


def _entries(result: Any) -> Iterator[tuple[Any, Any]]:
    for of_table in result.run_results.values():
        yield from ((of_table, each) for each in of_table.results)


def all_is_well(result: Any) -> None:
    """What a checkpoint says of data that nothing violates, whatever the data."""
    for of_table, each in _entries(result):
        counted = "observed_value" if "observed_value" in each.result else "unexpected_count"
        of_table.success, each.success = True, True
        each.result[counted] = 0
    result.success = True


def _of_rule(result: Any, rule_id: str) -> tuple[Any, Any]:
    return next(e for e in _entries(result) if e[1].expectation_config.meta["rule_id"] == rule_id)


def a_rule_is_missed(result: Any) -> None:
    of_table, missed = _of_rule(result, "totals_add_up")
    of_table.results.remove(missed)


def a_count_is_wrong(result: Any) -> None:
    _, each = _of_rule(result, "totals_add_up")
    each.success, each.result["observed_value"], result.success = False, 7, False


def a_verdict_is_wrong(result: Any) -> None:
    _, each = _of_rule(result, "totals_add_up")
    each.success, result.success = False, False


def an_expectation_raised(result: Any) -> None:
    _, each = _of_rule(result, "totals_add_up")
    each.success, each.result = False, {}


def the_whole_is_wrong(result: Any) -> None:
    result.success = not result.success


BROKEN = (
    "delete from marts.fct_indicator_scores where indicator_code = 'procurement' "
    f"and unit_code = '{YANTIAN}' and rubric_id = 'yantian_2023' and fiscal_year = 2024"
)
NOT_HELD = "data rules that it did not check, or that do not hold: grid_complete, totals_add_up; "


@pytest.mark.parametrize(
    ("change", "lie", "said"),
    [
        (
            BROKEN,
            all_is_well,
            f"{NOT_HELD}the checkpoint marts counts 0 violations of grid_complete, there are 1; "
            "the checkpoint marts counts 0 violations of totals_add_up, there are 1",
        ),
        (BROKEN, the_whole_is_wrong, f"{NOT_HELD}the checkpoint marts says that all holds"),
        ("", the_whole_is_wrong, "the checkpoint marts says that not all holds"),
        ("", a_rule_is_missed, "the checkpoint marts did not check totals_add_up"),
        ("", an_expectation_raised, "the checkpoint marts did not check totals_add_up"),
        (
            "",
            a_count_is_wrong,
            "the checkpoint marts counts 7 violations of totals_add_up, there are 0",
        ),
        (
            "",
            a_verdict_is_wrong,
            "the checkpoint marts is wrong about totals_add_up, of which it counts 0 violations",
        ),
    ],
)
def test_what_a_checkpoint_is_wrong_about_is_not_published(
    unpublished: Unpublished,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
    lie: Callable[[Any], None],
    said: str,
) -> None:
    file = Path(shutil.copy(unpublished.file, tmp_path))
    with duckdb.connect(str(file)) as con:
        gate.require_whole(con, unpublished.run_id, unpublished.published)
        con.execute(change or "select 1")
    real = checkpoint.gx.Checkpoint.run

    def run(self: Any) -> Any:
        result = real(self)
        lie(result)
        return result

    monkeypatch.setattr(checkpoint.gx.Checkpoint, "run", run)
    runner.check(file, "marts")
    reason = refusal(unpublished, file, unpublished.run_id)
    assert reason == f"run {unpublished.run_id} is not published: {said}; start the whole run anew"


def test_what_is_published_already_is_not_published_again(
    unpublished: Unpublished, tmp_path: Path
) -> None:
    file = Path(shutil.copy(unpublished.file, tmp_path))
    refusal(unpublished, file, "3749d3a1-c3b8-437e-80c8-be3fdc55b00c")
    with duckdb.connect(str(file)) as con:
        gate.require_whole(con, unpublished.run_id, unpublished.published)
        ledger.end_run(con, unpublished.run_id)
        with pytest.raises(NotWhole, match="has been published already; start a new run"):
            ledger.start_run(con, unpublished.run_id, [2024])
    refusal(unpublished, file, unpublished.run_id)


def test_every_year_that_is_published_is_complete(unpublished: Unpublished, tmp_path: Path) -> None:
    file = Path(shutil.copy(unpublished.file, tmp_path))

    def found() -> dict[str, list[str]]:
        outcomes = runner.check(file, "marts")
        return {o.rule.rule_id: o.sample for o in outcomes if o.violations}

    assert found() == {}
    with duckdb.connect(str(file)) as con:
        con.execute(
            f"delete from marts.dim_departments where unit_code = '{YANTIAN}' and fiscal_year = 2023"
        )
        con.execute(
            "insert into marts.dim_departments by name select * replace ('new' as unit_code) from marts.dim_departments where fiscal_year = 2024 limit 1"
        )
        con.execute(
            "delete from marts.fct_evaluations where rubric_id = 'yantian_2023' and fiscal_year = 2024"
        )
    assert found() == {
        "departments_complete": [
            f"2023 {YANTIAN} dim_departments：已载入而未发布，请重新运行该年度",
            "2024 new dim_departments：未载入而已发布，请重新运行该年度",
        ],
        "evaluations_assigned": [
            f"2024 {YANTIAN} fct_evaluations yantian_2023：没有按所指定评分标准作出的评价"
        ],
    }
