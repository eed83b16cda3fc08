"""Texts from files as documents and file systems take them."""

import re
from hashlib import sha256

# What XML 1.0 has no way to hold.
UNPRINTABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# What a file system, of Windows too, does not take in a name.
UNSAFE = re.compile(r'[\\/:*?"<>|\x00-\x1f\x7f]')
# Of a name, in bytes, with room for the ending and for a temporary one.
LONGEST = 200


def printable(text: str) -> str:
    """A text without the characters that no document can hold."""
    return UNPRINTABLE.sub("\ufffd", text)


def file_name(code: str, name: str, *more: str) -> str:
    """The name of a file of a department, without its ending.

    Args:
        code: The department's code, which no other has.
        name: The department's name, which is cut where the whole would be too long.
        more: What follows.

    Returns:
        A name that every file system takes. A code that cannot stand in it as it is is followed
        by a checksum, so that no two departments have the same.
    """
    safe = printable(UNSAFE.sub("_", code)).strip(". ")
    ending = " ".join(("", *more))
    if safe != code or len(safe.encode()) > LONGEST // 4:
        cut = safe.encode()[: LONGEST // 4].decode(errors="ignore")
        safe = f"{cut}~{sha256(code.encode()).hexdigest()[:8]}"
    room = LONGEST - len(f"{safe} {ending}".encode())
    shown = printable(UNSAFE.sub("_", name)).encode()[: max(room, 0)].decode(errors="ignore")
    return f"{safe} {shown.strip('. ')}{UNSAFE.sub('_', ending)}"
