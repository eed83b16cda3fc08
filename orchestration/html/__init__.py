"""How every page looks and is filled in: names are text wherever they stand, none may be missing.

Here belong the frame of a page and the style that all pages share. What a page says is in the room
of what it is about, with its own templates. Each page has the style in itself, so that it can be
sent alone; those of the scorecard site, of which there are thousands, have it in one file.
"""

import os
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.project import target_dir

if TYPE_CHECKING:
    from jinja2 import Environment

SHARED = Path(__file__).parent
STYLE = SHARED / "style.css"


@cache
def templates(folder: Path, *, compiled: bool = False) -> "Environment":
    """The templates of a folder, which may extend and include those shared by all.

    Args:
        folder: Where they are, as `<name>.html.jinja`.
        compiled: Whether they are kept compiled beside what dbt has parsed, where that can be
            written: compiling takes longer than filling in the pages of two departments.
    """
    from jinja2 import Environment, FileSystemBytecodeCache, FileSystemLoader, StrictUndefined

    kept = target_dir() / "templates"
    if compiled:
        with suppress(OSError):
            kept.mkdir(parents=True, exist_ok=True)
    return Environment(
        loader=FileSystemLoader([folder, SHARED]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        bytecode_cache=FileSystemBytecodeCache(str(kept))
        if compiled and os.access(kept, os.W_OK)
        else None,
    )
