"""Previews that wait for approval, going back, and what is published already."""

import csv
import shutil
from pathlib import Path

import duckdb
import pytest

from orchestration import approval, cli, endings
from orchestration.faults import WrongSurroundings
from orchestration.graph.run import run
from orchestration.publication import chain
from orchestration.publication.folder import Warehouse
from orchestration.publication.rollback import Restored, roll_back
from tests.conftest import LANDING, Published, TwoYears, build

pytestmark = pytest.mark.builds

NANSHAN, YANTIAN = "440305-gxj", "440308-fzyj"
TOTAL = "select total_score from fct_evaluations where rubric_id = 'yantian_2023'"


def say(message: str) -> None:
    raise AssertionError(f"nobody else builds: {message}")


def go_back(warehouse: Path) -> Restored:
    of = Warehouse(warehouse)
    with of.building(say=say):
        return roll_back(of, "somebody", "jixiao rollback")


def files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): chain.sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def sound(warehouse: Path, published: Published) -> list[str]:
    runs = published.rows("select run_id, fiscal_year from scores.audit.runs")
    return chain.differences(warehouse, (warehouse / "published").readlink().name, runs, None)


@pytest.fixture(scope="module")
def satisfied(tmp_path_factory: pytest.TempPathFactory, two_departments: Published) -> Path:
    """The shipped figures with another satisfaction of Yantian's, previewed on what is published."""
    folder = tmp_path_factory.mktemp("previewed")
    shutil.copytree(LANDING, folder / "landing")
    shutil.copytree(two_departments.warehouse, folder / "warehouse", symlinks=True)
    surveys = folder / "landing" / "2023" / "satisfaction_surveys.csv"
    with surveys.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        row["satisfaction_pct"] = "50" if row["unit_code"] == YANTIAN else row["satisfaction_pct"]
    with surveys.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    outcomes = run(
        folder / "landing", folder / "warehouse", [2023], "jixiao run --preview", is_preview=True
    )
    assert outcomes == {2023: []}
    return folder


@pytest.fixture
def previewed(satisfied: Path, tmp_path: Path) -> Path:
    """A copy of it, to publish; its landing folder is the one that it was built from."""
    shutil.copytree(satisfied / "warehouse", tmp_path / "warehouse", symlinks=True)
    return tmp_path / "warehouse"


def preview_of(warehouse: Path) -> tuple[str, Path]:
    ((run_id, path),) = Warehouse(warehouse).previews().items()
    return run_id, path


def test_a_preview_says_what_would_change_and_changes_nothing(
    satisfied: Path, two_departments: Published
) -> None:
    published = satisfied / "warehouse" / "published"
    assert files(published) == files(two_departments.warehouse / "published")
    _, path = preview_of(satisfied / "warehouse")
    told = approval.changes(path)
    assert any(
        line.startswith("2023 深圳市盐田区发展研究中心 440308-fzyj yantian_2023 total_score: 96.08")
        and line.endswith("更换文件 2023/satisfaction_surveys.csv")
        for line in told
    )
    assert not any(NANSHAN in line for line in told)


def test_exactly_the_preview_is_published(previewed: Path) -> None:
    published = Published(previewed)
    run_id, path = preview_of(previewed)
    with duckdb.connect(str(path), read_only=True) as con:
        expected = con.execute("from marts.fct_evaluations order by all").fetchall()
    before = published.rows(TOTAL)
    assert approval.publish(previewed, run_id[:6], "审批人") == 2023
    assert published.rows("from fct_evaluations order by all") == expected
    assert published.rows(TOTAL) != before
    told = published.rows(
        "select launched_how, approved_by, is_current from scores.audit.runs "
        f"where run_id = '{run_id}'"
    )
    assert told == [("jixiao run --preview", "审批人", True)]
    assert Warehouse(previewed).previews() == {}
    assert sound(previewed, published) == []


