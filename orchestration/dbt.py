"""dbt in this process: parsed once, then run on the build's file."""

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import duckdb

from orchestration import seeds
from orchestration.faults import WrongSurroundings
from orchestration.project import BUILD_FILE, PROJECT_DIR, target_dir

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

SHOWN_ROWS = 20
# Of profiles.yml, whatever a variable or the default there says.
TARGET = "build"
# With the tests that need nothing else.
SEEDS_ALONE = "resource_type:seed"
RESULT_EVENTS = ("LogSeedResult", "LogModelResult", "LogTestResult")


@dataclass(frozen=True)
class DbtRun:
    """What a dbt invocation came to.

    Attributes:
        invocation_id: dbt's own id of it.
        built: The nodes that it built or tested without a failure.
        events: The result of each node, as dbt's structured log has it.
        failures: One line for each node that failed.
        target: The folder of the artifacts that it wrote.
    """

    invocation_id: str
    built: list[str]
    events: list[dict[str, Any]]
    failures: list[str]
    target: Path


@cache
def parsed() -> tuple["Manifest", dict[str, Any]]:
    """The project's manifest, parsed once in this process, as dbt and as dagster-dbt take it.

    Raises:
        RuntimeError: The project cannot be parsed.
        WrongSurroundings: There is no folder that what was parsed could be written to.
    """
    # Not where dbt by hand writes, with other settings: each would parse anew after the other.
    target = target_dir() / "parsed"
    try:
        target.mkdir(parents=True, exist_ok=True)
        return _parse(target)
    except OSError as error:
        raise WrongSurroundings(
            f"{error.filename or target}: cannot be written ({error.strerror}); set JIXIAO_TARGET "
            "to a folder of your own, where dbt keeps what it has parsed"
        ) from None


def _parse(target: Path) -> tuple["Manifest", dict[str, Any]]:
    with (target / ".lock").open("a") as lock:
        # Two runs at once must not write what dbt parsed over each other.
        fcntl.flock(lock, fcntl.LOCK_EX)
        # The same file for every warehouse, or dbt would parse anew for each.
        result = invoke(Path(BUILD_FILE), target, "parse", "--no-write-json")
        if isinstance(result.exception, OSError):
            raise result.exception
        if not result.success:
            # It reads the seeds as well, and does not say which one is at fault.
            why = "\n".join(seeds.faults()) or result.exception
            raise RuntimeError(f"dbt cannot parse the project: {why}")
        return result.result, _as_written(result.result, target)


def _as_written(manifest: "Manifest", target: Path) -> dict[str, Any]:
    """The manifest as dagster-dbt takes it, from the file of it; that is written where it changed.

    dbt would write it at every start, which takes longer than to see that nothing changed. What it
    has parsed it keeps in a file that it writes only then, so that file's checksum tells.
    """
    written, stamp = target / "manifest.json", target / "manifest.of"
    of = hashlib.sha256((target / "partial_parse.msgpack").read_bytes()).hexdigest()
    if not (written.exists() and stamp.exists() and stamp.read_text("utf-8") == of):
        stamp.unlink(missing_ok=True)
        manifest.write(str(written))
        stamp.write_text(of, "utf-8")
    written_manifest: dict[str, Any] = json.loads(written.read_text("utf-8"))
    return written_manifest


def nodes() -> set[str]:
    """What a build has to build or test: every seed, model and test of what is there."""
    kinds = ("seed", "model", "test")
    return {key for key, node in parsed()[1]["nodes"].items() if node["resource_type"] in kinds}


def build(database: Path, select: str, exclude: str = "", *, artifacts: bool = False) -> DbtRun:
    """Run `dbt build` on a warehouse file, without the unit tests.

    Args:
        database: The build's warehouse file; nobody else has it open.
        select: What to build.
        exclude: What of it to leave out.
        artifacts: Whether the manifest and the results are written to the target folder, which
            takes as long as a tenth of the models.

    Returns:
        The results; a failed node is in `failures`, dbt's own log stays quiet.
    """
    from dbt_common.invocation import get_invocation_id
    from google.protobuf.json_format import MessageToDict

    events: list[dict[str, Any]] = []

    def keep(event: Any) -> None:
        if event.info.name in RESULT_EVENTS:
            events.append(MessageToDict(event, preserving_proto_field_name=True))

    target = database.parent / "target"
    result = invoke(
        database,
        target,
        *("build", "--write-json" if artifacts else "--no-write-json"),
        *("--exclude-resource-type", "unit_test"),
        # A test is left out only where all that it looks at is.
        *("--indirect-selection", "cautious"),
        *("--select", *select.split()),
        *(("--exclude", *exclude.split()) if exclude else ()),
        manifest=parsed()[0],
        callbacks=[keep],
    )
    if result.exception is not None:
        raise RuntimeError(f"dbt: {result.exception}") from result.exception
    results = result.result.results
    failed = [r for r in results if str(r.status) in ("error", "fail")]
    return DbtRun(
        invocation_id=get_invocation_id(),
        built=sorted(r.node.unique_id for r in results if str(r.status) in ("success", "pass")),
        events=events,
        failures=[line for r in failed for line in _failure_lines(database, r)],
        target=target,
    )


