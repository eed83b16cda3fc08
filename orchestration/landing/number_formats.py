"""What a spreadsheet's number format makes of a number: a percentage, a day, or another number."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import NamedTuple

# One element of a format code: a quoted, escaped, padded, filled or bracketed text, or a sign.
TOKEN = re.compile(
    r"""
    "(?P<quoted>[^"]*)"? | [\\!](?P<escaped>.?) | _(?P<pad>.?) | \*(?P<fill>.?)
    | \[(?P<bracketed>[^\]]*)\]? | (?P<general>General|G/通用格式) | (?P<exponent>E[+-])
    | (?P<noon>AM/PM|A/P|上午/下午) | (?P<sign>.)
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
CONDITION = re.compile(r"(<=|>=|<>|<|>|=)\s*(-?\d+(?:\.\d+)?)$")
ELAPSED = re.compile(r"h+|m+|s+", re.IGNORECASE)
# A comma with no digit after it divides what is shown by a thousand.
THOUSANDTHS = re.compile(r"[0#?],+(?:\.|$)")
# In the place of digits: as many as the number has.
GENERAL = "G"
DAY_LETTERS, TIME_LETTERS = frozenset("ydegba"), frozenset("hs")
LETTERS = DAY_LETTERS | TIME_LETTERS | {"m"}
PERCENT_SIGNS = ("%", "％")
# Formats that every workbook has without telling; those from 27 and from 50 are Chinese.
BUILT_IN = {
    **dict.fromkeys((*range(14, 18), 22, 27, 28, 29, 30, 31, 36, 50, 51, 52, 53, 54), "y-m-d"),
    **dict.fromkeys((57, 58), "y-m-d"),
    **dict.fromkeys((*range(18, 22), 32, 33, 34, 35, 45, 47, 55, 56), "h:mm:ss"),
    **{1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 46: "[h]:mm:ss"},
    **{11: "0.00E+00", 12: "# ?/?", 13: "# ??/??", 48: "##0.0E+0", 49: "@"},
    **dict.fromkeys((5, 6), "¥#,##0;¥-#,##0"),
    **dict.fromkeys((7, 8), "¥#,##0.00;¥-#,##0.00"),
    **dict.fromkeys((37, 38), "#,##0;-#,##0"),
    **dict.fromkeys((39, 40), "#,##0.00;-#,##0.00"),
    **{
        41: '_ * #,##0_ ;_ * -#,##0_ ;_ * "-"_ ;_ @_ ',
        43: '_ * #,##0.00_ ;_ * -#,##0.00_ ;_ * "-"??_ ',
    },
    **{
        42: '_ ¥* #,##0_ ;_ ¥* -#,##0_ ;_ ¥* "-"_ ',
        44: '_ ¥* #,##0.00_ ;_ ¥* -#,##0.00_ ;_ ¥* "-"??_ ',
    },
}
EPOCH_1900, EPOCH_1904 = datetime(1899, 12, 30), datetime(1904, 1, 1)


class Cell(NamedTuple):
    """A cell of which more is to be told than its text.

    Attributes:
        text: What is loaded from it.
        shown: What a person sees in it.
        fault: Why its row cannot be loaded; empty where it can.
    """

    text: str
    shown: str
    fault: str = ""


class Number(str):
    """A number, and how it is seen, which is told only where a text is made of it.

    Attributes:
        seen_as: Its format.
    """

    __slots__ = ("seen_as",)
    seen_as: "NumberFormat"

    @property
    def shown(self) -> str | None:
        """What a person sees; none where it cannot be told."""
        return self.seen_as.printed(self)


@dataclass(frozen=True)
class _Section:
    """What one of a format's sections, parted by semicolons, does.

    Attributes:
        elements: What it is made of, kinds and texts.
        condition: The comparison that chooses it, and with what.
        letters: The letters of a day or a time, in lower case.
        digits: The places of digits with points and commas, without what stands between them.
        percents: How many percent signs multiply by a hundred.
        before: The text before the digits.
        after: The text after them.
        is_split: A point that is mere text stands between the digits.
        is_elapsed: Shows hours beyond the day.
        is_text: Shows a text.
        is_other: Shows a fraction or an exponent.
    """

    elements: tuple[tuple[str, str], ...] = ()
    condition: tuple[str, float] | None = None
    letters: frozenset[str] = frozenset()
    digits: str = ""
    percents: int = 0
    before: str = ""
    after: str = ""
    is_split: bool = False
    is_elapsed: bool = False
    is_text: bool = False
    is_other: bool = False

    @property
    def is_scaled(self) -> bool:
        """Whether it shows another number than is stored, and no percentage."""
        return self.is_split or self.percents > 1 or THOUSANDTHS.search(self.digits) is not None

    @property
    def is_moment(self) -> bool:
        return self.is_elapsed or bool(self.letters)

    @property
    def has_percent_sign(self) -> bool:
        return any(sign in self.before + self.after for sign in PERCENT_SIGNS)

    @property
    def is_plain(self) -> bool:
        return self.elements in ((("digit", GENERAL),), (("sign", "@"),))

    @property
    def is_empty(self) -> bool:
        """Whether it shows a text of its own, or nothing, in the place of a number."""
        return not (self.digits or self.is_moment or self.is_text)


