"""Odd and damaged CSVs."""

import gzip
from collections.abc import Callable
from random import Random
from typing import Any

from tests.odd import (
    UNSURE,
    WRONG,
    Case,
    Row,
    Said,
    columns_of,
    rows_of,
    table_of,
    turns,
)

ENCODINGS = ("utf-8", "utf-8", "utf-8-sig", "gb18030", "gb18030")
ENDS = ("\n", "\r\n", "\r", "mixed")
QUOTING = ("where needed", "where needed", "all", "texts")
BLANKS = ("", "", "", " ", "\u3000", ",", '""', "\t")
HEADERS = ("English", "English", "Chinese", "capitals", "spaced", "broken", "unseen")


class Text:
    """A CSV that is being made: its lines, and the case that tells of it."""

    def __init__(self, r: Random, case: Case, quoting: str) -> None:
        self.r = r
        self.case = case
        self.quoting = quoting
        self.columns = columns_of(r, case.table)
        self.case.rows = rows_of(r, case.table, self.columns, tag_of(case), r.choice([1, 3, 5, 8]))
        self.header: list[str] = []
        # Rows, and lines that are none, by what is written of them.
        self.lines: list[tuple[str, Row | None]] = []
        self.ending = ".csv"
        self.encoding = "utf-8"
        self.finish: Callable[[bytes], bytes] = bytes

    def quoted(self, text: str) -> str:
        is_needed = any(mark in text for mark in ',"\r\n')
        is_meant = self.quoting == "all" or (self.quoting == "texts" and not text[:1].isdigit())
        if is_needed or is_meant:
            return '"' + text.replace('"', '""') + '"'
        return text

    def line(self, row: Row) -> str:
        return ",".join(self.quoted(row.cells[c.name].text) for c in self.columns)

    def at(self, kind: Callable[[Any], bool] = lambda column: True) -> int | None:
        """The position of a column of a kind, but for the department's."""
        places = [
            place
            for place, column in enumerate(self.columns)
            if column.name not in ("unit_code", "fiscal_year") and kind(column)
        ]
        return self.r.choice(places) if places else None


def tag_of(case: Case) -> str:
    return case.name.rpartition("/")[2].partition(".")[0]


def is_free(column: Any) -> bool:
    return column.data_type == "varchar" and not column.accepted_values and not column.is_code


def header_of(r: Random, text: Text, form: str) -> list[str]:
    names = [c.label_zh if form in ("Chinese", "broken") else c.name for c in text.columns]
    if form == "capitals":
        return [name.upper() for name in names]
    if form == "spaced":
        return [r.choice([f" {name}", f"{name} ", f"\u3000{name}", name]) for name in names]
    if form == "broken":
        return [f"{name[:2]}\n{name[2:]}" if len(name) > 3 else name for name in names]
    if form == "unseen":
        return [r.choice([f"\u200b{name}", f"{name}\ufeff", name]) for name in names]
    return names


# What is done to a file: each takes it when its lines are made, and judges what comes of it.


def nothing(text: Text) -> None:
    del text


def prose_in_lines(text: Text) -> None:
    """A legal cell of several lines, none of which reads as a record."""
    place = text.at(is_free)
    if place is None:
        return
    lines = [
        "一、按时完成",
        '他说"好"',
        '"甲","乙"',
        "a,b",
        "",
        "二、见附件（2023年）",
        '","',
        '"',
        "3,4",
    ]
    for at, (_, row) in enumerate(text.lines):
        if row and text.r.random() < 0.6:
            cell = "\n".join(["说明", *text.r.sample(lines, text.r.randint(1, 3)), "完"])
            row.cells[text.columns[place].name] = Said(cell, cell)
            text.lines[at] = (text.line(row), row)


def records_in_lines(text: Text) -> None:
    """A legal cell of several lines that read as records: as if a mark was forgotten."""
    place = text.at(is_free)
    rows = [at for at, (_, row) in enumerate(text.lines) if row]
    if place is None or len(rows) < 2:
        return
    at = text.r.choice(rows)
    row = text.lines[at][1]
    assert row
    other = ",".join(
        said.text
        for said in rows_of(text.r, text.case.table, text.columns, "其他", 1)[0].cells.values()
    )
    cell = f"甲\n{other}\n乙"
    row.cells[text.columns[place].name] = Said(cell, cell)
    text.lines[at] = (text.line(row), row)
    row.judge(UNSURE)
    # The last of its lines may name no department.
    text.case.judge(UNSURE)
    text.case.is_counted = False


