"""What make installs, and from where: pip's settings hold for both installers, an old .venv goes."""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import hatchling.build
import pytest

from orchestration.project import PROJECT_DIR

SCRIPT = PROJECT_DIR / "requirements" / "packages.py"
# Nobody listens there, and the name and password are made up: they may not be shown.
NOWHERE = "http://me:secret@127.0.0.1:9/simple"


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script, whose settings are those of the test alone."""
    spec = spec_from_file_location("packages", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in os.environ:
        if name.startswith(("PIP_", "UV_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("UV_NO_CACHE", "1")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("PIP_RETRIES", "1")
    return module


# Where packages come from


@pytest.mark.parametrize(
    ("listed", "variables", "options"),
    [
        ("", {}, []),
        ("global.index-url='https://a'", {"UV_DEFAULT_INDEX": "https://a"}, []),
        (
            ":env:.index-url='https://env'\nglobal.index-url='https://a'\ninstall.index-url='https://b'",
            {"UV_DEFAULT_INDEX": "https://env"},
            [],
        ),
        (
            "install.index-url='https://b'\nglobal.index-url='https://a'",
            {"UV_DEFAULT_INDEX": "https://b"},
            [],
        ),
        (r"global.extra-index-url='\nhttps://a\nhttps://b'", {"UV_INDEX": "https://a https://b"}, []),
        (":env:.find-links='/a /b'", {"UV_FIND_LINKS": "/a,/b"}, []),
        (":env:.no-index='1'", {}, ["--no-index"]),
        (":env:.no-index='0'", {}, []),
        (
            "global.proxy='me:it@p:3128'",
            dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://me:it@p:3128"),
            [],
        ),
        ("global.trusted-host='a b'", {"UV_INSECURE_HOST": "a b"}, []),
        ("global.cert='/etc/ca.pem'", {"SSL_CERT_FILE": "/etc/ca.pem"}, []),
        ("global.no-cache-dir='true'", {"UV_NO_CACHE": "1"}, []),
        ("freeze.index-url='https://a'\nglobal.index-url=''", {}, []),
    ],
)  # fmt: skip
def test_pips_settings_are_told_to_uv(
    listed: str, variables: dict[str, str], options: list[str], packages: Any
) -> None:
    told = packages.for_uv(packages.settings(listed))
    assert told == ({"UV_INDEX_STRATEGY": "unsafe-best-match", **variables}, options)


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A folder with one package, and beside it an index that has it."""
    name, version = "jixiao_test_package", "1.0"
    files = {
        f"{name}.py": b"FOUND = True\n",
        f"{name}-{version}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{name}-{version}.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip('=')},{len(content)}\n"
        for path, content in files.items()
    )
    files[f"{name}-{version}.dist-info/RECORD"] = record.encode()
    folder = tmp_path / "wheels"
    folder.mkdir()
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    page = tmp_path / "index" / name.replace("_", "-")
    page.mkdir(parents=True)
    shutil.copy(wheel, page)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (page / "index.html").write_text(
        f'<!DOCTYPE html><a href="{wheel.name}#sha256={digest}">{wheel.name}</a>'
    )
    (tmp_path / "locked.txt").write_text(f"{name}=={version} --hash=sha256:{digest}\n")
    return folder


@pytest.mark.parametrize("installer", ["pip", "uv"])
@pytest.mark.parametrize(
    "setting",
    [
        {"PIP_INDEX_URL": "{index}"},
        {"PIP_CONFIG_FILE": "{config}"},
        {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "{wheels}"},
        # Of the other indexes one has what the first has not.
        {"PIP_INDEX_URL": "{empty}", "PIP_EXTRA_INDEX_URL": "{index}"},
    ],
    ids=" ".join,
)
def test_both_installers_look_where_pip_is_told_to(
    installer: str,
    setting: dict[str, str],
    packages: Any,
    wheels: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "empty").mkdir()
    index = (tmp_path / "index").as_uri()
    (tmp_path / "pip.conf").write_text(f"[global]\nindex-url = {index}\n")
    places = {"index": index, "config": tmp_path / "pip.conf", "wheels": wheels, "empty": (tmp_path / "empty").as_uri()}  # fmt: skip
    for name, value in setting.items():
        monkeypatch.setenv(name, value.format(**places))
    locked = ("--require-hashes", "-r", str(tmp_path / "locked.txt"))
    target = ("--target", str(tmp_path / "installed"))
    getattr(packages, installer)("install", *locked, *target)
    assert (tmp_path / "installed" / "jixiao_test_package.py").is_file()


@pytest.mark.parametrize("installer", ["pip", "uv"])
@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"PIP_INDEX_URL": NOWHERE}, "Connection refused"),
        ({"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "{empty}"}, "jixiao-test-package"),
    ],
    ids=["dead", "empty"],
)
def test_a_dead_index_is_one_line_that_says_what_to_set(
    installer: str,
    setting: dict[str, str],
    said: str,
    packages: Any,
    wheels: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "empty").mkdir()
    for name, value in setting.items():
        monkeypatch.setenv(name, value.format(empty=tmp_path / "empty"))
    target = ("--target", str(tmp_path / "installed"))
    with pytest.raises(SystemExit) as ended:
        getattr(packages, installer)("install", "-r", str(tmp_path / "locked.txt"), *target)
    told = str(ended.value)
    assert told.startswith("jixiao: no packages: ")
    assert said in told.replace("_", "-")
    assert told.endswith(
        "PIP_FIND_LINKS and PIP_NO_INDEX to a folder of wheels: docs/installing.md"
    )
    assert "\n" not in told
    assert "secret" not in told
    assert told.count("refused") <= 1


