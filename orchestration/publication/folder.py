"""The warehouse folder: one builder at a time, and what it publishes switched over whole."""

import fcntl
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TextIO

import duckdb

from expectations import validations
from orchestration import duck, ledger, settings
from orchestration.faults import WrongSurroundings, for_builders, in_a_line, is_disk_full
from orchestration.interrupts import interruptible
from orchestration.project import BUILD_FILE, is_site_wanted
from orchestration.publication import chain, csv_files, data_docs, export, gate
from orchestration.site import write as site

# What a build writes to in the warehouse's folder.
USED = (".lock", "build", "chain", "previews", "publications", "states")
DATABASE = "scores.duckdb"
# What previews follow where nothing is published.
FIRST = "first"
STAMP = "%Y%m%dT%H%M%S%fZ"
# Permission bits of those that may write the folder, and of all that it lets in.
BUILDERS, EVERYBODY = 0o770, 0o777


@dataclass(frozen=True)
class Warehouse:
    """A warehouse folder.

    `published` links to the current folder in `publications/`; `states/` holds, under the same
    name, the whole warehouse that it was published from; `chain/` holds what tells whether any of
    them was changed since; `previews/` holds, by the publication that they follow, builds that wait
    for approval; `build/` is the private workplace of the run that holds the lock.

    Attributes:
        root: The folder.
    """

    root: Path

    @property
    def published(self) -> Path:
        """The link that readers open."""
        return self.root / "published"

    @property
    def database(self) -> Path:
        """What is published, as a DuckDB file."""
        return self.published / DATABASE

    @property
    def current(self) -> str | None:
        """The name of the current publication; none where nothing is published."""
        return self.published.readlink().name if self.published.is_symlink() else None

    @property
    def publications(self) -> Path:
        """The folder of the current publication and of those before it that are kept."""
        return self.root / "publications"

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
        with self._open_lock() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                # Another run is building, so it has found what it needs.
                return
            self._current_state()

    def _refuse_unusable(self) -> None:
        is_site_wanted()
        settings.check()
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
        if self.current is None:
            return None
        state = self.state(self.current)
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

        Raises:
            KeyboardInterrupt: The process was asked to end; nothing of the build is left.
            WrongSurroundings: The disk has no room for the build; nothing of it is left.
        """
        self._refuse_unusable()
        with interruptible(), self._open_lock() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say(f"another run is building {self.root}; waiting for it to end")
                fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                self._start_build()
                yield
            except Exception as error:
                if not is_disk_full(error) or isinstance(error, WrongSurroundings):
                    raise
                raise self._full() from None
            finally:
                shutil.rmtree(self.build_dir, ignore_errors=True)

    def _full(self) -> WrongSurroundings:
        """That there is no room, once what the build took of it is given back."""
        shutil.rmtree(self.build_dir, ignore_errors=True)
        self._prune(self.current)
        free = shutil.disk_usage(self.root).free
        return WrongSurroundings(
            f"{self.root}: No space left on device: {free / 1e6:,.0f} MB are free without the "
            "build, and it needs more; make room, or choose another folder with --warehouse or "
            "JIXIAO_WAREHOUSE, then run the year again. What was published stays"
        )

    def _open_lock(self) -> TextIO:
        """The lock; whoever can open it can hold it, and so keep every build waiting."""
        lock = (self.root / ".lock").open("a")
        for_builders(self.root / ".lock")
        return lock

    def _start_build(self) -> None:
        state = self._current_state()
        self._prune(state.stem if state else None)
        shutil.rmtree(self.build_dir, ignore_errors=True)
        self.build_dir.mkdir()
        self.share(self.build_dir, among=BUILDERS)
        if state:
            shutil.copyfile(state, self.build_file)
            chain.require_state(self.root, state.stem, self.build_file)
            self._record(state.stem)

    def state(self, name: str) -> Path:
        """The whole warehouse that a publication was made from."""
        return self.root / "states" / f"{name}.duckdb"

    def _prune(self, current: str | None) -> None:
        """Remove what killed builds left, and what nobody should still be reading or going back to.

        Of publications the latest stay, as many as are set, each with its state; of previews those
        that follow the current publication.
        """
        names = sorted(p.name for p in self.publications.glob("*"))
        kept = {name for name in names if current and name <= current}
        kept = set(sorted(kept)[-settings.kept_publications() :])
        for name in set(names) - kept:
            shutil.rmtree(self.publications / name, ignore_errors=True)
        for state in (self.root / "states").glob("*"):
            if state.stem not in kept:
                state.unlink()
        for previews in (self.root / "previews").glob("*"):
            if previews.name != (current or FIRST):
                shutil.rmtree(previews, ignore_errors=True)

    def preview(self, run_id: str) -> Path:
        """Keep the build instead of publishing it, until it is approved or something is published.

        Args:
            run_id: The run.

        Returns:
            The preview.

        Raises:
            NotWhole: The run has not done the whole build itself.
        """
        with duckdb.connect(str(self.build_file)) as con:
            gate.require_whole(con, run_id, self.database)
            ((year,),) = con.execute("select fiscal_year from audit.run_years").fetchall()
        folder = self.root / "previews" / (self.current or FIRST)
        folder.mkdir(parents=True, exist_ok=True)
        for path in (folder.parent, folder):
            self.share(path, among=BUILDERS)
        # The latest of a year is the one that can be meant.
        for older in folder.glob(f"{year}-*"):
            older.unlink()
        preview = folder / f"{year}-{run_id}.duckdb"
        self.build_file.replace(preview)
        return preview

    def previews(self) -> dict[str, Path]:
        """The previews that follow what is published, by their runs."""
        found = sorted((self.root / "previews" / (self.current or FIRST)).glob("*.duckdb"))
        return {path.stem.partition("-")[2]: path for path in found}

    def is_unchanged(self) -> bool:
        """Whether the build gives what is published already, from the same inputs.

        Where a file of the publication is no longer as it was, it has to be published anew.
        """
        if self.current is None or is_site_wanted() != (self.published / "site").is_dir():
            return False
        with duckdb.connect(str(self.build_file)) as con:
            if not gate.changes_nothing(con, self.database):
                return False
        return not chain.changed(self.root, self.current)

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
            gate.require_whole(con, run_id, self.database)
            ledger.end_run(con, run_id)
        folder = self.begin(run_id)
        with duckdb.connect(str(self.build_file)) as con:
            current = self.current
            kept = export.kept(con, self.publications / current) if current else export.NOTHING
            export.database(con, folder / DATABASE, kept)
            data_docs.write(con, folder / "data_docs", kept)
            validations.write(con, folder / "validations")
        # From what is in order already: sorting a city's evidence is most of publishing it.
        with duckdb.connect(str(folder / DATABASE), read_only=True) as con:
            export.parquet(con, folder / "parquet", kept)
            csv_files.write(con, folder / "csv", kept)
            if is_site_wanted():
                _write_site(con, folder, kept)
        self.switch(folder, run_id)
        return folder

    def begin(self, run_id: str) -> Path:
        """Make the folder of a publication, whose name comes after that of the current one.

        Args:
            run_id: The run; part of the name.
        """
        now = datetime.now(UTC)
        if self.current:
            # A clock that was turned back turns no order around.
            last = datetime.strptime(self.current.partition("-")[0], STAMP).replace(tzinfo=UTC)
            now = max(now, last + timedelta(microseconds=1))
        folder = self.publications / f"{now:{STAMP}}-{run_id[:8]}"
        folder.mkdir(parents=True)
        return folder

    def switch(self, folder: Path, run_id: str, restores: str | None = None) -> None:
        """Publish a folder that is written whole, with the build as its state.

        Args:
            folder: What `begin` made.
            run_id: The run.
            restores: The publication that it is a copy of, if any.
        """
        name, states = folder.name, self.root / "states"
        states.mkdir(exist_ok=True)
        self.share(states, among=BUILDERS)
        self.build_file.replace(self.state(name))
        chain.seal(self.root, name, run_id, self.current, restores)
        for path in [*folder.rglob("*"), folder, folder.parent]:
            self.share(path)
            _sync(path)
        _sync(self.state(name))
        link = self.root / f".published-{name}"
        link.symlink_to(Path("publications") / name)
        link.replace(self.published)
        _sync(self.root)
        self._record(name)
        self._prune(name)

    def kept(self) -> tuple[int, int]:
        """How many publications are kept, and what they, their states and previews take: bytes."""
        taken = {
            (file.st_dev, file.st_ino): file.st_blocks * 512
            for name in ("chain", "previews", "publications", "states")
            for path in (self.root / name).rglob("*")
            # A file of several publications is there once.
            if (file := path.lstat())
        }
        return sum(1 for _ in self.publications.glob("*")), sum(taken.values())

    def _record(self, name: str) -> None:
        if kept := chain.record(self.root, name):
            self.share(kept.parent)
            self.share(kept)

    def share(self, path: Path, *, among: int = EVERYBODY) -> None:
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
    before = site.Before(
        database=kept.folder / DATABASE,
        built=kept.built,
        stays=lambda year, path: kept.keeps(year, path, folder),
    )
    try:
        site.write(con, folder / "site", before if kept.years else None)
    except OSError as error:
        raise WrongSurroundings(
            f"the scorecard site cannot be written ({in_a_line(error)}); make room for it, or "
            "set JIXIAO_SITE=off to publish without it"
        ) from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
