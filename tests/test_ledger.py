"""The ledger names what a run was made from; verify tells whether that gives what is published."""

import re
import shutil
import subprocess
from pathlib import Path

import duckdb
import pytest

from orchestration import audit, cli, endings, ledger, verify
from orchestration.project import SEEDS_DIR
from orchestration.publication import chain
from tests.conftest import LANDING, MOMENT, Published, TwoYears, append_rows

pytestmark = pytest.mark.builds

NANSHAN = "440305-gxj"


@pytest.fixture
def warehouse(published: Published) -> Path:
    """A copy of a published warehouse, to tamper with."""
    for path in published.warehouse.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return published.warehouse


@pytest.fixture
def rebuilt(two_departments: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rebuild at no cost: what was built from the same inputs."""

    def rebuild(landing: Path, folder: Path, runs: list[verify.Run]) -> list[str]:
        (folder / "published").symlink_to((two_departments.warehouse / "published").resolve())
        return []

    monkeypatch.setattr(verify, "_rebuild", rebuild)


def tamper(warehouse: Path, statement: str) -> None:
    with duckdb.connect(str(warehouse / "published" / "scores.duckdb")) as con:
        con.execute(statement)


def test_a_clock_turned_back_turns_no_runs_around(published: Published, tmp_path: Path) -> None:
    state = next((published.warehouse / "states").glob("*.duckdb"))
    with duckdb.connect(str(shutil.copy(state, tmp_path / "state.duckdb"))) as con:
        # As a clock ten years ahead would have noted it.
        con.execute("update audit.runs set published_at = published_at + interval 10 years")
        con.execute(
            "insert into audit.runs by name select * replace ('later' as run_id, null as published_at) "
            "from audit.runs"
        )
        ledger.end_run(con, "later")
        last = con.execute("select run_id, is_current from audit.runs order by published_at desc")
        assert last.fetchone() == ("later", True)


def test_a_run_is_recorded_with_everything_it_was_made_from(two_departments: Published) -> None:
    ((run,),) = two_departments.rows("select runs from scores.audit.runs")
    assert run["outcome"] == "published"
    assert run["is_current"] is True
    assert run["started_at"] < run["published_at"]
    assert set(run["seeds"]) == {path.stem for path in SEEDS_DIR.glob("*.csv")}
    assert run["packages"]["duckdb"] == duckdb.__version__
    assert set(run["packages"]) == set(ledger.PACKAGES)
    assert len(set(run["dbt_invocation_ids"])) == 2
    assert all(re.fullmatch("[0-9a-f-]{36}", each) for each in run["dbt_invocation_ids"])
    assert run["code_sha256"] == ledger.code_sha256()
    assert two_departments.rows("from scores.audit.run_reads order by all") == [
        (run["run_id"], 2023, 2022, None),
        (run["run_id"], 2023, 2023, run["run_id"]),
    ]
    files = two_departments.rows(
        "select run_id, table_name, source_file, source_sha256 from scores.audit.run_files"
    )
    assert len(files) == len(list((LANDING / "2023").iterdir()))
    assert set(files) == set(
        two_departments.rows(
            f"select '{run['run_id']}', table_name, source_file, source_sha256 "
            "from scores.audit.loads"
        )
    )


def test_gaps_are_an_outcome_and_only_the_last_run_is_current(with_gaps: Published) -> None:
    published = with_gaps
    runs = published.rows(
        "select outcome, is_current, started_at from scores.audit.runs order by published_at"
    )
    assert [run[:2] for run in runs] == [("published", False), ("published_with_gaps", True)]
    # A run that repeats another has its date, which decides what waivers are in force.
    assert runs[1][2] == MOMENT
    assert set(
        published.rows(
            "select status, total_score, grade, status_reason from fct_evaluations "
            "where rubric_role = 'official'"
        )
    ) == {("incomplete", None, None, "缺少：satisfaction（公众或服务对象满意度）")}


def test_git_is_no_condition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ledger.git_state(tmp_path) == (None, None)

    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
        return subprocess.run(
            ["git", "-C", str(tmp_path), *identity, *arguments],
            check=True, capture_output=True, text=True,
        ).stdout.strip()  # fmt: skip

    git("init", "-q")
    (tmp_path / "models").mkdir()
    for name in ("dbt_project.yml", "models/a.sql", "data.csv"):
        (tmp_path / name).write_text("1")
    # In a repository, but no part of it.
    git("commit", "-qm", "empty", "--allow-empty")
    assert ledger.git_state(tmp_path) == (None, None)
    git("add", "-A")
    git("commit", "-qm", "all")
    commit = git("rev-parse", "HEAD")
    (tmp_path / "data.csv").write_text("2")
    assert ledger.git_state(tmp_path) == (commit, True)
    (tmp_path / "models" / "a.sql").write_text("2")
    assert ledger.git_state(tmp_path) == (commit, False)
    monkeypatch.setenv("PATH", "")
    assert ledger.git_state(tmp_path) == (None, None)


def test_the_checksum_of_the_code_follows_every_file_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "PROJECT_DIR", tmp_path)
    for name in ledger.CODE:
        if name.endswith(".yml"):
            (tmp_path / name).write_text("1")
        else:
            (tmp_path / name / "deep").mkdir(parents=True)
            (tmp_path / name / "deep" / "a.sql").write_text("1")
    seen = {ledger.code_sha256.__wrapped__()}
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    for path in files:
        path.write_text("2")
        seen.add(ledger.code_sha256.__wrapped__())
    assert len(seen) == 1 + len(files)
    (tmp_path / "models" / "a.pyc").write_text("2")
    assert ledger.code_sha256.__wrapped__() in seen


def enter(
    con: duckdb.DuckDBPyConnection, number: int, name: str, year: int, *, is_current: bool = False
) -> None:
    """A run of the ledger, by the seeds as they are."""
    con.execute(
        "insert into audit.runs by name select ? as run_id, ? as fiscal_year, ? as is_current, "
        "to_timestamp(?) as published_at, map(['measure_inputs'], [?]) as seeds",
        [name, year, is_current, number, ledger.seed_checksums()["measure_inputs"]],
    )


def reads(con: duckdb.DuckDBPyConnection) -> list[tuple[str, int, int, str | None]]:
    return con.execute("from audit.run_reads order by all").fetchall()


def test_what_a_run_reads_is_noted_once(con: duckdb.DuckDBPyConnection) -> None:
    """As published when it starts; what is published later changes nothing in it."""
    audit.ensure(con, "audit.runs", "audit.run_reads")
    enter(con, 1, "a", 2023)
    ledger.note_reads(con)
    enter(con, 2, "b", 2023)
    # The running build of two years.
    for year in (2024, 2025):
        enter(con, 3, "c", year)
    con.execute("update audit.runs set published_at = null where run_id = 'c'")
    ledger.note_reads(con)
    noted = [
        ("a", 2023, 2022, None), ("a", 2023, 2023, "a"),
        ("b", 2023, 2022, None), ("b", 2023, 2023, "b"),
        ("c", 2024, 2023, "b"), ("c", 2024, 2024, "c"),
        ("c", 2025, 2024, "c"), ("c", 2025, 2025, "c"),
    ]  # fmt: skip
    assert reads(con) == noted
    con.execute("update audit.runs set published_at = to_timestamp(3) where run_id = 'c'")
    enter(con, 4, "d", 2022)
    ledger.note_reads(con)
    assert reads(con) == [*noted, ("d", 2022, 2021, None), ("d", 2022, 2022, "d")]


def test_what_runs_of_an_older_version_read(con: duckdb.DuckDBPyConnection) -> None:
    """What the seed says where it is still theirs, else what no run can do without."""
    audit.ensure(con, "audit.runs", "audit.run_reads")
    enter(con, 1, "a", 2023)
    enter(con, 2, "b", 2024)
    enter(con, 3, "c", 2024)
    enter(con, 4, "d", 2023)
    con.execute("update audit.runs set seeds = map() where run_id = 'b'")
    con.execute("update audit.runs set seeds = null where run_id = 'd'")
    ledger.note_reads(con)
    assert reads(con) == [
        ("a", 2023, 2022, None), ("a", 2023, 2023, "a"), ("b", 2024, 2024, "b"),
        ("c", 2024, 2023, "a"), ("c", 2024, 2024, "c"), ("d", 2023, 2023, "d"),
    ]  # fmt: skip


@pytest.mark.parametrize("is_noted", [True, False], ids=["noted", "of an older version"])
def test_the_runs_that_a_run_read_are_built_before_it(
    con: duckdb.DuckDBPyConnection, is_noted: bool
) -> None:
    con.execute("attach ':memory:' as ledger")
    con.execute("use ledger")
    audit.ensure(con, "audit.runs")
    for number, (name, year, is_current) in enumerate(
        [("a", 2023, False), ("b", 2024, True), ("c", 2023, True), ("d", 2020, True)]
    ):
        enter(con, number, name, year, is_current=is_current)
    if is_noted:
        audit.ensure(con, "audit.run_reads")
        ledger.note_reads(con)
        con.execute("update audit.runs set seeds = null")
    con.execute("use memory")
    runs = {run.run_id: run for run in verify._targets(con, None)}
    assert list(runs) == ["b", "c", "d"]

    def replayed(*names: str) -> list[str]:
        return [run.run_id for run in verify._replays(con, [runs[name] for name in names])]

    assert replayed("b") == ["a", "b"]
    assert replayed("c") == ["c"]
    assert replayed("b", "c", "d") == ["a", "b", "c", "d"]


def test_a_year_without_a_note_of_what_it_read_is_verified(
    both_years: TwoYears, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an older version published it."""
    shutil.copytree(both_years.warehouse, tmp_path / "warehouse", symlinks=True)
    warehouse = tmp_path / "warehouse"
    state = warehouse / "states" / f"{(warehouse / 'published').readlink().name}.duckdb"
    for path in (state, warehouse / "published" / "scores.duckdb"):
        path.chmod(0o644)
        with duckdb.connect(str(path)) as con:
            con.execute("drop table audit.run_reads")

    def rebuild(landing: Path, folder: Path, runs: list[verify.Run]) -> list[str]:
        assert [run.fiscal_year for run in runs] == [2023, 2024]
        (folder / "published").symlink_to((both_years.warehouse / "published").resolve())
        return []

    monkeypatch.setattr(verify, "_rebuild", rebuild)
    lines = verify.differences(both_years.landing, warehouse)
    assert [line for line in lines if not line.endswith("not the file that was published")] == [
        "audit.run_reads: gone from the builder's state"
    ]


def test_a_changed_row_is_found_wherever_it_is_published(warehouse: Path, rebuilt: None) -> None:
    assert verify.differences(LANDING, warehouse) == []
    tamper(
        warehouse,
        f"""
        update marts.fct_evaluations set total_score = 99 where unit_code = '{NANSHAN}';
        delete from marts.fct_deductions where points_lost = 0.9;
        insert into marts.dim_grades values ('nanshan_2023', '特优', 99);
        update audit.runs set outcome = 'unheard of';
        """,
    )
    lines = verify.differences(LANDING, warehouse)
    key = f"  unit_code={NANSHAN}, fiscal_year=2023, rubric_id="
    assert "marts.fct_evaluations: 2 rows differ" in lines
    assert f"{key}nanshan_2023: total_score is 99.0000, in the rebuild 96.5700" in lines
    assert any(
        line.startswith(f"{key}nanshan_2023, ")
        and line.endswith("in the rebuild, but not published")
        for line in lines
    )
    at = lines.index("marts.dim_grades: 1 row differs")
    assert (
        lines[at + 1] == "  rubric_id=nanshan_2023, grade=特优: published, but not in the rebuild"
    )
    assert lines[lines.index("audit.runs: 1 row differs") + 1].endswith(
        "fiscal_year=2023: outcome is unheard of, in the builder's state published"
    )


def test_a_changed_parquet_file_is_found(warehouse: Path, rebuilt: None, tmp_path: Path) -> None:
    marts = warehouse / "published" / "parquet"
    scores = marts / "fct_indicator_scores" / "fiscal_year=2023" / "fct_indicator_scores.parquet"
    with duckdb.connect() as con:
        con.execute(
            f"copy (select * replace (if(indicator_code = 'petitions', 0, score) as score) "
            f"from '{scores}') to '{tmp_path / 'new'}' (format parquet)"
        )
    (tmp_path / "new").replace(scores)
    shutil.rmtree(marts / "dim_rubrics")
    (marts / "fct_measures" / "fiscal_year=2023" / "fct_measures.parquet").write_text("x")
    lines = verify.differences(LANDING, warehouse)
    assert "parquet/dim_rubrics: gone" in lines
    assert any(line.startswith("parquet/fct_measures: cannot be read") for line in lines)
    at = lines.index("parquet/fct_indicator_scores: 4 rows differ")
    assert lines[at + 1] == (
        f"  unit_code={NANSHAN}, fiscal_year=2023, rubric_id=nanshan_2023, "
        "indicator_code=petitions: score is 0.0000, in the rebuild 3.0000"
    )
    assert lines[at + 4] == "  and 1 more"
    assert not any(line.startswith("marts.") for line in lines)


def test_tables_comments_and_pages_that_are_not_as_they_were(
    warehouse: Path, rebuilt: None
) -> None:
    tamper(
        warehouse,
        """
        create table marts.fct_more as select 1 as a;
        create view main.all_scores as from marts.fct_indicator_scores;
        drop table marts.dim_grades;
        comment on table marts.fct_measures is 'made up';
        comment on column marts.fct_measures.value is null;
        """,
    )
    pages = warehouse / "published" / "data_docs"
    page = (pages / "2023.html").read_text("utf-8")
    (pages / "2023.html").write_text(page.replace("99.01%", "98.80%"), "utf-8")
    (pages / "2023-departments.html").unlink()
    results = warehouse / "published" / "validations" / "2023"
    result = (results / "delivered.json").read_text("utf-8")
    (results / "delivered.json").write_text(result.replace('"success": false', '"success": true'))
    (results / "marts.json").unlink()
    sheets = warehouse / "published" / "csv"
    sheet = (sheets / "2023" / "fct_evaluations.csv").read_text("utf-8")
    (sheets / "2023" / "fct_evaluations.csv").write_text(
        sheet.replace("96.5700", "97.4700"), "utf-8"
    )
    (sheets / "dim_codes.csv").unlink()
    name = (warehouse / "published").readlink().name
    assert verify.differences(LANDING, warehouse) == [
        "main.all_scores: published, but not in the rebuild",
        "marts.fct_more: published, but not in the rebuild",
        "marts.fct_measures: another comment than in the rebuild",
        "marts.fct_measures.value: another comment than in the rebuild",
        "data_docs/2023.html: differs from the rebuild",
        "data_docs/2023-departments.html: gone",
        "validations/2023/delivered.json: differs from the rebuild",
        "validations/2023/marts.json: gone",
        "csv/2023/fct_evaluations.csv: differs from the rebuild",
        "csv/dim_codes.csv: gone",
        "marts.dim_grades: gone",
        "marts.fct_next_steps: cannot be read "
        "(Catalog Error: Table with name dim_grades does not exist!)",
        f"publications/{name}/csv/2023/fct_evaluations.csv: not the file that was published",
        f"publications/{name}/csv/dim_codes.csv: gone",
        f"publications/{name}/data_docs/2023-departments.html: gone",
        f"publications/{name}: and 4 more files",
    ]


def test_a_history_removed_everywhere_is_found(warehouse: Path, rebuilt: None) -> None:
    name = (warehouse / "published").readlink().name
    state = warehouse / "states" / f"{name}.duckdb"
    for path in (warehouse / "published" / "scores.duckdb", state):
        with duckdb.connect(str(path)) as con:
            con.execute("drop table marts.fct_evaluation_history")
    assert verify.differences(LANDING, warehouse) == [
        "marts.fct_evaluation_history: gone from the builder's state",
        f"publications/{name}/scores.duckdb: not the file that was published",
        f"states/{name}.duckdb: not the file that was published",
    ]


def test_what_cannot_be_opened_is_told_by_its_checksum(warehouse: Path) -> None:
    (warehouse / "published" / "scores.duckdb").write_bytes(b"x" * 4096)
    lines = verify.differences(LANDING, warehouse)
    name = (warehouse / "published").readlink().name
    assert f"publications/{name}/scores.duckdb: not the file that was published" in lines
    assert lines[-1].startswith("nothing more can be compared: ")


def test_inputs_that_are_not_as_they_were(
    warehouse: Path, landing: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nothing is built: what other inputs give says nothing of what is published."""
    folder = landing / "2023"
    (folder / "staffing.csv").unlink()
    append_rows(folder / "petitions.csv", f"{NANSHAN},2023,来访,5,5,4")
    (folder / "unit_measures.csv").write_text("unit_code,fiscal_year,measure_code,numerator\n")
    command = ["verify", "--landing", str(landing), "--warehouse", str(warehouse)]
    tamper(warehouse, "update audit.runs set seeds = map(['gone'], ['1']), git_commit = null")
    ((run,),) = Published(warehouse).rows("select run_id[:8] from scores.audit.runs")
    assert cli.main(command) == endings.DIFFERENT
    out, err = capfd.readouterr()
    lines = out.splitlines()
    assert lines[:3] == [
        f"2023/petitions.csv: not the file that run {run} of 2023 was loaded from",
        f"2023/staffing.csv: gone; run {run} of 2023 was loaded from it",
        f"2023/unit_measures.csv: new; run {run} of 2023 was not loaded from it",
    ]
    assert f"seeds/gone.csv: gone since run {run} of 2023" in lines
    assert f"seeds/measures.csv: new since run {run} of 2023" in lines
    assert err == ""


def test_code_and_packages_that_are_not_as_they_were(warehouse: Path, rebuilt: None) -> None:
    tamper(
        warehouse,
        """
        update audit.runs set
            code_sha256 = '0', git_commit = '0123456789abcdef', is_clean = false,
            packages = map(['duckdb'], ['0.1'])
        """,
    )
    ((run,),) = Published(warehouse).rows("select run_id[:8] from scores.audit.runs")
    lines = verify.differences(LANDING, warehouse, run)
    assert lines[0] == (
        f"code: not that of run {run} of 2023; git checkout 0123456789ab has it, "
        "but for changes that were not committed"
    )
    assert f"package duckdb: {duckdb.__version__}, run {run} of 2023 had 0.1" in lines


def test_an_earlier_run_is_held_against_its_own_publication(
    landing: Path,
    with_gaps: Published,
    two_departments: Published,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copy = shutil.copytree(with_gaps.warehouse, tmp_path / "warehouse", symlinks=True)
    published = Published(copy)
    ((first,), (last,)) = published.rows(
        "select run_id from scores.audit.runs order by published_at"
    )
    publications = {
        run: next((published.warehouse / "publications").glob(f"*-{run[:8]}"))
        for run in (first, last)
    }

    def rebuild(landing: Path, folder: Path, runs: list[verify.Run]) -> list[str]:
        assert [run.run_id for run in runs] == [first]
        (folder / "published").symlink_to((two_departments.warehouse / "published").resolve())
        return []

    monkeypatch.setattr(verify, "_rebuild", rebuild)
    assert verify.differences(landing, published.warehouse, first) == []
    database = publications[first] / "scores.duckdb"
    database.chmod(0o644)
    with duckdb.connect(str(database)) as con:
        con.execute("update marts.fct_evaluations set grade = '差' where grade = '优'")
    lines = verify.differences(landing, published.warehouse, first)
    assert lines[0] == "marts.fct_evaluations: 4 rows differ"
    shutil.rmtree(publications[first])
    (line,) = verify.differences(landing, published.warehouse, first)
    assert line.startswith(
        f"run {first[:8]} of 2023: its inputs are unchanged, but its publication"
    )


def test_wrong_usage_of_verify(
    warehouse: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ((run,),) = Published(warehouse).rows("select run_id[:8] from scores.audit.runs")
    for arguments, message in (
        (["--warehouse", str(tmp_path / "nowhere")], "nothing is published there"),
        (["--warehouse", str(warehouse), "--landing", "/nowhere"], "/nowhere: no such folder"),
        (["--warehouse", str(warehouse), "--run", "xyz"], f"expected one of {run} (2023)"),
    ):
        assert cli.main(["verify", *arguments]) == endings.WRONG_USAGE
        assert message in capfd.readouterr().err
    assert not (tmp_path / "nowhere").exists()
    tamper(warehouse, "alter table audit.runs drop column code_sha256")
    # As an earlier version published it.
    (warehouse / "published" / chain.MANIFEST).unlink()
    shutil.rmtree(warehouse / "chain")
    assert cli.main(["verify", "--warehouse", str(warehouse)]) == endings.WRONG_USAGE
    assert "did not record its inputs" in capfd.readouterr().err
