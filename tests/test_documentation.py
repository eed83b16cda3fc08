"""What the models say of themselves: descriptions, columns, exposures and the page made of them."""

import json
import re
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration import dbt
from orchestration.landing.corrections import COLUMN
from orchestration.landing.load import LINEAGE
from tests.conftest import Published

pytestmark = pytest.mark.builds


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    return dbt.parsed()[1]


def relations(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{node['schema']}.{node.get('identifier') or node['alias']}": node
        for node in (manifest["nodes"] | manifest["sources"]).values()
        if node["resource_type"] in ("model", "seed", "source")
    }


def test_everything_is_described(manifest: dict[str, Any]) -> None:
    undescribed = [
        name
        for relation, node in relations(manifest).items()
        for name, described in [
            (relation, node["description"]),
            *((f"{relation}.{c['name']}", c["description"]) for c in node["columns"].values()),
        ]
        if not described.strip()
    ]
    assert undescribed == []


def test_documented_columns_are_those_that_are_built(
    manifest: dict[str, Any], two_departments: Published
) -> None:
    (state,) = (two_departments.warehouse / "states").glob("*.duckdb")
    with duckdb.connect() as con:
        # A view names the catalogue that it was made in.
        con.execute(f"attach '{state}' as warehouse (read_only)")
        rows = con.execute(
            "select schema_name || '.' || table_name, list(column_name) from duckdb_columns() "
            "where database_name = 'warehouse' group by all"
        ).fetchall()
    built = {name: set(columns) for name, columns in rows}
    documented = {name: set(node["columns"]) for name, node in relations(manifest).items()}
    for name in documented:
        if name.startswith("raw."):
            documented[name] |= set(LINEAGE | COLUMN)
    assert {n: documented[n] for n in documented} == {n: built.get(n) for n in documented}
    assert {n for n in built if n not in documented} == set()


def test_every_mart_ends_where_people_use_it(manifest: dict[str, Any]) -> None:
    used = {node for e in manifest["exposures"].values() for node in e["depends_on"]["nodes"]}
    marts = {key for key, n in manifest["nodes"].items()
             if n["resource_type"] == "model" and n["schema"] == "marts"}  # fmt: skip
    assert marts
    assert used == marts
    for exposure in manifest["exposures"].values():
        assert re.search("[一-鿿]", exposure["description"])
        assert re.search("[a-z]{4}", exposure["description"])


def test_the_page_opens_without_network(tmp_path: Path) -> None:
    from orchestration.models_page import write_page

    write_page(tmp_path / "index.html")
    html = (tmp_path / "index.html").read_text("utf-8")
    assert json.dumps("部门整体绩效评价数据仓库").strip('"') in html
    assert "fct_criterion_scores" in html
    assert '"send_anonymous_usage_stats": false' in html
    fetched = re.findall(
        r"""(?:<(?:script|link|img)[^>]*(?:src|href)=|\.src=|url\()\s*["']?(?:https?:)?//[^"')\s]+""",
        html,
    )
    assert fetched == []
    assert str(Path(dbt.PROJECT_DIR)) not in html
