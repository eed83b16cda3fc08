"""Folders, settings, permissions and outputs that are not as they must be: one line, never a trace."""

import ctypes
import errno
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlalchemy

from orchestration import check, cli, dbt, duck, endings, launch, ledger, verify
from orchestration.explain import evaluation
from orchestration.faults import WrongSurroundings, keep_details
from orchestration.landing import readers
from orchestration.project import PROJECT_DIR
from orchestration.publication import gate
from orchestration.publication.folder import Warehouse
from tests.conftest import LANDING, Published, TwoYears, jixiao

pytestmark = pytest.mark.builds

UNIT = "440308-fzyj"
ODD = """it's 100%41 #1; [x] *a* {b} "c" $HOME k=v 绩效"""


@pytest.fixture
def warehouse(two_departments: Published, tmp_path: Path) -> Path:
    """A copy of a published warehouse, to damage."""
    copy = tmp_path / "warehouse"
    shutil.copytree(two_departments.warehouse, copy, symlinks=True)
    for path in (copy / "published").rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return copy


def without_privileges() -> None:
    """Bind root by permissions too, as if files were its own."""
    drop_from_bounding_set, overrides = 24, (1, 2)
    for capability in overrides:
        ctypes.CDLL(None).prctl(drop_from_bounding_set, capability, 0, 0, 0)


