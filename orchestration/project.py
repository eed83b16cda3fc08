"""Where the project's own files are."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestration.faults import WrongSurroundings

PROJECT_DIR = Path(__file__).resolve().parent.parent
CONTRACT_FILE = PROJECT_DIR / "models" / "staging" / "raw.yml"
AUDIT_FILE = PROJECT_DIR / "models" / "staging" / "audit.yml"
DBT_PROJECT_FILE = PROJECT_DIR / "dbt_project.yml"
SEEDS_DIR = PROJECT_DIR / "seeds"
# The two departments that are shipped; nothing is ever written there.
EXAMPLE_DIR = PROJECT_DIR / "data" / "landing"
# What a build writes to, in a folder of its own. Parsed models and views hold the name.
BUILD_FILE = "warehouse.duckdb"
# Where a warehouse has the warehouses of its regions, and what stands for no region: the landing
# folder's own years. No region's folder can have that name.
REGIONS, OWN = "regions", "."


@dataclass(frozen=True)
class Folders:
    """The folders of a run.

    Attributes:
        landing: Where the bureaus' files are.
        warehouse: Where the warehouse is built and published.
    """

    landing: Path
    warehouse: Path

    @property
    def published(self) -> Path:
        """The link to the current publication."""
        return self.warehouse / "published"

    @classmethod
    def from_environment(cls) -> "Folders":
        """As JIXIAO_LANDING and JIXIAO_WAREHOUSE say, else of the project.

        There it is `landing`, or where nobody has made that the shipped example in `data/landing`,
        and `warehouse`.
        """
        own = PROJECT_DIR / "landing"
        default = own if own.exists() else EXAMPLE_DIR
        return cls(
            landing=Path(os.environ.get("JIXIAO_LANDING") or default),
            warehouse=Path(os.environ.get("JIXIAO_WAREHOUSE") or PROJECT_DIR / "warehouse"),
        )

    def of(self, region: str) -> "Folders":
        """The folders of a region, which are a landing folder and a warehouse like any other.

        Args:
            region: Its name; `.` for what is of no region.
        """
        if region == OWN:
            return self
        # Any engine reads the name as a partition's.
        return Folders(self.landing / region, self.warehouse / REGIONS / f"region={region}")


def target_dir() -> Path:
    """Where dbt keeps what it parsed: as JIXIAO_TARGET says, else `target` of the project."""
    return Path(os.environ.get("JIXIAO_TARGET") or PROJECT_DIR / "target").absolute()


def is_site_wanted() -> bool:
    """Whether the scorecard site is published too: unless JIXIAO_SITE is `off`.

    Raises:
        WrongSurroundings: It is something else than `on` or `off`.
    """
    wanted = os.environ.get("JIXIAO_SITE") or "on"
    if wanted not in ("on", "off"):
        raise WrongSurroundings(
            f"JIXIAO_SITE={wanted}: expected on or off; correct it, or unset it"
        )
    return wanted == "on"


def sandbox_file() -> Path:
    """The DuckDB file of the target `dev` in profiles.yml."""
    return target_dir() / "sandbox" / BUILD_FILE


def dagster_home() -> Path | None:
    """The folder of the Dagster that a run shows in; none where none is set.

    Raises:
        WrongSurroundings: It is no folder, or not named whole.
    """
    home = os.environ.get("DAGSTER_HOME")
    if not home:
        return None
    if not Path(home).is_absolute() or not Path(home).is_dir():
        raise WrongSurroundings(
            f"DAGSTER_HOME {home}: no folder named by its whole path; correct it, or unset it to "
            "run without Dagster's records"
        )
    return Path(home)


def lineage_settings() -> dict[str, Any]:
    """What is told of lineage beside the run itself, as the environment says.

    Returns:
        `column_lineage`, on where JIXIAO_COLUMN_LINEAGE is set and neither 0 nor false, and
        `openlineage_file`, the file that JIXIAO_OPENLINEAGE_FILE names, empty for none.
    """
    wanted = os.environ.get("JIXIAO_COLUMN_LINEAGE", "").lower()
    return {
        "column_lineage": wanted not in ("", "0", "false"),
        "openlineage_file": os.environ.get("JIXIAO_OPENLINEAGE_FILE", ""),
    }