def test_what_is_published_is_what_was_seen(
    satisfied: Path, previewed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id, _ = preview_of(previewed)
    link = (previewed / "published").readlink()
    surveys = satisfied / "landing" / "2023" / "satisfaction_surveys.csv"
    text = surveys.read_bytes()
    surveys.write_bytes(text + b"\n")
    try:
        assert cli.main(["publish", run_id, "--warehouse", str(previewed)]) == endings.REFUSED
    finally:
        surveys.write_bytes(text)
    assert capsys.readouterr().err == (
        "refused: 2023/satisfaction_surveys.csv: not the file that run "
        f"{run_id[:8]} of 2023 was loaded from; jixiao run --preview builds it anew\n"
    )
    assert (previewed / "published").readlink() == link


def test_a_preview_ends_with_what_it_follows(
    previewed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id, _ = preview_of(previewed)
    assert approval.publish(previewed, run_id, "审批人") == 2023
    assert cli.main(["publish", run_id, "--warehouse", str(previewed)]) == endings.WRONG_USAGE
    assert "no such preview" in capsys.readouterr().err


def test_a_rollback_is_what_was_before_and_is_told(
    previewed: Path, two_departments: Published
) -> None:
    published = Published(previewed)
    run_id, _ = preview_of(previewed)
    approval.publish(previewed, run_id, "审批人")
    undone = (previewed / "published").readlink().name
    told = published.rows("from fct_evaluation_history")
    restored = go_back(previewed)
    first = (two_departments.warehouse / "published").readlink().name
    assert (restored.undone, restored.restored, restored.years) == (undone, first, [2023])
    # As it was, but for the ledger and the history.
    now, then = files(previewed / "published"), files(two_departments.warehouse / "published")
    differing = {name for name in now | then if now.get(name) != then.get(name)}
    of_history = "fct_evaluation_history"
    assert differing == {
        "manifest.json",
        "scores.duckdb",
        f"csv/2023/{of_history}.csv",
        f"parquet/{of_history}/fiscal_year=2023/{of_history}.parquet",
    }
    tables, before = published.tables(), two_departments.tables()
    assert {name for name in tables if tables[name] != before[name]} == {of_history}
    runs = published.rows(
        "select is_current, launched_how, restores_run_id is not null from scores.audit.runs "
        "order by published_at"
    )
    assert runs == [
        (False, "jixiao run", False),
        (False, "jixiao run --preview", False),
        (True, "jixiao rollback", True),
    ]
    # Each change is told twice: there and back.
    swapped = published.rows(
        "select unit_code, rubric_id, item_type, item_code, new_value, old_value, new_text, "
        f"old_text from fct_evaluation_history where old_run_id = '{run_id}' order by all"
    )
    there = published.rows(
        "select unit_code, rubric_id, item_type, item_code, old_value, new_value, old_text, "
        f"new_text from fct_evaluation_history where new_run_id = '{run_id}' order by all"
    )
    assert swapped == there
    assert len(told) == len(there) > 0
    (parquet,) = (previewed / "published" / "parquet" / of_history).rglob("*.parquet")
    with duckdb.connect() as con:
        rows = con.execute(f"select count(*) from '{parquet}'").fetchall()
    assert rows == [(2 * len(there),)]
    assert sound(previewed, published) == []


def test_what_comes_after_a_rollback_follows_it(previewed: Path) -> None:
    run_id, _ = preview_of(previewed)
    approval.publish(previewed, run_id, "审批人")
    go_back(previewed)
    before = (previewed / "published").readlink()
    # The content of then: what is published already is not published again.
    assert build(LANDING, previewed) == {2023: []}
    assert (previewed / "published").readlink() == before
    # A file that is no longer as it was is put right.
    page = previewed / "published" / "site" / "index.html"
    page.chmod(0o644)
    page.write_text("somebody else's", "utf-8")
    assert build(LANDING, previewed) == {2023: []}
    assert (previewed / "published").readlink() != before
    assert "somebody" not in (previewed / "published" / "site" / "index.html").read_text("utf-8")
    assert chain.changed(previewed, (previewed / "published").readlink().name) == []


def test_a_year_that_was_new_is_gone_and_nothing_is_further_back(two_years: TwoYears) -> None:
    history = two_years.rows("from fct_evaluation_history")
    assert go_back(two_years.warehouse).years == [2024]
    assert two_years.rows("select distinct fiscal_year from fct_evaluations") == [(2023,)]
    assert two_years.rows("from fct_evaluation_history") == history
    runs = two_years.rows(
        "select fiscal_year, is_current, outcome from scores.audit.runs order by published_at"
    )
    assert runs == [
        (2023, True, "published"), (2024, False, "published"), (2024, False, "withdrawn"),
    ]  # fmt: skip
    assert sound(two_years.warehouse, two_years) == []
    with pytest.raises(WrongSurroundings, match="nothing was published before"):
        go_back(two_years.warehouse)


def test_what_was_changed_since_is_not_published_again(two_years: TwoYears) -> None:
    before = sorted((two_years.warehouse / "publications").iterdir())[0]
    page = before / "data_docs" / "index.html"
    page.chmod(0o644)
    page.write_text("somebody else's", "utf-8")
    with pytest.raises(WrongSurroundings, match=r"index\.html: not the file that was published"):
        go_back(two_years.warehouse)


def test_as_many_publications_are_kept_as_are_set(
    two_years: TwoYears, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JIXIAO_KEPT_PUBLICATIONS", "2")
    root = two_years.warehouse
    names = {path.name for path in (root / "publications").iterdir()}
    go_back(root)
    kept = {path.name for path in (root / "publications").iterdir()}
    assert len(kept) == 2
    assert len(names & kept) == 1
    assert {path.stem for path in (root / "states").iterdir()} == kept
    count, size = Warehouse(root).kept()
    assert count == 2
    assert size >= sum((root / "states" / f"{name}.duckdb").stat().st_size for name in kept)


def test_what_is_gone_cannot_be_gone_back_to(two_years: TwoYears) -> None:
    shutil.rmtree(min((two_years.warehouse / "publications").iterdir()))
    with pytest.raises(WrongSurroundings, match="is no longer kept; build the year again"):
        go_back(two_years.warehouse)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("JIXIAO_KEPT_PUBLICATIONS", "1", "a whole number, 2 or more"),
        ("JIXIAO_KEPT_PUBLICATIONS", "many", "a whole number, 2 or more"),
        ("JIXIAO_EVALUATED_AT", "02-29 02:00", "month, day and time of every year"),
        ("JIXIAO_MONITORED_AT", "8-1", "month, day and time of every year"),
        ("JIXIAO_TIME_ZONE", "Peking", "a time zone such as Asia/Shanghai"),
        ("JIXIAO_SETTLED_SECONDS", "-1", "a whole number, 1 or more"),
    ],
)
def test_a_setting_at_fault_is_one_line(
    name: str, value: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(WrongSurroundings, match=expected) as error:
        Warehouse(tmp_path / "warehouse").prepare()
    assert str(error.value).startswith(f"{name}={value}: ")
