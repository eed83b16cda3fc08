"""The dashboards of bi/: their files against what is published, without Superset and a network."""

import json
import re
import socket
import tomllib
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from sqlalchemy.engine import make_url

from orchestration.project import PROJECT_DIR
from tests.conftest import Published

BI = PROJECT_DIR / "bi"
FILES = {
    path.relative_to(BI / "export").as_posix(): yaml.safe_load(path.read_text("utf-8"))
    for path in sorted((BI / "export").rglob("*.yaml"))
}


def of(kind: str) -> dict[str, Any]:
    """The files of a folder of the export, by their uuid."""
    return {f["uuid"]: f for name, f in FILES.items() if name.startswith(f"{kind}/")}


DATASETS, CHARTS, DASHBOARDS = of("datasets"), of("charts"), of("dashboards")
BY_NAME = {dataset["table_name"]: dataset for dataset in DATASETS.values()}


def source(dataset: dict[str, Any]) -> str:
    """What Superset selects from."""
    return f"({dataset['sql']})" if dataset["sql"] else f"marts.{dataset['table_name']}"


def names(dataset: dict[str, Any]) -> set[str]:
    return {column["column_name"] for column in dataset["columns"]}


def metrics(dataset: dict[str, Any]) -> set[str]:
    return {metric["metric_name"] for metric in dataset["metrics"]}


# What the files say


def test_every_file_leads_to_another() -> None:
    (database,) = of("databases").values()
    assert {d["database_uuid"] for d in DATASETS.values()} == {database["uuid"]}
    assert {d["schema"] for d in DATASETS.values()} == {"scores.marts"}
    assert {c["dataset_uuid"] for c in CHARTS.values()} == {*DATASETS}
    drawn = {
        dashboard["slug"]: {
            item["meta"]["uuid"]
            for item in dashboard["position"].values()
            if isinstance(item, dict) and item["type"] == "CHART"
        }
        for dashboard in DASHBOARDS.values()
    }
    assert drawn["jixiao"] == {*CHARTS}
    assert drawn["jixiao-phone"] < {*CHARTS}
    assert len(FILES) == 1 + 1 + len(DATASETS) + len(CHARTS) + len(DASHBOARDS)


