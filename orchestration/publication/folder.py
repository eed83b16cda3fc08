"""The warehouse folder: one builder at a time, and what it publishes switched over whole."""

import fcntl
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from expectations import validations
from orchestration import duck, ledger
from orchestration.faults import Refused, WrongSurroundings, in_a_line
from orchestration.project import BUILD_FILE, is_site_wanted
from orchestration.publication import chain, csv_files, data_docs, export, gate
from orchestration.site import write as site

KEPT_PUBLICATIONS = 2
# What a build writes to in the warehouse's folder.
USED = (".lock", "build", "chain", "publications", "states")
# Permission bits of those that may write the folder, and of all that it lets in.
BUILDERS, EVERYBODY = 0o770, 0o777


@dataclass(frozen=True)
class Warehouse:
    """A warehouse folder.

    `published` links to the current folder in `publications/`; `states/` holds, under the same
    name, the whole warehouse that it was published from; `chain/` holds what tells whether any of
    them was changed since; `build/` is the private workplace of the run that holds the lock.

    Attributes:
        root: The folder.
    """

    root: Path

    @property
    def published(self) -> Path:
        """The link that readers open."""
        return self.root / "published"

    @property
    def build_dir(self) -> Path:
        """The running build's own folder."""
        return self.root / "build"

    @property
    def build_file(self) -> Path:
        """The running build's own DuckDB file."""
        return self.build_dir / BUILD_FILE

    def prepare(self) -> None:
        """Make the folder, and see that a build can be made in it and published.

        Raises:
            WrongSurroundings: It cannot; the message says why and what to do.
        """
        self._refuse_unusable()
        with (self.root / ".lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                # Another run is building, so it has found what it needs.
                return
            self._current_state()

    def _refuse_unusable(self) -> None:
        is_site_wanted()
        elsewhere = "choose another folder with --warehouse or JIXIAO_WAREHOUSE"
        if duck.UNUSABLE in str(self.root.absolute()):
            raise WrongSurroundings(
                f"{self.root}: DuckDB can write no file where a path has a question mark; "
                f"rename the folder or {elsewhere}"
            )
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            used = [self.root, *(self.root / name for name in USED)]
            closed = [path for path in used if path.exists() and not os.access(path, os.W_OK)]
        except OSError as error:
            raise WrongSurroundings(
                f"{self.root}: no folder to build in ({error.strerror}); {elsewhere}"
            ) from None
        if closed:
            raise WrongSurroundings(
                f"{closed[0]}: cannot be written; run as the user that it belongs to, "
                f"or {elsewhere}"
            )
        if self.published.exists() and not self.published.is_symlink():
            raise WrongSurroundings(
                f"{self.published}: not the link to the current publication; move it away, and "
                f"make it a link to the latest folder in {self.root / 'publications'} again"
            )

    def _current_state(self) -> Path | None:
        """What the current publication was made from; none where nothing is published."""
        if not self.published.is_symlink():
            return None
        state = self._state(self.published.readlink().name)
        try:
            duckdb.connect(str(state), read_only=True).close()
        except duckdb.Error as error:
            fault = f"cannot be opened ({in_a_line(error)})" if state.exists() else "is gone"
            raise WrongSurroundings(
                f"{state}: {fault}; without it the published years cannot be kept: put it back, "
                f"or remove {self.published} to build every year anew"
            ) from None
        return state

    @contextmanager
    def building(self, *, say: Callable[[str], None]) -> Iterator[None]:
        """Hold the warehouse for one build that starts from what is published.

        The lock dies with the process, so a killed build never has to be cleaned up by hand.
        """
        self._refuse_unusable()
        with (self.root / ".lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say(f"another run is building {self.root}; waiting for it to end")
                fcntl.flock(lock, fcntl.LOCK_EX)
            self._start_build()
            try:
                yield
            finally:
                shutil.rmtree(self.build_dir, ignore_errors=True)

    def _start_build(self) -> None:
        state = self._current_state()
        self._prune(state.stem if state else None)
        shutil.rmtree(self.build_dir, ignore_errors=True)
        self.build_dir.mkdir()
        self._share(self.build_dir, among=BUILDERS)
        if state:
            shutil.copyfile(state, self.build_file)
            chain.require_state(self.root, state.stem, self.build_file)
            self._record(state.stem)

    def _state(self, name: str) -> Path:
        return self.root / "states" / f"{name}.duckdb"

    def _prune(self, current: str | None) -> None:
        """Remove what killed builds left and publications that nobody should still be reading."""
        names = sorted(p.name for p in (self.root / "publications").glob("*"))
        kept = {name for name in names if current and name <= current}
        kept = set(sorted(kept)[-KEPT_PUBLICATIONS:])
        for name in set(names) - kept:
            shutil.rmtree(self.root / "publications" / name, ignore_errors=True)
        for state in (self.root / "states").glob("*"):
            if state.stem != current:
                state.unlink()

    def publish(self, run_id: str) -> Path:
        """Publish the build: written whole beside the current publication, then switched over.

        Args:
            run_id: The run; part of the publication's name.

        Returns:
            The publication's folder.

        Raises:
            NotWhole: The run has not done the whole build itself.
        """
        with duckdb.connect(str(self.build_file)) as con:
            gate.require_whole(con, run_id, self.published / "scores.duckdb")
            ledger.end_run(con, run_id)
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}-{run_id[:8]}"
        folder = self.root / "publications" / name
        folder.mkdir(parents=True)
        states = self.root / "states"
        states.mkdir(exist_ok=True)
        self._share(states, among=BUILDERS)
        current = self.published.readlink().name if self.published.is_symlink() else None
        with duckdb.connect(str(self.build_file)) as con:
            kept = export.kept(con, folder.parent / current) if current else export.NOTHING
            export.database(con, folder / "scores.duckdb", kept)
            data_docs.write(con, folder / "data_docs", kept)
            validations.write(con, folder / "validations")
        # From what is in order already: sorting a city's evidence is most of publishing it.
        with duckdb.connect(str(folder / "scores.duckdb"), read_only=True) as con:
            export.parquet(con, folder / "parquet", kept)
            csv_files.write(con, folder / "csv", kept)
            if is_site_wanted():
                _write_site(con, folder, kept)
        self.build_file.replace(self._state(name))
        chain.seal(self.root, name, run_id, current)
        for path in [*folder.rglob("*"), folder, folder.parent]:
            self._share(path)
            _sync(path)
        _sync(self._state(name))
        link = self.root / f".published-{name}"
        link.symlink_to(Path("publications") / name)
        link.replace(self.published)
        _sync(self.root)
        self._record(name)
        return folder

    def _record(self, name: str) -> None:
        if kept := chain.record(self.root, name):
            self._share(kept.parent)
            self._share(kept)

    def _share(self, path: Path, *, among: int = EVERYBODY) -> None:
        """Let those read a folder or file that may read the warehouse's folder, umask or not.

        Args:
            path: What is shared.
            among: The bits of those that it is shared with.
        """
        root = self.root.stat()
        if among == BUILDERS and not root.st_mode & stat.S_IWGRP:
            among = stat.S_IRWXU
        # A reader that opened a file for writing would lock the others out.
        kept = stat.S_IMODE(root.st_mode) if path.is_dir() else root.st_mode & 0o444
        # Where the builder is not of that group, or it is another user's, it stays as it is.
        if path.stat().st_gid != root.st_gid:
            with suppress(PermissionError):
                os.chown(path, -1, root.st_gid)
        with suppress(PermissionError):
            path.chmod(kept & (among | 0o7000))


def _write_site(con: duckdb.DuckDBPyConnection, folder: Path, kept: export.Kept) -> None:
    try:
        site.write(con, folder / "site", lambda year, path: kept.keeps(year, path, folder))
    except OSError as error:
        raise Refused(
            [
                f"the scorecard site cannot be written ({in_a_line(error)}); make room for it, or "
                "set JIXIAO_SITE=off to publish without it"
            ]
        ) from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
