"""Queries of a database, written as Parquet: all of a source's tables as of one moment."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
from sqlalchemy import create_engine, literal_column, select, text
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from orchestration import duck
from orchestration.faults import LandingRefused, WrongSurroundings, in_a_line
from orchestration.landing.contract import Column, Table
from orchestration.landing.files import LandedFile
from orchestration.landing.readers import match_header
from orchestration.sources.config import YEAR

ROWS_AT_ONCE = 5000
CONNECT_SECONDS = 15
# How each driver is told to give up a server that does not answer.
TIMEOUTS = {
    **dict.fromkeys(("psycopg", "psycopg2", "pymysql", "mysqldb"), "connect_timeout"),
    **{"oracledb": "tcp_connect_timeout", "pymssql": "login_timeout"},
}
# What begins a transaction that writes nothing and sees the database as of one moment.
OPTIONS: dict[str, dict[str, Any]] = {
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
    "mssql": {"isolation_level": "SNAPSHOT"},
}
STATEMENTS = {
    "oracle": ("set transaction read only",),
    "dm": ("set transaction read only",),
    "mysql": ("start transaction with consistent snapshot, read only",),
    "mariadb": ("start transaction with consistent snapshot, read only",),
}
# DuckDB's decimals have as many digits.
MOST_DIGITS, LONG_DIGITS = 38, 18
# What a cell may hold, and what a column of nothing else is; the first that a value is one of.
SINGLE: dict[type, str] = {
    str: "varchar",
    bool: "boolean",
    int: "varchar",
    Decimal: "varchar",
    datetime: "timestamp",
    date: "date",
    UUID: "varchar",
}
STRANGE = {
    float: "floating-point numbers, which lose digits; cast it to numeric in the query",
    bytes: "bytes; cast it to text in the query",
    memoryview: "bytes; cast it to text in the query",
    timedelta: "spans of time; cast it to a number or text in the query",
    time_of_day: "times of day; cast it to text in the query",
    datetime: "times with a time zone, so the day is not certain; cast it to date in the query",
}
NO_TYPE = "no text, numbers or days; cast it in the query"


@dataclass(frozen=True)
class Snapshot:
    """A database as of one moment.

    Attributes:
        connection: In a transaction that writes nothing.
        server: Product, version, host and database.
        taken_at: The moment, in UTC.
        is_consistent: All queries see that moment; else each sees its own.
    """

    connection: Connection
    server: str
    taken_at: str
    is_consistent: bool


@contextmanager
def snapshot(url: URL) -> Iterator[Snapshot]:
    """A transaction of a database.

    Args:
        url: The database.

    Raises:
        WrongSurroundings: It cannot be reached, or its driver is not there. The message may hold
            what the driver says, and so a secret.
    """
    place = f"{url.host or ''}{f':{url.port}' if url.port else ''}/{url.database or ''}"
    try:
        argument = TIMEOUTS.get(url.get_driver_name(), "")
        own = {argument: CONNECT_SECONDS} if argument and argument not in url.query else {}
        engine = create_engine(url, poolclass=NullPool, connect_args=own)
    except (ImportError, NoSuchModuleError) as error:
        raise WrongSurroundings(
            f"the driver of {url.drivername} is not installed ({in_a_line(error)}); install it "
            "into .venv: docs/sources.md"
        ) from None
    except (SQLAlchemyError, TypeError, ValueError) as error:
        raise WrongSurroundings(
            f"url: {in_a_line(error)}; correct it, or the variables that it names"
        ) from None
    try:
        connection = engine.connect()
    except (SQLAlchemyError, OSError) as error:
        raise WrongSurroundings(
            f"cannot connect to {place} ({_said(error)}); check the server, the url and the "
            "variables that it names"
        ) from None
    try:
        yield _begun(connection, place)
    finally:
        # Nothing was written; and what went wrong with a lost connection is told already.
        with suppress(SQLAlchemyError):
            connection.close()


def _begun(connection: Connection, place: str) -> Snapshot:
    dialect = connection.dialect
    try:
        connection.execution_options(**OPTIONS.get(dialect.name, {}))
        for statement in STATEMENTS.get(dialect.name, ()):
            connection.exec_driver_sql(statement)
        # Some take the moment of the first query.
        connection.execute(select(literal_column("1")))
    except SQLAlchemyError as error:
        raise WrongSurroundings(
            f"no transaction that only reads can be begun ({_said(error)}); docs/sources.md"
        ) from None
    version = ".".join(map(str, dialect.server_version_info or ()))
    return Snapshot(
        connection,
        f"{dialect.name} {version} {place}",
        f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC",
        dialect.name in OPTIONS or dialect.name in STATEMENTS,
    )


def take(of: Snapshot, query: str, table: Table, year: int, target: Path) -> int:
    """Write what a query gives as Parquet.

    Columns are the contract's, in its order; rows in the order of the table's key, so that the same
    rows give the same bytes. Decimals are exact, days are days and null is null.

    Args:
        of: The snapshot.
        query: The query; `:fiscal_year` in it is the year.
        table: The landing table.
        year: The fiscal year.
        target: The file.

    Returns:
        How many rows it has.

    Raises:
        LandingRefused: What it gives is not of the table.
        WrongSurroundings: The database refuses the query.
    """
    statement = text(query)
    parameters = {YEAR: year} if YEAR in statement.compile().params else {}
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as plain:
        try:
            options = {"stream_results": True, "yield_per": ROWS_AT_ONCE}
            result = of.connection.execute(statement, parameters, execution_options=options)
            if not result.returns_rows:
                raise WrongSurroundings(f"{table.name}: the query gives no rows; expected a select")
            found = _Rows(
                match_header(LandedFile(Path(), table.name, table), [*result.keys()], None)
            )
            for rows in result.partitions():
                for row in rows:
                    plain.write(found.line(row))
        except SQLAlchemyError as error:
            is_lost = isinstance(error, DBAPIError) and error.connection_invalidated
            how = "lost its connection over" if is_lost else "refuses"
            what_to_do = "fetch again" if is_lost else "correct it"
            raise WrongSurroundings(
                f"{table.name}: the database {how} the query ({_said(error)}); {what_to_do}"
            ) from None
        if faults := found.faults(table.name):
            raise LandingRefused(faults)
        plain.flush()
        return _write(plain.name, found, table, target)


class _Rows:
    """What a query's columns hold, as its rows go by.

    Attributes:
        columns: The contract's, in the order of the query.
    """

    def __init__(self, columns: list[Column]) -> None:
        self.columns = columns
        self._kinds: list[set[type]] = [set() for _ in columns]
        self._strange: dict[int, str] = {}
        self._scales = [0] * len(columns)
        self._digits = [0] * len(columns)

    def line(self, row: Any) -> str:
        """A row as a line of JSON, each cell as text."""
        return json.dumps({"cells": [self._text(at, value) for at, value in enumerate(row)]}) + "\n"

    def _text(self, at: int, value: Any) -> str | None:
        if value is None:
            return None
        # A driver's own type may be one of these.
        kind = next((kind for kind in SINGLE if isinstance(value, kind)), object)
        if kind is object or (kind is datetime and value.tzinfo):
            self._strange[at] = STRANGE.get(type(value), NO_TYPE)
            return None
        self._kinds[at].add(kind)
        if kind is int or kind is Decimal:
            return self._number(at, value)
        if kind is bool:
            return "true" if value else "false"
        return str(value)

    def _number(self, at: int, value: Decimal | int) -> str:
        if isinstance(value, Decimal) and not value.is_finite():
            # No number: where it is loaded the row is rejected, as of any file.
            self._kinds[at].add(str)
            return str(value)
        written = f"{value:f}" if isinstance(value, Decimal) else str(value)
        before, _, after = written.lstrip("-").partition(".")
        self._digits[at] = max(self._digits[at], len(before))
        self._scales[at] = max(self._scales[at], len(after))
        return written

    def faults(self, told: str) -> list[str]:
        """A line for each column whose values fit no column of a landing table."""
        return [
            f"{told} column {self.columns[at].name}: holds {what}"
            for at, what in sorted(self._strange.items())
        ]

    def cells(self) -> dict[str, str]:
        """The SQL of each column's cells, typed where all of its values are of a type."""
        return {
            column.name: f"cast(cells[{at}] as {self._type(at - 1)})"
            for at, column in enumerate(self.columns, start=1)
        }

    def _type(self, at: int) -> str:
        kinds = self._kinds[at]
        if kinds == {int} and self._digits[at] <= LONG_DIGITS:
            return "bigint"
        if kinds and kinds <= {int, Decimal}:
            digits = self._digits[at] + self._scales[at]
            if digits <= MOST_DIGITS:
                return f"decimal({MOST_DIGITS}, {self._scales[at]})"
        return SINGLE[next(iter(kinds))] if len(kinds) == 1 else "varchar"


def _write(lines: str, found: _Rows, table: Table, target: Path) -> int:
    cells = found.cells()
    names = [column.name for column in table.columns if column.name in cells]
    listed = ", ".join(f"{cells[name]} as {duck.name(name)}" for name in names)
    order = duck.names(dict.fromkeys([*(key for key in table.key if key in cells), *names]))
    with duckdb.connect(config={"temp_directory": tempfile.gettempdir()}) as con:
        # One thread puts the rows into the same groups each time.
        con.execute("set threads = 1")
        ((count,),) = con.execute(
            f"""
            copy (
                select {listed}
                from read_json(
                    {duck.files(lines)}, format = 'newline_delimited', hive_partitioning = false,
                    columns = {{'cells': 'varchar[]'}}
                )
                order by {order}
            ) to {duck.text(target)} (format parquet, compression zstd)
            """
        ).fetchall()
    return int(count)


def _said(error: Exception) -> str:
    """What a driver says, in one line, without the query."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return in_a_line(error.orig) if isinstance(error.orig, Exception) else str(error.orig)
    return in_a_line(error)
