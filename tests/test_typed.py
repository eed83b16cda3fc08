"""What the pages have a reader type, typed as it stands and in their order, on a project of its own.

One run builds what a reader of docs/how-to.md comes to: the example's year with a row that cannot be
read and a finding that is waived, and the year of the invented district.
"""

import csv
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from orchestration import cli, endings
from orchestration.project import PROJECT_DIR
from tests.conftest import LANDING, Published, copy_of_the_project
from tests.test_docs import FENCE, holds, lines

pytestmark = pytest.mark.builds

HOW_TO = (PROJECT_DIR / "docs" / "how-to.md").read_text("utf-8")
NANSHAN, YANTIAN = "440305-gxj", "440308-fzyj"
# Of the invented district, or of what a reader has spoiled; the others are of the example.
OF_THE_READER = (
    "When a row is rejected or a year refused",
    "Add a district's rubric",
    "Add a measure",
    "Add a data rule",
)


def blocks(heading: str) -> list[str]:
    """What stands between fences in a section of how-to.md."""
    section = HOW_TO.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return [text for _, text in FENCE.findall(section)]


def tables(*texts: str) -> Iterator[tuple[str, list[str]]]:
    """The files that blocks show: each one's name, and its lines."""
    for part in "\n".join(texts).split("\n\n"):
        first, *rest = part.strip().splitlines() or [""]
        if name := re.match(r"\w+\.csv\b", first):
            yield name[0], rest


def queries(heading: str) -> Iterator[tuple[str, str]]:
    """The queries of a section that stand above their output."""
    for text in blocks(heading):
        if found := re.search(r"^(select.*?\n)(┌.*)", text, re.MULTILINE | re.DOTALL):
            yield found[1], found[2]


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert text.count(old) == 1, (path.name, old, text.count(old))
    path.write_text(text.replace(old, new), "utf-8")


def append(path: Path, rows: list[str]) -> None:
    text = path.read_text("utf-8")
    path.write_text(text + "".join(f"{row}\n" for row in rows), "utf-8")