def one_row(change: Callable[[Text, str, Row], str | None]) -> Callable[[Text], None]:
    """What is done to one row, which is rejected for it."""

    def do(text: Text) -> None:
        at = text.r.choice([at for at, (_, row) in enumerate(text.lines) if row])
        line, row = text.lines[at]
        assert row
        changed = change(text, line, row)
        if changed is not None:
            text.lines[at] = (changed, row)

    do.__name__ = change.__name__
    return do


@one_row
def a_cell_too_many(text: Text, line: str, row: Row) -> str:
    row.judge(WRONG)
    return line + text.r.choice([",9", ",", ",甲,乙", ',"x"'])


@one_row
def a_cell_missing(text: Text, line: str, row: Row) -> str:
    row.judge(WRONG)
    # Nobody knows where the department stands.
    text.case.judge(UNSURE)
    cells = [text.quoted(row.cells[c.name].text) for c in text.columns]
    del cells[text.at() or -1]
    return ",".join(cells)


@one_row
def quoted_as_a_whole(text: Text, line: str, row: Row) -> str:
    row.judge(WRONG)
    return '"' + line.replace('"', '""') + '"'


@one_row
def a_mark_within(text: Text, line: str, row: Row) -> str | None:
    """A quotation mark within a cell that has none around it."""
    place = text.at(is_free)
    if place is None:
        return None
    row.cells[text.columns[place].name] = Said('5"寸', '5"寸')
    row.judge(UNSURE)
    cells = [text.quoted(row.cells[c.name].text) for c in text.columns]
    cells[place] = '5"寸'
    return ",".join(cells)


@one_row
def a_mark_too_early(text: Text, line: str, row: Row) -> str | None:
    """A quoted cell that goes on after its last mark."""
    place = text.at(is_free)
    if place is None:
        return None
    row.judge(WRONG)
    cells = [text.quoted(row.cells[c.name].text) for c in text.columns]
    cells[place] = '"甲"乙'
    return ",".join(cells)


def a_mark_opened(text: Text) -> None:
    """A quotation mark opens a cell and none closes it: what follows is anybody's guess."""
    rows = [at for at, (_, row) in enumerate(text.lines) if row]
    at = text.r.choice(rows)
    row = text.lines[at][1]
    place = text.at() or 0
    assert row
    cells = [text.quoted(row.cells[c.name].text) for c in text.columns]
    cells[place] = '"' + cells[place].strip('"').replace('"', "")
    if any("," in cell for cell in cells):
        # Neither by commas nor by marks may the department be found behind it.
        text.case.judge(UNSURE)
    row.judge(WRONG)
    text.lines[at] = (",".join(cells), row)
    for _, later in text.lines[at + 1 :]:
        if later:
            later.judge(UNSURE)


def two_marks(text: Text) -> None:
    """A mark in one row and one in a later row make a record of all rows between."""
    rows = [at for at, (_, row) in enumerate(text.lines) if row]
    place = text.at()
    if len(rows) < 2 or place is None:
        return
    first, last = sorted(text.r.sample(rows, 2))
    text.quoting = "where needed"
    for at, (_, row) in enumerate(text.lines):
        if row:
            cells = [text.quoted(row.cells[c.name].text) for c in text.columns]
            if at in (first, last):
                bare = cells[place].strip('"').replace('"', "").replace("\n", " ")
                cells[place] = f'"{bare}' if at == first else f'{bare}"'
                if "," in bare:
                    # The department may not be found behind it.
                    text.case.judge(UNSURE)
            if first <= at <= last:
                row.judge(WRONG)
                # What other cells quote makes another end of it.
                kept = place if at in (first, last) else None
                if any('"' in cell for i, cell in enumerate(cells) if i != kept):
                    cells = [
                        cell.replace('"', "") if i != kept else cell for i, cell in enumerate(cells)
                    ]
                    cells = [c.replace(",", "，").replace("\n", " ") for c in cells]
            text.lines[at] = (",".join(cells), row)


def refused(change: Callable[[Text], None]) -> Callable[[Text], None]:
    """What is done to a file that is refused for it."""

    def do(text: Text) -> None:
        change(text)
        text.case.judge(WRONG)

    do.__name__ = change.__name__
    return do


