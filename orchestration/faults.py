"""What keeps a year from being published, or a command from its work."""

import errno
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path


class Refused(Exception):
    """Why a year is not published.

    Attributes:
        reasons: One line for each, with what to do.
    """

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("\n".join(reasons))
        self.reasons = reasons


class LandingRefused(Refused):
    """Faults that keep a year from being loaded: file, row, column, what was expected."""


class NotWhole(Refused):
    """A build that its run has not done from the first step to the last."""


class WrongSurroundings(Exception):
    """A folder or setting that the work needs is not as it must be: one line, with what to do."""


def in_a_line(error: BaseException) -> str:
    """What an error says, in one line."""
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__


def is_disk_full(error: BaseException) -> bool:
    """Whether an error is that a disk has no room left, whoever says it."""
    return os.strerror(errno.ENOSPC) in str(error)


def for_builders(path: Path) -> None:
    """Let those alone open a file of the warehouse who may write its folder.

    Args:
        path: The file. Where it is another user's, it stays as it is.
    """
    is_shared = path.parent.stat().st_mode & stat.S_IWGRP
    with suppress(PermissionError):
        path.chmod(0o660 if is_shared else 0o600)


def keep_details(details: str, folder: Path) -> str:
    """Write what helps to find a fault, such as a stack trace, into a file.

    Args:
        details: The text.
        folder: Where to, into `failure.log`; where that cannot be written, the file is in the
            temporary folder.

    Returns:
        Where it is, as people are told.
    """
    log = folder / "failure.log"
    try:
        try:
            log.touch()
            # It may name what is for nobody who only reads what is published.
            for_builders(log)
            log.write_text(details, encoding="utf-8", errors="backslashreplace")
            return f"details in {log}"
        except OSError:
            descriptor, name = tempfile.mkstemp(prefix="jixiao-failure-", suffix=".log")
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as stream:
                stream.write(details)
            return f"details in {name}"
    except OSError as error:
        return f"details cannot be written: {log}: {error.strerror}"