def test_what_uv_itself_is_told_comes_first(
    packages: Any, wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", NOWHERE)
    monkeypatch.setenv("UV_DEFAULT_INDEX", (tmp_path / "index").as_uri())
    target = ("--target", str(tmp_path / "installed"))
    packages.uv("install", "-r", str(tmp_path / "locked.txt"), *target)


# The environment


def as_it_was(venv: Path) -> None:
    """Nothing has happened."""


def interpreter_gone(venv: Path) -> None:
    (venv / "bin" / "python").unlink()
    (venv / "bin" / "python").symlink_to("/usr/bin/python-that-was")


def interpreter_replaced(venv: Path) -> None:
    """The system's Python has moved on to the next version, in its old place."""
    path = venv / "pyvenv.cfg"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    path.write_text(
        path.read_text("utf-8").replace(f"version = {version}", "version = 3.10"), "utf-8"
    )


def moved(venv: Path) -> None:
    """What is in bin names the old place, where another checkout may be."""
    path = venv / "pyvenv.cfg"
    path.write_text(path.read_text("utf-8").replace(str(venv), "/elsewhere/.venv"), "utf-8")


def cannot_start(venv: Path) -> None:
    (site,) = venv.glob("lib/python*/site-packages")
    (site / "broken.pth").write_bytes(b"import sys; sys.exit(1)\n")


@pytest.mark.parametrize(
    ("happened", "asked", "is_kept"),
    [
        (as_it_was, [], True),
        (as_it_was, ["--this-python"], True),
        (interpreter_gone, [], False),
        (interpreter_replaced, [], False),
        (moved, [], False),
        (cannot_start, [], False),
    ],
)
def test_an_environment_that_is_of_no_use_is_made_anew(
    happened: Callable[[Path], None], asked: list[str], is_kept: bool, tmp_path: Path
) -> None:
    """In a checkout whose path holds what paths may hold, under a locale without Chinese."""
    project = tmp_path / "中文 a'b"
    (project / "requirements").mkdir(parents=True)
    shutil.copy(SCRIPT, project / "requirements")
    venv = project / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    (venv / "run.installed").touch()
    happened(venv)
    subprocess.run(
        [sys.executable, "requirements/packages.py", "look", *asked],
        cwd=project,
        env={**os.environ, "LC_ALL": "C"},
        check=True,
    )
    assert (venv / "run.installed").exists() is is_kept


def test_another_python_is_taken_where_it_is_asked_for(
    packages: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of `.venv`: Superset's environment has the Python that it was made with."""
    monkeypatch.setattr(packages, "is_usable", lambda wanted, venv: wanted in (None, (3, 11)))
    monkeypatch.setattr(packages, "VENV", tmp_path)
    monkeypatch.setattr(packages, "VENV_BI", tmp_path / "bi")
    (tmp_path / "bi").mkdir()
    (tmp_path / "bi" / "superset.installed").touch()
    for wanted, is_kept in ((None, True), ((3, 11), True), ((3, 12), False)):
        (tmp_path / "dev.installed").touch()
        packages.look(wanted)
        assert (tmp_path / "dev.installed").exists() is is_kept
        assert (tmp_path / "bi" / "superset.installed").exists()


def test_sparks_environment_is_made_anew_where_it_is_of_no_use(
    packages: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[tuple[str, ...]] = []
    monkeypatch.setattr(packages, "VENV_SPARK", tmp_path)
    monkeypatch.setattr(packages, "run", lambda *command, **_: ran.append(command) or "")
    (tmp_path / "spark.installed").touch()
    packages.look(None)
    assert [*tmp_path.iterdir()] == []
    packages.install_apart(packages.VENV_SPARK, "spark/requirements.txt")
    assert [*ran[0][1:]] == ["-m", "venv", "--clear", "--without-pip", str(tmp_path)]
    assert [*ran[-1]][-3:] == ["spark/requirements.txt", "-r", "spark/requirements.txt"]
    assert "--require-hashes" in ran[-1]


def test_supersets_environment_is_made_anew_where_it_is_of_no_use(
    packages: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a Python that it runs under, and else one line says which."""
    monkeypatch.setattr(packages, "VENV_BI", tmp_path)
    (tmp_path / "superset.installed").touch()
    packages.look(None)
    assert [*tmp_path.iterdir()] == []
    monkeypatch.setattr(packages.sys, "version_info", (3, 14, 0))
    with pytest.raises(SystemExit, match=r"Python 3\.11 or 3\.12; set BI_PYTHON=python3\.12"):
        packages.install_superset()
    assert [*tmp_path.iterdir()] == []


def test_nobody_builds_a_wheel_without_models_by_accident(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PROJECT_DIR)
    with pytest.raises(SystemExit, match="runs from its checkout"):
        hatchling.build.build_wheel(str(tmp_path))
    assert [*tmp_path.iterdir()] == []
    assert hatchling.build.build_editable(str(tmp_path)).endswith(".whl")


def test_the_project_is_found_by_a_path_that_every_locale_can_write() -> None:
    """Python before 3.13 reads it in the locale's encoding, and does not start where it cannot."""
    (path,) = Path(sys.prefix).glob("lib/python*/site-packages/_editable_impl_jixiao.pth")
    assert (path.parent / path.read_text("ascii").strip()).resolve() == PROJECT_DIR
