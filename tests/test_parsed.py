"""What is kept of the parsed project is never older than the project."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestration import dbt
from orchestration.project import PROJECT_DIR

pytestmark = pytest.mark.builds


def _replace(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(project: Path) -> None:
        text = (project / name).read_text("utf-8")
        assert old in text
        (project / name).write_text(text.replace(old, new, 1), "utf-8")

    return change


def _append(name: str, more: str) -> Callable[[Path], None]:
    def change(project: Path) -> None:
        with (project / name).open("a", encoding="utf-8") as stream:
            stream.write(more)

    return change


CHANGES: dict[str, tuple[set[str], Callable[[Path], None]]] = {
    "nothing": (set(), lambda project: None),
    "a model": ({"model", "of dbt"}, _append("models/marts/dim_codes.sql", "\n-- another line\n")),
    "a model's yaml": (
        {"described"},
        _replace(
            "models/marts/dim_codes.yml", "description: >-\n", "description: >-\n      Another.\n"
        ),
    ),
    "a macro": ({"macro"}, _replace("macros/to_yuan.sql", "decimal(18, 2)", "decimal(19, 2)")),
    "a test": ({"test"}, _append("tests/dbt/seeds/seed_keys_are_unique.sql", "\n-- another\n")),
    "a seed": ({"seed"}, _append("seeds/waivers.csv", "a,b,2023,c,d,2026-01-01\n")),
    "another model": (
        {"nodes"},
        _append("models/intermediate/history/int_more.sql", "select 1 as one"),
    ),
    "the project": ({"types"}, _replace("dbt_project.yml", "rule_id: varchar", "rule_id: text")),
    "the profile": ({"schema"}, _replace("profiles.yml", "schema: main", "schema: another")),
}


def _seen() -> dict[str, Any]:
    manifest, written = dbt.parsed.__wrapped__()
    nodes, model = written["nodes"], written["nodes"]["model.jixiao.dim_codes"]
    return {
        "model": model["raw_code"],
        "of dbt": manifest.nodes["model.jixiao.dim_codes"].raw_code,
        "described": model["description"],
        "schema": model["schema"],
        "macro": written["macros"]["macro.jixiao.to_yuan"]["macro_sql"],
        "test": nodes["test.jixiao.seed_keys_are_unique"]["raw_code"],
        "seed": nodes["seed.jixiao.waivers"]["checksum"]["checksum"],
        "types": nodes["seed.jixiao.waivers"]["config"]["column_types"],
        "nodes": sorted(nodes),
    }


def test_each_change_of_the_project_is_seen(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folder: Path = project.folder
    monkeypatch.setattr(dbt, "PROJECT_DIR", folder)
    monkeypatch.setenv("JIXIAO_TARGET", str(folder / "target"))
    # So that something depends on the profile.
    _replace("macros/generate_schema_name.sql", "{{ custom", "{{ target.schema ~ custom")(folder)
    before = _seen()
    for what, (changed, change) in CHANGES.items():
        change(folder)
        after = _seen()
        assert {key for key in after if after[key] != before[key]} == changed, what
        before = after


def test_what_is_written_is_made_again_where_it_is_not_of_what_was_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "parsed"
    shutil.copytree(PROJECT_DIR / "target" / "parsed", target)
    monkeypatch.setenv("JIXIAO_TARGET", str(tmp_path))
    whole = _seen()
    # A process that was killed between the two files leaves no mark of what the first is of.
    for name, text in {"manifest.of": "of another", "manifest.json": None}.items():
        (target / "manifest.json").write_text("{}", "utf-8")
        (target / name).write_text(text, "utf-8") if text else (target / name).unlink()
        assert _seen() == whole
