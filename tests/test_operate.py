"""What docs/operate.md and deploy/ say: the units, the containers, the backup, Dagster's records."""

import configparser
import json
import logging
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml

from orchestration import cli, endings, instance
from orchestration.alerts.tell import Topic, tell
from orchestration.faults import WrongSurroundings, keep_details
from orchestration.project import PROJECT_DIR
from orchestration.publication import gate
from orchestration.publication.folder import Warehouse
from requirements import audit
from tests import servers
from tests.conftest import Published, TwoYears
from tests.test_docs import FENCE

DEPLOY = PROJECT_DIR / "deploy"
PAGE = (PROJECT_DIR / "docs" / "operate.md").read_text("utf-8")
UNITS = ("jixiao-daemon", "jixiao-webserver")
INSTALLED, KEPT = "/srv/jixiao", "/var/lib/jixiao"
SECRET = "gehe1m"  # noqa: S105


def typed(heading: str) -> list[str]:
    """The lines that a section of the page has somebody type."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return "".join(text for kind, text in FENCE.findall(section) if not kind).splitlines()


def unit(name: str) -> configparser.ConfigParser:
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read_string((DEPLOY / f"{name}.service").read_text("utf-8"))
    return parsed


def environment() -> dict[str, str]:
    """What the example of the settings sets."""
    lines = (DEPLOY / "jixiao.env").read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


# The units


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_starts_what_is_there(name: str) -> None:
    service = unit(name)["Service"]
    for line in (service["ExecStartPre"], service["ExecStart"]):
        program, *arguments = shlex.split(line)
        found = Path(program)
        assert found.parent == Path(INSTALLED, ".venv/bin")
        assert (Path(sys.executable).parent / found.name).is_file()
        module = arguments[arguments.index("-m") + 1]
        assert (PROJECT_DIR / f"{module.replace('.', '/')}.py").is_file()
    assert service["WorkingDirectory"] == INSTALLED
    page = unit(name)["Unit"]["Documentation"].removeprefix(f"file://{INSTALLED}/")
    assert (PROJECT_DIR / page).is_file()
    assert service["EnvironmentFile"] in "\n".join(typed("Install it as a service"))
    assert {service["User"], service["Group"]} == {"jixiao"}


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_writes_to_its_own_folder_alone(name: str) -> None:
    service = unit(name)["Service"]
    assert (service["ProtectSystem"], service["ReadWritePaths"]) == ("strict", KEPT)
    for setting in ("NoNewPrivileges", "PrivateTmp", "PrivateDevices", "ProtectHome"):
        assert service[setting] == "yes"
    assert service["UMask"] == "0027"
    # With it no published folder would keep the group of its readers.
    assert "RestrictSUIDSGID" not in service
    folders = {k: v for k, v in environment().items() if v.startswith("/")}
    assert set(folders) == {"JIXIAO_LANDING", "JIXIAO_WAREHOUSE", "JIXIAO_TARGET", "DAGSTER_HOME"}
    made = re.findall(
        rf"^d ({KEPT}/\S+)", (DEPLOY / "jixiao.tmpfiles").read_text("utf-8"), re.MULTILINE
    )
    assert sorted(made) == sorted(folders.values())


def test_the_web_server_is_for_this_machine_alone() -> None:
    line = unit("jixiao-webserver")["Service"]["ExecStart"]
    _, *arguments = shlex.split(line)
    assert arguments[:4] == ["-h", "127.0.0.1", "-p", "3000"]
    assert unit("jixiao-webserver")["Service"]["IPAddressAllow"] == "localhost"
    assert "proxy_pass http://127.0.0.1:3000;" in (DEPLOY / "nginx.conf").read_text("utf-8")


def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    """Where there is no systemd, the tests above have read the units, and this says so."""
    sections = {name: sorted(unit(name).sections()) for name in UNITS}
    assert set(map(tuple, sections.values())) == {("Install", "Service", "Unit")}
    verify = shutil.which("systemd-analyze")
    if verify is None:
        warnings.warn("no systemd-analyze here: it has not verified deploy/", stacklevel=1)
        return
    for name in UNITS:
        text = (DEPLOY / f"{name}.service").read_text("utf-8")
        programs = str(Path(sys.executable).parent)
        (tmp_path / f"{name}.service").write_text(
            text.replace(f"{INSTALLED}/.venv/bin", programs), "utf-8"
        )
    said = subprocess.run(
        [verify, "verify", *tmp_path.iterdir()], capture_output=True, text=True, check=False
    )
    assert (said.returncode, said.stdout + said.stderr) == (0, "")


def test_the_settings_are_those_that_are_documented() -> None:
    text = (DEPLOY / "jixiao.env").read_text("utf-8")
    named = set(re.findall(r"^#?([A-Z_]+)=", text, re.MULTILINE))
    pages = (PROJECT_DIR / "docs" / "how-to.md").read_text("utf-8") + PAGE
    others = {"DAGSTER_DISABLE_TELEMETRY", "DO_NOT_TRACK"}
    assert {name for name in named - others if f"`{name}" not in pages} == set()
    secrets = {"JIXIAO_WEBHOOK", "JIXIAO_WEBHOOK_SECRET", instance.DATABASE}
    assert secrets <= named
    assert not secrets & set(environment())
    # A shell reads it too.
    said = subprocess.run(
        ["sh", "-euc", f". {shlex.quote(str(DEPLOY / 'jixiao.env'))}"], check=False
    )
    assert said.returncode == 0


# Containers


def test_the_containers_start_what_the_units_start() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    dockerfile = (DEPLOY / "Dockerfile").read_text("utf-8")
    for name in UNITS:
        service = compose["services"][name.removeprefix("jixiao-")]
        program, *arguments = shlex.split(unit(name)["Service"]["ExecStart"])
        # Inside a container the address is that of the container.
        expected = [Path(program).name, *arguments]
        assert service["command"] == [
            "0.0.0.0" if argument == "127.0.0.1" else argument  # noqa: S104
            for argument in expected
        ]
        assert service["user"].split(":")[0] == re.search(r"--uid (\d+)", dockerfile)[1]  # type: ignore[index]
        assert service["read_only"] and service["cap_drop"] == ["ALL"] and service["healthcheck"]
        inside = {volume.split(":")[-2 if volume.endswith(":ro") else -1]
                  for volume in service["volumes"]}  # fmt: skip
        folders = {v for v in environment().values() if v.startswith("/")}
        assert inside == folders | {f"{INSTALLED}/seeds"}
        for folder in folders:
            assert f"={folder}" in dockerfile
    published = [p for s in compose["services"].values() for p in s.get("ports", ())]
    assert published == ["127.0.0.1:3000:3000"]
    start = DEPLOY / "start"
    assert start.stat().st_mode & stat.S_IXUSR
    assert "orchestration.instance" in start.read_text("utf-8")
    assert 'ENTRYPOINT ["deploy/start"]' in dockerfile
    # What goes into the image is in the project, and is all that a run reads of it.
    let_in = re.findall(
        r"^!(\S+)", (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8"), re.MULTILINE
    )
    assert [path for path in let_in if not (PROJECT_DIR / path).exists()] == []
    settings = yaml.safe_load((PROJECT_DIR / "dbt_project.yml").read_text("utf-8"))
    read = [p for key, value in settings.items() if key.endswith("-paths") for p in value]
    assert {*read, "orchestration", "expectations", "requirements"} <= set(let_in)


# Dagster's records


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "dagster"
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    monkeypatch.delenv(instance.DATABASE, raising=False)
    return folder


def test_more_settings_go_before_ours(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As those that are shipped for a container a run."""
    monkeypatch.setenv(instance.MORE, str(DEPLOY / "dagster-docker.yaml"))
    instance.prepare()
    ours = yaml.safe_load(instance.SETTINGS.read_text("utf-8"))
    more = yaml.safe_load((DEPLOY / "dagster-docker.yaml").read_text("utf-8"))
    written = yaml.safe_load((home / "dagster.yaml").read_text("utf-8"))
    assert written == ours | more
    assert more["run_launcher"] and "run_retries" not in more
    # One run for a region at a time, however many there are.
    limits = "tag_concurrency_limits"
    assert more["concurrency"]["runs"][limits] == ours["concurrency"]["runs"][limits]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "No such file or directory"),
        ("a: [", "no settings of Dagster"),
        ("- a", "expected a mapping"),
        ("storage: {sqlite: {}}", "without storage"),
    ],
)
def test_settings_that_are_none_are_told(
    text: str | None, why: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "more.yaml"
    if text is not None:
        path.write_text(text)
    monkeypatch.setenv(instance.MORE, str(path))
    with pytest.raises(WrongSurroundings) as wrong:
        instance.prepare()
    assert why in str(wrong.value) and "\n" not in str(wrong.value)
    assert not (home / "dagster.yaml").exists()


def test_a_container_for_each_run_has_the_folders_of_the_services() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    overlay = yaml.safe_load((DEPLOY / "compose.regions.yaml").read_text("utf-8"))
    assert set(overlay["services"]) == {"daemon", "webserver"} <= set(compose["services"])
    for service in overlay["services"].values():
        path = service["environment"][instance.MORE].removeprefix(f"{INSTALLED}/")
        assert (PROJECT_DIR / path).is_file()
    settings = yaml.safe_load((DEPLOY / "dagster-docker.yaml").read_text("utf-8"))
    of_run = settings["run_launcher"]["config"]
    assert of_run["image"] == compose["services"]["daemon"]["image"]
    inside = {
        volume.removesuffix(":ro").split(":")[1] for volume in of_run["container_kwargs"]["volumes"]
    }
    values = yaml.safe_load((DEPLOY / "kubernetes.yaml").read_text("utf-8"))
    launcher = values["runLauncher"]["config"]["k8sRunLauncher"]
    assert {mount["mountPath"] for mount in launcher["volumeMounts"]} == inside
    folders = {v for v in environment().values() if v.startswith("/")}
    assert inside == folders - {environment()["DAGSTER_HOME"]}


@dg.op
def nothing() -> None:
    """Does nothing."""


def test_dagster_keeps_its_records_in_files_unless_told_otherwise(home: Path) -> None:
    assert instance.prepare() == home
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert (home / "dagster.yaml").read_bytes() == instance.SETTINGS.read_bytes()
    assert [path.name for path in home.iterdir()] == ["dagster.yaml"]


def test_dagster_keeps_its_records_in_postgresql(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = f"{SECRET}:%@"
    with servers.postgres(password) as server:
        address = f"postgresql+psycopg2://owner:{SECRET}%3A%25%40@127.0.0.1:{server.port}/postgres"
        monkeypatch.setenv(instance.DATABASE, address)
        instance.prepare()
        assert SECRET not in (home / "dagster.yaml").read_text("utf-8")
        job = dg.GraphDefinition("records", node_defs=[nothing]).to_job()
        with dg.DagsterInstance.from_config(str(home)) as first:
            ran = job.execute_in_process(instance=first)
        with dg.DagsterInstance.from_config(str(home)) as second:
            (run,) = second.get_runs()
            assert (run.run_id, run.status) == (ran.run_id, dg.DagsterRunStatus.SUCCESS)
            assert len(second.all_logs(run.run_id)) > 3
            assert second.run_retries_enabled
            assert "Postgres" in type(second.schedule_storage).__name__
    assert list(home.rglob("*.db")) == []


@pytest.mark.parametrize(
    ("address", "told"),
    [
        (f"postgresql://jixiao:{SECRET}@127.0.0.1/x", r"begins with postgresql\+psycopg2://"),
        (f"postgresql+psycopg2://jixiao:{SECRET}@127.0.0.1:1/x", None),
    ],
)
def test_a_database_that_cannot_be_used_is_told_without_its_address(
    address: str,
    told: str | None,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nor is the webhook's."""
    monkeypatch.setenv(instance.DATABASE, address)
    if told:
        with pytest.raises(WrongSurroundings, match=told) as raised:
            instance.prepare()
        assert SECRET not in str(raised.value)
        return
    instance.prepare()
    monkeypatch.setenv("JIXIAO_WEBHOOK", f"http://127.0.0.1:1/{SECRET}")
    monkeypatch.setenv("JIXIAO_WEBHOOK_SECRET", SECRET)
    warehouse = tmp_path / "warehouse"
    assert cli.main(["run", "--warehouse", str(warehouse)]) == endings.WRONG_USAGE
    out, err = capsys.readouterr()
    assert "no Dagster to record the run in" in err
    written = [path.read_text("utf-8", "replace") for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(SECRET in text for text in (out, err, *written))


def test_an_alert_that_is_not_sent_does_not_tell_its_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("JIXIAO_WEBHOOK_SECRET", SECRET)
    for address in (f"http://127.0.0.1:1/{SECRET}", f"https://[{SECRET}/", f"{SECRET}://x"):
        monkeypatch.setenv("JIXIAO_WEBHOOK", address)
        with caplog.at_level(logging.DEBUG):
            tell(tmp_path, [Topic("refused", 2023, "未公布：", (address[:4],))])
    assert "an alert was not sent" in caplog.text
    assert SECRET not in caplog.text
    assert SECRET not in (tmp_path / "alerts.json").read_text("utf-8")


# Who may read what


@pytest.fixture
def unmasked() -> Iterator[None]:
    """The widest that what is written can come out."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.builds
@pytest.mark.usefixtures("unmasked")
def test_readers_see_what_is_published_and_nothing_else(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "require_whole", lambda *_: None)
    root = published.warehouse
    root.chmod(0o2750)
    with Warehouse(root).building(say=print):
        assert Warehouse(root).preview("run").is_file()
    tell(root, [Topic("refused", 2023, "未公布：", ("a",))])
    keep_details("who is at fault", root)
    there = {path.name for path in root.iterdir()}
    assert {".lock", ".alerts.lock", "alerts.json", "failure.log", "previews", "states"} <= there
    seen = set()
    for folder, folders, files in os.walk(root):
        inside = Path(folder)
        folders[:] = [f for f in folders if (inside / f).stat().st_mode & stat.S_IXGRP]
        for name in files:
            mode = (inside / name).stat().st_mode
            assert not mode & (stat.S_IWGRP | stat.S_IWOTH), inside / name
            if mode & stat.S_IRGRP:
                seen.add((inside / name).relative_to(root).parts[0])
    assert seen == {"publications", "chain"}
    # Who shares the building shares the locks.
    root.chmod(0o2770)
    with Warehouse(root).building(say=print):
        assert stat.S_IMODE((root / ".lock").stat().st_mode) == 0o660


# Back up and restore


@pytest.mark.builds
def test_a_backup_is_made_and_restored_as_the_page_says(
    two_years: TwoYears, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """What is restored is built again as it was, 2024 from what it read of 2023."""
    published, landing = two_years, two_years.landing

    def types(line: str) -> "subprocess.CompletedProcess[bytes]":
        for written, here in (
            (KEPT, tmp_path), (INSTALLED, PROJECT_DIR), ("/var/backups", tmp_path),
        ):  # fmt: skip
            line = line.replace(written, str(here))
        return subprocess.run(["bash", "-c", line], check=False, capture_output=True)

    before, link = published.tables(), (published.warehouse / "published").readlink()
    backup, stop, *restore, start = typed("Back up and restore")
    assert (stop.split()[:2], start.split()[:2]) == (["systemctl", "stop"], ["systemctl", "start"])
    # A run that is under way is waited for: the lock is its own.
    lock = next(word for word in backup.split() if word.endswith(".lock"))
    with Warehouse(published.warehouse).building(say=print):
        assert types(f"flock --nonblock {lock} true").returncode == 1
    said = types(backup)
    assert (said.returncode, said.stderr) == (0, b"")
    shutil.rmtree(published.warehouse / "publications")
    (landing / "2023" / "budgets.csv").write_text("spoiled", "utf-8")
    *commands, verify = restore
    for line in commands:
        assert types(line).returncode == 0, line
    assert (published.warehouse / "published").readlink() == link
    assert published.tables() == before
    assert verify.split()[0] == "jixiao"
    places = ("--landing", str(landing), "--warehouse", str(published.warehouse))
    capfd.readouterr()
    assert cli.main([*verify.split()[1:], *places]) == endings.SAME
    assert capfd.readouterr().out == "same\n"


# Packages


def test_the_locks_are_held_against_what_is_installed(tmp_path: Path) -> None:
    """And carry no address; the one here is of a name that is reserved for examples."""
    hashed = f"--hash=sha256:{'0' * 64}"
    lock = tmp_path / "lock.txt"
    lock.write_text(
        f"dagster==0.1 \\\n    {hashed}\nduckdb==1.5.6\nclick>=8 {hashed}\n"
        f"lost==1 {hashed}\nelsewhere==1 ; sys_platform == 'win32' {hashed}\n"
        "--extra-index-url https://mirror.example\nx @ https://mirror.example/x.whl\n",
        "utf-8",
    )
    packages = list(audit.read("lock.txt", lock))
    assert [line.split(": ")[1] for line in audit.of_locks(packages)] == [
        "duckdb", "click", "--extra-index-url https://mirror.example",
        "x @ https://mirror.example/x.whl",
    ]  # fmt: skip
    said = list(audit.of_installed(iter(packages)))
    assert len(said) == 2
    assert said[0].startswith("lock.txt: dagster 0.1, but ")
    assert said[1].startswith("lock.txt: lost: not installed")
    one = audit.Locked("lock.txt", "duckdb", audit.distribution("duckdb").version, True, 1)
    assert "one file alone is locked" in "".join(audit.of_installed(iter([one])))


def test_advisories_of_a_copy_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The advisories are made up."""

    def advisory(name: str, identifier: str, *events: dict[str, str], **more: object) -> str:
        affected = {
            "package": {"name": name, "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": list(events)}],
        }
        return json.dumps(
            {"id": identifier, "modified": "2026-11-01T00:00:00Z", "affected": [affected], **more}
        )

    always = {"introduced": "0"}
    said = {
        "open": advisory("DuckDB", "OPEN", always, summary="reads too much"),
        "fixed": advisory("duckdb", "FIXED", always, {"fixed": "1.0"}),
        "later": advisory("duckdb", "LATER", {"introduced": "99"}),
        "last": advisory("duckdb", "LAST", always, {"last_affected": "1.5.5"}),
        "taken": advisory("duckdb", "TAKEN", always, withdrawn="2026-01-01T00:00:00Z"),
        "other": advisory("no-package-of-ours", "OTHER", always),
    }
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for name, text in said.items():
            archive.writestr(f"{name}.json", text)
            (tmp_path / f"{name}.json").write_text(text, "utf-8")
    version = audit.distribution("duckdb").version
    for path in (tmp_path / "all.zip", tmp_path):
        monkeypatch.setenv(audit.ADVISORIES, str(path))
        assert audit.main() == 1
        out, err = capsys.readouterr()
        locks = (
            "bi/requirements.txt",
            *(f"requirements/{n}.txt" for n in ("dev", "postgres", "run")),
        )
        assert out.splitlines() == [f"{n}: duckdb {version}: OPEN reads too much" for n in locks]
        assert "2026-11-01" in err
    monkeypatch.delenv(audit.ADVISORIES)
    assert audit.main() == 0
    assert "no advisories were looked at" in capsys.readouterr().err


# The page


def test_the_page_names_its_sections_and_every_kind_of_alert() -> None:
    listed = re.findall(r"\[([^\]]+)\]\(#[^)]+\)", PAGE.split("\n## ")[0])
    sections = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    assert set(sections) <= set(listed)
    from orchestration.alerts import topics

    for kind in (
        *(topics.REFUSED, topics.INCOMPLETE, topics.OUT_OF_DATE, topics.MISSING),
        *(topics.NOT_FETCHED, topics.NO_REGION, topics.NOT_SHOWN),
    ):
        assert f"| `{kind}` |" in PAGE
