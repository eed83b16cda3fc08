"""The jixiao command: exit statuses, and what it tells a person."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration import cli, endings, launch
from orchestration import project as settings
from orchestration.project import EXAMPLE_DIR, PROJECT_DIR, Folders
from tests.conftest import LANDING, Published, append_rows, shift_year
from tests.test_docs import FENCE
from tests.test_flags import HARMFUL

# Times, the folder and the checksum differ from run to run.
OF_THE_RUN = re.compile(r" +[0-9.]+ s  | from \S+|\S*warehouse/published|[0-9a-f]{64}|[0-9.]+ MB")


@pytest.mark.builds
def test_published(two_departments: Published, tmp_path: Path) -> None:
    """As the README shows it, whatever the engines' own variables are."""
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "orchestration.cli",
            "run",
            "--warehouse",
            str(tmp_path / "warehouse"),
        ],
        cwd=PROJECT_DIR,
        env=os.environ | HARMFUL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert Published(tmp_path / "warehouse").tables() == two_departments.tables()
    assert run.returncode == 0, run.stderr
    said = (run.stderr + run.stdout).splitlines()
    readme = FENCE.findall((PROJECT_DIR / "README.md").read_text("utf-8"))
    (shown,) = (text.splitlines() for _, text in readme if text.startswith("jixiao: 2023 from "))
    (warnings,) = (text.splitlines() for _, text in readme if text.endswith("\n…\n"))
    told = [OF_THE_RUN.sub("…", line) for line in said]
    assert told[: len(shown)] == [OF_THE_RUN.sub("…", line) for line in shown]
    assert told[len(shown) :][: len(warnings) - 1] == warnings[:-1]
    steps = [line.split()[1] for line in run.stderr.splitlines() if line.startswith("2023  ")]
    assert steps == ["load", "stage", "check_delivered", "score", "check_marts", "publish"]
    # One line a step, and nothing of the engines' own talk.
    assert len(run.stderr.splitlines()) == 4 + len(steps)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--year", "1999"], "the landing folder has 2023"),
        (["run", "--landing", "/nowhere"], "/nowhere: no such folder; expected the landing folder"),
        (["run", "--year", "last"], "'last' is no fiscal year; expected four digits"),
        (["walk"], "No such command 'walk'"),
        (["template", "--year", "31"], "'31' is no fiscal year; expected four digits"),
        (["template"], "Missing option '--year'"),
        (["verify"], "nothing is published there; jixiao run publishes"),
        (["verify", "--landing", "/nowhere"], "/nowhere: no such folder"),
        (["verify", "--run"], "Got unexpected extra argument"),
        ([], "Commands:"),
    ],
)
def test_wrong_usage(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    if arguments[:1] in (["run"], ["verify"]):
        arguments = [*arguments, "--warehouse", str(tmp_path / "warehouse")]
    assert cli.main(arguments) == endings.WRONG_USAGE
    assert message in capsys.readouterr().err
    assert not (tmp_path / "warehouse").exists()


@pytest.mark.builds
def test_a_refused_year_and_the_worst_status(
    landing: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = shift_year(landing, 2023, 2022)
    append_rows(folder / "budgets.csv", "440305-gxj,2022,total")
    (folder / "stafing.csv").write_text("x")
    status = cli.main(
        ["run", "--landing", str(landing), "--warehouse", str(tmp_path / "warehouse")]
    )
    out, err = capfd.readouterr()
    assert status == endings.REFUSED
    refusals = [line for line in err.splitlines() if "refused" in line]
    assert len(refusals) == 1
    assert refusals[0].startswith(
        "2022 refused: 2022/stafing.csv: 'stafing' is no table of the landing contract; "
        "did you mean staffing? "
    )
    assert "Traceback" not in err
    assert "2023" in out
    assert {year for _, year, _ in Published(tmp_path / "warehouse").totals()} == {2023}


def test_strict_says_when_an_evaluation_has_gaps(
    with_gaps: Published,
    two_departments: Published,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    # What is told is told of what is published, with gaps and without.
    monkeypatch.setattr(launch, "launch", lambda *_: {2023: []})
    arguments = ["run", "--landing", str(LANDING), "--warehouse"]
    assert cli.main([*arguments, str(with_gaps.warehouse)]) == endings.PUBLISHED
    assert cli.main([*arguments, str(with_gaps.warehouse), "--strict"]) == endings.WITH_GAPS
    assert "缺少：satisfaction" in capfd.readouterr().out
    assert cli.main([*arguments, str(two_departments.warehouse), "--strict"]) == endings.PUBLISHED


def test_folders_by_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Path, Path, list[int]]] = []
    monkeypatch.setenv("JIXIAO_LANDING", str(LANDING))
    monkeypatch.setenv("JIXIAO_WAREHOUSE", str(tmp_path / "elsewhere"))

    def refuse(landing: Path, warehouse: Path, years: list[int]) -> dict[int, list[str]]:
        seen.append((landing, warehouse, years))
        return {2023: ["2023 refused: as the test wants it"]}

    monkeypatch.setattr(launch, "launch", refuse)
    assert cli.main(["run"]) == endings.REFUSED
    assert seen == [(LANDING, tmp_path / "elsewhere", [2023])]


def test_a_landing_folder_of_ones_own_comes_before_the_example(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JIXIAO_LANDING")
    monkeypatch.setattr(settings, "PROJECT_DIR", tmp_path / "project")
    assert Folders.from_environment().landing == EXAMPLE_DIR
    (tmp_path / "project" / "landing").mkdir(parents=True)
    assert Folders.from_environment().landing == tmp_path / "project" / "landing"
    monkeypatch.setenv("JIXIAO_LANDING", "elsewhere")
    assert Folders.from_environment().landing == Path("elsewhere")


def test_a_year_that_the_landing_folder_does_not_have_is_told(
    published: Published,
    landing: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(launch, "launch", lambda *_: {2024: []})
    (landing / "2023").rename(landing / "2024")
    command = ["run", "--landing", str(landing), "--warehouse", str(published.warehouse)]
    assert cli.main(command) == endings.PUBLISHED
    assert capfd.readouterr().out.splitlines()[-1] == (
        f"2023 stays published as it was loaded from {LANDING}; {landing} has no folder 2023"
    )


def test_a_fault_in_the_project_is_one_line(
    project: Callable[..., "subprocess.CompletedProcess[str]"], tmp_path: Path
) -> None:
    """Somebody broke a model: the run names it, and what was published stays."""
    broken: Path = project.folder / "models" / "marts" / "fct_measures.sql"  # type: ignore[attr-defined]
    broken.write_text(broken.read_text("utf-8").replace("numerator", "numerater"), "utf-8")
    run = project("run", "--warehouse", str(tmp_path / "warehouse"))
    assert run.returncode == endings.REFUSED
    assert "2023 refused: fct_measures (models/marts/fct_measures.sql): " in run.stderr
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "warehouse" / "published").exists()


def test_strict_check_says_what_a_run_would_come_to(
    two_departments: Published, landing: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    warehouse = tmp_path / "warehouse"
    shutil.copytree(two_departments.warehouse, warehouse, symlinks=True)
    before = sorted((path, path.lstat().st_mtime_ns) for path in warehouse.rglob("*"))
    append_rows(landing / "2023" / "budgets.csv", "440305-gxj,2023,other,x,1,1,元")
    command = ["check", "--strict", "--landing", str(landing), "--warehouse", str(warehouse)]
    assert cli.main(command) == endings.WITH_GAPS
    out, err = capfd.readouterr()
    assert "2023 rejected: 2023/budgets.csv row 12: initial_budget = x; " in out
    assert "blocked" in out and "96.08" in out
    assert (err, sorted((p, p.lstat().st_mtime_ns) for p in warehouse.rglob("*"))) == ("", before)


@pytest.mark.builds
def test_check_reads_everything_and_builds_nothing(
    landing: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["check", "--landing", str(landing)]
    assert cli.main(arguments) == endings.PUBLISHED
    summary = {line.split()[0]: line.split()[1:] for line in capfd.readouterr().out.splitlines()}
    assert summary["budgets"] == ["1", "10", "0", "2"]
    assert len(summary) == 1 + 17

    append_rows(landing / "2023" / "budgets.csv", "440305-gxj,2023,other,x,1,1,元")
    assert cli.main(arguments) == endings.PUBLISHED
    out = capfd.readouterr().out
    assert (
        "2023 rejected: 2023/budgets.csv row 12: initial_budget = x; expected a number that fits, "
        "as 1234.50"
    ) in out.splitlines()

    append_rows(landing / "2023" / "petitions.csv", ",2023,来访,1,1,1")
    (landing / "2023" / "asets.csv").write_text("x")
    assert cli.main(arguments) == endings.REFUSED
    assert "2023 refused: 2023/asets.csv: 'asets' is no table" in capfd.readouterr().err
    assert not (landing.parent / "warehouse").exists()


def test_the_reference_page_is_what_help_says(capsys: pytest.CaptureFixture[str]) -> None:
    said = {}
    for command in ([], *([name] for name in cli.jixiao.commands)):
        assert cli.main([*command, "--help"]) == endings.PUBLISHED
        said[" ".join(["jixiao", *command])] = capsys.readouterr().out
    page = (PROJECT_DIR / "docs" / "commands.md").read_text("utf-8")
    shown = re.findall(r"^## ([^\n]+)\n\n```\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert dict(shown) == said, "\n".join(f"## {n}\n\n```\n{text}```\n" for n, text in said.items())


def test_the_version_is_that_of_the_changelog(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == endings.PUBLISHED
    latest = re.findall(
        r"^## ([0-9].+)$", (PROJECT_DIR / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE
    )
    released = [name for name in latest if name != "Unreleased"]
    assert capsys.readouterr().out == f"jixiao {released[0]}\n"
