"""Prepares DAGSTER_HOME, the folder of the Dagster that shows runs: its settings, written whole.

Its records are SQLite files in that folder, or in the PostgreSQL database that
JIXIAO_DAGSTER_DATABASE names. The settings name the variable, never what it holds: a password. What
JIXIAO_DAGSTER_SETTINGS names goes before what is said here, such as where runs are launched.
"""

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from orchestration.faults import WrongSurroundings, in_a_line
from orchestration.project import PROJECT_DIR

DATABASE = "JIXIAO_DAGSTER_DATABASE"
MORE = "JIXIAO_DAGSTER_SETTINGS"
SETTINGS = PROJECT_DIR / "orchestration" / "dagster.yaml"
IN_POSTGRES = f"""storage:
  postgres:
    postgres_url:
      env: {DATABASE}
"""


def prepare() -> Path:
    """Make the folder, which its user alone may read, and write `dagster.yaml` there.

    Returns:
        The folder.

    Raises:
        WrongSurroundings: It cannot be written, or the database or more settings cannot be used.
    """
    home = Path(os.environ.get("DAGSTER_HOME") or "")
    if not home.is_absolute():
        raise WrongSurroundings(
            f"DAGSTER_HOME {home}: no folder named by its whole path; set it to one, such as "
            "/var/lib/jixiao/dagster"
        )
    text = SETTINGS.read_text("utf-8")
    if path := os.environ.get(MORE):
        text = yaml.safe_dump(yaml.safe_load(text) | _more(Path(path)), sort_keys=False)
    if url := os.environ.get(DATABASE):
        _require_usable(url)
        text += IN_POSTGRES
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = home / "dagster.yaml.partial"
        partial.write_text(text, "utf-8")
        partial.replace(home / "dagster.yaml")
    except OSError as error:
        raise WrongSurroundings(
            f"{in_a_line(error)}; make DAGSTER_HOME a folder that this user may write"
        ) from None
    return home


def _more(path: Path) -> dict[str, Any]:
    """The settings of whoever operates it, each in the place of ours as a whole."""
    wrong = f"{path}: no settings of Dagster"
    try:
        found = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise WrongSurroundings(
            f"{wrong} ({in_a_line(error)}); correct {MORE}, or unset it"
        ) from None
    if not isinstance(found, dict) or "storage" in found:
        raise WrongSurroundings(
            f"{wrong}: expected a mapping without storage, which {DATABASE} sets; correct it, or "
            f"unset {MORE}"
        )
    return found


def _require_usable(url: str) -> None:
    """See that there is what reads an address; it is a secret, and in no message."""
    # With the driver's name: SQLAlchemy may choose another, which Dagster's SQL is not for.
    if not url.startswith("postgresql+psycopg2://"):
        raise WrongSurroundings(
            f"{DATABASE}: expected an address that begins with postgresql+psycopg2://; correct it, "
            "or unset it to keep Dagster's records in SQLite files"
        )
    if find_spec("dagster_postgres") is None:
        raise WrongSurroundings(
            f"{DATABASE}: no package for PostgreSQL is installed; run "
            "make .venv/postgres.installed, or unset it to keep Dagster's records in SQLite files"
        )


if __name__ == "__main__":
    try:
        prepare()
    except WrongSurroundings as wrong:
        sys.exit(f"jixiao: {wrong}")
