"""Fetching a year's tables from sources into the landing folder, whole or not at all.

A source's files of a year are made beside the landing folder's, then put into their places together
with what is said of their origin. Whatever goes wrong before that leaves all as it was.
"""

import fcntl
import hashlib
import logging
import os
import shutil
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, quote_plus

from orchestration.faults import LandingRefused, WrongSurroundings, in_a_line, keep_details
from orchestration.landing import origins
from orchestration.landing.contract import landing_contract
from orchestration.landing.origins import DATABASE, OBJECTS, Origin
from orchestration.sources import database
from orchestration.sources.config import YEAR, Database, MissingVariables, Objects, Source
from orchestration.sources.objects import Bucket

logger = logging.getLogger("jixiao")

# Where files are made before they have a place; hidden from what reads the landing folder.
WORKPLACE = ".fetch"
# Facts that may be others of the same content from the same place.
OF_THE_MOMENT = ("taken_at", "server", "endpoint", "version", "etag", "last_modified")
NEW, CHANGED, UNCHANGED, REMOVED = "new", "changed", "unchanged", "removed"


@dataclass(frozen=True)
class Outcome:
    """What fetching a source's tables of a year came to.

    Attributes:
        year: The fiscal year.
        source: The source's name.
        refused: What is wrong with what the source holds, a line each.
        faults: What is wrong with settings or surroundings, a line each.
    """

    year: int
    source: str
    refused: list[str]
    faults: list[str]


@dataclass(frozen=True)
class _Fetched:
    """A file that was made, or that need not be made again.

    Attributes:
        origin: Where it came from.
        path: Where it was made; none where the file in its place is it.
    """

    origin: Origin
    path: Path | None


def fetch(landing: Path, sources: dict[str, Source], years: list[int]) -> list[Outcome]:
    """Fetch years from all sources that are for them, and say what each file came to.

    Sources are independent: one that fails leaves the others fetched.

    Args:
        landing: The landing folder.
        sources: The sources by name.
        years: The fiscal years.

    Returns:
        An outcome for each source and year.

    Raises:
        WrongSurroundings: The landing folder cannot be written, or another fetch is at work.
    """
    with _workplace(landing) as workplace:
        return [
            _fetch(landing, workplace / f"{year}-{name}", name, source, year)
            for year in years
            for name, source in sources.items()
            if source.is_for(year)
        ]


@contextmanager
def _workplace(landing: Path) -> Iterator[Path]:
    """A folder to make files in, for one fetch at a time."""
    folder = landing / WORKPLACE
    try:
        folder.mkdir(exist_ok=True)
        lock = (folder / "lock").open("a")
    except OSError as error:
        raise WrongSurroundings(
            f"{folder}: cannot be written ({error.strerror}); fetch as the user that the landing "
            "folder belongs to, or choose another with --landing or JIXIAO_LANDING"
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WrongSurroundings(
                f"{landing}: another fetch is at work; try again when it has ended"
            ) from None
        _empty(folder)
        try:
            yield folder
        finally:
            _empty(folder)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)


def _fetch(landing: Path, workplace: Path, name: str, source: Source, year: int) -> Outcome:
    # Filled in as they become known, so that whatever goes wrong is told without them.
    secrets: list[str] = []
    refused: list[str] = []
    faults: list[str] = []
    try:
        workplace.mkdir()
        known = origins.read(landing / str(year))
        if isinstance(source, Database):
            fetched = _from_database(workplace, name, source, year, secrets)
        else:
            own = {file: of for file, of in known.items() if of.source == name}
            fetched = _from_objects(landing, workplace, name, source, year, own, secrets)
        for file, what in _put(landing, year, name, known, fetched).items():
            rows = fetched[file].origin.facts.get("rows") if file in fetched else None
            told = f"{file}  {rows} row{'s' * (rows != '1')}" if rows else file
            logger.info("%-21s %-9s  %s", f"{year}  {name}", what, told)
    except MissingVariables as error:
        faults += [f"the variable {v} is not set; set it in the environment" for v in error.names]
    except LandingRefused as error:
        refused += error.reasons
    except WrongSurroundings as wrong:
        faults.append(str(wrong))
    except OSError as error:
        faults.append(in_a_line(error))
    except Exception as error:
        details = keep_details(_without(secrets, traceback.format_exc()), landing / WORKPLACE)
        faults.append(f"{in_a_line(error)} ({details})")
    said = ([_without(secrets, line) for line in lines] for lines in (refused, faults))
    return Outcome(year, name, *said)


