"""Where fetched files came from: what `.origins.json` in a year's folder says of them.

`jixiao fetch` writes it before it puts the files into their places, so that a file and what is said
of it never part unnoticed: the year is refused while they do not agree.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestration.faults import LandingRefused

NAME = ".origins.json"
DATABASE, OBJECTS = "database", "s3"


@dataclass(frozen=True)
class Origin:
    """What a file was fetched from.

    Attributes:
        sha256: The file's SHA-256, as it was fetched.
        facts: `source`, its name; `type`, database or s3; `taken_at`, in UTC. Of a database
            `server`, `query`, `parameters` and `rows`; of an object `endpoint`, `bucket`, `key`,
            `version` where the bucket keeps versions, `etag` and `last_modified`.
    """

    sha256: str
    facts: Mapping[str, str]

    @property
    def source(self) -> str:
        """The name of the source."""
        return self.facts["source"]

    @property
    def identity(self) -> str:
        """The facts as text, the same for the same facts."""
        return json.dumps(dict(self.facts), ensure_ascii=False, sort_keys=True)


def read(folder: Path) -> dict[str, Origin]:
    """The origins of the files that were fetched into a year's folder, by name.

    Args:
        folder: The year's folder. A name is the file's path below the landing folder.

    Raises:
        LandingRefused: What is said of them cannot be read.
    """
    path = folder / NAME
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise LandingRefused([f"{_told(path)}: cannot be read ({error.strerror})"]) from None
    except UnicodeDecodeError:
        raise _damaged(path) from None
    try:
        return {
            name: Origin(said["sha256"], {k: str(v) for k, v in said["origin"].items()})
            for name, said in json.loads(text).items()
            if said["origin"]["source"]
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _damaged(path) from None


def write(folder: Path, origins: Mapping[str, Origin]) -> None:
    """Say where the fetched files of a year's folder came from, in place of what was said before.

    Args:
        folder: The year's folder.
        origins: By the file's path below the landing folder; without any nothing is left.
    """
    path = folder / NAME
    if not origins:
        path.unlink(missing_ok=True)
        return
    said = {
        name: {"sha256": of.sha256, "origin": dict(of.facts)}
        for name, of in sorted(origins.items())
    }
    with tempfile.NamedTemporaryFile(
        "w", dir=folder, prefix=NAME, encoding="utf-8", delete=False
    ) as stream:
        json.dump(said, stream, ensure_ascii=False, indent=2)
        stream.write("\n")
        stream.flush()
        os.fsync(stream.fileno())
    Path(stream.name).chmod(readable())
    Path(stream.name).replace(path)


def readable() -> int:
    """The permission bits of a new file, as the process's mask has them."""
    mask = os.umask(0o022)
    os.umask(mask)
    return 0o666 & ~mask


def fault(name: str, origin: Origin, sha256: str | None) -> str:
    """What is wrong with a fetched file; empty where it is as it was fetched.

    Args:
        name: Its path below the landing folder.
        origin: Where it came from.
        sha256: Its SHA-256; none where it is not there.
    """
    if sha256 == origin.sha256:
        return ""
    how = "gone" if sha256 is None else "not as it was fetched"
    return (
        f"{name}: {how}; it came from the source {origin.source}: jixiao fetch brings it again, or "
        "no longer speaks of it where sources.yml has it no more"
    )


def _told(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _damaged(path: Path) -> LandingRefused:
    return LandingRefused(
        [
            f"{_told(path)}: damaged, so nobody knows where the fetched files of the year came "
            "from; remove it and have jixiao fetch bring them again"
        ]
    )
