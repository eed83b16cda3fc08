"""What whoever operates it may set, each by an environment variable; a wrong one is one line."""

import os
import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from orchestration.faults import WrongSurroundings

MOMENT = re.compile(r"(\d{2})-(\d{2}) (\d{2}):(\d{2})")


@dataclass(frozen=True)
class Moment:
    """A moment that comes once a year.

    Attributes:
        month: 1 to 12.
        day: Of the month; 29 February does not come every year.
        at: The time of that day.
    """

    month: int
    day: int
    at: time

    @property
    def daily(self) -> str:
        """That time of every day, as cron has it."""
        return f"{self.at.minute} {self.at.hour} * * *"

    def of(self, year: int, zone: ZoneInfo) -> datetime:
        """The moment in a calendar year."""
        return datetime.combine(date(year, self.month, self.day), self.at, zone)


def zone() -> ZoneInfo:
    """JIXIAO_TIME_ZONE: where days begin, and the hours of the schedules are told."""
    name = os.environ.get("JIXIAO_TIME_ZONE") or "Asia/Shanghai"
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise _wrong("JIXIAO_TIME_ZONE", name, "a time zone such as Asia/Shanghai") from None


def evaluated_at() -> Moment:
    """JIXIAO_EVALUATED_AT: from when on the year before is to be published."""
    return _moment("JIXIAO_EVALUATED_AT", "03-01 02:00")


def monitored_at() -> Moment:
    """JIXIAO_MONITORED_AT: from when on the open year is to be monitored."""
    return _moment("JIXIAO_MONITORED_AT", "08-01 02:00")


def fetched_at() -> str:
    """JIXIAO_FETCHED_AT: when sources are fetched every day, as cron has it."""
    text = os.environ.get("JIXIAO_FETCHED_AT") or "01:00"
    try:
        at = time.fromisoformat(text) if re.fullmatch(r"\d{2}:\d{2}", text) else None
    except ValueError:
        at = None
    if at is None:
        raise _wrong("JIXIAO_FETCHED_AT", text, "a time of the day, as 01:00")
    return f"{at.minute} {at.hour} * * *"


def settled() -> timedelta:
    """JIXIAO_SETTLED_SECONDS: how long nothing in a year's folder changes before it is read."""
    return timedelta(seconds=_number("JIXIAO_SETTLED_SECONDS", 300, least=1))


def kept_publications() -> int:
    """JIXIAO_KEPT_PUBLICATIONS: how many are kept, the current one among them."""
    return _number("JIXIAO_KEPT_PUBLICATIONS", 5, least=2)


def kept_runs() -> timedelta:
    """JIXIAO_KEPT_DAYS: how long Dagster's records of runs that have ended are kept."""
    return timedelta(days=_number("JIXIAO_KEPT_DAYS", 400, least=1))


def check() -> None:
    """Read every setting.

    Raises:
        WrongSurroundings: One is not what it must be.
    """
    zone()
    evaluated_at()
    monitored_at()
    fetched_at()
    settled()
    kept_publications()
    kept_runs()


def _moment(name: str, default: str) -> Moment:
    text = os.environ.get(name) or default
    found = MOMENT.fullmatch(text)
    try:
        month, day, hour, minute = map(int, found.groups() if found else ())
        # A year without a 29 February.
        date(2001, month, day)
        return Moment(month, day, time(hour, minute))
    except ValueError:
        expected = f"month, day and time of every year, as {default}"
        raise _wrong(name, text, expected) from None


def _number(name: str, default: int, least: int) -> int:
    text = os.environ.get(name) or str(default)
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < least:
        raise _wrong(name, text, f"a whole number, {least} or more")
    return int(text)


def _wrong(name: str, text: str, expected: str) -> WrongSurroundings:
    return WrongSurroundings(f"{name}={text}: expected {expected}; correct it, or unset it")
