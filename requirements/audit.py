"""Holds the locks against what is installed, and against known vulnerabilities: `make lint`.

The project asks no network for advisories. JIXIAO_ADVISORIES names a copy of OSV's for PyPI, the
file `all.zip` as it is or the folder that it was unpacked in.
"""

import json
import os
import re
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

PROJECT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements/uv.txt", "requirements/run.txt", "requirements/postgres.txt",
         "requirements/dev.txt", "bi/requirements.txt")  # fmt: skip
# What this environment is made of.
INSTALLED = "requirements/dev.txt"
ADVISORIES = "JIXIAO_ADVISORIES"


@dataclass(frozen=True)
class Locked:
    """A package of a lock.

    Attributes:
        lock: The lock.
        name: The package.
        version: Its version; empty where it is not pinned.
        applies: Whether it is for this platform and Python.
        hashes: How many files of it may be installed.
    """

    lock: str
    name: str
    version: str
    applies: bool
    hashes: int


def main() -> int:
    """Say what is wrong; 1 where anything is."""
    packages = [package for lock in LOCKS for package in read(lock, PROJECT / lock)]
    lines = [*of_locks(packages), *of_installed(p for p in packages if p.lock == INSTALLED)]
    path = os.environ.get(ADVISORIES)
    if path and not Path(path).exists():
        lines.append(f"{path}: no such file; correct {ADVISORIES}, or unset it")
    elif path:
        found, newest = of_advisories(packages, advisories(Path(path)))
        lines += found
        print(f"{path}: advisories as of {newest or 'never: it has none'}", file=sys.stderr)
    else:
        print(f"no advisories were looked at: {ADVISORIES} names none", file=sys.stderr)
    for line in lines:
        print(line)
    return 1 if lines else 0


def read(lock: str, path: Path) -> Iterator[Locked]:
    """The packages of a lock.

    Args:
        lock: Its name.
        path: The file.
    """
    text = re.sub(r"\\\n", " ", path.read_text("utf-8"))
    for line in filter(None, (line.strip() for line in text.splitlines())):
        if line.startswith("#"):
            continue
        asked, *hashes = re.split(r"\s+--hash=", line)
        if asked.startswith("-") or "@" in asked:
            # An address, or an option that is none of a package.
            yield Locked(lock, asked, "", False, 0)
            continue
        requirement = Requirement(asked)
        pinned = re.fullmatch(r"==([^*,]+)", str(requirement.specifier))
        yield Locked(
            lock,
            canonicalize_name(requirement.name),
            pinned[1] if pinned else "",
            requirement.marker is None or requirement.marker.evaluate(),
            sum(bool(re.fullmatch(r"sha256:[0-9a-f]{64}", found)) for found in hashes),
        )


def of_locks(packages: list[Locked]) -> Iterator[str]:
    """What a lock leaves open: a line for each package."""
    for package in packages:
        if not package.version:
            yield f"{package.lock}: {package.name}: not pinned by ==; run make lock"
        elif not package.hashes:
            yield f"{package.lock}: {package.name}: no hash; run make lock"


def of_installed(packages: Iterator[Locked]) -> Iterator[str]:
    """Where another version is installed than the lock's, or none for other platforms is locked."""
    for package in packages:
        if not package.applies or not package.version:
            continue
        try:
            found = distribution(package.name)
        except PackageNotFoundError:
            yield f"{package.lock}: {package.name}: not installed; run make lint once more"
            continue
        if found.version != package.version:
            yield (
                f"{package.lock}: {package.name} {package.version}, but {found.version} is "
                "installed; remove .venv"
            )
        tags = re.findall(r"^Tag: (.+)$", found.read_text("WHEEL") or "", re.MULTILINE)
        if package.hashes == 1 and not all(tag.endswith("-any") for tag in tags):
            yield (
                f"{package.lock}: {package.name}: one file alone is locked, for {tags[0]}; lock it "
                "from an index that has those of the other platforms"
            )


def advisories(path: Path) -> Iterator[dict[str, Any]]:
    """What OSV has said, from its archive or the folder that it was unpacked in."""
    if path.is_dir():
        for file in sorted(path.glob("*.json")):
            yield json.loads(file.read_bytes())
        return
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith(".json"):
                yield json.loads(archive.read(name))


def of_advisories(packages: list[Locked], said: Iterator[dict[str, Any]]) -> tuple[list[str], str]:
    """The locked packages that an advisory is about.

    Args:
        packages: Them.
        said: The advisories, in OSV's format.

    Returns:
        A line for each, and the day of the latest advisory.
    """
    by_name: dict[str, list[Locked]] = {}
    for package in packages:
        by_name.setdefault(package.name, []).append(package)
    lines, newest = set(), ""
    for advisory in said:
        newest = max(newest, advisory.get("modified", "")[:10])
        if advisory.get("withdrawn"):
            continue
        for affected in advisory.get("affected", ()):
            of = affected.get("package", {})
            if of.get("ecosystem") != "PyPI":
                continue
            for package in by_name.get(canonicalize_name(of["name"]), ()):
                if _is_affected(package.version, affected):
                    lines.add(
                        f"{package.lock}: {package.name} {package.version}: {advisory['id']} "
                        f"{advisory.get('summary', '')}".rstrip()
                    )
    return sorted(lines), newest


def _is_affected(version: str, affected: dict[str, Any]) -> bool:
    return version in affected.get("versions", ()) or any(
        _is_in(version, span["events"])
        for span in affected.get("ranges", ())
        if span.get("type") == "ECOSYSTEM"
    )


def _is_in(version: str, events: list[dict[str, str]]) -> bool:
    """Whether a version is in a span, whose events stand in order."""
    is_in = False
    for event in events:
        ((kind, of),) = event.items()
        try:
            side = 1 if of == "0" else _compared(version, of)
        except InvalidVersion:
            # It cannot be told: a person has to look.
            return True
        if kind == "introduced" and side >= 0:
            is_in = True
        elif (kind == "fixed" and side >= 0) or (kind == "last_affected" and side > 0):
            is_in = False
    return is_in


def _compared(version: str, other: str) -> int:
    """1, 0 or -1, as a version comes after another, is it, or comes before it."""
    one, two = Version(version), Version(other)
    return (one > two) - (one < two)


if __name__ == "__main__":
    sys.exit(main())
