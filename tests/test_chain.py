"""Publications are chained by checksums: nothing of them is changed or removed unseen."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from orchestration import cli, endings
from orchestration.faults import WrongSurroundings
from orchestration.publication import chain
from tests.conftest import Published, build, save_anew

KEPT = 2


class Warehouse:
    """A warehouse of small files, published as a run publishes its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.names: list[str] = []
        self.runs: list[tuple[str, int]] = []

    @property
    def published(self) -> Path:
        return self.root / "publications" / self.names[-1]

    @property
    def state(self) -> Path:
        return self.root / "states" / f"{self.names[-1]}.duckdb"

    def publish(self, *, with_checksums: bool = True) -> str:
        number = len(self.runs) + 1
        name, run_id = f"2024010{number}T000000Z-run{number}", f"run{number}"
        folder = self.root / "publications" / name
        (folder / "parquet").mkdir(parents=True)
        (folder / "scores.duckdb").write_text(f"scores {number}")
        (folder / "parquet" / "fct.parquet").write_text(f"facts {number}")
        (self.root / "states").mkdir(exist_ok=True)
        (self.root / "states" / f"{name}.duckdb").write_text(f"state {number}")
        if with_checksums:
            chain.seal(self.root, name, run_id, self.names[-1] if self.names else None)
            chain.record(self.root, name)
        self.names.append(name)
        self.runs.append((run_id, 2023))
        for old in self.names[:-KEPT]:
            shutil.rmtree(self.root / "publications" / old, ignore_errors=True)
        for old in self.names[:-1]:
            (self.root / "states" / f"{old}.duckdb").unlink(missing_ok=True)
        return name

    def differences(self, heads: Path | None = None) -> list[str]:
        return chain.differences(self.root, self.names[-1], self.runs, heads)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """A warehouse that was published four times, of which two publications are kept."""
    made = Warehouse(tmp_path / "warehouse")
    for _ in range(4):
        made.publish()
    return made


def test_what_nobody_changed_is_as_it_was_published(warehouse: Warehouse) -> None:
    assert warehouse.differences() == []
    assert len(list((warehouse.root / "publications").iterdir())) == 2
    manifest = json.loads((warehouse.published / chain.MANIFEST).read_text())
    assert [entry["path"] for entry in manifest["files"]] == [
        "parquet/fct.parquet",
        "scores.duckdb",
    ]
    assert (manifest["run_id"], manifest["previous_publication"]) == ("run4", warehouse.names[2])
    before = warehouse.root / "chain" / f"{warehouse.names[2]}.json"
    assert manifest["previous"] == chain.sha256(before)
    chain.require_state(warehouse.root, warehouse.names[-1], warehouse.state)


def rewrite(path: Path) -> None:
    """Change a manifest and what follows from it in the publication itself, as a forger would."""
    manifest = json.loads(path.read_text())
    manifest["run_id"] = "forged"
    path.chmod(0o644)
    path.write_text(json.dumps(manifest))


