"""A number as people write it, in Python and in SQL alike."""

from decimal import Decimal

import duckdb
import pytest

from orchestration.plain import plain, plain_sql


@pytest.mark.parametrize(
    ("number", "grouped", "said"),
    [
        ("1234567.50", True, "1,234,567.5"),
        ("1234567.50", False, "1234567.5"),
        ("100.00", True, "100"),
        ("-0.50", True, "-0.5"),
        ("-1234.00", True, "-1,234"),
        ("0.00", False, "0"),
        ("0.10", True, "0.1"),
        ("9999999999999999.99", True, "9,999,999,999,999,999.99"),
    ],
)
def test_a_number(con: duckdb.DuckDBPyConnection, number: str, grouped: bool, said: str) -> None:
    assert plain(Decimal(number), grouped=grouped) == said
    sql = plain_sql("x", grouped=grouped)
    query = f"select {sql} from (select cast(? as decimal(18, 2)) as x)"
    assert con.execute(query, [number]).fetchall() == [(said,)]


def test_what_has_no_decimals_keeps_its_zeros(con: duckdb.DuckDBPyConnection) -> None:
    assert plain(1200) == "1,200"
    assert plain(Decimal(1200), grouped=False) == "1200"
    query = f"select {plain_sql('x')} from (select cast(1200 as decimal(18, 0)) as x)"
    assert con.execute(query).fetchall() == [("1200",)]


def test_nothing_stays_nothing(con: duckdb.DuckDBPyConnection) -> None:
    for grouped in (True, False):
        query = f"select {plain_sql('x', grouped=grouped)} from (select cast(null as decimal(9, 2)) as x)"
        assert con.execute(query).fetchall() == [(None,)]
