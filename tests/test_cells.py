"""What a cell of text means: the value that it is read as, or the sentence that rejects its row."""

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.landing.cells import (
    FULL_WIDTH,
    has_nothing_to_cut,
    looks_like,
    typed_select,
    visible,
)
from orchestration.landing.contract import landing_contract
from tests.conftest import write
from tests.test_landing import BUDGETS, load, rejected

INVISIBLE = "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202c\u202e\u2060\u2064\u2066\u2069\ufeff\x01\x1f\x7f\x9f"
SPACES = " \t\n\r\x0b\x0c\x85\u00a0\u2000\u2003\u200a\u2028\u2029\u202f\u205f\u3000"
NUMBER = "expected a number that fits, as 1234.50"
WHOLE = "expected a whole number"
DAY = "expected a day that exists, as 2023-12-31"
EMPTY = "; where there is none leave the cell empty"
EMPTY_OR_ZERO = f"{EMPTY}, where it is zero write 0"
SHORTENED = "; a program has shortened it, show all its digits and export it again"
SPOILED = "a code that a spreadsheet has turned into a number; format the column as text"
NO_KEY = "expected a value, the row's key may not be empty"
# A column of each kind, and the table that it is read in.
KINDS = {
    "amount": ("budgets", "executed"),
    "percentage": ("budget_execution", "progress_pct"),
    "decimal": ("unit_measures", "numerator"),
    "whole": ("staffing", "authorised"),
    "month": ("budget_execution", "month"),
    "year": ("staffing", "fiscal_year"),
    "day": ("disclosures", "disclosed_on"),
    "boolean": ("payments", "is_refund"),
    "unit": ("staffing", "unit_code"),
    "code": ("payments", "project_code"),
    "category": ("staffing", "staff_category"),
    "money": ("budgets", "amount_unit"),
    "text": ("assessments", "basis"),
}
SOUND = {
    "unit_code": "A", "fiscal_year": "2023", "month": "3", "budget_line": "basic",
    "amount_unit": "元", "staff_category": "worker", "document": "budget", "payment_id": "1",
    "measure_code": "m", "criterion_code": "c",
}  # fmt: skip


def read(con: duckdb.DuckDBPyConnection, kind: str, *texts: str | None) -> list[tuple[Any, ...]]:
    """What cells of a kind are read as: the value, and the reason that rejects the row."""
    name, column = KINDS[kind]
    table = landing_contract()[name]
    cells = ", ".join(
        f"cast({'text' if c.name == column else repr(SOUND[c.name]) if c.name in SOUND else 'null'}"
        f' as varchar) as "{c.name}"'
        for c in table.columns
    )
    source = f"(select {cells}, position from (select unnest($1) as text, unnest($2) as position))"
    return con.execute(
        f"""
        select if(faults is null, "{column}", null), faults[1].reason
        from ({typed_select(table, 2023, source)}) order by position
        """,
        [list(texts), list(range(len(texts)))],
    ).fetchall()


