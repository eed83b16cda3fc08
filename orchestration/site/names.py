"""Names of pages: of any code one that every file system takes, and no other code has."""

import hashlib
import re

SAFE = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,78}[a-z0-9])?")
# Names that Windows keeps for devices.
DEVICES = {"con", "prn", "aux", "nul", *(f"{d}{n}" for d in ("com", "lpt") for n in range(10))}


def page(code: str) -> str:
    """The file name of the page of a department or an indicator.

    A code of small letters, digits and strokes is its own name. Any other is told apart by a
    checksum after a dot, which no such code has: `A` and `a`, `../x` and `x` are pages of their own
    on a file system that takes no account of case, too.

    Args:
        code: The code, as delivered.
    """
    if SAFE.fullmatch(code) and code not in DEVICES:
        return f"{code}.html"
    readable = re.sub(r"[^a-z0-9_-]+", "-", code.lower())[:40].strip("-")
    digest = hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{readable or 'code'}.{digest}.html"