class NumberFormat:
    """A number format, and what it shows.

    Attributes:
        code: As the workbook has it.
        is_plain: It shows every number with all the digits that are stored, and nothing else.
    """

    def __init__(self, code: str, *, is_1904: bool = False) -> None:
        self.code = code
        self._epoch = EPOCH_1904 if is_1904 else EPOCH_1900
        self._sections = _sections(code or "General")
        self.is_plain = all(section.is_plain for section in self._sections)

    def show(self, text: str) -> Cell | str:
        """A number as it is read under this format.

        Args:
            text: The number, with all its digits.
        """
        number = float(text)
        section, is_signless = self._chosen(number)
        if section.is_moment:
            return _moment(number, section, self._epoch, self.code)
        if section.is_scaled or (number and section.is_empty):
            return Cell("", text, scaled(self.code))
        if not section.has_percent_sign:
            shown = Number(text)
            shown.seen_as = self
            return shown
        digits = Decimal(text).scaleb(2 * section.percents)
        read = f"{digits:f}%" if section.percents else text
        return Cell(read, _shown(digits, section, is_signless=is_signless) or read)

    def printed(self, text: str) -> str | None:
        """A number as a person sees it under this format; none where that cannot be told."""
        section, is_signless = self._chosen(float(text))
        return _shown(Decimal(text), section, is_signless=is_signless)

    def _chosen(self, number: float) -> tuple[_Section, bool]:
        """The section that shows a number, and whether it shows the sign by its own text."""
        sections = self._sections
        if any(section.condition for section in sections[:2]):
            chosen = next(
                (s for s in sections[:2] if s.condition and _holds(s.condition, number)), None
            )
            both = all(section.condition for section in sections[:2])
            return chosen or sections[min(2 if both else 1, len(sections) - 1)], False
        at = 1 if number < 0 else 2 if number == 0 else 0
        at = at if at < len(sections) else 0
        return sections[at], at == 1


@lru_cache(maxsize=1024)
def scaled(code: str) -> str:
    """What people are told of a cell whose format shows another number than is stored."""
    return (
        f"the number format {code} shows another number than the cell holds; give the cell the "
        "format General (常规) and enter the number in the unit of its row"
    )


@lru_cache(maxsize=1024)
def unknown(code: str) -> str:
    """What people are told of a number that stands for a text which only its program can tell."""
    return (
        f"a number that the format {code} shows in another form; give the cell the format Text "
        "(文本) and type what is to be read"
    )


def _sections(code: str) -> list[_Section]:
    """The sections that show numbers, at least one."""
    parts: list[list[tuple[str, str]]] = [[]]
    for token in TOKEN.finditer(code):
        if token["sign"] == ";":
            parts.append([])
        else:
            parts[-1].append(_element(token))
    sections = [_section(part) for part in parts]
    if len(sections) == 1 and not sections[0].elements:
        return _sections("General")
    if len(sections) > 1 and (len(sections) > 3 or sections[-1].is_text):
        del sections[min(3, len(sections) - 1) :]
    return sections


def _element(token: re.Match[str]) -> tuple[str, str]:
    """What kind an element of a format is of, and the text that it shows or that tells of it."""
    kind, text = token.lastgroup or "", token[token.lastgroup or 0]
    match kind:
        case "quoted" | "escaped":
            return "text", text
        case "general":
            return "digit", GENERAL
        case "noon":
            return "letter", "h"
        case "bracketed" if text.startswith("$"):
            return "text", text[1:].split("-")[0]
        case "sign" if text in "0#?.,":
            return "digit", text
        case "sign" if text.lower() in LETTERS:
            return "letter", text.lower()
        case "sign" if text not in "%@/":
            return "text", text
        case _:
            return kind, text


def _section(elements: list[tuple[str, str]]) -> _Section:
    digits_at = [at for at, (kind, _) in enumerate(elements) if kind == "digit"]
    first, last = (digits_at[0], digits_at[-1]) if digits_at else (len(elements), len(elements))
    # The year of an era is an e, which before a sign reads as an exponent.
    is_era = any(kind == "exponent" for kind, _ in elements[:first])
    brackets = [text for kind, text in elements if kind == "bracketed"]
    signs = [text for kind, text in elements if kind == "sign"]
    return _Section(
        elements=tuple(e for e in elements if e[0] not in ("bracketed", "fill")),
        condition=next(
            ((c[1], float(c[2])) for c in map(CONDITION.match, brackets) if c is not None), None
        ),
        letters=frozenset(text for kind, text in elements if kind == "letter")
        | frozenset("e" * is_era),
        digits="".join(text for kind, text in elements if kind == "digit"),
        percents=signs.count("%"),
        before=_texts(elements[:first]),
        after=_texts(elements[last + 1 :]),
        is_split=any(point in _texts(elements[first:last]) for point in ".．"),
        is_elapsed=any(map(ELAPSED.fullmatch, brackets)),
        is_text="@" in signs,
        is_other="/" in signs
        or any(kind == "exponent" for kind, _ in elements[first:])
        or any(text.upper().startswith("DBNUM") for text in brackets),
    )


