"""dbt in this process: parsed once, then run on the build's file."""

import fcntl
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from orchestration.project import PROJECT_DIR, TARGET_DIR
from orchestration.warehouse import BUILD_FILE

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

SHOWN_ROWS = 20
UNREADABLE_SEED = re.compile(
    r'CSV Error on Line: (\d+).*?column "?(\w+)"?.*?(Could not convert string "[^"]*")'
)
RESULT_EVENTS = ("LogSeedResult", "LogModelResult", "LogTestResult")


@dataclass(frozen=True)
class DbtRun:
    """What a dbt invocation came to.

    Attributes:
        invocation_id: dbt's own id of it.
        events: The result of each node, as dbt's structured log has it.
        failures: One line for each node that failed.
        target: The folder of the artifacts that it wrote.
    """

    invocation_id: str
    events: list[dict[str, Any]]
    failures: list[str]
    target: Path


@cache
def parsed() -> tuple["Manifest", dict[str, Any]]:
    """The project's manifest, parsed once in this process, as dbt and as dagster-dbt take it.

    Raises:
        RuntimeError: The project cannot be parsed.
    """
    from dbt.cli.main import dbtRunner

    TARGET_DIR.mkdir(exist_ok=True)
    # The same for every warehouse, or dbt would parse anew for each.
    os.environ["JIXIAO_BUILD_FILE"] = str(TARGET_DIR / BUILD_FILE)
    with (TARGET_DIR / ".lock").open("a") as lock:
        # Two runs at once must not write what dbt parsed over each other.
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = dbtRunner().invoke(["parse", *folders(TARGET_DIR)])
        if not result.success:
            raise RuntimeError(f"dbt cannot parse the project: {result.exception}")
        return result.result, json.loads((TARGET_DIR / "manifest.json").read_text("utf-8"))


def build(database: Path, *arguments: str) -> DbtRun:
    """Run `dbt build` on a warehouse file, without the unit tests.

    Args:
        database: The build's warehouse file; nobody else has it open.
        arguments: What to select.

    Returns:
        The results; a failed node is in `failures`, dbt's own log stays quiet.
    """
    from dbt.cli.main import dbtRunner
    from dbt_common.invocation import get_invocation_id
    from google.protobuf.json_format import MessageToDict

    events: list[dict[str, Any]] = []

    def keep(event: Any) -> None:
        if event.info.name in RESULT_EVENTS:
            events.append(MessageToDict(event, preserving_proto_field_name=True))

    # Parsing points the variable to a file of its own, so it comes first.
    manifest, target = parsed()[0], database.parent / "target"
    os.environ["JIXIAO_BUILD_FILE"] = str(database)
    result = dbtRunner(manifest=manifest, callbacks=[keep]).invoke(
        [
            "build",
            *arguments,
            *("--exclude-resource-type", "unit_test"),
            *folders(target),
        ]
    )
    if result.exception is not None:
        raise RuntimeError(f"dbt: {result.exception}") from result.exception
    failed = [r for r in result.result.results if str(r.status) in ("error", "fail")]
    return DbtRun(
        invocation_id=get_invocation_id(),
        events=events,
        failures=[line for r in failed for line in _failure_lines(database, r)],
        target=target,
    )


def folders(target: Path) -> list[str]:
    """The options that say where dbt reads and writes, and that it keeps its own log to itself.

    Args:
        target: Where it writes its artifacts.
    """
    return [
        *("--log-level", "none", "--log-level-file", "none"),
        *("--project-dir", str(PROJECT_DIR)),
        *("--profiles-dir", str(PROJECT_DIR)),
        *("--target-path", str(target)),
        *("--log-path", str(target)),
    ]


def _failure_lines(database: Path, result: Any) -> Iterator[str]:
    """What a failed node found: a test's own `message` for each row where it has one."""
    node = result.node
    said = " ".join(str(result.message).split())
    if unreadable := UNREADABLE_SEED.search(said):
        yield "{} row {} column {}: {}".format(node.original_file_path, *unreadable.groups())
        return
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