def command(*arguments: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    """The jixiao command as an ordinary user runs it."""
    settings = {name: str(value) for name, value in options.pop("env", {}).items()}
    return subprocess.run(
        [sys.executable, "-m", "orchestration.cli", *arguments],
        cwd=PROJECT_DIR,
        env={**os.environ, **settings},
        stdout=options.pop("stdout", subprocess.PIPE),
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        preexec_fn=without_privileges if os.geteuid() == 0 else None,
        **options,
    )


# Quoting


def test_a_path_may_hold_almost_anything(
    both_years: TwoYears,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What is published there is read, checked, and built again in such a folder.

    The second year is built again from what it read of the first.
    """
    odd, temporary = tmp_path / ODD, tmp_path / f"{ODD} tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    delivered = Path(shutil.copytree(both_years.landing, odd / "landing?"))
    place = odd / "warehouse"
    shutil.copytree(both_years.warehouse, place, symlinks=True)
    assert cli.main(["explain", UNIT, "--warehouse", str(place)]) == endings.PUBLISHED
    assert cli.main(["check", "--landing", str(delivered)]) == endings.PUBLISHED
    capsys.readouterr()
    status = cli.main(["verify", "--landing", str(delivered), "--warehouse", str(place)])
    assert (status, capsys.readouterr().out) == (endings.SAME, "same\n")


def test_the_project_may_lie_there_too(project: Callable[..., Any], tmp_path: Path) -> None:
    """Its seeds are read by dbt's adapter, not by us."""
    elsewhere = shutil.move(project.folder, tmp_path / ODD)  # type: ignore[attr-defined]
    checked = jixiao("check", cwd=elsewhere)
    assert (checked.returncode, checked.stderr) == (endings.PUBLISHED, "")


@pytest.mark.parametrize("character", [*"'\"%#;*{}[]$ ?:~|&", "[a]", "k=v", "绩", "\n", "**"])
def test_files_are_found_by_their_names(character: str, tmp_path: Path) -> None:
    folder = tmp_path / f"a{character}b"
    folder.mkdir()
    (tmp_path / "axb").mkdir()
    for place, found in ((folder, "here"), (tmp_path / "axb", "elsewhere")):
        (place / "file.csv").write_text(f"found\n{found}\n")
    with duckdb.connect() as con:
        options = "hive_partitioning = false"
        for files in (
            duck.files(folder / "file.csv"),
            duck.files(folder, "/*.csv"),
            duck.files(str(folder), "/**/*.csv"),
        ):
            assert con.execute(f"from read_csv({files}, {options})").fetchall() == [("here",)]
    if character in duck.UNUSABLE:
        return
    database = folder / "some.duckdb"
    with duckdb.connect() as con:
        duck.attach(con, database, "x", read_only=False)
        con.execute("create table x.found as select 'here' as found")
        con.execute("detach x")
        duck.attach(con, database, 'odd "name"')
        found = duck.name('odd "name"', "found")
        assert con.execute(f"from {found}").fetchall() == [("here",)]
        with pytest.raises(duckdb.Error):
            con.execute(f"drop table {found}")
    engine = sqlalchemy.create_engine(duck.url(database))
    with engine.connect() as connection:
        assert connection.exec_driver_sql("select found from found").scalar() == "here"
    engine.dispose()


def test_nothing_else_quotes_or_attaches_by_hand() -> None:
    by_hand = re.compile(
        r"""attach ['{]|read_(csv|json|parquet)\(['{]['"]?|to '\{|duckdb:///|replace\(.'.?, .''.?\)"""
        r"""|replace\(chr\(39\)|replace\('"', '""'\)"""
    )
    allowed = re.compile(r"read_(csv|json|parquet)\(\{(duck\.files\(|inputs|files)")
    sources = [
        p for name in ("orchestration", "expectations") for p in (PROJECT_DIR / name).glob("*.py")
    ]
    found = [
        f"{path.name}: {line.strip()}"
        for path in sources
        if path.name != "duck.py"
        for line in path.read_text("utf-8").splitlines()
        if by_hand.search(allowed.sub("", line))
    ]
    assert found == []
    assert by_hand.search((PROJECT_DIR / "orchestration" / "duck.py").read_text("utf-8"))


# Folders


def a_file(path: Path) -> None:
    path.write_text("x")


def a_folder_in_place_of_the_link(warehouse: Path) -> None:
    (warehouse / "published").unlink()
    (warehouse / "published").mkdir()


def no_state(warehouse: Path) -> None:
    shutil.rmtree(warehouse / "states")


def a_damaged_state(warehouse: Path) -> None:
    (state,) = (warehouse / "states").iterdir()
    state.write_bytes(b"x" * 20_000)


def damaged_scores(warehouse: Path) -> None:
    (warehouse / "published" / "scores.duckdb").write_bytes(b"x" * 20_000)


def older_scores(warehouse: Path) -> None:
    path = warehouse / "published" / "scores.duckdb"
    path.unlink()
    with duckdb.connect(str(path)) as con:
        con.execute("create schema marts; create table marts.fct_evaluations (unit_code varchar)")


@pytest.mark.parametrize(
    ("damage", "asked", "message"),
    [
        (a_folder_in_place_of_the_link, "run", "/published: not the link to the current publication; move it away"),
        (no_state, "run", ".duckdb: is gone; without it the published years cannot be kept: put it back"),
        (a_damaged_state, "run", "not a valid DuckDB database file!); without it the published years"),
        (damaged_scores, "explain", "/published/scores.duckdb: not what this version publishes ("),
        (older_scores, "explain", "/published/scores.duckdb: not what this version publishes ("),
    ],
)  # fmt: skip
def test_a_damaged_warehouse(
    damage: Callable[[Path], None],
    asked: str,
    message: str,
    warehouse: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = sorted(warehouse.glob("publications/*"))
    damage(warehouse)
    arguments = {"explain": ["explain", UNIT]}.get(asked, [asked])
    assert one_line([*arguments, "--warehouse", str(warehouse)], capsys, message)
    assert sorted(warehouse.glob("publications/*")) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "--landing", "{a file}"], "{a file}: no folder; expected the landing folder"),
        (["run", "--landing", "{nothing}"], "{nothing}: no such folder; expected the landing"),
        (["check", "--landing", "{empty}"], "{empty}: no fiscal years to load"),
        (["verify", "--warehouse", "{empty}"], "{empty}/published: nothing is published there"),
        (["explain", "x", "--warehouse", "{a file}"], "{a file}/published/scores.duckdb: nothing"),
        (["run", "--warehouse", "{a file}"], "{a file}: no folder to build in (File exists)"),
        (
            ["run", "--warehouse", "{a file}/x"],
            "{a file}/x: no folder to build in (Not a directory",
        ),
        (["run", "--warehouse", "{empty}/a?b"], "no file where a path has a question mark"),
        (["run", "--warehouse", "/proc/none"], "/proc/none: no folder to build in (No such file"),
        (["run", "--warehouse", "{empty}/\udcff"], "is not in UTF-8; rename it"),
        (["check", "--landing", "{undecodable}"], "is not in UTF-8; rename it"),
    ],
)
def test_folders_that_are_none(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    (tmp_path / "\udcff" / "2023").mkdir(parents=True)
    places = {"a file": "file", "nothing": "none", "empty": "empty", "undecodable": "\udcff"}
    for name, place in places.items():
        arguments = [text.replace(f"{{{name}}}", str(tmp_path / place)) for text in arguments]
        message = message.replace(f"{{{name}}}", str(tmp_path / place))
    assert one_line(arguments, capsys, message)


def one_line(arguments: list[str], capsys: pytest.CaptureFixture[str], message: str) -> bool:
    """Whether a command is refused in one line that says so."""
    status = cli.main(arguments)
    (line,) = capsys.readouterr().err.splitlines()
    assert status == endings.WRONG_USAGE
    assert line.startswith("jixiao: ")
    assert message in line
    return True


@pytest.mark.parametrize(
    ("closed", "mode", "arguments", "message"),
    [
        ("landing", 0, ["check"], "landing: cannot be read (Permission denied)"),
        ("landing", 0o600, ["check"], "cannot be read (Permission denied)"),
        ("landing", 0, ["verify"], "landing: cannot be read (Permission denied)"),
        ("warehouse", 0o500, ["run"], "warehouse: cannot be written; run as the user that it"),
        ("warehouse/states", 0o500, ["run"], "warehouse/states: cannot be written; run as"),
        ("warehouse/.lock", 0o400, ["run"], "warehouse/.lock: cannot be written; run as"),
        ("warehouse", 0, ["run"], "warehouse: no folder to build in (Permission denied)"),
        ("warehouse", 0, ["explain", UNIT], "scores.duckdb: Permission denied"),
        ("warehouse", 0, ["verify"], "scores.duckdb: Permission denied"),
        ("target", 0o500, ["run"], "cannot be written (Permission denied); set JIXIAO_TARGET"),
    ],
)
def test_folders_of_another_user(
    closed: str, mode: int, arguments: list[str], message: str, warehouse: Path, tmp_path: Path
) -> None:
    shutil.copytree(LANDING, tmp_path / "landing")
    (tmp_path / "target").mkdir()
    path = tmp_path / closed
    before = stat.S_IMODE(path.stat().st_mode)
    path.chmod(mode)
    names = ("landing", "warehouse", "target")
    run = command(*arguments, env={f"JIXIAO_{name.upper()}": tmp_path / name for name in names})
    path.chmod(before)
    assert message in run.stderr
    last = run.stderr.splitlines()[-1]
    assert (run.returncode, "Traceback" in run.stderr) == (endings.WRONG_USAGE, False)
    assert last.startswith("jixiao: ")


def test_a_year_without_permission(folder: Path) -> None:
    (folder / "2023").chmod(0)
    run = command("check", "--landing", str(folder))
    (folder / "2023").chmod(0o755)
    assert run.returncode == endings.REFUSED
    assert f"{folder}/2023: cannot be read (Permission denied)" in run.stderr
    assert "Traceback" not in run.stderr


def test_what_dbt_parsed_is_kept_where_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JIXIAO_TARGET", str(tmp_path / "a" / "b"))
    dbt.parsed.__wrapped__()
    assert (tmp_path / "a" / "b" / "parsed" / "manifest.json").is_file()
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("JIXIAO_TARGET", str(tmp_path / "file"))
    with pytest.raises(WrongSurroundings, match=f"{tmp_path}/file/parsed: .*set JIXIAO_TARGET"):
        dbt.parsed.__wrapped__()


def test_a_full_temporary_folder_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*arguments: object) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setitem(readers.READERS, ".csv", full)
    message = f"{tempfile.gettempdir()}: the temporary folder is full (No space left on device); "
    assert one_line(["check", "--landing", str(folder)], capsys, message)


