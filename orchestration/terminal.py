"""Standard output and error as they are found: closed, full, or unable to show Chinese."""

import io
import os
import sys
from typing import Any, TextIO


class _Raw(io.FileIO):
    """A file descriptor that others may close: what is written after that goes nowhere.

    Attributes:
        fault: Why something could not be written, other than that nobody reads on.
    """

    fault: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if not isinstance(error, BrokenPipeError):
                self.fault = error
            _to_nowhere(self.fileno())
            return len(data)


def prepare() -> None:
    """See that nothing that is printed ends the command.

    Where nobody reads on (`| head`), or nobody ever did (`>&-`), the command does its work all the
    same, so that its exit status is true. A character that cannot be shown is escaped.
    """
    sys.stdout = _opened(sys.stdout, 1)
    sys.stderr = _opened(sys.stderr, 2)


def fault() -> str | None:
    """Why something that was printed could not be written, once all of it is."""
    for told, stream in (("output", sys.stdout), ("error", sys.stderr)):
        stream.flush()
        buffer: Any = stream.buffer
        if buffer.raw.fault:
            return f"standard {told} cannot be written ({buffer.raw.fault.strerror})"
    return None


def use_utf8() -> None:
    """What is printed next has its encoding settled: it is for programs, such as JSON or HTML."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")


def _opened(stream: TextIO | None, descriptor: int) -> TextIO:
    if stream is None:
        # Else the next file that is opened would be in its place, and take what is printed.
        _to_nowhere(descriptor)
    return io.TextIOWrapper(
        io.BufferedWriter(_Raw(descriptor, "wb", closefd=False)),
        encoding=stream.encoding if stream else "utf-8",
        errors="backslashreplace",
        line_buffering=isinstance(stream, io.TextIOWrapper) and stream.line_buffering,
        write_through=isinstance(stream, io.TextIOWrapper) and stream.write_through,
    )


def _to_nowhere(descriptor: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    if nowhere != descriptor:
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
