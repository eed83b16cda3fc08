"""A week that nobody watches: files late, in pieces, wrong, corrected and twice, a kill, a full disk.

Dagster's daemon is played by hand: its sensors and schedules are asked by a clock of their own, and
what they ask for is run. At its end the right scores are published, and a person was told once of
each thing that he had to do, and of nothing else.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from orchestration import automation
from orchestration.alerts import webhook
from orchestration.definitions import build_definitions
from orchestration.graph.build import JOB
from orchestration.publication.folder import Warehouse
from tests.conftest import LANDING, Published
from tests.test_alerts import Webhook

pytestmark = pytest.mark.builds

SHANGHAI = ZoneInfo("Asia/Shanghai")
HOUR = timedelta(hours=1)


class Daemon:
    """Dagster's daemon, tick by tick, on a landing folder and a warehouse."""

    def __init__(self, instance: dg.DagsterInstance, landing: Path, warehouse: Path) -> None:
        self.instance, self.landing, self.warehouse = instance, landing, warehouse
        self.now = datetime(2024, 2, 26, tzinfo=SHANGHAI)
        self.cursors: dict[str, str | None] = {}
        self.keys: set[str] = set()
        self.launched: list[tuple[str, str]] = []
        self.definitions = build_definitions(str(landing), str(warehouse))
        self.sensors = {s.name: s for s in automation.sensors(landing, warehouse)}
        self.schedules = automation.schedules(landing, warehouse)
        self.killed = False

    def until(self, *moment: int) -> None:
        """Let the hours pass: a tick every half hour, the schedules at their time."""
        until = datetime(*moment, tzinfo=SHANGHAI)  # type: ignore[misc, arg-type]
        while self.now < until:
            self.now += timedelta(minutes=30)
            for schedule in self.schedules:
                minute, hour, *_ = str(schedule.cron_schedule).split()
                if (self.now.hour, self.now.minute) == (int(hour), int(minute)):
                    context = dg.build_schedule_context(
                        self.instance, scheduled_execution_time=self.now
                    )
                    answer = schedule(context)
                    if isinstance(answer, dg.RunRequest):
                        self.launch(schedule.name, answer)
            for name in ("landing_changed", "dead_runs"):
                self.tick(name)

    def tick(self, name: str) -> None:
        context = dg.build_sensor_context(self.instance, cursor=self.cursors.get(name))
        result = self.sensors[name](context)
        assert isinstance(result, dg.SensorResult)
        self.cursors[name] = result.cursor
        for request in result.run_requests or []:
            self.launch(name, request)
        for run in self.instance.get_runs(
            dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], tags={"killed": "yes"})
        ):
            # As Dagster does with a run whose process was gone.
            self.instance.add_run_tags(run.run_id, {"killed": "retried"})
            self.execute("retry", str(run.tags[automation.PARTITION]))

    def launch(self, by: str, request: dg.RunRequest) -> None:
        if str(request.run_key) in self.keys:
            return
        self.keys.add(str(request.run_key))
        if self.killed:
            self.killed = False
            # A process that is gone leaves a run that has started, and what it had built.
            (self.warehouse / "build").mkdir(parents=True, exist_ok=True)
            (self.warehouse / "build" / "warehouse.duckdb").write_bytes(b"half")
            self.instance.create_run_for_job(
                self.definitions.resolve_job_def(JOB),
                tags={automation.PARTITION: str(request.partition_key), "killed": "yes"},
                status=dg.DagsterRunStatus.STARTED,
            )
            self.launched.append((by, "killed"))
            return
        self.execute(by, str(request.partition_key))

    def execute(self, by: str, year: str) -> None:
        ended = self.definitions.resolve_job_def(JOB).execute_in_process(
            partition_key=year, instance=self.instance, raise_on_error=False
        )
        self.launched.append((by, "published" if ended.success else "refused"))
        kinds = ("RUN_SUCCESS", "PIPELINE_SUCCESS", "RUN_FAILURE", "PIPELINE_FAILURE")
        (event,) = (event for event in ended.all_events if event.event_type_value in kinds)
        name = "tell_what_is_left" if ended.success else "tell_why_not"
        context = dg.build_run_status_sensor_context(name, event, self.instance, ended.dagster_run)
        self.sensors[name](context if ended.success else context.for_run_failure())


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    hook = Webhook()
    monkeypatch.setenv(webhook.URL, hook.url)
    yield hook
    hook.server.shutdown()
    hook.server.server_close()


