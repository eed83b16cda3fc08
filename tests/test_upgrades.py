"""What an upgrade of a package could break, where nothing else would say so."""

import ast
import re
import tomllib
import warnings
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from expectations.rules import STAGES, rules
from orchestration import dbt, duck
from orchestration.project import BUILD_FILE, PROJECT_DIR
from orchestration.publication import export
from tests.conftest import Published


def test_what_is_published_is_read_by_older_duckdbs(
    two_departments: Published, tmp_path: Path
) -> None:
    """Whichever DuckDB writes it, as the next one does by default what nothing before it reads."""
    with duckdb.connect(config={"storage_compatibility_version": "latest"}) as con:
        con.execute(f"attach '{tmp_path / 'latest'}' as latest")
        export.database(con, tmp_path / "scores.duckdb")
        duck.attach(con, tmp_path / "scores.duckdb", "exported")
        duck.attach(con, two_departments.warehouse / "published" / "scores.duckdb", "published")
        tags = dict(con.execute("select database_name, tags from duckdb_databases()").fetchall())
    assert tags["latest"]["storage_version"] != "v1.0.0+"
    assert tags["exported"] == tags["published"] == {"storage_version": "v1.0.0+"}


def test_no_rule_has_a_lambda_that_duckdb_2_does_not_know() -> None:
    """The profile and the connection of the tests refuse it elsewhere."""
    assert [r.rule_id for stage in STAGES for r in rules(stage) if "->" in r.query] == []


# Packages of which only what stands at the top, or what their manual names, is promised.
DEEP = {
    "dagster_dbt",
    "dbt",
    "dbt_common",
    "google",
    "great_expectations",
    "openlineage",
    "sqlglot",
}


def deep_imports() -> Iterator[str]:
    """The modules below the top of a package that ours import."""
    for path in (
        p for name in ("orchestration", "expectations") for p in (PROJECT_DIR / name).rglob("*.py")
    ):
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module and not is_for_typing(tree, node):
                package, *deeper = node.module.split(".")
                if deeper and package in DEEP:
                    yield node.module


def is_for_typing(tree: ast.Module, node: ast.ImportFrom) -> bool:
    return any(
        isinstance(block, ast.If) and "TYPE_CHECKING" in ast.dump(block.test) and node in block.body
        for block in tree.body
    )


def test_the_page_names_every_interface_that_no_release_promises() -> None:
    page = (PROJECT_DIR / "docs" / "upgrading.md").read_text("utf-8")
    section = page.split("## What no release promises")[1].split("## ")[0]
    used = set(deep_imports())
    named = {name for name in re.findall(r"`([a-z_0-9.]+)`", section) if name.split(".")[0] in DEEP}
    assert used
    assert named == used
    for guard in re.findall(r"\]\(\.\./(tests/\w+\.py)\)", section):
        assert (PROJECT_DIR / guard).is_file()


def test_dbt_warns_of_nothing(tmp_path: Path) -> None:
    """Of a deprecation least of all."""
    told = []
    parsed = dbt.invoke(
        *(Path(BUILD_FILE), tmp_path, "parse", "--no-partial-parse", "--show-all-deprecations"),
        callbacks=[lambda event: told.append((event.info.level, event.info.msg))],
    )
    assert parsed.success
    assert told
    assert [text for level, text in told if level in ("warn", "error")] == []


def test_deprecations_are_errors_with_dated_exceptions() -> None:
    for category in (DeprecationWarning, PendingDeprecationWarning, FutureWarning):
        with pytest.raises(category):
            warnings.warn("soon", category, stacklevel=1)
    text = (PROJECT_DIR / "pyproject.toml").read_text("utf-8")
    filters = tomllib.loads(text)["tool"]["pytest"]["ini_options"]["filterwarnings"]
    excepted = [entry for entry in filters if not entry.startswith("error::")]
    dated = re.findall(r'^    # \w+ 20\d\d: .*\n    "(ignore:.*)",$', text, re.MULTILINE)
    assert dated == excepted
