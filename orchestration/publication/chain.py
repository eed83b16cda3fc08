"""The chain of publications: each holds the checksum of all its files and of the one before it.

`manifest.json` in a publication lists its files, the builder's state and the checksum of the
manifest before. The checksum of a manifest is the head of the chain up to it: who keeps a head
elsewhere can tell later that nothing before it was changed. Manifests are kept in `chain/` when
their publications are gone.
"""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from orchestration.faults import WrongSurroundings

logger = logging.getLogger("jixiao")

MANIFEST = "manifest.json"
HEADS_FILE = "JIXIAO_HEADS_FILE"
SHOWN_FILES = 3

Manifest = dict[str, Any]


def sha256(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def heads_file() -> Path | None:
    """The file that heads are appended to, where JIXIAO_HEADS_FILE names one."""
    name = os.environ.get(HEADS_FILE)
    return Path(name).resolve() if name else None


def head(folder: Path) -> str:
    """The head of the chain up to the publication in a folder."""
    return sha256(folder / MANIFEST)


def manifest_of(folder: Path) -> Manifest | None:
    """The manifest of the publication in a folder; none where it has none that can be read."""
    try:
        found: Manifest = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return None
    return found


def entries(folder: Path) -> dict[str, Manifest]:
    """What the manifest in a folder has of each file, by its path; nothing where it has none."""
    found = manifest_of(folder)
    return {entry["path"]: entry for entry in found["files"]} if found else {}


def is_sealed(folder: Path, name: str, sealed: dict[str, Manifest] | None = None) -> bool:
    """Whether a file of a publication is the one that its manifest has.

    Args:
        folder: The publication's folder.
        name: The file, below the folder.
        sealed: What the manifest has of each file, where it has been read already.
    """
    known = entries(folder) if sealed is None else sealed
    return name in known and not _changed(folder / name, known[name])


def seal(
    root: Path, name: str, run_id: str, previous: str | None, restores: str | None = None
) -> None:
    """Write the manifest of a publication that is whole, but not switched to yet.

    A file that is one of the publication before it as well keeps the entry that it has there: it
    was held against it when it was linked.

    Args:
        root: The warehouse folder.
        name: The publication.
        run_id: Its run.
        previous: The publication before it; the last of the chain where nothing is published.
        restores: The publication that it is a copy of, if any.
    """
    folder = root / "publications" / name
    recorded = sorted(path.stem for path in (root / "chain").glob("*.json"))
    previous = previous or (recorded[-1] if recorded else None)
    before = _recorded(root, previous) if previous else None
    older = root / "publications" / str(previous)
    kept = entries(older)

    def entry(path: Path) -> Manifest:
        name = path.relative_to(folder).as_posix()
        with suppress(OSError):
            if name in kept and path.samefile(older / name):
                return dict(kept[name])
        return _entry(folder, path)

    sealed = {
        "publication": name,
        "run_id": run_id,
        "published_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "previous_publication": previous,
        "restores": restores,
        # Null where there is none, or none with checksums.
        "previous": sha256(before) if before and before.is_file() else None,
        "state": _entry(root, _state(root, name)),
        "files": [entry(path) for path in sorted(folder.rglob("*")) if path.is_file()],
    }
    text = json.dumps(sealed, ensure_ascii=False, indent=1)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def record(root: Path, name: str) -> Path | None:
    """Keep the manifest of what is published in `chain/`, and its head in the file for heads.

    It is done again at the start of a run, for a run that was killed before it had done so.

    Args:
        root: The warehouse folder.
        name: The publication.

    Returns:
        The manifest in `chain/`; none where the publication has none.
    """
    manifest, kept = root / "publications" / name / MANIFEST, _recorded(root, name)
    if not manifest.is_file():
        return None
    if not kept.exists():
        kept.parent.mkdir(exist_ok=True)
        # Switched over whole, as it is never written again.
        partial = kept.with_suffix(".partial")
        shutil.copyfile(manifest, partial)
        _sync(partial)
        partial.replace(kept)
        _sync(kept.parent)
    if path := heads_file():
        _note(path, f"{sha256(manifest)} {name}\n")
    return kept


def _note(heads: Path, line: str) -> None:
    try:
        with heads.open("a+", encoding="utf-8") as stream:
            stream.seek(0)
            if line not in stream:
                stream.write(line)
                stream.flush()
                os.fsync(stream.fileno())
    except OSError as error:
        logger.warning(
            "%s: not written (%s); append to it: %s", heads, error.strerror, line.strip()
        )


def require_state(root: Path, name: str, state: Path) -> None:
    """Require that the state that a run is to build on is the one that was published.

    Args:
        root: The warehouse folder.
        name: What is published.
        state: A copy of its state.

    Raises:
        WrongSurroundings: It is not; nothing may be built on it.
    """
    manifest, kept = root / "publications" / name / MANIFEST, _recorded(root, name)
    if not manifest.is_file():
        if not any((root / "chain").glob("*.json")):
            # Published by a version without checksums: the next publication begins the chain.
            return
        why = f"{manifest} is gone, which says what was published"
    elif kept.exists() and kept.read_bytes() != manifest.read_bytes():
        why = f"{manifest} is not the {kept} that was published"
    elif sha256(state) != json.loads(manifest.read_bytes())["state"]["sha256"]:
        why = f"{_state(root, name)} is not the one that {manifest} names"
    else:
        return
    raise WrongSurroundings(
        f"{why}; put it back from a backup, or remove {root / 'published'} to build every year "
        "anew, without the history so far"
    )


def recorded(root: Path, name: str) -> Manifest | None:
    """The manifest of a publication, kept or gone; none where it has none that can be read."""
    try:
        found: Manifest = json.loads(_recorded(root, name).read_bytes())
    except (OSError, ValueError):
        return manifest_of(root / "publications" / name)
    return found


def changed(root: Path, name: str) -> list[str]:
    """What is no longer as it was published of a publication that is kept, and of its state.

    Args:
        root: The warehouse folder.
        name: The publication.

    Returns:
        A line for each of the first files, and for the state.
    """
    manifest, kept = recorded(root, name), manifest_of(root / "publications" / name)
    if manifest is None or manifest != kept:
        return [f"{_told(root, root / 'publications' / name / MANIFEST)}: not what was published"]
    return _changed_files(root, manifest) + _changed_state(root, manifest)


def differences(
    root: Path, published: str, runs: Iterable[tuple[str, int]], heads: Path | None
) -> list[str]:
    """Compare the kept publications, the state and the ledger with the chain.

    Args:
        root: The warehouse folder.
        published: The publication that the chain ends with.
        runs: Run and fiscal year of each entry of its `audit.runs`.
        heads: The file that heads were appended to, if any.

    Returns:
        A line for each difference; none where all is as it was published.
    """
    last = root / "publications" / published / MANIFEST
    if not last.is_file() and not any((root / "chain").glob("*.json")) and heads is None:
        logger.info("no checksums: published by a version without them; the next run begins")
        return []
    manifests, lines = _followed(root, published)
    for manifest in manifests:
        lines += _changed_files(root, manifest)
        is_current = manifest["publication"] == published
        # Of the others that are kept it is there too, to go back to.
        if is_current or (root / manifest["state"]["path"]).exists():
            lines += _changed_state(root, manifest)
    lines += _changed_ledger(manifests, dict(runs))
    return lines + (list(_unknown_heads(root, manifests, heads)) if heads else [])


def _followed(root: Path, published: str) -> tuple[list[Manifest], list[str]]:
    """The manifests from what is published back to the first, and where the chain is broken."""
    manifests: list[Manifest] = []
    lines: list[str] = []
    path, expected = root / "publications" / published / MANIFEST, None
    kept = _recorded(root, published)
    if kept.exists() and path.is_file() and kept.read_bytes() != path.read_bytes():
        lines.append(f"{_told(root, path)}: not the {_told(root, kept)} that was published")
    while True:
        try:
            found = sha256(path)
            manifest = json.loads(path.read_bytes())
            name, before = manifest["previous_publication"], manifest["previous"]
        except FileNotFoundError:
            lines.append(f"{_told(root, path)}: gone; nothing before it can be checked")
            break
        except (OSError, ValueError, KeyError, TypeError) as error:
            lines.append(f"{_told(root, path)}: cannot be read ({error})")
            break
        if expected and found != expected:
            lines.append(
                f"{_told(root, path)}: not the one that {manifests[-1]['publication']} follows"
            )
        manifests.append(manifest)
        if before is None:
            break
        path, expected = _recorded(root, name), before
    known = {manifest["publication"] for manifest in manifests}
    lines += (
        f"{_told(root, other)}: published once, but nothing that is published now follows it"
        for other in sorted((root / "chain").glob("*.json"))
        if other.stem not in known
    )
    return manifests, lines


def _changed_files(root: Path, manifest: Manifest) -> list[str]:
    """The files of a publication, while it is kept, that are not those of its manifest."""
    folder = root / "publications" / manifest["publication"]
    then = {entry["path"]: entry for entry in manifest["files"]}
    lines = [
        f"{_told(root, folder / name)}: {what}"
        for name, entry in then.items()
        if (what := _changed(folder / name, entry))
    ]
    now = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    lines += (
        f"{_told(root, folder / name)}: was not published"
        for name in sorted(now - set(then) - {MANIFEST})
    )
    if not folder.is_dir():
        return []
    more = [f"{_told(root, folder)}: and {len(lines) - SHOWN_FILES} more files"]
    return [*lines[:SHOWN_FILES], *(more if len(lines) > SHOWN_FILES else [])]


def _changed_state(root: Path, manifest: Manifest) -> list[str]:
    what = _changed(root / manifest["state"]["path"], manifest["state"])
    return [f"{manifest['state']['path']}: {what}"] if what else []


def _changed(path: Path, entry: Manifest) -> str:
    try:
        is_same = path.stat().st_size == entry["size"] and sha256(path) == entry["sha256"]
    except FileNotFoundError:
        return "gone"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return "" if is_same else "not the file that was published"


def _changed_ledger(manifests: list[Manifest], runs: dict[str, int]) -> Iterator[str]:
    """Runs that were published, but are not in the ledger, and the other way round."""
    of_chain = {manifest["run_id"]: manifest["publication"] for manifest in manifests}
    for run_id, publication in of_chain.items():
        if run_id not in runs:
            yield f"audit.runs: run {run_id[:8]}, published as {publication}, is gone"
    if missing := sorted(f"{run_id[:8]} of {runs[run_id]}" for run_id in set(runs) - set(of_chain)):
        first = manifests[-1] if manifests else None
        listed = ", ".join(islice(missing, SHOWN_FILES))
        listed += f" and {len(missing) - SHOWN_FILES} more" * (len(missing) > SHOWN_FILES)
        if first and first["previous"] is None and first["previous_publication"]:
            logger.info("no checksums before %s: run %s", first["publication"], listed)
        else:
            yield f"audit.runs: the chain does not have run {listed}"


def _unknown_heads(root: Path, manifests: list[Manifest], heads: Path) -> Iterator[str]:
    """Heads that were noted, but are not in the chain or not in its order."""
    names = [manifest["publication"] for manifest in reversed(manifests)]
    paths = {name: _recorded(root, name) for name in names}
    paths |= {n: p for n in names if (p := root / "publications" / n / MANIFEST).is_file()}
    order = {sha256(path): at for at, path in enumerate(paths[name] for name in names)}
    try:
        lines = heads.read_text("utf-8").splitlines()
    except (OSError, ValueError) as error:
        yield f"{heads}: cannot be read ({error}); put it back or correct {HEADS_FILE}"
        return
    last = -1
    for number, line in enumerate(lines, start=1):
        noted = line.split(" ")[0]
        if noted not in order:
            yield (
                f"{heads} line {number}: {line} is not in the chain; publications were taken back "
                "or written anew"
            )
        elif order[noted] < last:
            yield f"{heads} line {number}: {line} comes before others in the chain"
        else:
            last = order[noted]


def _entry(folder: Path, path: Path) -> Manifest:
    return {
        "path": path.relative_to(folder).as_posix(),
        "size": path.stat().st_size,
        "sha256": sha256(path),
    }


def _recorded(root: Path, name: str) -> Path:
    return root / "chain" / f"{name}.json"


def _state(root: Path, name: str) -> Path:
    return root / "states" / f"{name}.duckdb"


def _told(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
