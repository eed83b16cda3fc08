"""Linting the SQL that has changed since it was found in order: `make lint`.

A model is linted again where it has changed itself, or anything that its text is made with: macros,
seeds, contracts, settings or the linter.
"""

import hashlib
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
PASSED = PROJECT / ".sqlfluff_cache" / "passed"
LINTED = ("models", "tests/dbt")
MADE_WITH = ("macros/**/*.sql", "models/**/*.yml", "tests/dbt/**/*.yml", "seeds/*", "*.yml")
# It makes millions of objects that live on; looking through them takes half of its time.
LINTER = "import gc; gc.disable(); from sqlfluff.cli.commands import cli; cli(prog_name='sqlfluff')"
PACKAGES = ("sqlfluff", "sqlfluff-templater-dbt", "dbt-core", "dbt-duckdb", "duckdb")


def main() -> int:
    """Lint what has changed; the linter's own status."""
    sums = checksums()
    passed = set(PASSED.read_text("utf-8").split()) if PASSED.exists() else set()
    changed = [path for path, of in sums.items() if of not in passed]
    if not changed:
        return 0
    # The linter's own processes would collect garbage again.
    changed.sort(key=lambda path: (PROJECT / path).stat().st_size)
    cores = os.cpu_count() or 1
    parts = [part for at in range(cores) if (part := changed[at::cores])]
    linters = [
        subprocess.Popen(
            [sys.executable, "-c", LINTER, "lint", "--disable-progress-bar", *part],
            cwd=PROJECT,
            # Each has a database and a folder of parsed files of its own.
            env={
                **os.environ,
                "JIXIAO_BUILD_FILE": ":memory:",
                "DBT_TARGET_PATH": f"target/linted/{number}",
            },
        )
        for number, part in enumerate(parts)
    ]
    # One that was killed has a status below 0.
    status = max(abs(linter.wait()) for linter in linters)
    if status == 0:
        PASSED.parent.mkdir(exist_ok=True)
        PASSED.write_text("\n".join(sums.values()), "utf-8")
    return status


def checksums(project: Path = PROJECT) -> dict[str, str]:
    """A checksum of each file to lint and of all that its text is made with."""
    common = hashlib.sha256((project / ".sqlfluff").read_bytes())
    for package in PACKAGES:
        common.update(f"{package} {version(package)}\n".encode())
    for pattern in MADE_WITH:
        for path in sorted(project.glob(pattern)):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            common.update(f"{path.relative_to(project)} {content}\n".encode())
    found = {}
    for path in sorted(path for folder in LINTED for path in (project / folder).rglob("*.sql")):
        name = str(path.relative_to(project))
        of = hashlib.sha256(common.digest() + name.encode() + b"\0" + path.read_bytes())
        found[name] = of.hexdigest()
    return found


if __name__ == "__main__":
    sys.exit(main())
