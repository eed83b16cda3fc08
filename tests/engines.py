"""Processes that have the engines already: seconds of imports are not what the tests are about.

It imports nothing of the project, which may be a copy, with code and seeds of its own.
"""

import atexit
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import IO

PROJECT = str(Path(__file__).parent.parent)
ENGINES = ("dagster", "dagster_dbt", "dbt.cli.main", "duckdb_sqlalchemy", "great_expectations")


def run(
    arguments: tuple[str, ...], cwd: Path, environment: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    """The jixiao command of the project in `cwd`, as a process of its own."""
    with tempfile.TemporaryFile("w+b") as out, tempfile.TemporaryFile("w+b") as err:
        paths = tuple(f"/proc/{os.getpid()}/fd/{stream.fileno()}" for stream in (out, err))
        process = start(arguments, str(cwd), environment, *paths)
        process.join()
        assert process.exitcode is not None
        return subprocess.CompletedProcess(
            arguments, process.exitcode, stdout=_text(out), stderr=_text(err)
        )


def start(
    arguments: tuple[str, ...], cwd: str, environment: Mapping[str, str], out: str, err: str
) -> BaseProcess:
    """Start the command, whose output goes to the ends of two files."""
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload([*ENGINES])
    process = server.Process(target=_command, args=(arguments, cwd, dict(environment), out, err))
    process.start()
    return process


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode()


def _command(
    arguments: tuple[str, ...], cwd: str, environment: dict[str, str], out: str, err: str
) -> None:
    for path, number in ((out, 1), (err, 2)):
        stream = os.open(path, os.O_WRONLY | os.O_APPEND)
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    sys.path[:] = [cwd, *(path for path in sys.path if path != PROJECT)]
    sys.argv = ["jixiao", *arguments]
    try:
        runpy.run_module("orchestration.cli", run_name="__main__", alter_sys=True)
    finally:
        # A process that was forked ends without them.
        atexit._run_exitfuncs()
