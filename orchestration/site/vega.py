"""The plots' library: Vega, Vega-Lite and Vega-Embed in one file, which asks for nothing else."""

import fcntl
import os
from functools import cache
from importlib.metadata import version
from pathlib import Path

from orchestration.project import target_dir

PACKAGE = "vl-convert-python"
# What pages use of it. A script, as browsers load no module from disk; its names stay its own.
USED = "window.vegaEmbed = vegaEmbed;"
SCRIPT = "(()=>{{{}}})();\n"


@cache
def bundle() -> Path:
    """The library, made once for each version of the package that has it, and kept.

    Making it takes seconds. Of several processes one makes it, and the others wait.

    Raises:
        OSError: The folder where it is kept cannot be written.
    """
    folder = target_dir() / "vega"
    kept = folder / f"vega-{version(PACKAGE)}.js"
    if kept.is_file():
        return kept
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.is_file():
            import vl_convert

            made = folder / f".{kept.name}.{os.getpid()}"
            made.write_text(SCRIPT.format(vl_convert.javascript_bundle(USED)), encoding="utf-8")
            made.replace(kept)
    return kept