# What is published may be read by those that the warehouse's folder lets in.


@pytest.fixture
def masked() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.parametrize(
    ("root", "folders", "files", "builders"),
    [
        (0o755, 0o755, 0o444, 0o700),
        (0o750, 0o750, 0o440, 0o700),
        (0o700, 0o700, 0o400, 0o700),
        (0o2750, 0o2750, 0o440, 0o2700),
        (0o2775, 0o2775, 0o444, 0o2770),
    ],
)
@pytest.mark.usefixtures("masked")
def test_readers_are_let_in_as_the_folder_says(
    root: int,
    folders: int,
    files: int,
    builders: int,
    warehouse: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # What is in the build does not matter here.
    monkeypatch.setattr(gate, "require_whole", lambda *_: None)
    monkeypatch.setattr(ledger, "end_run", lambda *_: None)
    group = 54321 if os.geteuid() == 0 else os.getgid()
    os.chown(warehouse, -1, group)
    warehouse.chmod(root)
    with Warehouse(warehouse).building(say=print):
        modes = {stat.S_IMODE((warehouse / "build").stat().st_mode)}
        folder = Warehouse(warehouse).publish("run")
    modes |= {stat.S_IMODE((warehouse / "states").stat().st_mode)}
    assert modes == {builders}
    paths = [warehouse / "publications", folder, *folder.rglob("*")]
    assert len(paths) > 30
    for path in paths:
        expected = folders if path.is_dir() else files
        found = path.stat()
        assert (oct(stat.S_IMODE(found.st_mode)), found.st_gid) == (oct(expected), group), path


# Outputs


def test_nobody_reads_on(two_departments: Published) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "orchestration.cli", "explain", UNIT,
         "--warehouse", str(two_departments.warehouse)],
        cwd=PROJECT_DIR, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() == endings.PUBLISHED


