"""Documents turned into PDF by LibreOffice, where it is installed."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from orchestration.faults import WrongSurroundings

PROGRAMS = ("soffice", "libreoffice", "/Applications/LibreOffice.app/Contents/MacOS/soffice")
# Of a second or more that it takes to start, little falls on each; a bar still moves.
AT_ONCE = 50


def program() -> str:
    """LibreOffice's command.

    Raises:
        WrongSurroundings: It is not installed.
    """
    for name in PROGRAMS:
        if found := shutil.which(name):
            return found
    raise WrongSurroundings(
        "PDF needs LibreOffice, whose command soffice is not found; install it (the package "
        "libreoffice-writer, with fonts for Chinese such as fonts-noto-cjk), or use --format docx"
    )


def convert(soffice: str, documents: Sequence[Path], folder: Path, profile: Path) -> list[Path]:
    """Convert documents in one process.

    Args:
        soffice: LibreOffice's command.
        documents: The Word documents.
        folder: Where the PDF files are written.
        profile: A folder for its settings, so that it is no other user's or window's.

    Returns:
        The PDF files, in the order of the documents.

    Raises:
        WrongSurroundings: One was not written; what the program said.
    """
    done = subprocess.run(
        [
            soffice, f"-env:UserInstallation={profile.resolve().as_uri()}", "--headless",
            "--convert-to", "pdf", "--outdir", str(folder), *map(str, documents),
        ],
        capture_output=True, text=True, errors="replace", check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    written = [folder / f"{document.stem}.pdf" for document in documents]
    if absent := [path for path in written if not path.is_file()]:
        said = " ".join((done.stderr or done.stdout).split()) or f"it ended with {done.returncode}"
        raise WrongSurroundings(
            f"{absent[0].name}: LibreOffice has not written it ({said}); use --format docx"
        )
    return written
