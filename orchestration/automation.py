"""What runs without anybody asking: Dagster's schedules and sensors, and what they tell.

They ask for runs; the run does the rest. What they know of a year they read from the landing folder
and from what is published, so that nothing is lost with Dagster's own records.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb

from orchestration import duck, ledger, settings
from orchestration.alerts import topics
from orchestration.alerts.tell import Topic, tell
from orchestration.faults import WrongSurroundings
from orchestration.graph.build import JOB
from orchestration.graph.run import no_fiscal_year
from orchestration.landing.files import contents, landing_years
from orchestration.project import OWN, Folders
from orchestration.publication import chain
from orchestration.publication.folder import Warehouse
from orchestration.regions import names
from orchestration.sources import config
from orchestration.sources import fetch as sources_

PARTITION = "dagster/partition"
# The parts of a partition's key where there are regions.
YEAR, REGION = "year", "region"
PUBLISHED = dg.AssetKey("published")
UP_TO_DATE, WARN = "up_to_date", dg.AssetCheckSeverity.WARN
RUNNING = dg.DefaultSensorStatus.RUNNING
ENDED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
# Of a run that failed without a step of it having failed; and the states of backfills that go on.
WILL_RETRY, OPEN = "dagster/will_retry", ("REQUESTED", "CANCELING", "FAILING")
NOT_ANEW = "Dagster starts no run of a backfill anew that has ended; launch it again"
# A run that does not hold its warehouse for so long is dead: importing takes seconds.
DEAD_AFTER = 180


def now() -> datetime:
    """The time, as the sensors have it."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Watched:
    """The folders that are watched.

    Attributes:
        landing: The landing folder.
        of: The warehouse.
        region: The region that they are of; none where there are no regions.
    """

    landing: Path
    of: Warehouse
    region: str | None = None

    def key(self, year: int) -> str:
        """The key of a year's partition."""
        if self.region is None:
            return str(year)
        return dg.MultiPartitionKey({YEAR: str(year), REGION: self.region})

    def line(self, text: str) -> str:
        """What is told, with the region that it is of."""
        return names.line(self.region, text)

    def tell(self, told: list[Topic]) -> None:
        """Tell what there is to do, with the region that it is of."""
        tell(self.of.root, [replace(of, heading=self.line(of.heading)) for of in told])

    def files(self, year: int) -> dict[str, str]:
        """The SHA-256 of each file of a year, by its path below the landing folder."""
        paths, _ = contents(self.landing, year)
        return {name: chain.sha256(path) for name, path in paths.items()}

    def state(self, year: int) -> str:
        """What changes when a file of a year does, or one comes or goes."""
        _, states = contents(self.landing, year)
        return hashlib.sha256(json.dumps(states, sort_keys=True).encode()).hexdigest()

    def last(self, year: int) -> "Last | None":
        """The last run of a year that was published, a rollback too."""
        rows = self._published(
            """
            select started_at at time zone 'UTC',
                restores_run_id is not null or coalesce(outcome, '') = 'withdrawn'
            from audit.runs where fiscal_year = $year order by published_at desc limit 1
            """,
            year,
        )
        return next((Last(at.replace(tzinfo=UTC), is_back) for at, is_back in rows), None)

    def has_built(self, year: int, files: dict[str, str]) -> bool:
        """Whether the last run of a year that was no rollback was loaded from these files."""
        rows = self._published(
            """
            select distinct source_file, source_sha256
            from audit.run_files
            where fiscal_year = $year and run_id = (
                select arg_max(run_id, published_at) from audit.runs
                where fiscal_year = $year and restores_run_id is null
                    and outcome is distinct from 'withdrawn'
            )
            """,
            year,
        )
        return dict(rows) == files

    def _published(self, query: str, year: int) -> list[Any]:
        """What the published ledger has of a year; nothing where nothing is published."""
        if not self.of.database.is_file():
            return []
        with duckdb.connect() as con:
            duck.attach(con, self.of.database, "scores")
            con.execute("use scores")
            rows: list[Any] = con.execute(query, {"year": year}).fetchall()
            return rows


@dataclass(frozen=True)
class Last:
    """The last entry of a year in the ledger.

    Attributes:
        started_at: When it started; of a rollback when the run did whose results it restored.
        is_rollback: Whether it is a rollback.
    """

    started_at: datetime
    is_rollback: bool


@dataclass
class Seen:
    """What the sensor has seen of a year.

    Attributes:
        state: Of its files.
        since: Since when they are so.
        looked: The state whose content was looked at, so that files are read when they change.
        handled: The content that was asked for, or found to be built already.
        asked: How many runs were asked for.
    """

    state: str = ""
    since: float = 0
    looked: str = ""
    handled: str = ""
    asked: int = 0