def test_a_run_that_nobody_reads_has_a_true_status(two_departments: Published) -> None:
    run = (
        "from orchestration import cli, launch; "
        "launch.launch = lambda *asked: {2023: []}; cli.command()"
    )
    for closed in (">&-", "2>&-", ">&- 2>&- <&-", "| true", "2>&1 | true"):
        shell = f'"$0" -c "$1" run --warehouse "$2" {closed}; exit ${{PIPESTATUS[0]}}'
        ended = subprocess.run(
            ["bash", "-c", shell, sys.executable, run, str(two_departments.warehouse)],
            cwd=PROJECT_DIR,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == endings.PUBLISHED, (closed, ended)
        assert "Traceback" not in ended.stderr
        assert all(line.startswith(("jixiao: ", "2023  ")) for line in ended.stderr.splitlines())


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp936:strict"])
@pytest.mark.parametrize("asked", ["check", "explain", "json"])
def test_an_encoding_that_cannot_show_everything(
    encoding: str, asked: str, two_departments: Published, tmp_path: Path
) -> None:
    arguments = ["check", "--landing", str(LANDING)]
    if asked != "check":
        arguments = ["explain", UNIT, "--warehouse", str(two_departments.warehouse)]
    if asked == "json":
        arguments += ["--format", "json"]
    with (tmp_path / "out").open("wb") as out:
        run = command(*arguments, stdout=out, env={"PYTHONIOENCODING": encoding})
    assert (run.returncode, run.stderr) == (endings.PUBLISHED, "")
    said = (tmp_path / "out").read_bytes()
    if asked == "json":
        assert "盐田区" in said.decode("utf-8")
    elif asked == "explain":
        shown = "盐田区" if encoding.startswith("cp936") else r"\u76d0\u7530\u533a"
        assert shown in said.decode(encoding.partition(":")[0])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_output_is_told(two_departments: Published) -> None:
    with Path("/dev/full").open("w") as full:
        run = command("explain", UNIT, "--warehouse", str(two_departments.warehouse), stdout=full)
    assert run.returncode == endings.WRONG_USAGE
    assert run.stderr == "jixiao: standard output cannot be written (No space left on device)\n"


# What nobody foresaw


@pytest.mark.parametrize("can_be_written", [True, False])
def test_what_nobody_foresaw_is_one_line(
    can_be_written: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*arguments: object) -> None:
        raise RuntimeError("the engine\nis on fire")

    monkeypatch.setattr(evaluation, "explain", fail)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    for name in ("warehouse", "tmp"):
        (tmp_path / name).mkdir()
    place = tmp_path / ("warehouse" if can_be_written else "nowhere")
    message = "jixiao: the engine is on fire (details in "
    assert one_line(["explain", UNIT, "--warehouse", str(place)], capsys, message)
    (log,) = tmp_path.glob(
        "warehouse/failure.log" if can_be_written else "tmp/jixiao-failure-*.log"
    )
    assert "RuntimeError: the engine" in log.read_text()


def test_details_that_can_be_written_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    assert "No such file or directory" in keep_details("x", tmp_path / "nowhere")


@pytest.mark.parametrize("asked", ["check", "verify"])
def test_an_interrupted_command(
    asked: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(check, "load_year", interrupt)
    monkeypatch.setattr(verify, "differences", interrupt)
    assert cli.main([asked, "--landing", str(LANDING)]) == endings.INTERRUPTED
    assert capsys.readouterr().err == "jixiao: interrupted\n"


def test_every_setting_is_documented() -> None:
    used = {
        name
        for path in (PROJECT_DIR / "orchestration").glob("*.py")
        for name in re.findall(r"\b(?:JIXIAO_[A-Z_]+|DAGSTER_HOME)\b", path.read_text("utf-8"))
    } - {"JIXIAO_BUILD_FILE", "JIXIAO_BUILD_THREADS"}
    rows = re.findall(
        r"^\| `(\w+)` \|", (PROJECT_DIR / "docs" / "how-to.md").read_text("utf-8"), re.M
    )
    assert used <= set(rows)


@pytest.mark.parametrize("home", ["/nowhere", "relative"])
def test_a_home_of_dagster_that_is_none(home: str, tmp_path: Path) -> None:
    run = command(*("run", "--warehouse", str(tmp_path / "warehouse")), env={"DAGSTER_HOME": home})
    assert run.returncode == endings.WRONG_USAGE
    assert run.stderr == (
        f"jixiao: DAGSTER_HOME {home}: no folder named by its whole path; correct it, or unset it "
        "to run without Dagster's records\n"
    )
    assert not (tmp_path / "warehouse").exists()


def test_a_home_of_dagster_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dagster.yaml").write_text("run_launcher: {nonsense: 1}", "utf-8")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with pytest.raises(WrongSurroundings) as wrong:
        launch.launch(LANDING, tmp_path / "warehouse", [2023])
    assert 'unexpected config entry "nonsense"' in str(wrong.value)
    assert str(wrong.value).endswith(f"correct {tmp_path / 'dagster.yaml'}, or unset DAGSTER_HOME")
    assert "\n" not in str(wrong.value)
