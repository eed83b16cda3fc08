"""What has been told of each topic, so that a person is told once of each thing to do."""

import fcntl
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestration.alerts import webhook
from orchestration.faults import WrongSurroundings, for_builders, in_a_line

logger = logging.getLogger("jixiao")

SHOWN = 20
# Where a thing is told, and what stands for a line that is not shown.
WAYS = ("log", "webhook")
HIDDEN = "\0"


@dataclass(frozen=True)
class Topic:
    """Something that is as it should be, or not.

    Attributes:
        kind: What it is about: refused, incomplete, out_of_date, missing or not_fetched.
        fiscal_year: The fiscal year; none where it is about no year.
        heading: What is told above the lines.
        lines: What a person has to do, a line for each; none where all is as it should be.
        hidden: How many more lines there are, of departments that are not disclosed.
    """

    kind: str
    fiscal_year: int | None
    heading: str
    lines: tuple[str, ...] = ()
    hidden: int = 0

    @property
    def key(self) -> str:
        """What tells it from other topics."""
        return f"{self.kind} {self.fiscal_year}"


def tell(warehouse: Path, topics: list[Topic], *, log: bool = True) -> list[str]:
    """Tell what has not been told yet, in the log and to the webhook.

    What is in order again is forgotten, so that it is told once more if it comes back. What the
    webhook has not taken is told with the next.

    Args:
        warehouse: The warehouse folder, which keeps what has been told.
        topics: All that there is to say of their kinds and years.
        log: Whether the log is to have it too; not where a person has just been told.

    Returns:
        What was told, a line for each topic.
    """
    said = []
    try:
        with _told(warehouse) as told:
            for topic in topics:
                before = told.pop(topic.key, {})
                now = [*topic.lines, *(f"{HIDDEN}{n}" for n in range(1, topic.hidden + 1))]
                if not now:
                    continue
                told[topic.key] = dict.fromkeys(WAYS, now)
                if new := _new(now, before.get("log", [])):
                    line = _alert(topic, new, len(now) - len(new)).text.replace("\n", "；")
                    said.append(line)
                    if log:
                        logger.warning("%s", line)
                sent = before.get("webhook", [])
                new = _new(now, sent)
                if new and not _is_sent(_alert(topic, new, len(now) - len(new))):
                    told[topic.key]["webhook"] = sent
    except OSError as error:
        logger.warning("%s: what was told is not kept (%s)", warehouse, in_a_line(error))
    return said


def _new(now: list[str], before: list[str]) -> list[str]:
    return [line for line in now if line not in before]


def _alert(topic: Topic, new: list[str], known: int) -> webhook.Alert:
    shown = [line for line in new if not line.startswith(HIDDEN)]
    hidden = len(new) - len(shown)
    lines = shown[:SHOWN]
    if more := len(shown) - len(lines):
        lines.append(f"另有 {more} 项")
    if hidden:
        lines.append(f"另有 {hidden} 项属于不公开的单位，见日志")
    if known:
        lines.append(f"此外 {known} 项已通知")
    return webhook.Alert(topic.kind, topic.fiscal_year, "\n".join([topic.heading, *lines]), lines)


def _is_sent(alert: webhook.Alert) -> bool:
    if not webhook.is_wanted():
        return True
    try:
        webhook.send(alert)
    except (webhook.NotSent, WrongSurroundings) as error:
        logger.warning("an alert was not sent: %s; it is tried again", error)
        return False
    return True


@contextmanager
def _told(warehouse: Path) -> Iterator[dict[str, dict[str, list[str]]]]:
    """What has been told, by topic; written back whole when it is left."""
    warehouse.mkdir(parents=True, exist_ok=True)
    path = warehouse / "alerts.json"
    with (warehouse / ".alerts.lock").open("a") as lock:
        for_builders(warehouse / ".alerts.lock")
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            told = json.loads(path.read_bytes())
        except (FileNotFoundError, ValueError):
            told = {}
        yield told
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(told, ensure_ascii=False, indent=1), "utf-8")
        for_builders(partial)
        partial.replace(path)