Watching = Callable[[], list[Watched]]


def has_regions(root: Folders) -> bool:
    """Whether years are built region by region."""
    found = names.delivered(root.landing).names if root.landing.is_dir() else ()
    return bool(found or names.built(root.warehouse))


def watching(root: Folders) -> Watching:
    """What is watched, looked for anew each time: a region may have come or gone.

    Args:
        root: The landing folder and the warehouse.
    """
    if not has_regions(root):
        return lambda: [Watched(root.landing, Warehouse(root.warehouse))]

    def all_regions() -> list[Watched]:
        found = names.delivered(root.landing).names if root.landing.is_dir() else ()
        own = [OWN] if landing_years(root.landing) else []
        regions = [*own, *sorted({*found, *names.built(root.warehouse)})]
        of_regions = [(region, root.of(region)) for region in regions]
        return [Watched(of.landing, Warehouse(of.warehouse), name) for name, of in of_regions]

    return all_regions


def register(instance: dg.DagsterInstance, regions: list[str]) -> None:
    """Have Dagster know the regions, whose partitions it would refuse else."""
    known = set(instance.get_dynamic_partitions(REGION))
    if new := [region for region in regions if region not in known]:
        instance.add_dynamic_partitions(REGION, new)


def _now_watched(instance: dg.DagsterInstance, watching: Watching) -> list[Watched]:
    found = watching()
    if regions := [watched.region for watched in found if watched.region is not None]:
        register(instance, regions)
    return found


def _of_run(found: list[Watched], run: dg.DagsterRun) -> Watched | None:
    """What a run builds; none where it is of a region that is gone."""
    region = run.tags.get(f"{PARTITION}/{REGION}")
    return next((watched for watched in found if watched.region == region), None)


def schedules(landing: Path, warehouse: Path) -> list[dg.ScheduleDefinition]:
    """What is due in the course of a year.

    Args:
        landing: Where the bureaus' files are.
        warehouse: Where the warehouse is built and published.
    """
    watched = watching(Folders(landing, warehouse))
    return [
        _due(
            "after_the_year", watched, settings.evaluated_at(), years_before=1,
            description="The year before, day by day from when it is due until it is published.",
        ),
        _due(
            "midyear_monitoring", watched, settings.monitored_at(), years_before=0,
            description="The open year (绩效运行监控), day by day from when it is due until a run "
            "has built it.",
        ),
    ]  # fmt: skip


def sensors(landing: Path, warehouse: Path) -> list[dg.SensorDefinition]:
    """What asks for a run because something has changed, and what tells how runs ended.

    Args:
        landing: Where the bureaus' files are.
        warehouse: Where the warehouse is built and published.
    """
    root = Folders(landing, warehouse)
    watched = watching(root)
    return [
        _landing_changed(root, watched),
        _dead_runs(watched),
        _published(watched),
        _not_published(watched),
        _old_records(),
    ]


