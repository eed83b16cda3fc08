"""What a cell of text means: a typed value, or a fault that a person understands, as SQL."""

import re
import string
from collections.abc import Iterable

from orchestration import duck
from orchestration.landing.contract import Column, Table

# Characters as a regular expression lists them between brackets. White space of any kind is cut
# off around a cell; what nobody can see (control characters, soft hyphens, fillers, marks of
# joining, direction and byte order) is no part of a cell wherever it stands.
SPACES = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
INVISIBLE = (
    "\x01-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
)
NOTHING_TO_CUT = bytes([*b"\r\n", *range(0x21, 0x7F)])
FULL_WIDTH = ("０１２３４５６７８９，．＋％（）￥－﹣−‐‑‒–", "0123456789,.+%()¥-------")
FULL_WIDTH_DAY = ("０１２３４５６７８９／．－：", "0123456789/.-:")
NARROW = string.digits + string.ascii_letters
WIDE = "".join(chr(ord(character) + 0xFEE0) for character in NARROW)
THOUSANDS = r"^[-+]?\d{1,3}(,\d{3})+(\.\d+)?$"
WHOLE_NUMBER = r"^[-+]?\d+$"
DECIMAL_NUMBER = r"^[-+]?(\d+\.?\d*|\.\d+)$"
SHORT_NUMBER = r"^-?\d{1,12}(\.\d{1,6})?$"
DAY = r"^\d{4}-\d{1,2}-\d{1,2}$"
# As spreadsheets and programs write a day: 2023/12/31 0:00, 2023-12-31T00:00:00.000+08:00.
MIDNIGHT = r"( +|T)0?0:00(:00(\.0+)?)?(\+08(:?00)?)?$"
# What a spreadsheet makes of a long number, 4.40305E+17, and a data frame of a column with gaps.
SHORTENED = r"^[-+]?\d(\.\d+)?[eE]\+\d\d?$"
WITH_DECIMALS = r"^\d{3,}\.0+$"
CUT_SHORT = "^" + r"\d" * 15 + r"\d*000$"
# What people write where they have nothing to write.
STROKES = r"[-‐‑‒–—―−－~～*./\\…]+"
NOTHING = "无|暂无|没有|不适用|不涉及|未提供|空|n/?a|<na>|null|none|nil|na[nt]"
PLACEHOLDER = f"(?i)^[¥￥ ]*({STROKES}|{NOTHING})$"
NO_CODE = r"^[^\pL\pN]+$"
# What is wrong with the cells of a row.
FAULTS = "struct(column_name varchar, value varchar, reason varchar)[]"
TRUE, FALSE = ("true", "1", "1.0", "是", "yes"), ("false", "0", "0.0", "否", "no")
# Staging holds yuan as decimal(18,2) and other numbers as decimal(28,10).
YUAN_LIMIT, NUMBER_LIMIT = 10**16, 10**12


def has_nothing_to_cut(text: bytes) -> bool:
    """Whether text in UTF-8 has neither white space, but for line ends, nor invisible characters.

    A character that is cut in two at either end is passed over.
    """
    rest = text.translate(None, NOTHING_TO_CUT).decode("utf-8", "ignore")
    return re.search(f"[{SPACES}{INVISIBLE}]", rest) is None


def cleaned(text: str) -> str:
    """The SQL for the text of a cell without what is no part of it; null where nothing is left."""
    return f"""nullif(
        case
            when regexp_matches({text}, '[{INVISIBLE}]|^[{SPACES}]|[{SPACES}]$')
                then regexp_replace(
                    regexp_replace({text}, '[{INVISIBLE}]+', '', 'g'),
                    '^[{SPACES}]+|[{SPACES}]+$', '', 'g'
                )
            else {text}
        end, ''
    )"""


def bare(text: str) -> str:
    """The text of a cell without what is no part of it, as `cleaned` has it in SQL."""
    return re.sub(f"^[{SPACES}]+|[{SPACES}]+$", "", re.sub(f"[{INVISIBLE}]", "", text))


