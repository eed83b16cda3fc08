"""Makes `.venv`, `.venv-bi` and `.venv-spark`, and pins what is in them, for make.

It needs Python alone, and reads pip's settings.

pip installs uv, and uv the rest, six times as fast. Both look where pip is told to look, by its
variables and its files: uv knows neither, so that it is told here.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).absolute().parent.parent
VENV = PROJECT / ".venv"
PYTHON = VENV / "bin" / "python"
OLDEST = (3, 11)
# Superset has packages of its own, which do not go with the others, and not for every Python.
VENV_BI = PROJECT / ".venv-bi"
PYTHONS_BI = ((3, 11), (3, 12))
# Spark too: beside its own it would move those of a run.
VENV_SPARK = PROJECT / ".venv-spark"
# pip's settings, with uv's variables for them. uv takes a list in words, of wheels with commas.
UV = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "retries": "UV_HTTP_RETRIES",
    "keyring-provider": "UV_KEYRING_PROVIDER",
}
ADVICE = (
    "set PIP_INDEX_URL to an index that this machine reaches, PIP_PROXY to its proxy, or "
    "PIP_FIND_LINKS and PIP_NO_INDEX to a folder of wheels: docs/installing.md"
)


def is_usable(python: tuple[int, int] | None = None, venv: Path = VENV) -> bool:
    """Whether an environment was made here, and by the Python that it still has.

    Args:
        python: The version that it must be of; any by default.
        venv: The environment.
    """
    try:
        config = dict(
            line.split(" = ", 1)
            for line in (venv / "pyvenv.cfg").read_text("utf-8").splitlines()
            if " = " in line
        )
        ask = (str(venv / "bin" / "python"), "-Ic", "import sys; print(*sys.version_info[:2])")
        found = subprocess.run(ask, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    version = tuple(int(part) for part in found.stdout.split())
    made_by = tuple(int(part) for part in config["version"].split(".")[:2])
    made_here = config.get("command", "").endswith(str(venv))
    return version == made_by == (python or version) and made_here


def settings(listed: str) -> dict[str, str]:
    """The settings that `pip config list` prints; a variable goes before a file.

    Args:
        listed: What it prints, as `install.index-url='https://…'`.
    """
    rank = {"global": 0, "install": 1, ":env:": 2}
    found = re.findall(r"^(global|install|:env:)\.([\w-]+)=(.+)$", listed, re.MULTILINE)
    kept: dict[str, str] = {}
    for _, name, value in sorted(found, key=lambda setting: rank[setting[0]]):
        kept[name] = ast.literal_eval(value)
    return kept


def is_on(setting: str) -> bool:
    """Whether a setting of pip's is one of its words for yes."""
    return setting.lower() in ("1", "true", "t", "yes", "y", "on")


def for_uv(pip: dict[str, str]) -> tuple[dict[str, str], list[str]]:
    """What tells uv the same as pip's settings tell pip.

    Args:
        pip: Them.

    Returns:
        Environment variables and options. The index of a package does not matter, as its hash
        does, so that uv looks into all of them, as pip does.
    """
    variables = {"UV_INDEX_STRATEGY": "unsafe-best-match"}
    for name, variable in UV.items():
        if words := pip.get(name, "").split():
            variables[variable] = ("," if name == "find-links" else " ").join(words)
    if proxy := pip.get("proxy", ""):
        address = proxy if "://" in proxy else f"http://{proxy}"
        variables.update(HTTP_PROXY=address, HTTPS_PROXY=address, ALL_PROXY=address)
    if is_on(pip.get("no-cache-dir", "")):
        variables["UV_NO_CACHE"] = "1"
    return variables, ["--no-index"] if is_on(pip.get("no-index", "")) else []