CHANGES: dict[str, tuple[Callable[[Warehouse], object], list[str]]] = {
    "a file changed": (
        lambda w: (w.published / "scores.duckdb").write_text("scores 5"),
        ["publications/{4}/scores.duckdb: not the file that was published"],
    ),
    "a file changed and as long": (
        lambda w: (w.published / "parquet" / "fct.parquet").write_text("facts 5"),
        ["publications/{4}/parquet/fct.parquet: not the file that was published"],
    ),
    "a file removed": (
        lambda w: (w.published / "scores.duckdb").unlink(),
        ["publications/{4}/scores.duckdb: gone"],
    ),
    "a file added": (
        lambda w: (w.published / "parquet" / "more.parquet").write_text("x"),
        ["publications/{4}/parquet/more.parquet: was not published"],
    ),
    "the publication before changed": (
        lambda w: (w.root / "publications" / w.names[2] / "scores.duckdb").write_text("x"),
        ["publications/{3}/scores.duckdb: not the file that was published"],
    ),
    "the state changed": (
        lambda w: w.state.write_text("state 5"),
        ["states/{4}.duckdb: not the file that was published"],
    ),
    "the state removed": (lambda w: w.state.unlink(), ["states/{4}.duckdb: gone"]),
    "the manifest removed": (
        lambda w: (w.published / chain.MANIFEST).unlink(),
        [
            "publications/{4}/manifest.json: gone; nothing before it can be checked",
            *(
                f"chain/{{{n}}}.json: published once, but nothing that is published now follows it"
                for n in (1, 2, 3, 4)
            ),
            "audit.runs: the chain does not have run run1 of 2023, run2 of 2023, run3 of 2023 and 1 "
            "more",
        ],
    ),
    "the manifest written anew": (
        lambda w: rewrite(w.published / chain.MANIFEST),
        [
            "publications/{4}/manifest.json: not the chain/{4}.json that was published",
            "audit.runs: run forged, published as {4}, is gone",
            "audit.runs: the chain does not have run run4 of 2023",
        ],
    ),
    "an earlier manifest written anew": (
        lambda w: rewrite(w.root / "chain" / f"{w.names[1]}.json"),
        [
            "chain/{2}.json: not the one that {3} follows",
            "audit.runs: run forged, published as {2}, is gone",
            "audit.runs: the chain does not have run run2 of 2023",
        ],
    ),
    "an earlier manifest removed": (
        lambda w: (w.root / "chain" / f"{w.names[1]}.json").unlink(),
        [
            "chain/{2}.json: gone; nothing before it can be checked",
            "chain/{1}.json: published once, but nothing that is published now follows it",
            "audit.runs: the chain does not have run run1 of 2023, run2 of 2023",
        ],
    ),
    "a run removed from the ledger": (
        lambda w: w.runs.remove(("run2", 2023)),
        ["audit.runs: run run2, published as {2}, is gone"],
    ),
    "a run added to the ledger": (
        lambda w: w.runs.append(("run0", 2022)),
        ["audit.runs: the chain does not have run run0 of 2022"],
    ),
    "an older publication put back": (
        lambda w: w.names.pop(),
        [
            "chain/{4}.json: published once, but nothing that is published now follows it",
            "states/{3}.duckdb: gone",
            "audit.runs: the chain does not have run run4 of 2023",
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "said"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_told(
    warehouse: Warehouse, change: Callable[[Warehouse], object], said: list[str]
) -> None:
    names = dict(enumerate(warehouse.names, start=1))
    change(warehouse)
    expected = [line.format(*["", *names.values()]) for line in said]
    assert warehouse.differences() == expected


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda w: w.state.write_text("state 5"), "is not the one that"),
        (lambda w: rewrite(w.published / chain.MANIFEST), "that was published"),
        (lambda w: (w.published / chain.MANIFEST).unlink(), "is gone, which says what"),
    ],
)
def test_nothing_is_built_on_another_state(
    warehouse: Warehouse, change: Callable[[Warehouse], object], why: str
) -> None:
    change(warehouse)
    with pytest.raises(WrongSurroundings, match=why) as refused:
        chain.require_state(warehouse.root, warehouse.names[-1], warehouse.state)
    assert "put it back from a backup, or remove" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_warehouse_of_an_earlier_version_begins_a_chain(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "jixiao")
    warehouse = Warehouse(tmp_path)
    old = warehouse.publish(with_checksums=False)
    chain.require_state(tmp_path, old, warehouse.state)
    assert warehouse.differences() == []
    assert caplog.messages == [
        "no checksums: published by a version without them; the next run begins"
    ]
    caplog.clear()
    new = warehouse.publish()
    manifest = json.loads((warehouse.published / chain.MANIFEST).read_text())
    assert (manifest["previous_publication"], manifest["previous"]) == (old, None)
    assert warehouse.differences() == []
    assert caplog.messages == [f"no checksums before {new}: run run1 of 2023"]


