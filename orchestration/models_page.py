"""The models' documentation and lineage as one page that opens without network: `make docs`."""

import re
import sys
import tempfile
import warnings
from pathlib import Path

from orchestration import dbt, sandbox
from orchestration.faults import Refused, WrongSurroundings
from orchestration.project import BUILD_FILE, EXAMPLE_DIR, PROJECT_DIR, target_dir

# Where the page would report to if the project had not turned that off.
TRACKER = re.compile(r"//\w+\.cloudfront\.net/[\w./]+")


def write_page(page: Path) -> None:
    """Build the shipped landing folder in a folder of its own and document what comes out.

    Args:
        page: The page to write.

    Raises:
        Refused: The shipped landing folder cannot be built.
        RuntimeError: dbt cannot document it.
    """
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / BUILD_FILE
        sandbox.fill(database, EXAMPLE_DIR)
        target = Path(folder) / "docs"
        result = dbt.invoke(
            database, target, "docs", "generate", "--static", manifest=dbt.parsed()[0]
        )
        if not result.success:
            raise RuntimeError(f"dbt cannot document the project: {result.exception}")
        html = (target / "static_index.html").read_text("utf-8")
    page.parent.mkdir(parents=True, exist_ok=True)
    for place in (folder, str(PROJECT_DIR)):
        html = html.replace(place, "")
    page.write_text(TRACKER.sub("", html), "utf-8")


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    page = target_dir() / "docs" / "index.html"
    try:
        write_page(page)
    except (Refused, RuntimeError, WrongSurroundings) as error:
        sys.exit(f"jixiao: {error}")
    print(page)
