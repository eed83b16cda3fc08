"""Which encoding a delivered text is in: UTF-8 or GB18030, and nothing that is neither.

Bytes of one can often be read as the other, and then give characters that nobody writes. So a text
is taken for what gives everyday Chinese, as a whole; where that is not sure it is refused.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from typing import BinaryIO

from orchestration.faults import LandingRefused

UTF8, GB18030 = "utf-8", "gb18030"
CHUNK = 2**22
LONGEST_LINE = 2**16
TOLD_ROWS = 5
ASCII_AS_SPACES = bytes([0x20] * 0x80) + bytes(range(0x80, 0x100))
# No byte below the digits is part of a character of GB18030.
PUNCTUATION_AS_SPACES = bytes([0x20] * 0x30) + bytes(range(0x30, 0x100))
# Marks of characters that are lost, private ones, and half-width kana, which only a text that was
# read in the wrong encoding has.
LOST = re.compile("[\ufffd\ue000-\uf8ff\U000f0000-\U0010ffff\uff61-\uff9f]")
# Scripts beyond Latin, Greek and Russian letters and before all that Chinese text is made of:
# GB18030's 元 is U+052A when it is taken for UTF-8.
FAR_SCRIPTS = re.compile("[\u0460-\u07ff]")
WIDE = re.compile("[\u0800-\U0010ffff]")
# A text in Big5 that is read as GB18030 has so many rare letters, one in four at least.
BIG5, RARE_IN_BIG5 = "big5", 4
# Of a cell with fewer letters nothing can be said: names may be rare.
ENOUGH_LETTERS = 6


def chunks(open_it: Callable[[], BinaryIO]) -> Iterator[bytes]:
    """A file piece by piece; a piece ends with a line where that is not too long."""
    with open_it() as stream:
        while chunk := stream.read(CHUNK):
            yield chunk if chunk.endswith(b"\n") else chunk + stream.readline(LONGEST_LINE)


class Script:
    """What the characters of a text in UTF-8 tell of it, as it is looked over.

    Attributes:
        is_doubtful: It has characters that are no text, which `lost` tells.
    """

    def __init__(self) -> None:
        self.is_doubtful = False
        self._is_wide = False
        self._narrow: set[bytes] = set()

    def look(self, chunk: bytes) -> None:
        """Take account of a piece of the text."""
        if chunk.isascii():
            return
        runs = set(chunk.translate(ASCII_AS_SPACES).split())
        text = b" ".join(runs).decode(UTF8, "ignore")
        self._is_wide = self._is_wide or WIDE.search(text) is not None
        self._narrow = set() if self._is_wide else self._narrow | runs
        self.is_doubtful = self.is_doubtful or lost(text) is not None

    @property
    def encoding(self) -> str:
        """UTF-8, unless no Chinese is in it and GB18030 makes everyday Chinese of what is."""
        if self._is_wide or not FAR_SCRIPTS.search(b" ".join(self._narrow).decode(UTF8, "ignore")):
            return UTF8
        text = _decoded(b" ".join(self._narrow), GB18030)
        return GB18030 if text and _is_chinese(*_letters(text)) else UTF8


def lost(text: str) -> str | None:
    """What is wrong with the characters of a text; none where nothing is."""
    if text.isascii():
        return None
    if found := LOST.search(text):
        return (
            f"holds U+{ord(found[0]):04X}, which stands for a character that was lost when the "
            "file was saved; write the character again"
        )
    for run in re.findall(r"[^\x00-\x7f]+", text):
        if original := _read_wrongly(run):
            return f"{run[:20]!r} is {original[:20]!r} read in the wrong encoding; write it again"
    return None


@cache
def _is_everyday_letter(letter: str) -> bool:
    """Whether it is one of the 3,755 everyday characters of GB 2312, its first level."""
    return b"\xb0" <= letter.encode("gb2312", "replace")[:1] <= b"\xd7"


@cache
def _is_of_gb2312(letter: str) -> bool:
    """Whether it is one of the 6,763 characters of GB 2312."""
    return b"\xb0" <= letter.encode("gb2312", "replace")[:1] <= b"\xf7"


def _is_chinese(letters: int, everyday: int) -> bool:
    """Whether so many everyday characters among letters make Chinese text."""
    return everyday * 2 >= letters


def _is_in_use(text: str) -> bool:
    try:
        text.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def _letters(text: str) -> tuple[int, int]:
    """How many letters beyond ASCII a text has, and how many of them are everyday Chinese.

    Full-width Latin letters tell nothing: Chinese texts have them, whatever else is in them.
    """
    letters = [c for c in text if c > "\x7f" and c.isalpha() and not "\uff00" < c < "\uff60"]
    return len(letters), sum(map(_is_everyday_letter, letters))


def _read_wrongly(run: str) -> str | None:
    """What UTF-8 that was read as GB18030 and saved so had been."""
    if len(run) < 3 or _is_in_use(run):
        return None
    found = run.encode(GB18030, "ignore")
    for cut in range(3):
        original = _decoded(found[: len(found) - cut], UTF8)
        if original and len(original) > 1 and all("\u2e80" <= c < "\uff60" for c in original):
            return original
    return None


def _decoded(text: bytes, encoding: str) -> str | None:
    try:
        return text.decode(encoding)
    except UnicodeDecodeError:
        return None


@lru_cache(2**18)
def _encoding_of(word: bytes) -> str | None:
    """The encoding of a word; none where it is in neither."""
    as_utf8, as_gb = _decoded(word, UTF8), _decoded(word, GB18030)
    if as_utf8 and WIDE.search(as_utf8) and not (as_gb and _is_in_use(as_gb)):
        return UTF8
    return GB18030 if as_gb is not None else None


def _is_odd(word: bytes) -> bool:
    """Whether a word in GB18030 is made of characters that nobody writes in a row."""
    letters, everyday = _letters(word.decode(GB18030))
    return letters >= ENOUGH_LETTERS and everyday * 3 < letters


def _words(chunk: bytes) -> set[bytes]:
    return {w for w in set(chunk.translate(PUNCTUATION_AS_SPACES).split()) if not w.isascii()}


def refuse_unless_gb18030(told: str, open_it: Callable[[], BinaryIO]) -> None:
    """Hold a text that is not UTF-8 to be Chinese in GB18030, in all of its rows.

    Raises:
        LandingRefused: It is not, or some of its rows are in UTF-8.
    """
    found: dict[str | None, int] = {UTF8: 0, GB18030: 0, None: 0}
    letters = everyday = rare = 0
    is_odd, may_be_big5 = False, True
    for chunk in chunks(open_it):
        for word in _words(chunk):
            encoding = _encoding_of(word)
            found[encoding] += 1
            if encoding == GB18030 and not found[UTF8]:
                counts = _letters(word.decode(GB18030))
                letters, everyday = letters + counts[0], everyday + counts[1]
                is_odd = is_odd or _is_odd(word)
                may_be_big5 = may_be_big5 and _decoded(word, BIG5) is not None
                if may_be_big5:
                    text = word.decode(GB18030)
                    rare += sum(c > "\u2e7f" and c.isalpha() and not _is_of_gb2312(c) for c in text)
    if found[UTF8]:
        most = UTF8 if found[UTF8] >= found[GB18030] else GB18030
        rows = _rows(open_it, lambda word: _encoding_of(word) != most)
        reason = f"not in {most.upper()}, as the rest of the file is"
    elif found[None]:
        rows = _rows(open_it, lambda word: _encoding_of(word) is None)
        reason = "neither UTF-8 nor GB18030"
    elif is_odd:
        rows = _rows(open_it, _is_odd)
        reason = "not in UTF-8, and in GB18030 it is no Chinese text"
    elif may_be_big5 and rare > 1 and rare * RARE_IN_BIG5 >= letters:
        rows = _rows(open_it, lambda word: _letters(word.decode(GB18030))[0] > 0)
        reason = "not in UTF-8, and in Big5 rather than in GB18030"
    elif not _is_chinese(letters, everyday):
        rows = _rows(open_it, lambda word: _letters(word.decode(GB18030))[0] > 0)
        reason = "not in UTF-8, and in GB18030 it is no Chinese text"
    else:
        return
    raise LandingRefused([f"{told} {rows}: {reason}; save it as CSV UTF-8"])


def _rows(open_it: Callable[[], BinaryIO], is_at_fault: Callable[[bytes], bool]) -> str:
    """The rows with a word at fault, as they are told."""
    with open_it() as stream:
        rows = [
            str(row)
            for row, line in enumerate(stream, start=1)
            if not line.isascii() and any(map(is_at_fault, _words(line)))
        ]
    if not rows:
        return ""
    more = f" and {len(rows) - TOLD_ROWS} more" if len(rows) > TOLD_ROWS else ""
    return f"row{'s' if len(rows) > 1 else ''} {', '.join(rows[:TOLD_ROWS])}{more}"
