"""Where the project's own files are."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT_DIR = Path(__file__).resolve().parent.parent
CONTRACT_FILE = PROJECT_DIR / "models" / "staging" / "raw.yml"
SEEDS_DIR = PROJECT_DIR / "seeds"
TARGET_DIR = PROJECT_DIR / "target"


@dataclass(frozen=True)
class Folders:
    """The folders of a run.

    Attributes:
        landing: Where the bureaus' files are.
        warehouse: Where the warehouse is built and published.
    """

    landing: Path
    warehouse: Path

    @classmethod
    def from_environment(cls) -> "Folders":
        """As JIXIAO_LANDING and JIXIAO_WAREHOUSE say, else `data/landing` and `warehouse`."""
        return cls(
            landing=Path(os.environ.get("JIXIAO_LANDING") or PROJECT_DIR / "data" / "landing"),
            warehouse=Path(os.environ.get("JIXIAO_WAREHOUSE") or PROJECT_DIR / "warehouse"),
        )


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