def visible(text: str) -> str:
    """The SQL for text as it is told: what nobody can see, or takes for a space, as <U+200B>."""
    # No braces: the queries of rules are filled in.
    hidden = f"[{INVISIBLE}{SPACES.replace(' ', '')}]"
    return f"""
        case
            when regexp_matches({text}, '{hidden}')
                then array_to_string(list_transform(regexp_extract_all({text}, '(?s).'), lambda c:
                    if(regexp_matches(c, '{hidden}'), printf('<U+%04X>', unicode(c)), c)
                ), '')
            else {text}
        end"""


def looks_like(written: str, code: str) -> str:
    """The SQL condition that people take one code for another: letters and digits are the same.

    Case, width, spaces, punctuation, zeros in front and the decimals of a code that a program took
    for a number make no difference; nor do the digits that a spreadsheet has left out of it, which
    shows six digits of a long number and keeps fifteen.
    """
    # As many digits as are shown, of as many as there are.
    shown = f"greatest(6, 1 + length(regexp_extract({written}, '\\.(\\d+)', 1)))"
    digits = f"1 + try_cast(regexp_extract({written}, '\\+(\\d+)', 1) as integer)"
    distance = f"abs(try_cast({code} as double) - try_cast({written} as double))"
    left_out = f"""
        regexp_matches({written}, '{SHORTENED}') and {distance} <= pow(10, {digits} - {shown}) / 2
        or regexp_matches({written}, '{CUT_SHORT}')
            and abs(try_cast({code} as hugeint) - try_cast({written} as hugeint))
                < pow(10, length({written}) - 15)"""
    return f"({_letters_and_digits(written)} = {_letters_and_digits(code)} or ({left_out}))"


def _letters_and_digits(code: str) -> str:
    narrow = f"lower(translate(regexp_replace({code}, '\\.0+$', ''), '{WIDE}', '{NARROW}'))"
    return f"nullif(ltrim(regexp_replace({narrow}, '[^\\pL\\pN]', '', 'g'), '0'), '')"


def typed_select(
    table: Table, year: int, source: str = "delivered", *, is_trimmed: bool = False
) -> str:
    """The SQL that types rows of text and lists the faults of each.

    Args:
        table: The table that the rows are of.
        year: The fiscal year that they must have.
        source: The SQL of a relation with all columns of the contract as text, and others.
        is_trimmed: No cell has anything that is cut off.

    Returns:
        A select with the contract's columns, typed; the other columns of the source as they are;
        and faults: a list of column_name, value and reason, null for a row without any.
    """
    # Each step is computed once, from the one before: the text, that as a program writes it, its
    # type, what is wrong with it.
    clean = "nullif({0}, '')".format if is_trimmed else cleaned
    texts = ", ".join(f"{clean(_quoted(c))} as {_text(c)}" for c in table.columns)
    plain = ", ".join(f'{_plain(c)} as "{c.name} plain"' for c in table.columns)
    typed = ", ".join(f'{_typed(c)} as "{c.name} typed"' for c in table.columns)
    faulty = {c.name: _fault(c, table, year) for c in table.columns}
    faults = ", ".join(
        f"""case when {faulty[c.name]} then {{
            'column_name': '{c.name}', 'value': {_quoted(c)},
            'reason': {_expectation(c, table, year)}
        }} end"""
        for c in table.columns
    )
    own = ", ".join(f'{_text(c)}, "{c.name} plain", "{c.name} typed"' for c in table.columns)
    return f"""
        select
            * exclude ({own})
            replace ({", ".join(f'{_loaded(c, year)} as "{c.name}"' for c in table.columns)}),
            case when {" or ".join(faulty.values())}
                then list_filter([{faults}], lambda f: f is not null)
            end as faults
        from (select *, {typed} from (select *, {plain} from (select *, {texts} from {source})))
    """


