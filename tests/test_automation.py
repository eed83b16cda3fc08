"""What runs without anybody asking: sensors and schedules on a landing folder, by a clock of theirs."""

import json
import shutil
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill

from orchestration import automation, cli, definitions
from orchestration.definitions import build_definitions
from orchestration.graph.build import JOB
from orchestration.sources.fetch import Outcome
from tests.conftest import LANDING, Published, TwoYears, append_rows

pytestmark = pytest.mark.builds

SHANGHAI = ZoneInfo("Asia/Shanghai")


class Clock:
    """The time as the sensors have it."""

    def __init__(self) -> None:
        self.at = datetime(2024, 2, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def pass_(self, **of: float) -> None:
        self.at += timedelta(**of)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(automation, "now", clock.now)
    return clock


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


def sensor(name: str, landing: Path, warehouse: Path) -> dg.SensorDefinition:
    (found,) = (s for s in automation.sensors(landing, warehouse) if s.name == name)
    return found


def schedule(name: str, landing: Path, warehouse: Path) -> dg.ScheduleDefinition:
    (found,) = (s for s in automation.schedules(landing, warehouse) if s.name == name)
    return found


class Ticks:
    """The sensor on a landing folder, tick by tick, each with the cursor of the one before."""

    def __init__(self, instance: dg.DagsterInstance, landing: Path, warehouse: Path) -> None:
        self.sensor = sensor("landing_changed", landing, warehouse)
        self.instance, self.cursor = instance, ""
        self.events: list[object] = []

    def __call__(self) -> list[dg.RunRequest]:
        context = dg.build_sensor_context(self.instance, cursor=self.cursor or None)
        result = self.sensor(context)
        assert isinstance(result, dg.SensorResult)
        self.cursor = str(result.cursor)
        self.events += result.asset_events
        return list(result.run_requests or [])


@pytest.fixture
def ticks(instance: dg.DagsterInstance, landing: Path, published: Published, clock: Clock) -> Ticks:
    return Ticks(instance, landing, published.warehouse)


def settle(ticks: Ticks, clock: Clock) -> list[dg.RunRequest]:
    assert ticks() == []
    clock.pass_(minutes=6)
    return ticks()


def test_files_that_settle_are_asked_for_once(ticks: Ticks, clock: Clock, landing: Path) -> None:
    # What is published already is not asked for.
    assert settle(ticks, clock) == []
    append_rows(landing / "2023" / "assets.csv", "x")
    assert ticks() == []
    clock.pass_(minutes=4)
    append_rows(landing / "2023" / "assets.csv", "y")
    assert ticks() == []
    clock.pass_(minutes=4)
    assert ticks() == []
    clock.pass_(minutes=2)
    (request,) = ticks()
    assert request.partition_key == "2023"
    clock.pass_(days=3)
    assert ticks() == []
    # Written anew, but the same.
    shutil.copyfile(landing / "2023" / "assets.csv", landing / "2023" / "copy")
    (landing / "2023" / "copy").replace(landing / "2023" / "assets.csv")
    assert settle(ticks, clock) == []
    # A daemon that has forgotten all of it asks again, as what was asked for is not published.
    ticks.cursor = ""
    (again,) = settle(ticks, clock)
    assert again.run_key == request.run_key


def test_what_comes_back_is_asked_for_again(ticks: Ticks, clock: Clock, landing: Path) -> None:
    path = landing / "2023" / "assets.csv"
    keys = []
    for text in ("unit_code,fiscal_year\n", "unit_code,fiscal_year,x\n", "unit_code,fiscal_year\n"):
        path.write_text(text)
        keys += [request.run_key for request in settle(ticks, clock)]
    assert len(set(keys)) == 3


def test_a_clock_that_is_turned_back_only_waits(ticks: Ticks, clock: Clock, landing: Path) -> None:
    append_rows(landing / "2023" / "assets.csv", "x")
    assert ticks() == []
    clock.pass_(days=-400)
    assert ticks() == []
    clock.pass_(minutes=6)
    assert len(ticks()) == 1


def test_a_year_that_is_new_is_asked_for_and_one_that_cannot_be_is_told(
    ticks: Ticks, clock: Clock, landing: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(landing / "2023", landing / "2024")
    shutil.copytree(landing / "2023", landing / "1999")
    (landing / "2022").mkdir()
    assert [request.partition_key for request in settle(ticks, clock)] == ["2024"]
    assert ticks() == []
    (told,) = (message for message in caplog.messages if "1999" in message)
    assert "expected a fiscal year from 2000" in told


def test_the_freshness_of_what_is_published_is_a_check(
    ticks: Ticks, clock: Clock, published: Published, caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    ticks()
    ticks()
    (fresh,) = ticks.events
    assert isinstance(fresh, dg.AssetCheckEvaluation)
    assert fresh.passed
    monkeypatch.setattr("orchestration.ledger.seeds_sha256", lambda: "others")
    ticks()
    ticks()
    (_, stale) = ticks.events
    assert isinstance(stale, dg.AssetCheckEvaluation)
    assert not stale.passed
    (told,) = (message for message in caplog.messages if "不再是最新" in message)
    assert "jixiao run --year 2023 brings it up to date" in told
    check = automation.up_to_date(LANDING, published.warehouse)
    assert not check().passed


def due(
    instance: dg.DagsterInstance, schedule: dg.ScheduleDefinition, at: datetime
) -> dg.RunRequest | str:
    context = dg.build_schedule_context(instance, scheduled_execution_time=at)
    answer = schedule(context)
    if isinstance(answer, dg.SkipReason):
        return str(answer.skip_message)
    assert isinstance(answer, dg.RunRequest)
    return answer


def test_the_year_before_is_asked_for_day_by_day_until_it_is_there(
    instance: dg.DagsterInstance, landing: Path, published: Published,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    after = schedule("after_the_year", landing, published.warehouse)
    assert (after.cron_schedule, after.execution_timezone) == ("0 2 * * *", "Asia/Shanghai")

    def on(*day: int) -> dg.RunRequest | str:
        return due(instance, after, datetime(*day, 2, tzinfo=SHANGHAI))  # type: ignore[misc]

    # 2025 is due from March on; before that 2024 still is.
    missing = f"{landing / '2025'} has no files; put them there"
    for day in ((2026, 3, 1), (2026, 3, 2), (2026, 12, 31)):
        assert missing in str(on(*day))
    (told,) = (message for message in caplog.messages if "2025" in message)
    assert "due since 2026-03-01" in told
    # Nobody is told any more of a year whose files never came.
    assert on(2027, 2, 28) == "2026 is due on 2027-03-01"
    shutil.copytree(landing / "2023", landing / "2025")
    requests = [on(2026, 3, 3), on(2027, 2, 28)]
    assert all(isinstance(request, dg.RunRequest) for request in requests)
    assert len({request.run_key for request in requests if not isinstance(request, str)}) == 2
    # What was published when the year was over is there.
    assert str(on(2024, 3, 1)).startswith("2023 is published since")


def test_the_open_year_is_asked_for_from_august_until_it_was_built(
    instance: dg.DagsterInstance, landing: Path, published: Published,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("JIXIAO_MONITORED_AT", "07-15 03:30")
    monkeypatch.setenv("JIXIAO_TIME_ZONE", "Asia/Urumqi")
    midyear = schedule("midyear_monitoring", landing, published.warehouse)
    assert (midyear.cron_schedule, midyear.execution_timezone) == ("30 3 * * *", "Asia/Urumqi")
    year = datetime.now(UTC).year + 1
    shutil.copytree(landing / "2023", landing / str(year))
    zone = ZoneInfo("Asia/Urumqi")
    before = due(instance, midyear, datetime(year, 7, 14, 3, 30, tzinfo=zone))
    assert before == f"{year} is due on {year}-07-15"
    at = datetime(year, 7, 15, 3, 30, tzinfo=zone)
    request = due(instance, midyear, at)
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == str(year)


def test_what_was_rolled_back_is_left_to_a_person(
    instance: dg.DagsterInstance, two_years: TwoYears, clock: Clock
) -> None:
    assert cli.main(["rollback", "--warehouse", str(two_years.warehouse)]) == 0
    after = schedule("after_the_year", two_years.landing, two_years.warehouse)
    said = due(instance, after, datetime(2025, 3, 1, 2, tzinfo=SHANGHAI))
    assert said == "2024 was rolled back; a person has to launch it"
    assert settle(Ticks(instance, two_years.landing, two_years.warehouse), clock) == []


@dg.op
def wait() -> None:
    """Stands for what builds a year."""


@dg.job(name=JOB)
def stand_in() -> None:
    wait()


def run_of(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, **tags: str) -> str:
    run = instance.create_run_for_job(stand_in, tags=tags, status=status)
    return run.run_id


def test_a_run_whose_process_is_gone_ends(
    instance: dg.DagsterInstance, published: Published, clock: Clock
) -> None:
    run_id = run_of(instance, dg.DagsterRunStatus.STARTED)
    dead_runs = sensor("dead_runs", LANDING, published.warehouse)
    cursor = ""

    def tick() -> dg.DagsterRunStatus:
        nonlocal cursor
        result = dead_runs(dg.build_sensor_context(instance, cursor=cursor or None))
        assert isinstance(result, dg.SensorResult)
        cursor = str(result.cursor)
        run = instance.get_run_by_id(run_id)
        assert run is not None
        return run.status

    of = automation.Warehouse(published.warehouse)
    with of.building(say=print):
        tick()
        clock.pass_(hours=9)
        assert tick() == dg.DagsterRunStatus.STARTED
    assert tick() == dg.DagsterRunStatus.STARTED
    clock.pass_(seconds=automation.DEAD_AFTER)
    assert tick() == dg.DagsterRunStatus.FAILURE


def test_records_of_long_ago_are_removed_but_for_the_last_success_of_a_year(
    instance: dg.DagsterInstance, published: Published, clock: Clock
) -> None:
    success, failure = dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE
    of_year = {automation.PARTITION: "2023"}
    older = run_of(instance, success, **of_year)
    last = run_of(instance, success, **of_year)
    failed = run_of(instance, failure, **of_year)
    going = run_of(instance, dg.DagsterRunStatus.STARTED, **of_year)
    old_records = sensor("old_records", LANDING, published.warehouse)
    clock.at = datetime.now(UTC) + timedelta(days=399)
    old_records(dg.build_sensor_context(instance))
    assert {run.run_id for run in instance.get_runs()} == {older, last, failed, going}
    clock.pass_(days=2)
    old_records(dg.build_sensor_context(instance))
    assert {run.run_id for run in instance.get_runs()} == {last, going}


def test_how_a_run_ended_is_told(
    instance: dg.DagsterInstance, landing: Path, published: Published,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    # A cause that the run finds before it builds anything.
    (landing / "2023" / "budget.csv").write_text("x\n")
    job = build_definitions(str(landing), str(published.warehouse)).resolve_job_def(JOB)
    ended = job.execute_in_process(partition_key="2023", instance=instance, raise_on_error=False)
    (failure,) = (
        event
        for event in ended.all_events
        if event.event_type_value.startswith("RUN_F")
        or event.event_type_value == "PIPELINE_FAILURE"
    )
    tell_why_not = sensor("tell_why_not", landing, published.warehouse)

    def tick(run: dg.DagsterRun) -> list[str]:
        caplog.clear()
        tell_why_not(
            dg.build_run_status_sensor_context(
                sensor_name=tell_why_not.name, dagster_instance=instance, dagster_run=run,
                dagster_event=failure,
            ).for_run_failure()
        )  # fmt: skip
        return [message for message in caplog.messages if "未公布" in message]

    run = ended.dagster_run
    # One that is started anew by itself is nobody's concern yet.
    assert tick(run.with_tags({**run.tags, "dagster/will_retry": "true"})) == []
    (told,) = tick(run)
    assert told.startswith("jixiao 2023 未公布，原公布内容不变：；2023/budget.csv: ")
    assert tick(run) == []
    # Published at last: told again, should it fail again.
    tell_what_is_left = sensor("tell_what_is_left", landing, published.warehouse)
    tell_what_is_left(
        dg.build_run_status_sensor_context(
            sensor_name=tell_what_is_left.name, dagster_instance=instance, dagster_run=run,
            dagster_event=failure,
        )
    )  # fmt: skip
    assert len(tick(run)) == 1
    # Dagster's tag says so of one that it does not start anew, as its backfill has ended.
    of_backfill = {**run.tags, "dagster/will_retry": "true", "dagster/backfill": "b"}
    backfill = PartitionBackfill("b", BulkActionStatus.REQUESTED, False, {}, 0.0)
    instance.add_backfill(backfill)
    assert tick(run.with_tags(of_backfill)) == []
    instance.update_backfill(backfill.with_status(BulkActionStatus.COMPLETED))
    (told,) = tick(run.with_tags(of_backfill))
    assert automation.NOT_ANEW in told
    instance.add_run_tags(run.run_id, {"dagster/auto_retry_run_id": "r"})
    assert tick(run) == tick(run.with_tags(of_backfill)) == []


def test_the_services_do_not_say_of_each_asset_what_dagster_may_change() -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        definitions.defs()
    assert [str(one.message) for one in said] == []


def test_what_cannot_be_fetched_is_told_once_and_what_can_is_built(
    instance: dg.DagsterInstance, landing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    job, daily = automation.fetching(landing, tmp_path / "warehouse")
    assert (daily.cron_schedule, daily.execution_timezone) == ("0 1 * * *", "Asia/Shanghai")
    at = datetime(2024, 3, 1, 1, tzinfo=SHANGHAI)
    assert "is not there" in str(due(instance, daily, at))
    (landing / "sources.yml").write_text(
        "sources:\n  finance:\n    type: database\n    url: ${NOWHERE}\n    years: [2023]\n"
        "    tables: {budgets: select 1}\n"
    )
    (landing / "sources.yml").chmod(0o600)
    assert isinstance(due(instance, daily, at), dg.RunRequest)

    def fetched() -> list[str]:
        caplog.clear()
        job.execute_in_process(instance=instance, raise_on_error=False)
        return [message for message in caplog.messages if "未能从数据源取数" in message]

    (told,) = fetched()
    assert "NOWHERE" in told
    assert fetched() == []
    monkeypatch.setattr(
        automation.sources_, "fetch", lambda *_: [Outcome(2023, "finance", ["x"], ["y"])]
    )
    (told,) = fetched()
    assert told == "jixiao 2023 未能从数据源取数：；2023 finance: x；2023 finance: y"
    monkeypatch.setattr(automation.sources_, "fetch", lambda *_: [Outcome(2023, "finance", [], [])])
    assert job.execute_in_process(instance=instance).success
    assert json.loads((tmp_path / "warehouse" / "alerts.json").read_text("utf-8")) == {}