READ: list[tuple[str, str | None, Any]] = [
    *(("amount", text, Decimal(number)) for text, number in [
        ("1234.5", "1234.5"), ("1,234.50", "1234.5"), ("１，２３４．５０", "1234.5"), ("5.", "5"), (".5", "0.5"),
        ("(1,234.50)", "-1234.5"), ("（1,234.50）", "-1234.5"), ("(5 )", "-5"),
        ("−5", "-5"), ("－5", "-5"), ("–5", "-5"), ("- 5", "-5"), ("+5", "5"),
        ("¥1,234.50", "1234.5"), ("￥ 5", "5"), ("¥-5", "-5"), ("-¥5", "-5"), ("¥(5)", "-5"), ("(¥5)", "-5"),
        ("1\u200b234", "1234"), ("0.123456789012", "0.123456789012"),
    ]),
    *(("percentage", text, Decimal("88.15")) for text in ("88.15", "88.15%", "８８．１５％", "88.15 %")),
    ("decimal", "(5)", Decimal(-5)),
    *(("whole", text, 57) for text in ("57", "57.0", "57.00", "57.", "５７", "+57")),
    ("whole", "1,234.0", 1234),
    ("month", "03", 3), ("month", "3.0", 3), ("year", "2023.0", 2023),
    *(("day", text, datetime.date(2023, 12, 31)) for text in (
        "2023-12-31", "2023/12/31", "2023.12.31", "20231231", "2023年12月31日", "2023年12月31号",
        "2023 年 12 月 31 日", "２０２３年１２月３１日", "２０２３－１２－３１", "2023/12/31 0:00", "2023-12-31 00:00",
        "2023/12/31 0:00:00", "2023-12-31T00:00:00.000", "2023-12-31T00:00:00+08:00",
    )),
    ("day", "2023/1/2", datetime.date(2023, 1, 2)),
    *(("boolean", text, True) for text in ("TRUE", "1", "1.0", "是", "Yes")),
    *(("boolean", text, False) for text in ("FALSE", "0", "0.0", "否", "no")),
    ("unit", "440305199901011234", "440305199901011234"), ("unit", "2E5", "2E5"), ("unit", "1E-05", "1E-05"),
    ("unit", "a 1", "a 1"), ("unit", '="A"', '="A"'), ("unit", "A\nB", "A\nB"), ("unit", "40.0", "40.0"),
    ("category", "工勤\n", "worker"), ("money", "\ufeff万元", "万元"),
    ("text", "见附件\n第二页", "见附件\n第二页"), ("text", "不适用", "不适用"), ("text", "3.0", "3.0"),
    *((kind, blank, None) for kind in ("amount", "whole", "day", "boolean", "code", "text")
      for blank in ("", " \u3000", INVISIBLE, SPACES)),
]  # fmt: skip
REJECTED = [
    *(("amount", text, NUMBER) for text in (
        "1.234,50", "12.5万", "1,234.50元", "1,2345.00", "(5", "5)", "(-5)", "--5", "5-", "1e5", "5%",
        "#N/A", "五", "12a", "..5", "1'234", "9" * 17,
    )),
    *(("amount", text, NUMBER + EMPTY_OR_ZERO) for text in (
        "-", " - ", "--", "—", "——", "－", "–", "/", "\\", "*", "…", "无", "不适用", "N/A", "n/a", "NA",
        "null", "NaN", "¥ -",
    )),
    *(("amount", text, NUMBER + ", without spaces in it") for text in ("1 234.50", "1\u00a0000", "1\u202f000")),
    *(("amount", text, NUMBER + SHORTENED) for text in ("1.23457E+11", "-1.2e+05")),
    *(("whole", text, WHOLE) for text in ("57.5", "57.01", "(5)", "¥5", "99999999999", ".0", "3月")),
    ("whole", "—", WHOLE + EMPTY_OR_ZERO), ("whole", "5.7E+10", WHOLE + SHORTENED),
    *(("month", text, "expected a whole number from 1 to 12") for text in ("3月", "13", "2023-06", "-")),
    *(("year", text, "expected 2023, the year of its folder") for text in ("2022", "2023年", "-")),
    *(("day", text, DAY) for text in (
        "2023-02-29", "20230230", "2023/13/01", "2023年12月", "31-Dec-23", "23-12-31", "12/31/2023", "45291",
        "2023-12-31 08:30", "2023/12/31 12:00", "2023-12-31 00:00:00+00", "2023-12-31T00:00:00Z", "未公开",
    )),
    ("day", "无", DAY + EMPTY), ("boolean", "/", "expected true or false" + EMPTY),
    ("boolean", "√", "expected true or false"),
    *(("unit", text, SPOILED) for text in ("4.40305E+17", "4.40305e+17", "4E+17", "440305.0")),
    *(("unit", text, NO_KEY) for text in ("-", "——", "/", "", "\u200b", None)),
    ("code", "4.4E+10", SPOILED), ("code", "—", "expected a value" + EMPTY), ("text", "4.4E+10", SPOILED),
    *(("money", text, "expected one of 元, 万元, 亿元, yuan, wan_yuan, yi_yuan; it may be empty only where "
       "the row holds no amount") for text in ("单位：万元", "（万元）", "千元", "万 元", "-")),
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_cell_is_read(con: duckdb.DuckDBPyConnection, kind: str) -> None:
    cells = [(text, value) for of_kind, text, value in READ if of_kind == kind]
    assert cells
    found = read(con, kind, *(text for text, _ in cells))
    expected = [(text, (value, None)) for text, value in cells]
    assert list(zip((text for text, _ in cells), found, strict=True)) == expected


@pytest.mark.parametrize("kind", sorted({kind for kind, *_ in REJECTED}))
def test_a_cell_is_rejected(con: duckdb.DuckDBPyConnection, kind: str) -> None:
    cells = [(text, reason) for of_kind, text, reason in REJECTED if of_kind == kind]
    found = read(con, kind, *(text for text, _ in cells))
    expected = [(text, (None, reason)) for text, reason in cells]
    assert list(zip((text for text, _ in cells), found, strict=True)) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_what_surrounds_a_cell_or_cannot_be_seen_is_no_part_of_it(
    con: duckdb.DuckDBPyConnection, kind: str
) -> None:
    plain, value = next((text, value) for of_kind, text, value in READ if of_kind == kind)
    assert plain is not None
    around = [s + plain + s for s in SPACES + INVISIBLE]
    within = [s.join(plain) for s in INVISIBLE]
    mixed = [f"\u200b {plain}\u00a0\u200b\n"]
    texts = [*around, *within, *mixed]
    assert read(con, kind, *texts) == [(value, None)] * len(texts)


AMOUNTS = st.decimals(-(10**15), 10**15, places=2)
WIDE = str.maketrans(FULL_WIDTH[1][:11], FULL_WIDTH[0][:11])
WRITTEN = [
    lambda n: f"{n}",
    lambda n: f"{n:,}",
    lambda n: f"{n:,}".translate(WIDE),
    lambda n: f"({-n:,})" if n < 0 else f"{n:,}",
    lambda n: f"（{-n}）" if n < 0 else f"+{n}",
    lambda n: f"¥{n:,}",
    lambda n: f"−￥{-n:,}" if n < 0 else f"￥ {n}",
    lambda n: f"\ufeff {n}\u3000\n",
]


@settings(max_examples=25, deadline=None)
@given(amounts=st.lists(AMOUNTS, min_size=1, max_size=20))
def test_an_amount_is_the_same_however_it_is_written(amounts: list[Decimal]) -> None:
    with duckdb.connect() as con:
        texts = [write_it(amount) for amount in amounts for write_it in WRITTEN]
        expected = [(amount, None) for amount in amounts for _ in WRITTEN]
        assert read(con, "amount", *texts) == expected


@settings(max_examples=25, deadline=None)
@given(kind=st.sampled_from(sorted(KINDS)), texts=st.lists(st.text(max_size=20), min_size=99))
def test_any_text_is_a_value_or_has_a_reason(kind: str, texts: list[str]) -> None:
    with duckdb.connect() as con:
        for value, reason in read(con, kind, *(text.replace("\0", "") for text in texts)):
            assert value is None or reason is None


def test_a_file_says_whether_there_is_anything_to_cut() -> None:
    assert has_nothing_to_cut("A,2023,甲局（本级）,“1”·—…\r\n".encode())
    for character in SPACES.replace("\r", "").replace("\n", "") + INVISIBLE:
        assert not has_nothing_to_cut(f"A{character}".encode()), hex(ord(character))
    assert has_nothing_to_cut("\u200b".encode()[:2])


def test_text_is_told_so_that_all_of_it_is_seen(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("create table t as select 'A\u200b\n\U00020bb7 乙\u3000' as x, 'A 乙' as y")
    assert con.execute(f"select {visible('x')}, {visible('y')} from t").fetchall() == [
        ("A<U+200B><U+000A>\U00020bb7 乙<U+3000>", "A 乙")
    ]


@pytest.mark.parametrize(
    ("written", "code"),
    [
        *((written, "440305-gxj") for written in (
            "440305-GXJ", "440305gxj", "440305_gxj", "440305—gxj", "440305 - gxj", "４４０３０５－ｇｘｊ", '="440305-gxj"',
            "'440305-gxj", "0440305-gxj", "440305\n-gxj", "440305-gxj。",
        )),
        ("1001", "001001"), ("1001.0", "1001"), ("4.40305E+17", "440305199901011234"),
        ("440305199901011000", "440305199901011234"), ("440305199901012000", "440305199901011987"), ("乙 局", "乙局"),
    ],
)  # fmt: skip
def test_codes_that_look_alike(con: duckdb.DuckDBPyConnection, written: str, code: str) -> None:
    query = f"select {looks_like('w', 'c')} from (select $1 as w, $2 as c)"
    assert con.execute(query, [written, code]).fetchall() == [(True,)]


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("440305-gxj（本级）", "440305-gxj"), ("440305-gx", "440305-gxj"), ("——", "/"), ("合计", "440305"),
        ("4.40305E+17", "440306199901011234"), ("4.40305E+17", "440305"), ("9E+99", "1"), ("440305199901011235", "440305199901011234"), ("440305199901011000", "440305199901021000"),
        ("100000", "100234"),
    ],
)  # fmt: skip
def test_codes_that_do_not(con: duckdb.DuckDBPyConnection, written: str, code: str) -> None:
    query = f"select coalesce({looks_like('w', 'c')}, false) from (select $1 as w, $2 as c)"
    assert con.execute(query, [written, code]).fetchall() == [(False,)]