def _from_database(
    workplace: Path, name: str, source: Database, year: int, secrets: list[str]
) -> dict[str, _Fetched]:
    """Each table's query as a Parquet file."""
    url, hidden = source.address()
    secrets += hidden
    fetched: dict[str, _Fetched] = {}
    reasons: list[str] = []
    with database.snapshot(url) as snapshot:
        if not snapshot.is_consistent:
            logger.warning(
                "%s %s: no way is known to read all tables of %s as of one moment",
                *(year, name, url.get_backend_name()),
            )
        for table_name, query in source.tables.items():
            target = workplace / f"{table_name}.parquet"
            table = landing_contract()[table_name]
            try:
                rows = database.take(snapshot, query, table, year, target)
            except LandingRefused as refused:
                reasons += refused.reasons
                continue
            facts = {
                "source": name,
                "type": DATABASE,
                "server": snapshot.server,
                "query": query,
                "parameters": f"{YEAR}={year}",
                "rows": str(rows),
                "taken_at": snapshot.taken_at,
            }
            file = f"{year}/{table_name}/{name}.parquet"
            fetched[file] = _Fetched(Origin(_sha256(target) or "", facts), target)
    if reasons:
        raise LandingRefused(reasons)
    return fetched


def _from_objects(
    landing: Path,
    workplace: Path,
    name: str,
    source: Objects,
    year: int,
    known: dict[str, Origin],
    secrets: list[str],
) -> dict[str, _Fetched]:
    """Each object as the file that it is; one that is here already is not read again."""
    secrets += source.keys()
    bucket = Bucket(source)
    taken_at = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    fetched: dict[str, _Fetched] = {}
    for number, found in enumerate(bucket.find(year)):
        file = f"{year}/{found.name}"
        before = known.get(file)
        if before and bucket.is_as(found, before) and _sha256(landing / file) == before.sha256:
            fetched[file] = _Fetched(before, None)
            continue
        target = workplace / str(number)
        facts = bucket.take(found, target)
        own = {"source": name, "type": OBJECTS, **facts, "taken_at": taken_at}
        fetched[file] = _Fetched(Origin(_sha256(target) or "", own), target)
    return fetched


def _put(
    landing: Path,
    year: int,
    name: str,
    known: dict[str, Origin],
    fetched: dict[str, _Fetched],
) -> dict[str, str]:
    """Put fetched files into their places, and remove those that the source has no more.

    Args:
        landing: The landing folder.
        year: The fiscal year.
        name: The source.
        known: The origins of all fetched files of the year.
        fetched: The source's files as they are now, by path below the landing folder.

    Returns:
        What became of each file.

    Raises:
        LandingRefused: A file of another origin is in the place of one.
        WrongSurroundings: A folder cannot be written.
    """
    reasons = [
        f"{file}: is there already, {_whose(known.get(file))}; move it away, or take the table "
        "from one place only"
        for file in fetched
        if os.path.lexists(landing / file) and (file not in known or known[file].source != name)
    ]
    folders = {(landing / file).parent for file in fetched}
    reasons += [
        f"{folder}: a link that leads out of the landing folder; put the folder itself there"
        for folder in sorted(folders)
        if not folder.resolve().is_relative_to(landing.resolve())
    ]
    if reasons:
        raise LandingRefused(reasons)
    for folder in sorted({landing / str(year), *folders}):
        folder.mkdir(exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise WrongSurroundings(f"{folder}: cannot be written; make it writable to this user")
    done: dict[str, str] = {}
    moves: list[tuple[Path, Path]] = []
    said = {file: origin for file, origin in known.items() if origin.source != name}
    for file, new in fetched.items():
        before = known.get(file)
        there = _sha256(landing / file)
        is_same = there == new.origin.sha256
        done[file] = UNCHANGED if is_same else CHANGED if there else NEW
        said[file] = before if before and _is_as(before, new.origin) else new.origin
        if not is_same and new.path:
            moves.append((new.path, landing / file))
    gone = [file for file, origin in known.items() if origin.source == name and file not in fetched]
    # From here on the year is refused until each file is in its place.
    if said != known:
        origins.write(landing / str(year), said)
    for path, target in moves:
        _sync(path)
        path.chmod(origins.readable())
        path.replace(target)
    for file in gone:
        (landing / file).unlink(missing_ok=True)
        done[file] = REMOVED
    return done


def _is_as(before: Origin, now: Origin) -> bool:
    """Whether files came from the same place by the same query."""
    was, is_ = (
        {name: value for name, value in origin.facts.items() if name not in OF_THE_MOMENT}
        for origin in (before, now)
    )
    return before.sha256 == now.sha256 and was == is_


def _whose(origin: Origin | None) -> str:
    return f"fetched from the source {origin.source}" if origin else "delivered as a file"


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def _sync(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def _without(secrets: list[str], said: str) -> str:
    """What may be told: without secrets, however they are written."""
    spelt: set[str] = set()
    for secret in filter(None, secrets):
        spelt |= {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), repr(secret)}
    for secret in sorted(spelt, key=len, reverse=True):
        said = said.replace(secret, "***")
    return said
