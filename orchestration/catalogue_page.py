"""The models' documentation and lineage as one page that opens without network: `make docs`."""

import os
import re
import sys
import tempfile
import warnings
from pathlib import Path

from orchestration import dbt
from orchestration.launch import launch
from orchestration.project import PROJECT_DIR, TARGET_DIR
from orchestration.warehouse import Warehouse

PAGE = TARGET_DIR / "docs" / "index.html"
# Where the page would report to if the project had not turned that off.
TRACKER = re.compile(r"//\w+\.cloudfront\.net/[\w./]+")


def write_page(page: Path) -> None:
    """Build the shipped landing folder in a folder of its own and document what comes out.

    Args:
        page: The page to write.

    Raises:
        RuntimeError: The warehouse cannot be built, or dbt cannot document it.
    """
    from dbt.cli.main import dbtRunner

    landing = PROJECT_DIR / "data" / "landing"
    with tempfile.TemporaryDirectory() as folder:
        warehouse = Warehouse(Path(folder) / "warehouse")
        (year,) = (int(path.name) for path in sorted(landing.glob("[0-9]*"))[-1:])
        if reasons := launch(landing, warehouse.root, [year])[year]:
            raise RuntimeError("\n".join(reasons))
        with warehouse.building(say=print):
            os.environ["JIXIAO_BUILD_FILE"] = str(warehouse.build_file)
            target = warehouse.build_dir / "docs"
            result = dbtRunner().invoke(
                ["docs", "generate", "--static", 
                 *dbt.folders(target)]
            )  # fmt: skip
            if not result.success:
                raise RuntimeError(f"dbt cannot document the project: {result.exception}")
            html = (target / "static_index.html").read_text("utf-8")
    page.parent.mkdir(parents=True, exist_ok=True)
    for place in (folder, str(PROJECT_DIR)):
        html = html.replace(place, "")
    page.write_text(TRACKER.sub("", html), "utf-8")


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    try:
        write_page(PAGE)
    except RuntimeError as error:
        sys.exit(f"jixiao: {error}")
    print(PAGE.relative_to(PROJECT_DIR))
