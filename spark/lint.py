"""Whether every model has its form on Spark, without a Java: a part of `make lint`, in seconds."""

import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

from orchestration import dbt
from orchestration.landing.load import LINEAGE
from orchestration.project import BUILD_FILE
from spark import rules


def faults() -> list[str]:
    """Compile every model and put it to the rules.

    Returns:
        One line for each model that has none: the model, the construct, what to do.

    Raises:
        RuntimeError: The models cannot be compiled.
    """
    with tempfile.TemporaryDirectory() as folder:
        compiled = compile_models(Path(folder))
    known = columns()
    found = []
    for model, sql in compiled.items():
        try:
            rules.to_spark(sql, model, known)
        except rules.Unknown as unknown:
            found.append(str(unknown))
    return found


def compile_models(folder: Path) -> dict[str, str]:
    """The SQL of each model as dbt compiles it for DuckDB, by name.

    Args:
        folder: An empty one, to compile in.

    Raises:
        RuntimeError: They cannot be compiled.
    """
    result = dbt.invoke(
        folder / BUILD_FILE,
        folder / "target",
        *("compile", "--no-introspect", "--no-write-json", "--select", "resource_type:model"),
        manifest=dbt.parsed()[0],
    )
    if not result.success:
        raise RuntimeError(f"dbt cannot compile the models: {result.exception}")
    return {each.node.name: each.node.compiled_code for each in result.result}


def columns() -> dict[tuple[str, str], list[str]]:
    """The columns of everything that a model reads, as they are described."""
    manifest = dbt.parsed()[1]
    nodes: list[dict[str, Any]] = [*manifest["nodes"].values(), *manifest["sources"].values()]
    found = {}
    for node in nodes:
        if node["resource_type"] in ("model", "source", "seed"):
            described = node["config"].get("column_types") or node["columns"]
            # What loading adds to each table.
            added = (*LINEAGE, "corrections") if node["schema"] == "raw" else ()
            found[node["schema"], node["name"]] = [*described, *added]
    return found


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    lines = faults()
    print(*(f"spark: {line}" for line in lines), sep="\n", end="\n" if lines else "")
    sys.exit(1 if lines else 0)