@dataclass
class Reader:
    """Somebody who types what the pages show, in a project of his own."""

    folder: Path

    def types(self, text: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Type lines in the project's folder."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("JIXIAO_", "DAGSTER_"))}
        return subprocess.run(
            ["bash", "-c", text],
            cwd=self.folder,
            env={**kept, **variables},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def reader(two_departments: Published, tmp_path_factory: pytest.TempPathFactory) -> Reader:
    folder = tmp_path_factory.mktemp("typed") / "project"
    copy_of_the_project(folder)
    environment = folder / ".venv" / "bin"
    environment.mkdir(parents=True)
    for name, module in (("python", ""), ("jixiao", "-m orchestration.cli")):
        script = environment / name
        script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {module} "$@"\n')
        script.chmod(0o755)
    # As the first `make run` leaves it.
    (folder / "warehouse").symlink_to(two_departments.warehouse)
    shutil.copytree(two_departments.warehouse.parent, folder.parent / "kept", symlinks=True)
    return Reader(folder)


@pytest.fixture(scope="module")
def ran(reader: Reader) -> "subprocess.CompletedProcess[str]":
    """All that the reader has delivered and added, and what the run of it says."""
    begun = reader.types(blocks("Begin with data of your own")[0])
    assert (begun.returncode, begun.stderr) == (0, "")
    for name, rows in tables(blocks("Add a department's data, and a year")[1]):
        (reader.folder / "landing" / "2024").mkdir(exist_ok=True)
        (reader.folder / "landing" / "2024" / name).write_text("\n".join([*rows, ""]), "utf-8")
    seeds = reader.folder / "seeds"
    for heading in (
        "Add a district's rubric",
        "Add a measure",
        "Add a roll-up",
        "Add a rival definition",
    ):
        for name, rows in tables(*blocks(heading)):
            append(
                seeds / name, [row for row in rows if row not in (seeds / name).read_text("utf-8")]
            )
    header, *waived = blocks("Waive a finding")[0].splitlines()
    assert header == (seeds / "waivers.csv").read_text("utf-8").splitlines()[0]
    append(seeds / "waivers.csv", waived)
    append(reader.folder / "expectations" / "rules.yml", blocks("Add a data rule")[0].splitlines())

    example = reader.folder / "landing" / "2023"
    shutil.copytree(LANDING / "2023", example)
    change(example / "satisfaction_surveys.csv", ",95.69,", ",95.69分,")
    change(
        example / "budgets.csv",
        f"{YANTIAN},2023,total,521.35,853.5,847.07,",
        f"{YANTIAN},2023,total,521.35,853.5,853.51,",
    )
    (reader.folder / ".dagster").mkdir()
    shutil.copy(reader.folder / "orchestration" / "dagster.yaml", reader.folder / ".dagster")
    shown = [t for t in blocks("See what is made of what") if "OPENLINEAGE" in t]
    assert re.fullmatch(r"JIXIAO_OPENLINEAGE_FILE=/tmp/\S+ \.venv/bin/jixiao run\n", *shown)
    (typed,) = [text for text in blocks("Schedule it") if text.startswith("DAGSTER_HOME")]
    return reader.types(typed, JIXIAO_OPENLINEAGE_FILE=str(reader.folder / "events.ndjson"))


def test_the_first_query_is_typed(reader: Reader) -> None:
    """Before the reader has begun with data of his own."""
    said = reader.types(HOW_TO.split("```\n")[1])
    assert (said.returncode, said.stderr) == (0, "")
    assert "96.5700" in said.stdout


def test_the_tables_are_listed(reader: Reader) -> None:
    said = reader.types(blocks("Add a department's data, and a year")[0])
    assert (said.returncode, said.stderr) == (0, "")
    assert "budgets 部门预算 *unit_code, *fiscal_year, *budget_line, initial_budget" in said.stdout


def test_the_run_says_what_the_page_shows(ran: "subprocess.CompletedProcess[str]") -> None:
    assert ran.returncode == endings.PUBLISHED, ran.stderr
    # Columns are as wide as all rows of a run ask for.
    said = [line.split() for line in (ran.stdout + ran.stderr).splitlines()]
    expected = [
        *blocks("When a row is rejected or a year refused")[0].splitlines(),
        *blocks("Add a district's rubric")[1].split("\n\n")[0].splitlines(),
        *blocks("Waive a finding")[1].splitlines(),
    ]
    assert len(expected) > 7
    for line in expected:
        words = line.split()
        if " s  " in line:
            # How long it took.
            assert any(words[:2] + words[3:] == found[:2] + found[3:] for found in said), line
        elif line != "…":
            assert words in said, line


@pytest.mark.parametrize(
    ("heading", "query", "expected"),
    [
        (heading, *pair)
        for heading in re.findall(r"^## (.+)$", HOW_TO, re.MULTILINE)
        for pair in queries(heading)
    ],
    ids=lambda text: text[:30],
)
def test_a_query_gives_what_stands_below_it(
    heading: str,
    query: str,
    expected: str,
    reader: Reader,
    ran: "subprocess.CompletedProcess[str]",
    two_departments: Published,
    capsys: pytest.CaptureFixture[str],
) -> None:
    mine = Path(reader.folder / "warehouse")
    warehouse = mine if heading in OF_THE_READER else two_departments.warehouse
    with duckdb.connect() as con:
        con.execute(f"attach '{warehouse}/published/scores.duckdb' as scores (read_only)")
        con.execute("use scores.marts")
        con.sql(query).show(max_width=200, max_rows=100)
    found = capsys.readouterr().out
    assert holds(lines(found), lines(expected)), found


def test_queries_without_an_output_can_be_asked(
    reader: Reader, ran: "subprocess.CompletedProcess[str]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(reader.folder)
    pages = [PROJECT_DIR / name for name in ("README.md", "docs/how-to.md", "docs/audit.md")]
    asked = [
        text
        for page in pages
        for _, text in FENCE.findall(page.read_text("utf-8"))
        if text.startswith("select") and "┌" not in text
    ]
    assert len(asked) > 6
    with duckdb.connect() as con:
        con.execute("attach 'warehouse/published/scores.duckdb' as scores (read_only)")
        con.execute("use scores.marts")
        for query in asked:
            try:
                con.execute(query).fetchall()
            except duckdb.Error as error:
                pytest.fail(f"{query}\n{error}")


def test_the_other_settings_of_the_pages_took_effect(
    reader: Reader, ran: "subprocess.CompletedProcess[str]"
) -> None:
    events = [json.loads(line) for line in (reader.folder / "events.ndjson").open("rb")]
    jobs = {(e["job"]["name"], e["eventType"]) for e in events}
    assert {("yearly_evaluation", "START"), ("yearly_evaluation", "COMPLETE")} <= jobs
    with dg.DagsterInstance.from_config(str(reader.folder / ".dagster")) as instance:
        runs = instance.get_runs()
    assert sorted((run.tags["dagster/partition"], run.status.value) for run in runs) == [
        ("2023", "SUCCESS"),
        ("2024", "SUCCESS"),
    ]


def test_explain_is_typed_where_two_years_are_published(
    reader: Reader,
    ran: "subprocess.CompletedProcess[str]",
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The page is about a department that the later year does not have."""
    monkeypatch.setenv("JIXIAO_WAREHOUSE", str(reader.folder / "warehouse"))
    texts = blocks("Trace a score to its cell")
    commands = re.findall(
        r"\.venv/bin/jixiao (explain .*?)(?: > \S+)?$", "".join(texts), re.MULTILINE
    )
    assert len(commands) == 4
    for command in commands:
        status = cli.main(shlex.split(command))
        told = capsys.readouterr().err
        shown = f"$ .venv/bin/jixiao {command}\njixiao: "
        refused = any(text.startswith(shown) for text in texts)
        assert status == (endings.WRONG_USAGE if refused else endings.PUBLISHED), told
        assert "give --year" not in told


def test_the_rows_of_a_file_can_be_looked_at(reader: Reader) -> None:
    (text,) = [text for text in blocks("Trace a score to its cell") if "sha256sum" in text]
    typed = "\n".join(re.findall(r"^\$ (.*)$", text, re.MULTILINE))
    expected = "".join(f"{line}\n" for line in text.splitlines() if not line.startswith("$ "))
    assert reader.types(typed).stdout == expected


def test_a_workbook_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    command, said = blocks("Have bureaus fill in a workbook")[0].splitlines()
    assert cli.main(shlex.split(command.removeprefix(".venv/bin/jixiao "))) == endings.PUBLISHED
    assert capsys.readouterr().out == f"{said}\n"


def test_check_says_what_the_page_shows(
    reader: Reader,
    ran: "subprocess.CompletedProcess[str]",
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of faults that refuse a year, of corrections that do not fit, and of ledgers that are fine."""
    landing = Path(shutil.copytree(LANDING, tmp_path / "landing"))
    append(
        landing / "2023" / "corrections.csv",
        [
            f"{NANSHAN},2023,satisfaction_surveys,survey_name=公众或服务对象,satisfaction_pct,95.69,99,误,某,2026-11-22",
            f"{YANTIAN},2023,assets,,fixed_asset_in_use,1,2,误,某,2026-11-22",
        ],
    )
    for year in (2019, 2021, 2022):
        (landing / str(year)).mkdir()
        departments = (LANDING / "2023" / "departments.csv").read_text("utf-8")
        (landing / str(year) / "departments.csv").write_text(
            departments.replace(",2023,", f",{year},")
        )
    (landing / "2021" / "departments.csv").write_bytes(b"unit_code,\xff\xff\n")
    (landing / "2022" / "budgets.csv").write_text(
        f"unit_code,fiscal_year,initial_buget,adjusted_budget,executed,amount_unit\n{NANSHAN},2022,1,1,1,元\n"
    )
    (landing / "2019" / "petitions.csv").write_text(
        "unit_code,fiscal_year,channel,received,replied,replied_on_time\n,2019,来访,1,1,1\n"
    )
    later = Path(shutil.copytree(reader.folder / "landing" / "2024", landing / "2024"))
    for name, rows in tables(blocks("Add a department's data, and a year")[2]):
        (later / name).write_text("\n".join([*rows, ""]), "utf-8")
    assert cli.main(["check", "--landing", str(landing)]) == endings.REFUSED
    out, err = capsys.readouterr()
    for line in blocks("When a row is rejected or a year refused")[-1].splitlines():
        assert line in err.splitlines(), err
    shown = blocks("Correct a delivered figure")[-1].splitlines()
    for number, line in enumerate(shown):
        said = line.partition(";")[2]
        assert any(said in found for found in out.splitlines()), (number, line, out)
    rejected = [line for line in out.splitlines() if " rejected: " in line]
    assert len(rejected) == len(shown)


def test_rows_that_are_shown_are_those_of_the_example() -> None:
    shown = [*tables(blocks("Correct a delivered figure")[0])]
    figures = blocks("Compare what a report prints with what was delivered")[0]
    shown.append(("reported_figures.csv", figures.splitlines()))
    assert len(shown) == 3
    for name, rows in shown:
        with (LANDING / "2023" / name).open(encoding="utf-8", newline="") as stream:
            delivered = list(csv.DictReader(stream))
        assert [
            r for r in csv.DictReader(rows) if not any(r.items() <= d.items() for d in delivered)
        ] == []


def test_spoiled_seeds_are_told_as_the_page_shows(
    reader: Reader, ran: "subprocess.CompletedProcess[str]"
) -> None:
    seeds = reader.folder / "seeds"
    kept = Path(shutil.copytree(seeds, reader.folder.parent / "seeds"))
    change(
        seeds / "measure_inputs.csv",
        "public_use_per_head,1,numerator,public_expenses,item=daily_public_use",
        "public_use_per_head,1,numerator,public_expenses,item=daily_use",
    )
    change(
        seeds / "rubric_bands.csv", "guangming_2024,public_use_per_head,20000,true,,false,0,\n", ""
    )
    change(
        seeds / "rubric_indicators.csv",
        "Public-use expense per head,20,2",
        "Public-use expense per head,25,2",
    )
    change(
        seeds / "rubric_criteria.csv",
        "guangming_2024,budget_execution,execution,1,30,linear,budget_execution_rate",
        "guangming_2024,budget_execution,execution,1,30,linear,budget_execution_rat",
    )
    said = reader.types(".venv/bin/jixiao check --year 2024")
    shutil.rmtree(seeds)
    kept.rename(seeds)
    (shown,) = [text for text in blocks("Add a district's rubric") if " refused: " in text]
    assert said.returncode == endings.REFUSED
    told = {line.partition("refused: ")[2] or line for line in said.stderr.splitlines()}
    assert {line.partition("refused: ")[2] for line in shown.splitlines()} == told


def test_every_command_of_the_pages_is_one() -> None:
    """Its options are known, and what make is asked for it has."""
    pages = [*(PROJECT_DIR / "docs").rglob("*.md"), *PROJECT_DIR.glob("*.md")]
    targets = set(
        re.findall(r"^([\w.%/]+):", (PROJECT_DIR / "Makefile").read_text("utf-8"), re.MULTILINE)
    )
    checked = 0
    for page in pages:
        for _, text in FENCE.findall(page.read_text("utf-8")):
            for line in text.splitlines():
                before, of_jixiao, asked = line.partition(".venv/bin/jixiao ")
                found = re.match(r"(?:\w+=\S+ )*make ([\w./]+)", line)
                if of_jixiao and " " not in re.sub(r"\w+=\S+ |^\$ |^[\d* ]+", "", before):
                    # Without what the shell makes of it.
                    asked = re.sub(r"\$\(\(.*?\)\)", "2023", asked).split(">")[0].split("#")[0]
                    name, *rest = shlex.split(asked)
                    command = cli.jixiao.commands[name]
                    if not re.search(r"\[--|…", asked):
                        with command.make_context(name, rest):
                            checked += 1
                elif found:
                    assert re.sub(r"\w+\.installed", "%.installed", found[1]) in targets, line
                    checked += 1
    assert checked > 25


def test_the_contents_name_every_section() -> None:
    listed = re.findall(r"\[([^\]]+)\]\(#", HOW_TO.split("\n## ")[0])
    assert sorted(listed) == sorted(re.findall(r"^## (.+)$", HOW_TO, re.MULTILINE))
