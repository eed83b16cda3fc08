"""Which regions a landing folder and a warehouse have, and which names a region can have."""

import logging
import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from orchestration.faults import WrongSurroundings, in_a_line
from orchestration.landing.files import UNSEEN, is_year
from orchestration.project import OWN, REGIONS, Folders
from orchestration.publication.chain import HEADS_FILE

# What Hive, Spark and DuckDB write in another way in the name of a partition's folder, and what
# Dagster puts between the parts of a partition's key.
ESCAPED = "\"#%'*/:=?\\{}[]^|"
# What they read as no value at all.
NULLS = ("null", "__hive_default_partition__")
# Whose name is told already: the command and what it launches both see to it.
_told: list[str] = []


@dataclass(frozen=True)
class Found:
    """The regions of a landing folder.

    Attributes:
        names: Those that can be built, in order.
        refused: Why others cannot, a line for each.
    """

    names: tuple[str, ...]
    refused: tuple[str, ...]


def delivered(landing: Path) -> Found:
    """The regions that a landing folder has: a folder that is no year and holds one of a year.

    Args:
        landing: The landing folder, which is there.

    Raises:
        OSError: It cannot be read.
    """
    found, closed = [], []
    for path in sorted(landing.iterdir()):
        if path.name.startswith((".", "~$")) or path.name.lower() in UNSEEN or is_year(path.name):
            continue
        try:
            if path.is_dir() and any(is_year(p.name) and p.is_dir() for p in path.iterdir()):
                found.append(path)
        except OSError as error:
            closed.append(f"{path}: cannot be read ({error.strerror}); make it readable")
    refused = {path.name: f"{shown(path)}: {why}" for path in found if (why := fault(path.name))}
    refused |= {
        path.name: f"{shown(path)}: a region's folder that is a link; put the folder itself there"
        for path in found
        if path.is_symlink()
    }
    alike = Counter(_compared(path.name) for path in found)
    refused |= {
        path.name: f"{shown(path)}: another region's name is the same but for capitals or forms of "
        "characters; keep one folder and rename or remove the other"
        for path in found
        if alike[_compared(path.name)] > 1
    }
    # Beside regions it may be one; where there are none it is nothing of ours.
    return Found(
        tuple(path.name for path in found if path.name not in refused),
        (*refused.values(), *(closed if found else ())),
    )


def fault(name: str) -> str:
    """Why a region cannot have a name; empty where it can."""
    expected = "expected a name that can be a partition's: rename the folder"
    try:
        name.encode()
    except UnicodeEncodeError:
        return "its name is not in UTF-8; rename the folder"
    wrong = [c for c in name if c in ESCAPED or unicodedata.category(c) in ("Cc", "Cf")]
    if wrong:
        return f"a region's name with {wrong[0]!r}; {expected}"
    if name.lower() in NULLS:
        return f"a region's name that is read as no value; {expected}"
    if name != unicodedata.normalize("NFC", name) or name != name.strip() or "..." in name:
        return (
            "a region's name with characters that are put together, blanks at an end or '...'; "
            f"{expected}"
        )
    return ""


def shown(path: Path) -> str:
    """A path in one line, whatever its name holds."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(path))


def _compared(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def built(warehouse: Path, *, with_previews: bool = False) -> tuple[str, ...]:
    """The regions that a warehouse has a publication of, in order.

    Args:
        warehouse: The warehouse folder.
        with_previews: Whether those count too of which a build waits for approval.

    Raises:
        WrongSurroundings: The folder of one cannot be read.
    """
    folder = warehouse / REGIONS
    # Who may not enter the warehouse itself is told so by what is read of it next.
    if not os.access(folder, os.F_OK):
        return ()
    try:
        return tuple(
            sorted(
                path.name.removeprefix("region=")
                for path in folder.iterdir()
                if path.name.startswith("region=")
                and (
                    (path / "published").is_symlink()
                    or (with_previews and any((path / "previews").glob("*/*.duckdb")))
                )
            )
        )
    except OSError as error:
        raise WrongSurroundings(
            f"{in_a_line(error)}; make it readable, or say which region by --region"
        ) from None


def named(names: Iterable[str], wanted: str) -> str | None:
    """The region that is meant by a name; none where there is no such region."""
    return next((name for name in names if name == unicodedata.normalize("NFC", wanted)), None)


def line(region: str | None, text: str) -> str:
    """What is told, with the region that it is of.

    Args:
        region: The region; `.` or none for what is of no region.
        text: What is told.
    """
    return text if region in (None, OWN) else f"{region} {text}"


def prepare(root: Folders, region: str) -> Folders:
    """The folders of a region, whose warehouse is made with the rights of the whole.

    Args:
        root: The landing folder and the warehouse of all regions.
        region: The region.

    Raises:
        WrongSurroundings: It cannot be made.
    """
    folders = root.of(region)
    if region == OWN:
        return folders
    try:
        root.warehouse.mkdir(parents=True, exist_ok=True)
        for path in (folders.warehouse.parent, folders.warehouse):
            if not path.exists():
                path.mkdir(exist_ok=True)
                with suppress(PermissionError):
                    os.chown(path, -1, root.warehouse.stat().st_gid)
                    path.chmod(root.warehouse.stat().st_mode & 0o7777)
    except OSError as error:
        raise WrongSurroundings(
            f"{folders.warehouse}: no folder to build in ({error.strerror}); choose another folder "
            "with --warehouse or JIXIAO_WAREHOUSE"
        ) from None
    return folders


@contextmanager
def told_of(region: str) -> Iterator[None]:
    """Have what is told meanwhile name a region, and its heads be noted in a file of their own.

    Args:
        region: The region; nothing is another for the landing folder's own years.
    """
    if region == OWN or region in _told:
        yield
        return
    told, heads = logging.getLogger("jixiao"), os.environ.get(HEADS_FILE)

    def name(record: logging.LogRecord) -> bool:
        record.msg = f"{region}  {record.msg}"
        return True

    told.addFilter(name)
    _told.append(region)
    # A chain is of one warehouse.
    if heads:
        os.environ[HEADS_FILE] = f"{heads}.{region}"
    try:
        yield
    finally:
        _told.remove(region)
        told.removeFilter(name)
        if heads:
            os.environ[HEADS_FILE] = heads
