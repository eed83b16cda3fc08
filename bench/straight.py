"""The models' own SQL without dbt, Dagster and the checks: a typed read, then each model once.

What a run costs beyond this is what holds it together: orchestration, data rules, publishing.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import duckdb
import yaml

from orchestration import duck
from orchestration.landing.contract import Table, landing_contract
from orchestration.project import BUILD_FILE, PROJECT_DIR

# What a run's own record holds is taken from it: the findings that block, the runs before.
RECORDED = ("audit", "previous")


def compile_models(folder: Path) -> Path:
    """Have dbt write the SQL of each model; this is no part of what is measured.

    Args:
        folder: A folder of one's own.

    Returns:
        A JSON file: the seeds and the models, each after what it depends on.
    """
    from orchestration import dbt

    database = folder / BUILD_FILE
    duckdb.connect(str(database)).close()
    ran = dbt.invoke(database, folder / "target", "compile", manifest=dbt.parsed()[0])
    if not ran.success:
        raise RuntimeError(f"dbt cannot compile the project: {ran.exception}")
    compiled = {r.node.unique_id: r.node for r in ran.result.results}
    nodes = [_described(node) for node in compiled.values() if node.resource_type == "model"]
    of_seeds = [n for n in dbt.parsed()[0].nodes.values() if n.resource_type == "seed"]
    path = folder / "models.json"
    path.write_text(
        json.dumps({"seeds": [_seed(n) for n in of_seeds], "models": _in_order(nodes)}), "utf-8"
    )
    database.unlink()
    return path


def _described(node: Any) -> dict[str, Any]:
    return {
        "id": node.unique_id,
        "after": list(node.depends_on.nodes),
        "place": [node.database, node.schema, node.alias],
        "kind": "view" if node.config.materialized == "view" else "table",
        "sql": node.compiled_code,
    }


def _seed(node: Any) -> dict[str, Any]:
    return {
        "place": [node.database, node.schema, node.alias],
        "path": node.original_file_path,
        "types": dict(node.config.column_types),
    }


def _in_order(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    left = {node["id"]: node for node in nodes}
    ordered: list[dict[str, Any]] = []
    while left:
        ready = [n for n in left.values() if not any(other in left for other in n["after"])]
        ordered += ready
        for node in ready:
            del left[node["id"]]
    return ordered


def run(landing: Path, year: int, models: Path, state: Path, folder: Path) -> dict[str, int]:
    """Read a year, run each model once, in a file of its own.

    Args:
        landing: The landing folder; CSV in UTF-8 with English headers.
        year: The fiscal year.
        models: What `compile_models` wrote.
        state: The DuckDB file of the run that this is compared with, for its record.
        folder: Where the file is made.

    Returns:
        Rows of each table of the marts.
    """
    listed = json.loads(models.read_text("utf-8"))
    with duckdb.connect(str(folder / BUILD_FILE)) as con:
        for name, value in _settings().items():
            con.execute(f"set {name} = {duck.text(value)}")
        for catalogue in sorted({node["place"][0] for node in listed["models"]}):
            if catalogue != Path(BUILD_FILE).stem:
                con.execute(f"attach ':memory:' as {duck.name(catalogue)}")
        places = {tuple(node["place"][:2]) for node in listed["models"] + listed["seeds"]}
        for catalogue, schema in sorted(places):
            con.execute(f"create schema if not exists {duck.name(catalogue, schema)}")
        con.execute("create schema raw")
        for table in landing_contract().values():
            _read(con, landing, year, table)
        _copy_record(con, state)
        for seed in listed["seeds"]:
            types = ", ".join(f"{duck.text(c)}: {duck.text(t)}" for c, t in seed["types"].items())
            con.execute(
                f"create table {duck.name(*seed['place'])} as from read_csv("
                f"{duck.files(PROJECT_DIR / seed['path'])}, header = true, types = {{{types}}})"
            )
        for node in listed["models"]:
            con.execute(f"create {node['kind']} {duck.name(*node['place'])} as {node['sql']}")
        marts = [node["place"] for node in listed["models"] if node["place"][1] == "marts"]
        return {
            place[2]: con.execute(f"select count(*) from {duck.name(*place)}").fetchall()[0][0]
            for place in marts
        }


def _settings() -> dict[str, Any]:
    """DuckDB's settings, as profiles.yml has them; one that dbt fills in is left as it is."""
    profiles = yaml.safe_load((PROJECT_DIR / "profiles.yml").read_text("utf-8"))
    settings: dict[str, Any] = profiles["jixiao"]["outputs"]["build"].get("settings", {})
    return {name: value for name, value in settings.items() if "{{" not in str(value)}


def _read(con: duckdb.DuckDBPyConnection, landing: Path, year: int, table: Table) -> None:
    """Read a table typed, with where each row stood; a row that cannot be read is passed over."""
    from orchestration.landing import corrections
    from orchestration.landing.load import LINEAGE

    types = {column.name: column.data_type for column in table.columns}
    columns = types | LINEAGE | corrections.COLUMN
    listed = ", ".join(f"{duck.name(name)} {kind}" for name, kind in columns.items())
    con.execute(f"create table raw.{duck.name(table.name)} ({listed})")
    path = landing / str(year) / f"{table.name}.csv"
    if not path.exists():
        return
    with path.open("rb") as stream:
        header = stream.readline().decode().strip().split(",")
        stream.seek(0)
        checksum = hashlib.file_digest(stream, "sha256").hexdigest()
    typed = ", ".join(f"{duck.text(name)}: {duck.text(types[name])}" for name in header)
    con.execute(
        f"""
        insert into raw.{duck.name(table.name)} by name
        select
            *, {duck.text(checksum[:16])} as load_id,
            {duck.text(f"{year}/{path.name}")} as source_file,
            {duck.text(checksum)} as source_sha256, row_number() over () + 1 as source_row
        from read_csv(
            {duck.files(path)}, header = true, delim = ',', quote = '"', auto_detect = false,
            ignore_errors = true, columns = {{{typed}}}
        )
        """
    )


def _copy_record(con: duckdb.DuckDBPyConnection, state: Path) -> None:
    duck.attach(con, state, "recorded")
    rows = con.execute(
        "select schema_name, table_name from duckdb_tables() "
        "where database_name = 'recorded' and schema_name in $schemas",
        {"schemas": list(RECORDED)},
    ).fetchall()
    for schema, table in rows:
        con.execute(f"create schema if not exists {duck.name(schema)}")
        con.execute(
            f"create table {duck.name(schema, table)} as from recorded.{duck.name(schema, table)}"
        )
    con.execute("detach recorded")
