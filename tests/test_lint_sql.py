"""What SQL is linted again: whatever its text is made with has changed."""

import importlib.util
from pathlib import Path

import pytest

from orchestration.project import PROJECT_DIR
from tests.conftest import write

spec = importlib.util.spec_from_file_location(
    "lint_sql", PROJECT_DIR / "requirements" / "lint_sql.py"
)
assert spec and spec.loader
lint_sql = importlib.util.module_from_spec(spec)
spec.loader.exec_module(lint_sql)

MODEL, OTHER, TEST = "models/marts/dim_a.sql", "models/staging/stg_b.sql", "tests/dbt/seeds/c.sql"
COMMON = (
    ".sqlfluff", "dbt_project.yml", "profiles.yml", "macros/deeper/d.sql", "models/marts/dim_a.yml",
    "tests/dbt/generic/e.yml", "seeds/f.csv", "macros/new.sql",
)  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in (MODEL, OTHER, TEST, *COMMON[:-1]):
        write(tmp_path / name, "as it was")
    return tmp_path


def changed(project: Path, name: str) -> set[str]:
    before = lint_sql.checksums(project)
    write(project / name, "as it is now")
    after = lint_sql.checksums(project)
    assert before.keys() == after.keys() == {MODEL, OTHER, TEST}
    return {path for path in after if after[path] != before[path]}


@pytest.mark.parametrize("name", [MODEL, OTHER, TEST])
def test_a_file_that_has_changed_is_linted_alone(project: Path, name: str) -> None:
    assert changed(project, name) == {name}


@pytest.mark.parametrize("name", COMMON)
def test_all_are_linted_again_where_what_they_are_made_with_has_changed(
    project: Path, name: str
) -> None:
    assert changed(project, name) == {MODEL, OTHER, TEST}


def test_another_version_of_the_linter_lints_all(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = lint_sql.checksums(project)
    monkeypatch.setattr(lint_sql, "version", lambda package: f"another {package}")
    assert not set(before.values()) & set(lint_sql.checksums(project).values())


def test_every_model_and_test_of_dbt_is_linted() -> None:
    found = {p for folder in ("models", "tests/dbt") for p in (PROJECT_DIR / folder).rglob("*.sql")}
    assert {PROJECT_DIR / name for name in lint_sql.checksums()} == found


def test_a_linter_that_was_killed_has_not_passed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(lint_sql, "PASSED", tmp_path / "passed")
    monkeypatch.setattr(lint_sql, "LINTER", "pass")
    assert lint_sql.main() == 0
    (tmp_path / "passed").unlink()
    # The first of them; the others find nothing.
    first = "os.environ['DBT_TARGET_PATH'].endswith('/0')"
    monkeypatch.setattr(lint_sql, "LINTER", f"import os; {first} and os.kill(os.getpid(), 9)")
    assert lint_sql.main() != 0
    assert not (tmp_path / "passed").exists()