def _typed(column: Column) -> str:
    text = _text(column)
    match column.data_type:
        case "varchar":
            labels = " ".join(
                f"when '{label}' then '{code}'"
                for code, label in column.accepted_values.items()
                if label not in column.accepted_values
            )
            return f"case {text} {labels} else {text} end" if labels else text
        case "boolean":
            words = f"lower({text})"
            return f"case when {words} in {TRUE} then true when {words} in {FALSE} then false end"
        case _:
            return _cast(column)


def _plain(column: Column) -> str:
    """A cell as people write numbers and days, made plain; null where it stands so already."""
    match column.data_type:
        case "varchar" | "boolean":
            return "null"
        case "date":
            made = _day_text(column)
        case "integer":
            made = f"regexp_replace({_number_text(column)}, '\\.0*$', '')"
        case _:
            made = _number_text(column)
    return f"case when not regexp_matches({_text(column)}, '{_pattern(column)}') then {made} end"


def _pattern(column: Column) -> str:
    return {"date": DAY, "integer": WHOLE_NUMBER}.get(column.data_type, SHORT_NUMBER)


def _cast(column: Column) -> str:
    text, plain = _text(column), f'"{column.name} plain"'
    cast, longer = f"try_cast({{}} as {column.data_type})", ""
    if column.data_type.startswith("decimal"):
        # DuckDB takes a hundred times as long to read a decimal of more than 18 digits.
        longer = f"when regexp_matches({plain}, '{DECIMAL_NUMBER}') then {cast.format(plain)}"
        cast = f"cast(try_cast({{}} as decimal(18, 6)) as {column.data_type})"
    return f"""
        case
            when {plain} is null then {cast.format(text)}
            when regexp_matches({plain}, '{_pattern(column)}') then {cast.format(plain)}
            {longer}
        end"""


def _day_text(column: Column) -> str:
    """A cell as people write days, made plain: 2023年12月31日, 20231231, 2023/12/31 0:00."""
    text = f"translate({_text(column)}, '{FULL_WIDTH_DAY[0]}', '{FULL_WIDTH_DAY[1]}')"
    for pattern, plain in (
        (MIDNIGHT, ""),
        (r"^(\d{4})(\d{2})(\d{2})$", r"\1-\2-\3"),
        (r" *[日号號]$", ""),
        (r" *[年月/.-] *", "-"),
    ):
        text = f"regexp_replace({text}, '{pattern}', '{plain}', 'g')"
    return text


def _number_text(column: Column) -> str:
    """A cell as people write numbers, made plain: １,234.50, and 88.15% in a percentage column.

    A decimal may stand in brackets where it is negative, and an amount after ¥.
    """
    text = f"translate({_text(column)}, '{FULL_WIDTH[0]}', '{FULL_WIDTH[1]}')"
    if column.is_percent:
        text = f"rtrim(regexp_replace({text}, '%$', ''))"
    money_sign = "¥?" if column.is_amount else ""
    text = f"regexp_replace({text}, '^([-+(]?) *{money_sign} *([-+(]?) *', '\\1\\2')"
    if column.data_type != "integer":
        text = f"regexp_replace({text}, '^\\(([\\d.,]+) *\\)$', '-\\1')"
    return (
        f"case when regexp_matches({text}, '{THOUSANDS}') "
        f"then replace({text}, ',', '') else {text} end"
    )


def _loaded(column: Column, year: int) -> str:
    """A typed cell, and what an empty one stands for where that is not null."""
    typed = f'"{column.name} typed"'
    if column.name == "fiscal_year" and not column.is_key:
        return f"coalesce({typed}, {year})"
    return f"coalesce({typed}, '')" if column.may_be_empty else typed