def test_an_unattended_week(
    hook: Webhook, two_departments: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing, warehouse = tmp_path / "landing", tmp_path / "warehouse"
    year = landing / "2023"
    year.mkdir(parents=True)
    delivered = sorted((LANDING / "2023").iterdir())
    surveys = LANDING / "2023" / "satisfaction_surveys.csv"

    def told() -> list[tuple[str, str]]:
        found = [(alert["kind"], alert["text"]) for alert in hook.taken]
        hook.taken.clear()
        return found

    with dg.instance_for_test() as instance:
        daemon = Daemon(instance, landing, warehouse)
        monkeypatch.setattr(automation, "now", lambda: daemon.now)
        # Monday: nothing is there, and nothing is due.
        daemon.until(2024, 2, 27, 8)
        assert (daemon.launched, told()) == ([], [])
        # Tuesday: files come in pieces, the last of them all day long, and one of them is wrong.
        for path in delivered:
            if path != surveys:
                shutil.copy(path, year)
        budgets = (year / "budgets.csv").read_bytes()
        for size in range(200, len(budgets), 400):
            (year / "budgets.csv").write_bytes(budgets[:size])
            daemon.until(*(daemon.now + 0.5 * HOUR).timetuple()[:5])
            assert daemon.launched == []
        (year / "budgets.csv").write_bytes(budgets.replace(b"fiscal_year", b"year", 1))
        daemon.until(2024, 2, 28, 8)
        assert daemon.launched == [("landing_changed", "refused")]
        ((kind, text),) = told()
        assert kind == "refused"
        assert "2023/budgets.csv" in text
        # Wednesday: corrected; the run is killed, its retry finds the disk full.
        (year / "budgets.csv").write_bytes(budgets)
        daemon.killed = True
        with monkeypatch.context() as patched:

            def full(*_: object) -> Path:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(warehouse))

            patched.setattr(Warehouse, "publish", full)
            daemon.until(2024, 2, 29, 8)
        assert daemon.launched[1:] == [("landing_changed", "killed"), ("retry", "refused")]
        ((kind, text),) = told()
        assert kind == "refused"
        assert f"{warehouse}: No space left on device: " in text
        assert not [path.name for path in (warehouse / "build",) if path.exists()]
        # Thursday, a leap day: room is made, and nothing is due yet.
        daemon.until(2024, 3, 1, 1)
        assert (daemon.launched[3:], told()) == ([], [])
        # Friday, 1 March: the year is due. It is published, with a gap.
        daemon.until(2024, 3, 2, 8)
        assert daemon.launched[3:] == [("after_the_year", "published")]
        ((kind, text),) = told()
        assert kind == "incomplete"
        assert text.count("\n") >= 2
        # Saturday: all is delivered once more, as it was.
        for path in delivered:
            if path != surveys:
                shutil.copy(path, year)
        daemon.until(2024, 3, 3, 8)
        assert (daemon.launched[4:], told()) == ([], [])
        # Sunday: what was missing.
        shutil.copy(surveys, year)
        daemon.until(2024, 3, 3, 20)
        assert daemon.launched[4:] == [("landing_changed", "published")]
        assert told() == []
        # And nothing more.
        daemon.until(2024, 3, 6)
        assert (daemon.launched[5:], told()) == ([], [])
    assert Published(warehouse).totals() == two_departments.totals()
