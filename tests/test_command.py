"""The jixiao command: exit statuses, and what it tells a person."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration import cli, launch
from orchestration.project import PROJECT_DIR
from tests.conftest import LANDING, Published, append_rows, jixiao, shift_year


def test_published(tmp_path: Path) -> None:
    run = jixiao("run", "--warehouse", str(tmp_path / "warehouse"))
    assert run.returncode == 0, run.stderr
    for shown in ("96.57", "97.47", "-0.90", "96.08", "+0.00", "96.63", "优"):
        assert shown in run.stdout
    steps = [line.split()[1] for line in run.stderr.splitlines() if line.startswith("2023  ")]
    assert steps == ["load", "stage", "check_delivered", "score", "check_marts", "publish"]
    # One line a step, and nothing of the engines' own talk.
    assert len(run.stderr.splitlines()) == 1 + len(steps)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--year", "1999"], "the landing folder has 2023"),
        (["run", "--landing", "/nowhere"], "/nowhere: no fiscal years to load"),
        (["run", "--year", "last"], "invalid int value: 'last'"),
        (["walk"], "invalid choice: 'walk'"),
        (["verify"], "nothing is published there; jixiao run publishes"),
        (["verify", "--landing", "/nowhere"], "/nowhere: no such folder"),
        (["verify", "--run"], "argument --run: expected one argument"),
        ([], "the following arguments are required: command"),
    ],
)
def test_wrong_usage(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    if arguments[:1] in (["run"], ["verify"]):
        arguments = [*arguments, "--warehouse", str(tmp_path / "warehouse")]
    try:
        status = cli.main(arguments)
    except SystemExit as stopped:
        status = int(stopped.code or 0)
    assert status == cli.WRONG_USAGE
    assert message in capsys.readouterr().err
    assert not (tmp_path / "warehouse").exists()


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
    assert status == cli.REFUSED
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
    landing: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (landing / "2023" / "satisfaction_surveys.csv").unlink()
    arguments = ["run", "--landing", str(landing), "--warehouse", str(tmp_path / "warehouse")]
    assert cli.main([*arguments, "--strict"]) == cli.WITH_GAPS
    assert "缺少：satisfaction" in capfd.readouterr().out
    assert cli.main(arguments) == cli.PUBLISHED
    shutil.copy(LANDING / "2023" / "satisfaction_surveys.csv", landing / "2023")
    assert cli.main([*arguments, "--strict"]) == cli.PUBLISHED


def test_folders_by_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Path, Path, list[int]]] = []
    monkeypatch.setenv("JIXIAO_LANDING", str(LANDING))
    monkeypatch.setenv("JIXIAO_WAREHOUSE", str(tmp_path / "elsewhere"))

    def refuse(landing: Path, warehouse: Path, years: list[int]) -> dict[int, list[str]]:
        seen.append((landing, warehouse, years))
        return {2023: ["2023 refused: as the test wants it"]}

    monkeypatch.setattr(launch, "launch", refuse)
    assert cli.main(["run"]) == cli.REFUSED
    assert seen == [(LANDING, tmp_path / "elsewhere", [2023])]


def test_a_fault_in_the_project_is_one_line(
    project: Callable[..., "subprocess.CompletedProcess[str]"], tmp_path: Path
) -> None:
    """Somebody broke a model: the run names it, and what was published stays."""
    broken: Path = project.folder / "models" / "marts" / "fct_measures.sql"  # type: ignore[attr-defined]
    broken.write_text(broken.read_text("utf-8").replace("numerator", "numerater"), "utf-8")
    run = project("run", "--warehouse", str(tmp_path / "warehouse"))
    assert run.returncode == cli.REFUSED
    assert "2023 refused: fct_measures (models/marts/fct_measures.sql): " in run.stderr
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "warehouse" / "published").exists()


def test_two_runs_at_once_wait_for_each_other(tmp_path: Path) -> None:
    warehouse = tmp_path / "warehouse"
    command = ["run", "--warehouse", str(warehouse)]
    with subprocess.Popen(
        [sys.executable, "-m", "orchestration.cli", *command],
        cwd=PROJECT_DIR,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    ) as first:
        assert first.stderr is not None
        while "load" not in first.stderr.readline():
            assert first.poll() is None
        second = jixiao(*command)
        first.stderr.read()
        assert first.wait() == 0
    assert second.returncode == 0
    assert f"another run is building {warehouse}; waiting for it to end" in second.stderr
    assert len(list((warehouse / "publications").iterdir())) == 2


def test_check_reads_everything_and_builds_nothing(
    landing: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["check", "--landing", str(landing)]
    assert cli.main(arguments) == cli.PUBLISHED
    summary = {line.split()[0]: line.split()[1:] for line in capfd.readouterr().out.splitlines()}
    assert summary["budgets"] == ["1", "10", "0", "2"]
    assert len(summary) == 1 + 17

    append_rows(landing / "2023" / "budgets.csv", "440305-gxj,2023,other,x,1,1,元")
    assert cli.main(arguments) == cli.PUBLISHED
    out = capfd.readouterr().out
    assert (
        "2023 rejected: 2023/budgets.csv row 12: initial_budget = x; expected a number that fits, "
        "as 1234.50"
    ) in out.splitlines()

    append_rows(landing / "2023" / "petitions.csv", ",2023,来访,1,1,1")
    (landing / "2023" / "asets.csv").write_text("x")
    assert cli.main(arguments) == cli.REFUSED
    assert "2023 refused: 2023/asets.csv: 'asets' is no table" in capfd.readouterr().err
    assert not (landing.parent / "warehouse").exists()