@refused
def a_title_above(text: Text) -> None:
    text.lines.insert(
        0, (text.r.choice(["2023年度部门预算表", "单位：万元" + "," * 3, "sep=,"]), None)
    )


@refused
def separated_otherwise(text: Text) -> None:
    mark = text.r.choice("\t;|；，")
    text.lines = [
        (mark.join([*map(str, text.header)]) if at == 0 else line.replace(",", mark), row)
        for at, (line, row) in enumerate(text.lines)
    ]


@refused
def a_column_unknown(text: Text) -> None:
    line, _ = text.lines[0]
    text.lines[0] = (line + text.r.choice([",备注", ",", ",unit_code", ",单位编码"]), None)


@refused
def a_key_missing(text: Text) -> None:
    text.lines[0] = (
        ",".join(n for n, c in zip(text.header, text.columns, strict=True) if not c.is_key),
        None,
    )
    if not text.lines[0][0]:
        text.lines[0] = ("x", None)


@refused
def no_unit(text: Text) -> None:
    at = text.r.choice([at for at, (_, row) in enumerate(text.lines) if row])
    row = text.lines[at][1]
    assert row
    row.cells["unit_code"] = Said(text.r.choice(["", " ", "\u3000", "\u200b"]), None)
    # A row with nothing else in it is blank.
    row.cells["fiscal_year"] = Said("2023", 2023)
    text.lines[at] = (text.line(row), row)


@refused
def a_nul(text: Text) -> None:
    text.finish = lambda content: content[:-3] + b"\0" + content[-3:]


@refused
def in_utf_16(text: Text) -> None:
    text.encoding = text.r.choice(["utf-16", "utf-16-le", "utf-16-be"])


@refused
def in_two_encodings(text: Text) -> None:
    """Some rows in UTF-8, some in GB18030."""

    def mixed(content: bytes) -> bytes:
        lines = content.decode("utf-8").splitlines(keepends=True)
        turn = [at for at, line in enumerate(lines) if not line.isascii() and line.strip()]
        return b"".join(
            line.encode("gb18030" if at in turn[1::2] else "utf-8") for at, line in enumerate(lines)
        )

    text.encoding = "utf-8"
    row = next(row for _, row in text.lines if row)
    chinese = "深圳市南山区工业和信息化局"
    if (place := text.at(is_free)) is None:
        place = text.at() or 0
    for at, (_, row) in enumerate(text.lines):
        if row:
            row.cells[text.columns[place].name] = Said(chinese, chinese)
            text.lines[at] = (text.line(row), row)
    if len(text.lines) < 3:
        text.lines += [(text.line(row), None), (text.line(row), None)]  # type: ignore[arg-type]
    text.finish = mixed


@refused
def in_big5(text: Text) -> None:
    text.encoding = "big5"
    text.lines[0] = (",".join(column.name for column in text.columns), None)
    place = text.at(is_free) or text.at() or 0
    for at, (_, row) in enumerate(text.lines):
        if row:
            for column in text.columns:
                if not row.cells[column.name].text.isascii():
                    row.cells[column.name] = Said("x", "x")
            words = text.r.choice(["臺北市政府財政局", "國民健康署預算執行", "環境保護與發展"])
            row.cells[text.columns[place].name] = Said(words, words)
            text.lines[at] = (text.line(row), row)


@refused
def named_otherwise(text: Text) -> None:
    text.ending = text.r.choice([".xlsx", ".parquet", ".csv.gz", ".xls", ".txt", ".tsv", ".CSV.GZ"])


@refused
def nothing_in_it(text: Text) -> None:
    text.lines = [(text.r.choice(["", " ", ",,", "\u3000"]), None)]
    text.case.rows = []


def a_header_alone(text: Text) -> None:
    del text.lines[1:]
    text.case.rows = []


def cut_off(text: Text) -> None:
    """The file ends anywhere."""
    text.case.judge(UNSURE)
    text.case.may_end_early = True
    text.finish = lambda content: cut(text, content)


def cut(text: Text, content: bytes) -> bytes:
    at = text.r.randrange(1, len(content))
    kept = content[:at]
    seen = kept.decode(text.encoding, "ignore").replace("\r\n", "\n").replace("\r", "\n")
    rows: list[Row] = []
    rest = seen
    for line, row in text.lines:
        line = line.replace("\r\n", "\n").replace("\r", "\n")
        part, rest = rest[: len(line)], rest[len(line) + 1 :]
        if row and part.strip(' ,"\t\n\ufeff\u3000'):
            if part != line or not rest:
                row.judge(UNSURE)
            rows.append(row)
        if not rest:
            break
    text.case.rows = rows
    return kept