def run(*command: str, **variables: str) -> str:
    """Run a command that may ask an index; what goes wrong is told in one line.

    Args:
        command: The command.
        variables: What its environment has beside this one's.

    Returns:
        What it printed.
    """
    ended = subprocess.run(
        command,
        cwd=PROJECT,
        env={**os.environ, **variables},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if ended.returncode:
        sys.exit(f"jixiao: no packages: {in_a_line(ended.stderr or ended.stdout)}; {ADVICE}")
    return ended.stdout


def in_a_line(said: str) -> str:
    """What pip or uv says of a failure, without repetitions and passwords of an index.

    Args:
        said: What it wrote to standard error.
    """
    broken = re.findall(r"connection broken by '\w+\((.*)\)': ", said)
    kept = [line for line in said.splitlines() if "connection broken by" not in line]
    text = " ".join(" ".join([*kept, *broken[-1:]]).split())
    return re.sub(r"//[^/@\s]+@", "//", re.sub(r"<[^>]*>: |<[^>]*>, ", "", text))


def pip(*arguments: str) -> str:
    """Run the pip of `.venv`."""
    quiet = ("--disable-pip-version-check", "-qq")
    return run(str(PYTHON), "-m", "pip", *quiet, *arguments)


def uv(*arguments: str) -> str:
    """Run the uv of `.venv`, as pip's settings say."""
    listed = run(str(PYTHON), "-m", "pip", "--disable-pip-version-check", "config", "list")
    variables, options = for_uv(settings(listed))
    # Who sets variables of uv's own means them.
    told = {k: v for k, v in variables.items() if not (k.startswith("UV_") and os.environ.get(k))}
    command = (str(VENV / "bin" / "uv"), "--quiet", "pip", *arguments, *options)
    return run(*command, **told)


def look(wanted: tuple[int, int] | None) -> None:
    """Have make install everything anew where an environment is of no use.

    Args:
        wanted: The version of Python that somebody has asked for, of `.venv`.
    """
    for venv, python in ((VENV, wanted), (VENV_BI, None), (VENV_SPARK, None)):
        marks = (*venv.glob("*.installed"), *venv.glob("pyvenv.cfg"))
        if marks and not is_usable(python, venv):
            for mark in marks:
                mark.unlink()


def install(packages: str) -> None:
    """Install one set of packages and the project itself, with their byte code.

    Args:
        packages: `run`, `postgres` or `dev`.
    """
    if not is_usable():
        if sys.version_info < OLDEST:
            sys.exit("jixiao needs Python 3.11 or newer; set PYTHON=python3.11")
        run(sys.executable, "-m", "venv", "--clear", str(VENV))
    pip("install", "--require-hashes", "-r", "requirements/uv.txt")
    into = ("install", "--python", str(PYTHON))
    uv(*into, "--compile-bytecode", "--require-hashes", "-r", f"requirements/{packages}.txt")
    uv(*into, "--no-deps", "--no-build-isolation", "-e", ".")
    # Python before 3.13 reads it in the locale's encoding, and C has none for a Chinese path.
    for path in VENV.glob("lib/python*/site-packages/_editable_impl_jixiao.pth"):
        path.write_text(f"{os.path.relpath(PROJECT, path.parent)}\n", "utf-8")


def install_superset() -> None:
    """Install Superset in an environment of its own."""
    if not is_usable(venv=VENV_BI) and sys.version_info[:2] not in PYTHONS_BI:
        sys.exit("jixiao: Superset needs Python 3.11 or 3.12; set BI_PYTHON=python3.12")
    install_apart(VENV_BI, "bi/requirements.txt")


def install_apart(venv: Path, locked: str) -> None:
    """Install packages with their byte code in an environment of their own, by the uv of `.venv`.

    Args:
        venv: The environment.
        locked: The file that pins them.
    """
    if not is_usable(venv=venv):
        run(sys.executable, "-m", "venv", "--clear", "--without-pip", str(venv))
    # Some are built when they are installed, by a setuptools that is locked too.
    uv(
        *("install", "--python", str(venv / "bin" / "python"), "--compile-bytecode"),
        *("--require-hashes", "--build-constraints", locked, "-r", locked),
    )


def lock(*options: str) -> None:
    """Pin all packages with hashes and without addresses.

    `run` and `postgres` are held to what `dev` resolved to, so that all can share an environment.
    Superset's are apart. Spark's compute with the parser and the DuckDB of `dev`.

    Args:
        options: `--upgrade` moves everything to its latest; by default what is pinned stays where
            it can.
    """
    project = ("pyproject.toml", "--group", "build")
    sets = {
        "requirements/uv.txt": ("requirements/uv.in",),
        "requirements/dev.txt": (*project, "--group", "dev"),
        "requirements/run.txt": (*project, "--constraints", "requirements/dev.txt"),
        "requirements/postgres.txt": (
            *(*project, "--extra", "postgres", "--constraints", "requirements/dev.txt"),
        ),
        "bi/requirements.txt": ("bi/requirements.in",),
        "spark/requirements.txt": (
            *("spark/requirements.in", "--constraints", "requirements/dev.txt"),
        ),
    }
    for path, sources in sets.items():
        uv(
            *("compile", *sources, "--output-file", path, *options),
            *("--universal", "--python-version", "3.11", "--generate-hashes", "--no-header"),
            *("--no-annotate", "--no-emit-index-url", "--no-strip-extras"),
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    asked = parser.add_subparsers(dest="asked", required=True)
    asked.add_parser("look").add_argument("--this-python", action="store_true")
    asked.add_parser("install").add_argument(
        "packages", choices=["run", "postgres", "dev", "superset", "spark"]
    )
    asked.add_parser("lock").add_argument("--upgrade", action="store_true")
    given = parser.parse_args()
    if given.asked == "look":
        look(sys.version_info[:2] if given.this_python else None)
    elif given.asked == "install" and given.packages == "superset":
        install_superset()
    elif given.asked == "install" and given.packages == "spark":
        install_apart(VENV_SPARK, "spark/requirements.txt")
    elif given.asked == "install":
        install(given.packages)
    else:
        lock(*["--upgrade"] if given.upgrade else [])