def asked(chart: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Each column and metric that a chart asks for, and by which of its settings."""
    told = chart["params"]
    for setting in ("all_columns", "groupby", "groupby_b", "metrics", "metrics_b", "column_config"):
        for each in told.get(setting) or ():
            yield setting, each
    for setting in (
        "metric",
        "x",
        "y",
        "size",
        "entity",
        "series",
        "x_axis",
        "timeseries_limit_metric",
    ):
        if told.get(setting):
            yield setting, told[setting]
    for each in told.get("order_by_cols") or ():
        yield "order_by_cols", json.loads(each)[0]
    for setting in ("adhoc_filters", "adhoc_filters_b"):
        for each in told.get(setting) or ():
            yield setting, each["subject"]


@pytest.mark.parametrize("chart", CHARTS.values(), ids=lambda chart: chart["slice_name"])
def test_a_chart_asks_for_what_its_dataset_has(chart: dict[str, Any]) -> None:
    dataset = DATASETS[chart["dataset_uuid"]]
    wanted = [*asked(chart)]
    assert wanted
    assert [(s, n) for s, n in wanted if n not in names(dataset) | metrics(dataset)] == []
    assert re.search("[一-鿿]", chart["slice_name"])
    # What bureaus write stays text in a cell.
    if chart["viz_type"] == "table":
        assert chart["params"]["allow_render_html"] is False


@pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=lambda d: d["slug"])
def test_filters_hold_for_every_chart_but_that_of_the_years(dashboard: dict[str, Any]) -> None:
    ids = {
        item["meta"]["chartId"]: CHARTS[item["meta"]["uuid"]]
        for item in dashboard["position"].values()
        if isinstance(item, dict) and item["type"] == "CHART"
    }
    filters = {f["name"]: f for f in dashboard["metadata"]["native_filter_configuration"]}
    assert [*filters] == ["年度", "区", "单位"]
    for each in filters.values():
        (target,) = each["targets"]
        column = target["column"]["name"]
        assert column in names(DATASETS[target["datasetUuid"]])
        # Superset filters a chart by the name of the column.
        assert all(column in names(DATASETS[c["dataset_uuid"]]) for c in ids.values())
    excluded = {
        name: [ids[i]["slice_name"] for i in f["scope"]["excluded"]] for name, f in filters.items()
    }
    assert excluded == {"年度": ["各区平均总分走势"], "区": [], "单位": []}
    # Never two years in one average: one is chosen, at first the latest.
    year = filters["年度"]
    assert year["requiredFirst"] is True
    assert (year["controlValues"]["multiSelect"], year["controlValues"]["enableEmptyFilter"]) == (False, True)  # fmt: skip


def test_nobody_writes_through_the_connection() -> None:
    (database,) = of("databases").values()
    uri = make_url(database["sqlalchemy_uri"])
    assert (uri.password, uri.query["access_mode"]) == (None, "read_only")
    assert uri.database == "warehouse/published/scores.duckdb"
    for right in ("allow_ctas", "allow_cvas", "allow_dml", "allow_file_upload"):
        assert database[right] is False


# What is published


@pytest.fixture(scope="module")
def scores(two_departments: Published) -> Iterator[duckdb.DuckDBPyConnection]:
    """As Superset opens it: the file itself, so that schemas are not those of another."""
    file = two_departments.warehouse / "published" / "scores.duckdb"
    with duckdb.connect(str(file), read_only=True) as con:
        yield con


builds = pytest.mark.builds


@builds
@pytest.mark.parametrize("name", BY_NAME)
def test_datasets_have_the_columns_that_are_published(
    name: str, scores: duckdb.DuckDBPyConnection
) -> None:
    dataset = BY_NAME[name]
    described = scores.sql(f"describe select * from {source(dataset)}").fetchall()
    published = {column: kind for column, kind, *_ in described}
    told = {
        c["column_name"]: c["type"].replace(", ", ",") for c in dataset["columns"] if not c["expression"]
    }  # fmt: skip
    assert told == published
    assert all(re.search("[一-鿿]", c["verbose_name"]) for c in dataset["columns"])
    for column in dataset["columns"]:
        if column["expression"]:
            kind = scores.sql(f"select {column['expression']} from {source(dataset)}").types[0]
            assert str(kind) == column["type"]
    if dataset["sql"]:
        tables = duckdb.get_table_names(dataset["sql"], qualified=True)
        assert tables and all(table.startswith("marts.") for table in tables)


def mean(values: list[Any], places: str = "0.01") -> Decimal:
    """Of the values that are there, rounded half up."""
    there = [Decimal(value) for value in values if value is not None]
    return (sum(there, Decimal(0)) / len(there)).quantize(Decimal(places), ROUND_HALF_UP)


@pytest.fixture(scope="module")
def expected(two_departments: Published) -> dict[tuple[str, str], Any]:
    """Every metric over all rows, from other marts than the dashboard's and without its SQL."""
    rows = two_departments.rows
    official = rows(
        "select total_score, reported_total, unit_code, fiscal_year, rubric_id from fct_evaluations "
        "where rubric_role = 'official'"
    )
    key = {row[2:] for row in official}
    scored = [
        row
        for *row, unit, year, rubric in rows(
            "select score, points_possible, points_lost, sort_order, unit_code, fiscal_year, s.rubric_id "
            "from fct_indicator_scores as s join dim_indicators using (rubric_id, indicator_code)"
        )
        if (unit, year, rubric) in key
    ]
    findings = rows("select unit_code, severity from fct_findings")
    known = {unit for *_, unit, _, _ in official}
    values = [value for (value,) in rows("select value from fct_measures")]
    points = sum(row[1] for row in scored if row[0] is not None)
    return {
        ("evaluations", "departments_count"): len(official),
        ("evaluations", "scored_count"): sum(row[0] is not None for row in official),
        ("evaluations", "unscored_count"): sum(row[0] is None for row in official),
        ("evaluations", "average_total"): mean([row[0] for row in official]),
        ("evaluations", "average_reported_total"): mean([row[1] for row in official]),
        ("evaluations", "differing_count"): sum(
            None not in row[:2] and row[0] != row[1] for row in official
        ),
        ("evaluations", "findings_count"): sum(unit in known for unit, _ in findings),
        ("obt_scorecard", "average_score"): mean([row[0] for row in scored]),
        ("obt_scorecard", "average_points"): mean([row[1] for row in scored if row[0] is not None]),
        ("obt_scorecard", "average_points_lost"): mean([row[2] for row in scored]),
        ("obt_scorecard", "first_order"): min(row[3] for row in scored),
        ("obt_scorecard", "score_rate"): mean(
            [sum(row[0] for row in scored if row[0] is not None) / points], "0.0001"
        ),
        ("measures", "average_value"): mean(values, "0.0001"),
        ("measures", "calendar_share"): 1,
        ("measures", "defined_count"): sum(value is not None for value in values),
        ("findings", "findings_count"): len(findings),
        ("findings", "departments_count"): len({unit for unit, _ in findings}),
    }


@builds
@pytest.mark.parametrize(("name", "metric"), [(n, m) for n, d in BY_NAME.items() for m in sorted(metrics(d))])  # fmt: skip
def test_metrics_are_what_the_marts_come_to(
    name: str,
    metric: str,
    scores: duckdb.DuckDBPyConnection,
    expected: dict[tuple[str, str], Any],
) -> None:
    (sql,) = (m["expression"] for m in BY_NAME[name]["metrics"] if m["metric_name"] == metric)
    (found,) = scores.sql(f"select {sql} from {source(BY_NAME[name])}").fetchall()
    assert found == (expected[name, metric],)


@builds
def test_two_departments_have_one_total_each(scores: duckdb.DuckDBPyConnection) -> None:
    """96.57 and 96.08: not the average of their 21 rows each, nor of both their rubrics."""
    rows = scores.sql(f"select unit_code, total_score from {source(BY_NAME['evaluations'])}")
    assert sorted(rows.fetchall()) == [
        ("440305-gxj", Decimal("96.57")),
        ("440308-fzyj", Decimal("96.08")),
    ]


@builds
def test_the_quarters_are_those_of_the_measures(scores: duckdb.DuckDBPyConnection) -> None:
    (chart,) = (c for c in CHARTS.values() if c["viz_type"] == "mixed_timeseries")
    (condition,) = chart["params"]["adhoc_filters"]
    told = {m["metric_name"]: m["expression"] for m in BY_NAME["measures"]["metrics"]}
    labels = {c["column_name"]: c["expression"] for c in BY_NAME["measures"]["columns"]}
    rows = scores.execute(
        f"select {labels['quarter_zh']}, {told['calendar_share']}, {told['average_value']} "
        f"from {source(BY_NAME['measures'])} where list_contains(?, {condition['subject']}) "
        "group by all order by all",
        [condition["comparator"]],
    ).fetchall()
    by_hand = {
        f"第 {code[1]} 季度": value
        for code, value in scores.sql(
            "select measure_code, round((sum(value) / count(value))::decimal(28, 10), 4) "
            "from marts.fct_measures where measure_code like 'q__progress' group by all"
        ).fetchall()
    }
    assert [row[:2] for row in rows] == [(f"第 {n} 季度", n / 4) for n in (1, 2, 3, 4)]
    assert {row[0]: row[2] for row in rows} == by_hand


# What starts it


def script(name: str) -> Any:
    spec = spec_from_file_location(name, BI / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def publish(warehouse: Path, number: int) -> None:
    """A publication that holds its number, as the warehouse switches to it."""
    folder = warehouse / "publications" / str(number)
    folder.mkdir(parents=True)
    with duckdb.connect(str(folder / "scores.duckdb")) as con:
        con.execute(f"create table one as select {number} as number")
    (warehouse / "new").symlink_to(folder)
    (warehouse / "new").rename(warehouse / "published")


def test_a_connection_opens_the_publication_of_its_moment_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret_key").write_text("made up", "ascii")
    (tmp_path / "other.csv").write_text("a\n1\n", "utf-8")
    monkeypatch.setenv("SUPERSET_HOME", str(tmp_path))
    monkeypatch.setenv("JIXIAO_WAREHOUSE", str(tmp_path))
    config = script("superset_config")
    (database,) = of("databases").values()
    uri = make_url(database["sqlalchemy_uri"])

    def connect() -> duckdb.DuckDBPyConnection:
        found, arguments = config.DB_CONNECTION_MUTATOR(uri, {}, "admin", None, None)
        assert Path(found.database).parent.parent == tmp_path.resolve() / "publications"
        mode = {"access_mode": found.query["access_mode"]}
        return duckdb.connect(found.database, config=mode | arguments["connect_args"]["config"])

    publish(tmp_path, 1)
    with connect() as before:
        publish(tmp_path, 2)
        with connect() as after:
            assert before.sql("from scores.one").fetchall() == [(1,)]
            assert after.sql("from scores.one").fetchall() == [(2,)]
            with pytest.raises(duckdb.InvalidInputException, match="read-only"):
                after.execute("create table two as select 2")
            with pytest.raises(duckdb.PermissionException, match="disabled"):
                after.sql(f"from read_csv('{tmp_path / 'other.csv'}')").fetchall()
            with pytest.raises(duckdb.InvalidInputException, match="locked"):
                after.execute("set enable_external_access = true")


def test_a_database_of_another_kind_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret_key").write_text("made up", "ascii")
    monkeypatch.setenv("SUPERSET_HOME", str(tmp_path))
    uri = make_url("postgresql://127.0.0.1/other")
    assert script("superset_config").DB_CONNECTION_MUTATOR(uri, {"a": 1}) == (uri, {"a": 1})


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("publication", "nothing is published in {warehouse}; run make run first, or set JIXIAO_WAREHOUSE"),
        ("port", "port {port} of 127.0.0.1 cannot be taken (Address already in use); end what has it"),
        ("number", "JIXIAO_SUPERSET_PORT http: no port"),
        ("python", "Superset needs Python 3.11 or 3.12, and this is 3.14"),
        ("room", "its packages take 1 GB of disk, and 5 MB are free"),
    ],
)  # fmt: skip
def test_what_is_missing_is_said_before_anything_is_installed(
    missing: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve = script("serve")
    monkeypatch.setattr(serve, "WAREHOUSE", tmp_path)
    monkeypatch.setattr(serve, "PROJECT", tmp_path)
    monkeypatch.setattr(serve, "PORT", "0" if missing != "number" else "http")
    if missing != "publication":
        publish(tmp_path, 1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(serve, "PORT", "http" if missing == "number" else str(port))
        if missing != "port":
            taken.close()
        if missing == "python":
            monkeypatch.setattr(serve.sys, "version_info", (3, 14, 0))
            monkeypatch.setattr(serve.sys, "version", "3.14.0 (main)")
        if missing == "room":
            monkeypatch.setattr(serve.sys, "version_info", (3, 12, 0))
            monkeypatch.setattr(serve, "ROOM", 10**18)
            monkeypatch.setattr(
                serve.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 5_000_000})
            )
        with pytest.raises(SystemExit) as ended:
            serve.look()
    told = str(ended.value)
    assert told.startswith("jixiao: superset: " + said.format(warehouse=tmp_path, port=port))
    assert "\n" not in told


def test_secrets_are_made_once_and_their_owners_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve = script("serve")
    monkeypatch.setattr(serve, "HOME", tmp_path)
    made = serve.secret("admin_password", 12)
    assert len(made) >= 16
    assert serve.secret("admin_password", 12) == made
    assert serve.secret("secret_key", 42) != made
    assert (tmp_path / "admin_password").stat().st_mode & 0o777 == 0o600


def test_the_lock_has_hashes_no_addresses_and_the_projects_duckdb() -> None:
    locked = (BI / "requirements.txt").read_text("utf-8")
    assert "://" not in locked
    entries = re.split(r"\n(?=\S)", locked.strip())
    assert len(entries) > 100
    assert all(re.match(r"[\w.\[\],-]+==\S+( ; .*)? \\\n    --hash=sha256:", e) for e in entries)
    project = tomllib.loads((PROJECT_DIR / "pyproject.toml").read_text("utf-8"))
    (duck,) = (d for d in project["project"]["dependencies"] if d.startswith("duckdb=="))
    assert f"\n{duck} \\" in locked
