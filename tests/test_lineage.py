"""Column lineage in Dagster's metadata, and the OpenLineage events of a run."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import dagster as dg
import pytest

from orchestration.definitions import build_definitions
from orchestration.graph.build import JOB
from orchestration.lineage.columns import column_lineage
from tests.conftest import LANDING, append_rows, build, jixiao

pytestmark = pytest.mark.builds


def read_events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@dataclass
class Told:
    result: dg.ExecuteInProcessResult
    warehouse: Path
    events: list[dict[str, Any]]

    def end(self, job: str) -> dict[str, Any]:
        (event,) = (e for e in self.events if e["job"]["name"] == job and e["eventType"] != "START")
        return event

    def columns(self, schema: str, model: str) -> dict[str, set[tuple[str, str]]]:
        key = dg.AssetKey([schema, model])
        (found,) = (
            e.materialization
            for e in self.result.get_asset_materialization_events()
            if e.asset_key == key
        )
        deps = found.metadata["dagster/column_lineage"].value.deps_by_column  # type: ignore[union-attr]
        return {
            column: {("/".join(dep.asset_key.path), dep.column_name) for dep in of_column}
            for column, of_column in deps.items()
        }


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """The two departments, launched with both kinds of lineage asked for."""
    folder = tmp_path_factory.mktemp("lineage")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("JIXIAO_COLUMN_LINEAGE", "1")
        environment.setenv("JIXIAO_OPENLINEAGE_FILE", str(folder / "events.ndjson"))
        definitions = build_definitions(str(LANDING), str(folder / "warehouse"))
        result = definitions.resolve_job_def(JOB).execute_in_process(partition_key="2023")
    assert result.success
    return Told(result, folder / "warehouse", read_events(folder / "events.ndjson"))


def test_columns_are_followed_to_their_parents(told: Told) -> None:
    scores = told.columns("marts", "fct_criterion_scores")
    assert scores["points_awarded"] == {("intermediate/int_criteria__explained", "points_awarded")}
    assert scores["measure_value"] == {("intermediate/int_criteria__explained", "value")}
    awarded = "intermediate/int_criteria__awarded"
    assert told.columns("intermediate", "int_criteria__scored")["points_awarded"] == {
        (awarded, "points_awarded"),
        ("intermediate/int_departments__blocked", "unit_code"),
    }
    # What a method gives, or an assessor; the basis decides which.
    valued = "intermediate/int_criteria__valued"
    assert told.columns(*awarded.split("/"))["points_awarded"] == {
        *((f"intermediate/int_points__{method}", "points") for method in ("linear", "band", "step")),
        *(
            (valued, column)
            for column in (
                "assessed_points", "basis", "method", "points_possible", "takes_number",
                "without_value",
            )
        ),
    }  # fmt: skip


def test_columns_are_followed_through_unions_by_name(told: Told) -> None:
    evidence = told.columns("marts", "fct_evidence_cells")
    assert evidence["source_file"] == {
        ("intermediate/int_evidence__measures", "source_file"),
        ("intermediate/int_evidence__stated", "source_file"),
    }
    stated = told.columns("intermediate", "int_evidence__stated")
    assert stated["source_file"] == {
        ("staging/stg_assessments", "source_file"),
        ("intermediate/int_scores__reported", "source_file"),
    }
    assert stated["value"] == {
        ("staging/stg_assessments", "value"),
        ("intermediate/int_scores__reported", "reported_score"),
    }


def test_columns_are_followed_to_what_was_loaded(told: Told) -> None:
    budgets = told.columns("staging", "stg_budgets")
    assert budgets["source_row"] == {("raw/budgets", "source_row")}
    assert ("raw/budgets", "executed") in budgets["executed_yuan"]
    assert ("raw/budgets", "adjusted_budget") not in budgets["executed_yuan"]


def test_every_model_is_followed(told: Told) -> None:
    built = [
        e for e in told.events if e["job"]["name"].endswith(".run") and e["eventType"] == "COMPLETE"
    ]
    assert len(built) > 50
    for event in built:
        (output,) = event["outputs"]
        fields = output["facets"]["columnLineage"]["fields"]
        assert set(fields) == {f["name"] for f in output["facets"]["schema"]["fields"]}
        # The calendar is made of nothing.
        is_followed = any(field["inputFields"] for field in fields.values())
        assert is_followed == bool(event["inputs"]), event["job"]["name"]
        parents = {(i["namespace"], i["name"]) for i in event["inputs"]}
        origins = {
            (o["namespace"], o["name"]) for field in fields.values() for o in field["inputFields"]
        }
        assert origins <= parents, event["job"]["name"]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select a as x, 1 as y from s.t", {"x": ["t.a"], "y": []}),
        ("select y, x from (select a as y, b as x from s.t)", {"x": ["t.b"], "y": ["t.a"]}),
        (
            "with u as (select a as x from s.t union all by name select c as y, d as x from s.v) "
            "select x, y from u",
            {"x": ["t.a", "v.d"], "y": ["v.c"]},
        ),
        (
            "with u as (select a as x, b as y from s.t union all select c, d from s.v), "
            "w as (select * from u union all by name select d as y from s.v) select * from w",
            {"x": ["t.a", "v.c"], "y": ["t.b", "v.d"]},
        ),
        ("select list_transform([a], lambda b: b + 1) as x, b as y from s.t", {"x": ["t.a"], "y": ["t.b"]}),
        ("select a + 1 as x, x * 2 as y from s.t", {"x": ["t.a"], "y": ["t.a"]}),
        ("select t.* exclude (b), b as y, a as x from s.t", {"x": ["t.a"], "y": ["t.b"]}),
        ("this is no sql (", None),
    ],
)  # fmt: skip
def test_column_lineage_of_made_up_models(sql: str, expected: dict[str, list[str]] | None) -> None:
    def relation(name: str, *columns: str) -> dict[str, Any]:
        return {"unique_id": name, "schema": "s", "alias": name, "columns": dict.fromkeys(columns)}

    model = relation("m", "x", "y") | {
        "resource_type": "model", "compiled_code": sql, "depends_on": {"nodes": ["t", "v"]},
    }  # fmt: skip
    manifest = {
        "metadata": {"adapter_type": "duckdb"},
        "nodes": {"m": model, "t": relation("t", "a", "b"), "v": relation("v", "c", "d")},
        "sources": {},
    }
    found = column_lineage(manifest, "m")
    shown = {column: [".".join(source) for source in of] for column, of in found.items()}
    assert shown == (expected or {})


def test_events_are_as_the_specification_requires(told: Told) -> None:
    for event in told.events:
        assert event["schemaURL"].startswith("https://openlineage.io/spec/2-0-2/OpenLineage.json")
        assert event["producer"]
        assert datetime.fromisoformat(event["eventTime"]).tzinfo
        assert UUID(event["run"]["runId"])
        assert event["job"]["namespace"] == "jixiao"
        for dataset in event["inputs"] + event["outputs"]:
            assert dataset["namespace"] and dataset["name"]
        for facet in facets(event):
            assert facet["_producer"] and facet["_schemaURL"].startswith("https://")
        nominal = event["run"]["facets"]["nominalTime"]
        assert nominal["nominalStartTime"] == "2023-01-01T00:00:00+08:00"
        assert nominal["nominalEndTime"] == "2024-01-01T00:00:00+08:00"
    states: dict[str, list[str]] = {}
    for event in told.events:
        states.setdefault(event["run"]["runId"], []).append(event["eventType"])
    assert set(map(tuple, states.values())) == {("START", "COMPLETE")}


def facets(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for holder in (event["run"], event["job"], *event["inputs"], *event["outputs"]):
        for kind in ("facets", "inputFacets", "outputFacets"):
            yield from holder.get(kind, {}).values()


def test_every_run_has_the_yearly_run_above_it(told: Told) -> None:
    ids = {e["run"]["runId"]: e["job"]["name"] for e in told.events}
    root = told.events[0]
    assert (root["job"]["name"], root["run"]["runId"]) == (JOB, told.result.run_id)
    for event in told.events:
        if event["run"]["runId"] == told.result.run_id:
            continue
        parent = event["run"]["facets"]["parent"]
        assert ids[parent["run"]["runId"]] == parent["job"]["name"]
        assert parent["root"]["run"]["runId"] == told.result.run_id


def test_files_lead_to_tables_lead_to_what_is_published(told: Told) -> None:
    made_of: dict[str, set[str]] = {}
    for event in told.events:
        for output in event["outputs"]:
            made_of.setdefault(output["name"], set()).update(i["name"] for i in event["inputs"])
    published = told.warehouse / "published"
    found, wanted = set[str](), {str(published / "parquet" / "fct_evaluations")}
    while wanted:
        name = wanted.pop()
        found.add(name)
        wanted |= made_of.get(name, set()) - found
    assert str(LANDING / "2023" / "budgets.csv") in found
    assert "warehouse.seeds.rubric_criteria" in found
    assert any(name.endswith("seeds/rubric_criteria.csv") for name in found)
    (scores,) = (o for o in told.end(f"{JOB}.publish")["outputs"]
                 if o["name"] == "scores.marts.fct_evaluations")  # fmt: skip
    assert scores["namespace"] == f"duckdb://{published / 'scores.duckdb'}"
    loaded = told.end(f"{JOB}.load.budgets")
    (table,) = loaded["outputs"]
    assert table["outputFacets"]["outputStatistics"]["rowCount"] == 10


def test_data_rules_are_assertions(told: Told) -> None:
    checked = told.end(f"{JOB}.check_delivered")
    assertions = {
        a["assertion"]: a
        for dataset in checked["inputs"]
        for a in dataset["inputFacets"]["dataQualityAssertions"]["assertions"]
    }
    assert assertions["execution_within_budget"]["success"] is True
    assert assertions["execution_within_budget"]["severity"] == "error"


def test_a_refused_run_fails_with_its_reasons(
    landing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.ndjson"
    monkeypatch.setenv("JIXIAO_OPENLINEAGE_FILE", str(path))
    append_rows(landing / "2023" / "budgets.csv", ",2023,total,1,1,1,元")
    (refused,) = build(landing, tmp_path / "warehouse")[2023]
    events = read_events(path)
    assert [(e["job"]["name"], e["eventType"]) for e in events] == [
        (JOB, "START"), (f"{JOB}.load", "START"), (f"{JOB}.load", "FAIL"), (JOB, "FAIL"),
    ]  # fmt: skip
    error = events[2]["run"]["facets"]["errorMessage"]
    assert refused == f"2023 refused: {error['message']}"
    assert error["programmingLanguage"] == "Python"
    assert events[2]["outputs"] == []


def test_a_file_that_cannot_be_written_is_wrong_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "no" / "events.ndjson"
    monkeypatch.setenv("JIXIAO_OPENLINEAGE_FILE", str(path))
    said = jixiao("run", "--warehouse", str(tmp_path / "warehouse"))
    assert said.returncode == 2
    assert said.stderr == (
        f"jixiao: {path}: no file to write OpenLineage events to (No such file or directory); "
        "correct JIXIAO_OPENLINEAGE_FILE\n"
    )