def _texts(elements: list[tuple[str, str]]) -> str:
    return "".join(
        text for kind, text in elements if kind == "text" or (kind, text) == ("sign", "%")
    )


def _holds(condition: tuple[str, float], number: float) -> bool:
    sign, bound = condition
    match sign:
        case "<":
            return number < bound
        case "<=":
            return number <= bound
        case ">":
            return number > bound
        case ">=":
            return number >= bound
        case "<>":
            return number != bound
        case _:
            return number == bound


def _shown(number: Decimal, section: _Section, *, is_signless: bool) -> str | None:
    """A number with the decimals and the text of its format, as 95.7% or 0012.

    None where it is shown in another form: as a fraction, with an exponent, in Chinese digits.
    """
    if section.is_plain:
        return f"{number:f}"
    if section.is_other or section.is_text or (number and section.is_empty):
        return None
    if GENERAL in section.digits:
        text = f"{abs(number):f}"
        told = "".join(text if kind == "digit" else _text(kind, t) for kind, t in section.elements)
    else:
        told = _filled(abs(number), section)
    return f"{'-' if number < 0 and not is_signless else ''}{told.strip()}"


def _filled(number: Decimal, section: _Section) -> str:
    """The elements of a section with the digits of a number in their places."""
    points = [at for at, element in enumerate(section.elements) if element == ("digit", ".")]
    point = points[0] if points else len(section.elements)
    places = [text for kind, text in section.elements[point:] if kind == "digit" and text in "0#?"]
    rounded = f"{number.quantize(Decimal(1).scaleb(-len(places)), ROUND_HALF_UP):f}"
    whole, _, fraction = rounded.partition(".")
    before = section.elements[:point]
    if not any(kind == "digit" for kind, _ in before):
        before += (("digit", "#"),)
    least = sum(kind == "digit" and text in "0#?" for kind, text in before)
    left = list(whole.lstrip("0").rjust(least, " "))
    is_grouped = ("digit", ",") in before
    told: list[str] = []
    count = 0
    for kind, text in reversed(before):
        if kind != "digit":
            told.append(_text(kind, text))
        elif text in "0#?":
            least -= 1
            for digit in [left.pop()] if least else reversed(left):
                shown = digit if digit != " " else "0" if text == "0" else " " * (text == "?")
                if is_grouped and shown.isdigit() and count and not count % 3:
                    told.append(",")
                told.append(shown)
                count += 1
    return "".join(reversed(told)) + _fraction(fraction, section, point)


def _fraction(fraction: str, section: _Section, point: int) -> str:
    """The elements of a section from its point on, with the digits behind it."""
    told: list[str] = []
    digits, kept = iter(fraction), len(fraction.rstrip("0"))
    if kept or ("digit", "0") in section.elements[point:]:
        told.append(".")
    for kind, text in section.elements[point + 1 :]:
        if kind != "digit":
            told.append(_text(kind, text))
        elif text in "0#?":
            digit, kept = next(digits), kept - 1
            told.append(digit if kept >= 0 or text == "0" else " " * (text == "?"))
    return "".join(told)


def _text(kind: str, text: str) -> str:
    """What an element shows beside the digits."""
    if kind == "pad":
        return " "
    return text if kind == "text" or (kind, text) == ("sign", "%") else ""


def _moment(number: float, section: _Section, epoch: datetime, code: str) -> Cell | str:
    """A day, a day with a time, or a time: 2023-12-31, 2023-12-31T08:00:00, 08:00:00."""
    days = int(number // 1)
    seconds = timedelta(seconds=round((number - days) * 86400))
    is_time = section.is_elapsed or not section.letters & DAY_LETTERS
    if section.is_elapsed and number >= 0:
        minutes, second = divmod(days * 86400 + int(seconds.total_seconds()), 60)
        return f"{minutes // 60:02}:{minutes % 60:02}:{second:02}"
    if 0 <= number < 1 and is_time and section.letters & TIME_LETTERS:
        return (datetime.min + seconds).time().isoformat()
    try:
        # A workbook takes 1900 for a leap year.
        is_before_leap_day = epoch == EPOCH_1900 and days < 60
        moment = epoch + timedelta(days + is_before_leap_day) + seconds
    except OverflowError:
        moment = datetime.min
    if moment < epoch + timedelta(epoch == EPOCH_1900) * 2 or (epoch == EPOCH_1900 and days == 60):
        return Cell("", f"{number:.15g}", f"the format {code} shows no day that exists; enter one")
    return moment.isoformat() if seconds else moment.date().isoformat()