def fetching(landing: Path, warehouse: Path) -> tuple[dg.JobDefinition, dg.ScheduleDefinition]:
    """The job that fetches tables from databases and buckets, and its schedule.

    What it puts into the landing folder is built as what bureaus deliver there.

    Args:
        landing: The landing folder, whose sources.yml says from where; of a region the one in its
            folder.
        warehouse: The warehouse, which keeps what has been told.
    """
    watched = watching(Folders(landing, warehouse))

    @dg.op(name="fetch", description="Tables of databases and S3 storage, into the landing folder.")
    def fetch() -> None:
        failed = []
        # Where none says from where, the first is told that it does not.
        for of_region in _with_sources(watched()) or watched()[:1]:
            faults = _fetch(of_region)
            told = [topics.not_fetched(year, lines) for year, lines in faults.items()]
            of_region.tell(told)
            failed += [of_region.line(line) for lines in faults.values() for line in lines]
        if failed:
            raise dg.Failure("\n".join(failed), allow_retries=False)

    @dg.job(name="fetch_sources", executor_def=dg.in_process_executor)
    def fetch_sources() -> None:
        fetch()

    @dg.schedule(
        name="fetch_daily",
        job=fetch_sources,
        cron_schedule=settings.fetched_at(),
        execution_timezone=str(settings.zone()),
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Fetches every day what sources.yml names.",
    )
    def fetch_daily(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if not _with_sources(watched()):
            path = config.sources_file(landing)
            return dg.SkipReason(f"{path} is not there; files are delivered by hand")
        return dg.RunRequest(run_key=f"{context.scheduled_execution_time:%Y-%m-%d}")

    return fetch_sources, fetch_daily


def _with_sources(found: list[Watched]) -> list[Watched]:
    """What is fetched for: the landing folder, or its regions that say from where."""
    return [watched for watched in found if config.sources_file(watched.landing).is_file()]


def _fetch(watched: Watched) -> dict[int | None, list[str]]:
    """Fetch every source; for each year, and for all of them, what was at fault."""
    landing = watched.landing
    if watched.region is not None and os.environ.get("JIXIAO_SOURCES"):
        line = "JIXIAO_SOURCES names the sources of one region; put a sources.yml into each"
        return {None: [line]}
    try:
        sources = config.read(config.sources_file(landing))
        outcomes = sources_.fetch(landing, sources, config.years(sources, landing))
    except WrongSurroundings as wrong:
        return {None: str(wrong).splitlines()}
    faults: dict[int | None, list[str]] = {None: []}
    for of in outcomes:
        lines = [f"{of.year} {of.source}: {line}" for line in (*of.refused, *of.faults)]
        faults.setdefault(of.year, []).extend(lines)
    return faults


def up_to_date(landing: Path, warehouse: Path) -> dg.AssetChecksDefinition:
    """The check whether every published year is what its seeds, and the years it reads, give.

    Args:
        landing: Where the bureaus' files are.
        warehouse: Where the warehouse is published.
    """
    watched = watching(Folders(landing, warehouse))

    @dg.asset_check(
        asset=PUBLISHED,
        name=UP_TO_DATE,
        description="every year follows from its seeds, and from the years it reads, as they are",
    )
    def check() -> dg.AssetCheckResult:
        lines = _out_of_date(watched())
        return dg.AssetCheckResult(passed=not lines, severity=WARN, metadata={"out_of_date": lines})

    return check


def _due(
    name: str, watching: Watching, moment: settings.Moment, years_before: int, description: str
) -> dg.ScheduleDefinition:
    zone = settings.zone()

    @dg.schedule(
        name=name,
        job_name=JOB,
        cron_schedule=moment.daily,
        execution_timezone=str(zone),
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=description,
    )
    def schedule(
        context: dg.ScheduleEvaluationContext,
    ) -> dg.RunRequest | list[dg.RunRequest] | dg.SkipReason:
        found = _now_watched(context.instance, watching)
        came_to = [of_region(context, watched) for watched in found]
        if len(came_to) == 1:
            return came_to[0]
        requests = [one for one in came_to if isinstance(one, dg.RunRequest)]
        return requests or dg.SkipReason(
            "; ".join(
                watched.line(str(one.skip_message))
                for watched, one in zip(found, came_to, strict=True)
                if isinstance(one, dg.SkipReason)
            )
        )

    def of_region(
        context: dg.ScheduleEvaluationContext, watched: Watched
    ) -> dg.RunRequest | dg.SkipReason:
        at = context.scheduled_execution_time.astimezone(zone)
        due = moment.of(at.year, zone)
        is_due = at >= due
        if not is_due and years_before == 0:
            return dg.SkipReason(f"{at.year} is due on {due:%Y-%m-%d}")
        if not is_due:
            due = moment.of(at.year - 1, zone)
        year = due.year - years_before
        # What was built after the year was over has all of it; of the open year what is due now.
        since = datetime.combine(date(year + 1, 1, 1), datetime.min.time(), zone)
        since = since if years_before else due
        if reason := _there(context.instance, watched, year, since):
            return dg.SkipReason(reason)
        if year not in landing_years(watched.landing) or not watched.files(year):
            if not is_due:
                return dg.SkipReason(f"{year + 1} is due on {moment.of(at.year, zone):%Y-%m-%d}")
            line = (
                f"{year} is due since {due:%Y-%m-%d}, but {watched.landing / str(year)} has no "
                "files; put them there"
            )
            watched.tell([topics.missing(year, line)])
            return dg.SkipReason(line)
        key = watched.key(year)
        return dg.RunRequest(run_key=f"{key} {at:%Y-%m-%d}", partition_key=key)

    return schedule


def _there(instance: dg.DagsterInstance, watched: Watched, year: int, since: datetime) -> str:
    """Why a year that is due needs no run; nothing where it does."""
    last = watched.last(year)
    if last and last.is_rollback:
        return f"{year} was rolled back; a person has to launch it"
    if last and last.started_at >= since:
        return f"{year} is published since {last.started_at:%Y-%m-%d}"
    # A run that found the same as before has published nothing.
    done = instance.get_run_records(
        dg.RunsFilter(
            job_name=JOB, tags={PARTITION: watched.key(year)},
            statuses=[dg.DagsterRunStatus.SUCCESS], created_after=since.astimezone(UTC),
        ),
        limit=1,
    )  # fmt: skip
    return f"{year} has been built since {since:%Y-%m-%d}" if done else ""


def _landing_changed(root: Folders, watching: Watching) -> dg.SensorDefinition:
    @dg.sensor(
        name="landing_changed",
        job_name=JOB,
        minimum_interval_seconds=30,
        default_status=RUNNING,
        description="A year whose files have changed, once they have settled; the same content "
        "never twice.",
    )
    def landing_changed(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        known = json.loads(context.cursor or "{}")
        seen = {key: Seen(**of_year) for key, of_year in known.get("years", {}).items()}
        requests, waiting = [], []
        found = _now_watched(context.instance, watching)
        tell(root.warehouse, [topics.no_region(_no_regions(root, found))])
        for watched, year in ((of, year) for of in found for year in landing_years(of.landing)):
            if reasons := no_fiscal_year(year):
                watched.tell([topics.refused(watched.of.database, year, reasons)])
                continue
            of_year = seen.setdefault(watched.key(year), Seen())
            if not _has_settled(watched, year, of_year):
                waiting.append(watched.line(str(year)))
            elif request := _request(watched, year, of_year):
                requests.append(request)
        made_of, out_of_date = _freshness(found, known)
        skip = f"waiting for the files of {', '.join(waiting)} to settle" if waiting else None
        return dg.SensorResult(
            run_requests=requests,
            skip_reason=None if requests else skip,
            cursor=json.dumps(
                {
                    "years": {key: asdict(of_year) for key, of_year in seen.items()},
                    "made_of": made_of,
                    "out_of_date": out_of_date,
                }
            ),
            asset_events=[_fresh(out_of_date)] if out_of_date != known.get("out_of_date") else [],
        )

    return landing_changed


def _no_regions(root: Folders, found: list[Watched]) -> list[str]:
    """The folders that hold years and are not watched, a line for each."""
    if not root.landing.is_dir():
        return []
    of_landing = names.delivered(root.landing)
    lines = list(of_landing.refused)
    if of_landing.names and all(watched.region is None for watched in found):
        listed = ", ".join(of_landing.names)
        lines.append(
            f"{root.landing}: it has regions now ({listed}), which Dagster does not know yet; "
            "restart its services"
        )
    return lines


def _freshness(found: list[Watched], known: dict[str, Any]) -> tuple[list[str | None], list[str]]:
    """What published years hang on, and which are out of date: told, and looked at, while one is.

    Args:
        found: What is watched.
        known: The same as of the last time, where it was looked at.
    """
    made_of = [*(watched.of.current for watched in found), ledger.seeds_sha256()]
    if known.get("out_of_date") == [] and made_of == known.get("made_of"):
        return made_of, []
    for watched in found:
        if watched.of.database.is_file():
            watched.tell(topics.outdated(watched.of.database))
    return made_of, _out_of_date(found)


def _out_of_date(found: list[Watched]) -> list[str]:
    """The published years that no longer follow from what they are made from, a line for each."""
    return [
        watched.line(line)
        for watched in found
        if watched.of.database.is_file()
        for topic in topics.outdated(watched.of.database)
        for line in topic.lines
    ]


def _fresh(out_of_date: list[str]) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=PUBLISHED, check_name=UP_TO_DATE, passed=not out_of_date, severity=WARN,
        metadata={"out_of_date": dg.MetadataValue.json(out_of_date)},
    )  # fmt: skip


def _request(watched: Watched, year: int, seen: Seen) -> dg.RunRequest | None:
    """The run that a year's files, which have settled, are to have; none where they had it."""
    if seen.looked == seen.state:
        return None
    files = watched.files(year)
    # What is read now may have begun to change again.
    if watched.state(year) != seen.state:
        return None
    seen.looked = seen.state
    content = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
    if not files or content == seen.handled:
        return None
    seen.handled = content
    if watched.has_built(year, files):
        return None
    seen.asked += 1
    key = watched.key(year)
    return dg.RunRequest(run_key=f"{key} {content[:16]} {seen.asked}", partition_key=key)


def _has_settled(watched: Watched, year: int, seen: Seen) -> bool:
    """Whether nothing of a year has changed for as long as is set; what is seen of it is noted."""
    state, at = watched.state(year), now().timestamp()
    if state != seen.state or seen.since > at:
        seen.state, seen.since = state, at
    return at - seen.since >= settings.settled().total_seconds()


def _dead_runs(watching: Watching) -> dg.SensorDefinition:
    @dg.sensor(
        name="dead_runs",
        minimum_interval_seconds=60,
        default_status=RUNNING,
        description="Runs whose process is gone: they end as failed, so that others can start.",
    )
    def dead_runs(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        since: dict[str, float] = json.loads(context.cursor or "{}")
        at = now().timestamp()
        runs = context.instance.get_runs(
            dg.RunsFilter(job_name=JOB, statuses=[dg.DagsterRunStatus.STARTED])
        )
        # The lock dies with the process that builds.
        found = watching()
        idle = {run.run_id: since.get(run.run_id, at) for run in runs if not _is_held(found, run)}
        for run in runs:
            if at - idle.get(run.run_id, at) >= DEAD_AFTER:
                context.instance.report_run_failed(
                    run, "its process is gone: it no longer holds the warehouse"
                )
                del idle[run.run_id]
        return dg.SensorResult(cursor=json.dumps(idle))

    return dead_runs


def _is_held(found: list[Watched], run: dg.DagsterRun) -> bool:
    watched = _of_run(found, run)
    if watched is None:
        return False
    try:
        with (watched.of.root / ".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _published(watching: Watching) -> dg.SensorDefinition:
    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.SUCCESS,
        name="tell_what_is_left",
        default_status=RUNNING,
        description="Tells of blocked and incomplete departments, and of years out of date.",
    )
    def tell_what_is_left(context: dg.RunStatusSensorContext) -> None:
        if watched := _of_run(watching(), context.dagster_run):
            for year in _year_of(context.dagster_run):
                watched.tell(topics.published(watched.of.database, year))

    return tell_what_is_left


def _not_published(watching: Watching) -> dg.SensorDefinition:
    @dg.run_failure_sensor(
        name="tell_why_not",
        default_status=RUNNING,
        description="Tells why a year was not published, unless it is tried again by itself.",
    )
    def tell_why_not(context: dg.RunFailureSensorContext) -> None:
        if _is_started_anew(context.instance, context.dagster_run):
            return
        if watched := _of_run(watching(), context.dagster_run):
            for year in _year_of(context.dagster_run):
                reasons = list(_reasons(context)) or [str(context.failure_event.message)]
                if context.dagster_run.tags.get(WILL_RETRY) == "true":
                    reasons.append(NOT_ANEW)
                watched.tell([topics.refused(watched.of.database, year, reasons)])

    return tell_why_not


def _is_started_anew(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether Dagster starts a run anew: none of a backfill that has ended, as its tag may say."""
    if run.tags.get(WILL_RETRY) != "true":
        return False
    if (name := run.tags.get("dagster/backfill")) is None:
        return True
    now_of = instance.get_run_by_id(run.run_id) or run
    backfill = instance.get_backfill(name)
    is_open = backfill is not None and backfill.status.value in OPEN
    return is_open or "dagster/auto_retry_run_id" in now_of.tags


def _year_of(run: dg.DagsterRun) -> Iterator[int]:
    if year := run.tags.get(f"{PARTITION}/{YEAR}") or run.tags.get(PARTITION):
        yield int(year)


def _reasons(context: dg.RunFailureSensorContext) -> Iterator[str]:
    """Why the step failed: a refusal's own lines, of anything else what went wrong."""
    for event in context.get_step_failure_events():
        failure = event.step_failure_data
        if failure.user_failure_data:
            yield from str(failure.user_failure_data.description).splitlines()
        elif failure.error:
            error = failure.error
            while error.cause:
                error = error.cause
            yield " ".join(error.message.split())


def _old_records() -> dg.SensorDefinition:
    @dg.sensor(
        name="old_records",
        minimum_interval_seconds=24 * 3600,
        default_status=RUNNING,
        description="Removes Dagster's records of runs that ended long ago, but for the last "
        "success of each year.",
    )
    def old_records(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        instance, before = context.instance, now() - settings.kept_runs()
        last = {
            run.tags.get(PARTITION): run.run_id
            for run in reversed(
                instance.get_runs(
                    dg.RunsFilter(job_name=JOB, statuses=[dg.DagsterRunStatus.SUCCESS])
                )
            )
        }
        old = instance.get_runs(dg.RunsFilter(statuses=list(ENDED), created_before=before))
        gone = [run.run_id for run in old if run.run_id not in last.values()]
        for run_id in gone:
            instance.compute_log_manager.delete_logs(prefix=[run_id])
            instance.delete_run(run_id)
        return dg.SkipReason(f"{len(gone)} runs of before {before:%Y-%m-%d} are removed")

    return old_records