def invoke(
    database: Path,
    target: Path,
    *arguments: str,
    manifest: Optional["Manifest"] = None,
    callbacks: list[Callable[[Any], None]] | None = None,
) -> Any:
    """Run dbt in this process, on nothing but what the call says.

    Args:
        database: The warehouse file that the project is about.
        target: The folder where dbt writes its artifacts; it keeps its own log to itself.
        arguments: The command and its options.
        manifest: The parsed project; dbt parses it by default.
        callbacks: What is called with each event.

    Returns:
        dbt's own result.

    Raises:
        KeyboardInterrupt: Somebody has asked the process to end.
    """
    with _environment(database), _debugging_nobody():
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager
        from dbt.cli.main import dbtRunner

        try:
            result = dbtRunner(manifest=manifest, callbacks=callbacks).invoke(
                [
                    *arguments,
                    *("--log-level", "none", "--log-level-file", "none"),
                    *("--project-dir", str(PROJECT_DIR)),
                    *("--profiles-dir", str(PROJECT_DIR)),
                    *("--target", TARGET),
                    *("--target-path", str(target)),
                    *("--log-path", str(target)),
                ]
            )
            if isinstance(result.exception, KeyboardInterrupt):
                raise result.exception
            return result
        finally:
            # dbt keeps the file open from node to node; whoever comes next must find it free.
            DuckDBConnectionManager.close_all_connections()


@contextmanager
def _debugging_nobody() -> Iterator[None]:
    """Let dbt not put together what no log takes of each query: a tenth of its time."""
    from dbt_common.events.base_types import EventLevel
    from dbt_common.events.event_manager import EventManager
    from dbt_common.events.event_manager_client import ctx_set_event_manager, get_event_manager

    class Undebugged(EventManager):  # type: ignore[misc]
        def fire_event(self, e: Any, level: Any = None, *further: Any, **options: Any) -> None:
            if (level or e.level_tag()) is not EventLevel.DEBUG:
                super().fire_event(e, level, *further, **options)

    kept = get_event_manager()
    ctx_set_event_manager(Undebugged())
    try:
        yield
    finally:
        ctx_set_event_manager(kept)


@contextmanager
def _environment(database: Path) -> Iterator[None]:
    """The environment that dbt sees: the warehouse file, and none of its own variables.

    Each of its options has one (DBT_EMPTY, DBT_ENGINE_EMPTY), which would change what is built.
    """
    kept = dict(os.environ)
    try:
        for name in kept:
            if name.startswith("DBT_"):
                del os.environ[name]
        os.environ["JIXIAO_BUILD_FILE"] = str(database)
        # dbt has two threads, which run their queries themselves: one for every core but one.
        os.environ["JIXIAO_BUILD_THREADS"] = str(max(1, (os.cpu_count() or 1) - 1))
        yield
    finally:
        for name in set(os.environ) - set(kept):
            del os.environ[name]
        os.environ.update(kept)


def _failure_lines(database: Path, result: Any) -> Iterator[str]:
    """What a failed node found: a test's own `message` for each row where it has one."""
    node = result.node
    said = " ".join(str(result.message).split())
    if str(result.status) != "fail":
        yield f"{node.name} ({node.original_file_path}): {said}"
        return
    with duckdb.connect(str(database), read_only=True) as con:
        cursor = con.execute(node.compiled_code)
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    for row in rows[:SHOWN_ROWS]:
        yield f"{node.name}: {row.get('message', row)}"
    if len(rows) > SHOWN_ROWS:
        yield f"{node.name}: and {len(rows) - SHOWN_ROWS} more"