def longest(text: Text) -> None:
    """A row of half a megabyte."""
    place = text.at(is_free)
    at = text.r.choice([at for at, (_, row) in enumerate(text.lines) if row])
    row = text.lines[at][1]
    if place is not None and row:
        row.cells[text.columns[place].name] = Said("长" * 600_000, None)
        row.judge(WRONG)
        # The department may stand behind it.
        text.case.judge(UNSURE)
        text.lines[at] = (text.line(row), row)


FAULTS = (
    *(nothing,) * 12, prose_in_lines, prose_in_lines, prose_in_lines, records_in_lines,
    a_cell_too_many, a_cell_missing, quoted_as_a_whole, a_mark_within, a_mark_too_early,
    a_mark_opened, two_marks, two_marks, a_title_above, separated_otherwise, a_column_unknown, a_key_missing,
    no_unit, a_nul, in_utf_16, in_two_encodings, in_big5, named_otherwise, nothing_in_it,
    a_header_alone, cut_off, cut_off, longest,
)  # fmt: skip


def texts(r: Random, count: int) -> list[Case]:
    """So many CSVs, in which each oddity occurs as often as others, beside any other."""
    chosen = zip(
        *(
            turns(r, choices, count)
            for choices in (ENCODINGS, ENDS, QUOTING, BLANKS, HEADERS, FAULTS)
        ),
        strict=True,
    )
    return [text(r, number, *choices) for number, choices in enumerate(chosen)]


def text(
    r: Random, number: int, encoding: str, end: str, quoting: str, blank: str, header: str,
    fault: Callable[[Text], None],
) -> Case:  # fmt: skip
    table = table_of(r)
    case = Case(f"{table.name}/t{number:05}", table)
    case.traits = [
        encoding,
        repr(end),
        f"quoted {quoting}",
        f"blank {blank!r}",
        f"header {header}",
        fault.__name__,
    ]
    made = Text(r, case, quoting)
    made.encoding = encoding
    made.header = header_of(r, made, header)
    made.lines = [(",".join(map(made.quoted, made.header)), None)]
    for row in case.rows:
        made.lines.append((made.line(row), row))
    fault(made)
    for at in sorted(
        r.sample(range(len(made.lines) + 1), r.randint(0, min(2, len(made.lines)))), reverse=True
    ):
        made.lines.insert(at, (blank * r.choice([1, 3]) if blank == "," else blank, None))
    number_rows(made)
    content = ended(made, end).encode(made.encoding)
    if encoding == made.encoding == "gb18030" and "é".encode(encoding) in content:
        # Where there is hardly any Chinese beside it, nobody can tell what it is.
        case.judge(UNSURE)
    if (not case.rows or r.random() < 0.25) and made.finish is bytes:
        content = content.rstrip(b"\r\n") + r.choice([b"", b"\x1a", b"\r\n\x1a"])
    content = made.finish(content)
    if made.ending == ".csv" and r.random() < 0.2:
        case.name += r.choice([".csv.gz", ".CSV.GZ"])
        content = gzip.compress(content)
        match r.randrange(8):
            case 0:
                content = content[: r.randrange(1, len(content))]
                case.traits.append("gzip cut off")
                case.judge(WRONG)
            case 1:
                at = r.randrange(10, len(content))
                content = (
                    content[:at] + bytes([content[at] ^ 1 << r.randrange(8)]) + content[at + 1 :]
                )
                case.traits.append("gzip flipped")
                case.judge(UNSURE)
    else:
        case.name += made.ending
    case.content = content
    return case


def number_rows(text: Text) -> None:
    for number, (_, row) in enumerate(text.lines, start=1):
        if row:
            row.number = number
    text.lines = [(line, row) for line, row in text.lines]


def ended(text: Text, end: str) -> str:
    """The lines with their ends; those within cells are ended as the others."""
    lines = []
    for line, row in text.lines:
        own = text.r.choice(["\n", "\r\n"]) if end == "mixed" else end
        lines.append((line.replace("\n", own) + own, row))
    text.lines = [(line.removesuffix("\n").removesuffix("\r"), row) for line, row in lines]
    return "".join(line for line, _ in lines)
