"""Starts Apache Superset on this machine, with the dashboard of this folder, for make superset.

`look` needs Python alone; what begins with it says what is missing before anything is installed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
EXPORT = PROJECT / "bi" / "export"
HOME = PROJECT / ".superset"
WAREHOUSE = Path(os.environ.get("JIXIAO_WAREHOUSE") or PROJECT / "warehouse").absolute()
ADDRESS = "127.0.0.1"
PORT = os.environ.get("JIXIAO_SUPERSET_PORT") or "8088"
# In bytes, what the packages take.
ROOM = 1_000_000_000


def refuse(reason: str) -> None:
    """End with one line that says what is missing."""
    sys.exit(f"jixiao: superset: {reason}")


def look() -> None:
    """Refuse what could not work, before anything is installed or started."""
    file = WAREHOUSE / "published" / "scores.duckdb"
    if not file.is_file():
        refuse(f"nothing is published in {WAREHOUSE}; run make run first, or set JIXIAO_WAREHOUSE")
    if not PORT.isdecimal() or not 0 < int(PORT) < 65536:
        refuse(f"JIXIAO_SUPERSET_PORT {PORT}: no port; set it to a number from 1 to 65535")
    with socket.socket() as asked:
        asked.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            asked.bind((ADDRESS, int(PORT)))
        except OSError as error:
            refuse(
                f"port {PORT} of {ADDRESS} cannot be taken ({error.strerror}); end what has it, or "
                f"set JIXIAO_SUPERSET_PORT to another"
            )
    if not (PROJECT / ".venv-bi" / "superset.installed").exists():
        if sys.version_info[:2] not in ((3, 11), (3, 12)):
            refuse(
                f"Superset needs Python 3.11 or 3.12, and this is {sys.version.split()[0]}; "
                "make superset BI_PYTHON=python3.12"
            )
        if (free := shutil.disk_usage(PROJECT).free) < ROOM:
            refuse(f"its packages take 1 GB of disk, and {free // 1_000_000:,} MB are free")
        print(
            "jixiao: superset: installing it, once: 0.9 GB into .venv-bi, about a minute",
            flush=True,
        )


def secret(name: str, length: int) -> str:
    """A random text that is made once and kept where only its owner reads it."""
    path = HOME / name
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_urlsafe(length))
    return path.read_text("ascii")


def exported() -> dict[str, str]:
    """The files of the export, by their path in it."""
    return {
        path.relative_to(EXPORT).as_posix(): path.read_text("utf-8")
        for path in sorted(EXPORT.rglob("*.yaml"))
    }


def surroundings() -> dict[str, str]:
    """The environment that Superset runs in."""
    return {
        **os.environ,
        "SUPERSET_CONFIG_PATH": str(PROJECT / "bi" / "superset_config.py"),
        "SUPERSET_HOME": str(HOME),
        "FLASK_APP": "superset.app:create_app()",
        "SCARF_ANALYTICS": "false",
        "DO_NOT_TRACK": "1",
    }


def prepare(password: str) -> None:
    """Make or bring up to date what Superset keeps of itself, and load the dashboards.

    Args:
        password: That of the user admin.
    """
    from flask_migrate import upgrade
    from superset.app import create_app

    app = create_app()
    with app.app_context():
        import superset
        from superset import security_manager as sm
        from superset.commands.importers.v1.assets import ImportAssetsCommand
        from superset.extensions import appbuilder
        from superset.utils.core import override_user

        upgrade(str(Path(superset.__file__).parent / "migrations"))
        appbuilder.add_permissions(update_perms=True)
        sm.sync_role_definitions()
        user = sm.find_user("admin") or sm.add_user(
            "admin", "绩效", "管理员", "admin@localhost", sm.find_role("Admin"), password
        )
        contents = exported()
        # The importer that puts every file in the place of what was there before.
        contents["metadata.yaml"] = contents["metadata.yaml"].replace("Dashboard", "assets")
        with override_user(user):
            ImportAssetsCommand(contents).run()


def export() -> None:
    """Write the dashboards as they now are in Superset over the files that they came from.

    A chart or dataset that has none yet gets a file named as Superset names it.
    """
    import yaml
    from superset.app import create_app

    class Readable(yaml.SafeDumper):
        """Text of several lines, as SQL, is written line by line."""

    Readable.add_representer(
        str,
        lambda dumper, text: dumper.represent_scalar(
            "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
        ),
    )
    files = {yaml.safe_load(text).get("uuid"): path for path, text in exported().items()}
    with create_app().app_context():
        from superset import security_manager as sm
        from superset.commands.dashboard.export import ExportDashboardsCommand
        from superset.extensions import db
        from superset.models.dashboard import Dashboard
        from superset.utils.core import override_user

        with override_user(sm.find_user("admin")):
            ours = [d.id for d in db.session.query(Dashboard) if str(d.uuid) in files]
            for name, content in ExportDashboardsCommand(ours).run():
                told = yaml.safe_load(content())
                if "uuid" not in told:
                    continue
                # Superset has no order of its own for them.
                for part, key in (("columns", "column_name"), ("metrics", "metric_name")):
                    if part in told:
                        told[part].sort(key=lambda each, key=key: each[key])
                path = EXPORT / files.get(told["uuid"], name)
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("w", encoding="utf-8") as stream:
                    yaml.dump(
                        told, stream, Readable, allow_unicode=True, sort_keys=False, width=100
                    )


def apart(asked: str, log: Path) -> None:
    """Run a part of this script in a process of its own, as Superset is long to leave.

    Args:
        asked: What.
        log: Where everything goes that it says.
    """
    with log.open("w") as stream:
        command = (sys.executable, __file__, asked)
        made = subprocess.run(
            command, env=surroundings(), stdout=stream, stderr=stream, check=False
        )
    if made.returncode:
        *_, last = ["", *log.read_text("utf-8", "replace").splitlines()]
        refuse(f"{asked} has failed: {last.strip()}; {log} says more")


def serve() -> None:
    """Load the dashboards where they are not loaded yet, and serve until interrupted."""
    look()
    HOME.mkdir(mode=0o700, exist_ok=True)
    password = secret("admin_password", 12)
    secret("secret_key", 42)
    own = [*exported().values(), (PROJECT / "bi" / "requirements.txt").read_text("utf-8")]
    digest = hashlib.sha256("\0".join(own).encode()).hexdigest()
    loaded = HOME / "loaded"
    if not loaded.exists() or loaded.read_text("ascii") != digest:
        print("jixiao: superset: loading the dashboards, in half a minute", flush=True)
        apart("prepare", HOME / "prepare.log")
        loaded.write_text(digest, "ascii")
    os.environ.update(surroundings())
    terminal = os.fdopen(os.dup(1), "w")
    log = HOME / "superset.log"
    with log.open("w") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)

    from gunicorn.app.base import BaseApplication

    class Superset(BaseApplication):
        """One process, as SQLite and DuckDB like it, with a thread for each chart that is drawn."""

        def load_config(self) -> None:
            settings: dict[str, Any] = {
                "bind": f"{ADDRESS}:{PORT}",
                "workers": 1,
                "threads": 8,
                "timeout": 120,
                "loglevel": "warning",
                "post_worker_init": lambda _: print(
                    f"jixiao: superset: http://{ADDRESS}:{PORT}/superset/dashboard/jixiao/\n"
                    f"jixiao: superset: user admin, password {password}\n"
                    f"jixiao: superset: shows what is published in {WAREHOUSE}; Ctrl-C ends it",
                    file=terminal,
                    flush=True,
                ),
            }
            for name, value in settings.items():
                self.cfg.set(name, value)

        def load(self) -> Any:
            from superset.app import create_app

            return create_app()

    try:
        Superset().run()
    except SystemExit as ended:
        if ended.code:
            print(f"jixiao: superset: it has ended by itself; {log} says why", file=terminal)
        raise


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("asked", choices=["look", "serve", "prepare", "export"])
    match parser.parse_args().asked:
        case "look":
            look()
        case "serve":
            serve()
        case "prepare":
            prepare(secret("admin_password", 12))
        case "export":
            os.environ.update(surroundings())
            export()
