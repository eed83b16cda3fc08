"""Being asked to end while something is built: by Ctrl-C, or by SIGTERM as systemd sends it."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interruptible() -> Iterator[None]:
    """Have what is done here end in order where the process is asked to end.

    dbt waits for its threads at a KeyboardInterrupt, and at nothing that Dagster would raise. What
    DuckDB makes of it is an error of its own, so that it is raised once more.

    Raises:
        KeyboardInterrupt: The process was asked to end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked: list[int] = []

    def end(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except Exception as error:
        if asked:
            raise KeyboardInterrupt from error
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