def test_a_chain_goes_on_where_every_year_is_built_anew(warehouse: Warehouse) -> None:
    removed = warehouse.names
    warehouse.names = []
    warehouse.publish()
    manifest = json.loads((warehouse.published / chain.MANIFEST).read_text())
    assert manifest["previous_publication"] == removed[-1]
    assert warehouse.differences() == []
    warehouse.runs = warehouse.runs[-1:]
    assert [line.split(",")[0] for line in warehouse.differences()] == [
        f"audit.runs: run run{n}" for n in (4, 3, 2, 1)
    ]


def test_a_run_that_was_killed_before_it_kept_its_manifest(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = warehouse.root / "chain" / f"{warehouse.names[-1]}.json"
    kept.unlink()
    assert warehouse.differences() == []
    monkeypatch.setenv(chain.HEADS_FILE, str(tmp_path / "heads"))
    for _ in range(2):
        chain.record(warehouse.root, warehouse.names[-1])
    assert kept.is_file()
    assert (tmp_path / "heads").read_text() == f"{chain.sha256(kept)} {warehouse.names[-1]}\n"


@pytest.fixture
def heads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "elsewhere.txt"
    monkeypatch.setenv(chain.HEADS_FILE, str(path))
    return path


def test_a_warehouse_rolled_back_whole_is_told_by_the_heads_alone(
    heads: Path, tmp_path: Path
) -> None:
    warehouse = Warehouse(tmp_path / "warehouse")
    warehouse.publish()
    warehouse.publish()
    backup = shutil.copytree(warehouse.root, tmp_path / "backup")
    warehouse.publish()
    assert [line.split()[1] for line in heads.read_text().splitlines()] == warehouse.names
    assert warehouse.differences(heads) == []

    shutil.rmtree(warehouse.root)
    backup.rename(warehouse.root)
    lost = warehouse.names.pop()
    warehouse.runs.pop()
    assert warehouse.differences() == []
    (line,) = warehouse.differences(heads)
    assert line.startswith(f"{heads} line 3: ")
    assert line.endswith(
        f" {lost} is not in the chain; publications were taken back or written anew"
    )


def test_heads_are_held_against_the_chain(warehouse: Warehouse, tmp_path: Path) -> None:
    heads = tmp_path / "heads.txt"
    (line,) = warehouse.differences(heads)
    assert line.startswith(f"{heads}: cannot be read (")
    kept = {
        name: f"{chain.sha256(warehouse.root / 'chain' / f'{name}.json')} {name}\n"
        for name in warehouse.names
    }
    heads.write_text(kept[warehouse.names[1]] + kept[warehouse.names[3]])
    assert warehouse.differences(heads) == []
    heads.write_text(kept[warehouse.names[3]] + kept[warehouse.names[1]])
    (line,) = warehouse.differences(heads)
    assert line.startswith(f"{heads} line 2: ")
    assert line.endswith("comes before others in the chain")


def test_heads_that_cannot_be_written_are_told(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    monkeypatch.setenv(chain.HEADS_FILE, str(tmp_path))
    name = warehouse.publish()
    head = chain.head(warehouse.published)
    assert caplog.messages == [
        f"{tmp_path}: not written (Is a directory); append to it: {head} {name}"
    ]


def test_a_run_prints_its_head_and_refuses_a_state_that_is_not_its_own(
    two_departments: Published, landing: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "jixiao")
    save_anew(landing)
    copy = Path(shutil.copytree(two_departments.warehouse, tmp_path / "warehouse", symlinks=True))
    name = (copy / "published").readlink().name
    arguments = ["--landing", str(landing), "--warehouse", str(copy)]
    assert cli.main(["run", *arguments]) == endings.PUBLISHED
    *_, publish, _, _ = caplog.messages
    assert publish.endswith(f"/published, head {chain.head(copy / 'published')}")
    assert (copy / "chain" / f"{name}.json").is_file()
    current = (copy / "published").readlink().name
    state = copy / "states" / f"{current}.duckdb"
    with duckdb.connect(str(state)) as con:
        con.execute("delete from audit.runs where not is_current")
    (refused,) = build(landing, copy)[2023]
    assert f"{state} is not the one that " in refused
    assert "put it back from a backup, or remove" in refused
    assert (copy / "published").readlink().name == current