def _fault(column: Column, table: Table, year: int) -> str:
    """The SQL condition that is true where a cell cannot be taken, and else false or null."""
    text, typed = _text(column), f'"{column.name} typed"'
    conditions = _unreadable(column)
    if column.is_mandatory:
        conditions.append(f"{text} is null")
    if column.name == "fiscal_year":
        conditions.append(f"{typed} != {year}")
    if column.accepted_values:
        conditions.append(f"{typed} not in ({_literals(column.accepted_values)})")
    for bound, beyond in ((column.minimum, "<"), (column.maximum, ">")):
        if bound is not None:
            conditions.append(f"{typed} {beyond} {bound}")
    if column.is_amount:
        unit = next(c for c in table.columns if c.yuan_per_unit)
        limit = " ".join(
            f"when '{name}' then {YUAN_LIMIT // yuan}" for name, yuan in unit.yuan_per_unit.items()
        )
        conditions.append(f"abs({typed}) >= case {_text(unit)} {limit} end")
    elif column.data_type.startswith("decimal"):
        conditions.append(f"abs({typed}) >= {NUMBER_LIMIT}")
    if column.yuan_per_unit:
        holds = " or ".join(f"{_text(c)} is not null" for c in table.columns if c.is_amount)
        conditions.append(f"({text} is null and ({holds}))")
    return f"({' or '.join(conditions) or 'false'})"


def _unreadable(column: Column) -> list[str]:
    """The SQL conditions that are true where a cell is not of its type, or no text but a number."""
    if column.data_type != "varchar":
        return [f'("{column.name} typed" is null and {_text(column)} is not null)']
    if column.accepted_values:
        return []
    text = _text(column)
    # Nearly no text has the characters that are looked for first, which takes little time.
    conditions = [f"(contains({text}, '+') and regexp_matches({text}, '{SHORTENED}'))"]
    if column.is_code:
        conditions += [
            f"(suffix({text}, '.0') and regexp_matches({text}, '{WITH_DECIMALS}'))",
            f"({text} not between '0' and 'zz' and regexp_matches({text}, '{NO_CODE}'))",
        ]
    return conditions


def _expectation(column: Column, table: Table, year: int) -> str:
    """The SQL text that tells a person what was expected in a cell, and what to do."""
    text = _text(column)
    if column.name == "fiscal_year":
        expected = f"expected {year}, the year of its folder"
    elif column.accepted_values:
        expected = f"expected one of {', '.join(column.accepted_values)}"
        if column.yuan_per_unit:
            expected += "; it may be empty only where the row holds no amount"
    elif column.minimum is not None:
        expected = f"expected a whole number from {column.minimum} to {column.maximum}"
    else:
        expected = {
            "varchar": "expected a value"
            + (", the row's key may not be empty" if column.is_key else ""),
            "integer": "expected a whole number",
            "boolean": "expected true or false",
            "date": "expected a day that exists, as 2023-12-31",
        }.get(column.data_type, "expected a number that fits, as 1234.50")
    shortened = SHORTENED
    if column.data_type == "varchar":
        shortened = f"{SHORTENED}|{WITH_DECIMALS}"
        spoiled = "a code that a spreadsheet has turned into a number; format the column as text"
    else:
        spoiled = f"{expected}; a program has shortened it, show all its digits and export it again"
    is_number = column.data_type == "integer" or column.data_type.startswith("decimal")
    nothing = expected
    if not (column.is_mandatory or column.yuan_per_unit):
        nothing += "; where there is none leave the cell empty"
        nothing += ", where it is zero write 0" if is_number else ""
    spaced = f"{expected}, without spaces in it" if is_number else expected
    return f"""
        case
            when regexp_matches({text}, '{shortened}') then {duck.text(spoiled)}
            when regexp_matches({text}, '{PLACEHOLDER}') then {duck.text(nothing)}
            when regexp_matches({text}, '^[-+.,\\d]+[{SPACES}]+[.,\\d]+$')
                then {duck.text(spaced)}
            else {duck.text(expected)}
        end"""


def _quoted(column: Column) -> str:
    return duck.name(column.name)


def _text(column: Column) -> str:
    return duck.name(f"{column.name} text")


def _literals(values: Iterable[str]) -> str:
    return ", ".join(duck.text(value) for value in values)