@pytest.mark.parametrize("character", [*SPACES, *INVISIBLE])
def test_nothing_around_a_cell_of_a_file_is_part_of_it(
    con: duckdb.DuckDBPyConnection, folder: Path, character: str
) -> None:
    write(folder / "2023" / "budgets.csv", BUDGETS + f'A,2023,"total{character}",1,2,3,元\n')
    load(con, folder)
    assert con.execute("select budget_line from raw.budgets").fetchall() == [("total",)]


def test_a_rejected_cell_is_kept_as_it_was_delivered(
    con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    write(folder / "2023" / "budgets.csv", BUDGETS + "\ufeffA\u3000,2023,total,\u200b-,2,3,元\n")
    load(con, folder)
    assert con.execute("select unit_code, column_name, value from audit.rejected_rows").fetchall() == [
        ("A", "initial_budget", "\u200b-")
    ]  # fmt: skip


def test_a_key_of_which_a_cell_cannot_be_taken_is_nobodys(
    con: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    spoiled = "4.40305E+17,2023,total,1,2,3,元\n"
    repeated = 'A,2023,total,1,2,3,元\n"\u200bA",2023,合计\u3000,1,2,3,元\n'
    write(folder / "2023" / "budgets.csv", BUDGETS + spoiled * 2 + repeated)
    load(con, folder)
    reasons = [reason for *_, reason in rejected(con)]
    assert reasons[:2] == [SPOILED] * 2
    assert all(reason.startswith("the key unit_code=A, ") for reason in reasons[2:])
    assert len(reasons) == 4
