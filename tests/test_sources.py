"""Landing tables fetched from a real PostgreSQL and a real S3 server, and what is told when they cannot be."""

import fcntl
import json
import logging
import socket
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import obstore
import psycopg
import pytest
from obstore.store import S3Store

from orchestration import cli, endings
from orchestration.faults import LandingRefused, WrongSurroundings
from orchestration.landing import origins
from orchestration.landing.contract import landing_contract
from orchestration.landing.load import load_year
from orchestration.project import PROJECT_DIR
from orchestration.sources import config, database
from orchestration.sources.objects import Bucket
from tests import servers
from tests.conftest import DEPARTMENTS, LANDING, Published, build, write
from tests.test_docs import FENCE

# With what a URL has to escape.
PASSWORD = "sehr@ge/heim:1%"  # noqa: S105
BUCKET = "landing"
FINANCE = """\
sources:
  finance:
    type: database
    url: postgresql+psycopg://owner:${{PG_PASSWORD}}@127.0.0.1:{port}/postgres
    years: [2023]
    tables:
"""
EXCHANGE = """\
sources:
  exchange:
    type: s3
    endpoint: {endpoint}
    bucket: {bucket}
    prefix: "{prefix}{{fiscal_year}}/"
    access_key: ${{S3_KEY}}
    secret_key: ${{S3_SECRET}}
    years: {{from: 2023}}
"""
DEPARTMENT = (
    "select 'A' as unit_code, 2023 as fiscal_year, '甲' as unit_name, 'department' as unit_type"
)


@pytest.fixture(scope="module")
def server() -> Iterator[servers.Postgres]:
    with servers.postgres(PASSWORD) as running:
        yield running


@pytest.fixture(scope="module")
def running_storage() -> Iterator[servers.Storage]:
    with servers.storage(BUCKET) as running:
        yield running


@pytest.fixture
def owner(server: servers.Postgres) -> Iterator[psycopg.Connection]:
    """A connection that may do everything, to a schema without tables."""
    with psycopg.connect(
        host="127.0.0.1", port=server.port, user="owner", password=PASSWORD, dbname="postgres"
    ) as con:
        con.autocommit = True
        con.execute("drop schema public cascade")
        con.execute("create schema public")
        yield con


@pytest.fixture
def tables(server: servers.Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Tables":
    monkeypatch.setenv("PG_PASSWORD", PASSWORD)
    return Tables(tmp_path / "landing", server.port)


class Tables:
    """A landing folder whose tables come from the database."""

    def __init__(self, landing: Path, port: int) -> None:
        self.landing = landing
        self.port = port
        landing.mkdir()

    def come_from(self, **queries: str) -> None:
        text = FINANCE.format(port=self.port)
        for table, query in queries.items():
            text += f"      {table}: {json.dumps(query, ensure_ascii=False)}\n"
        write(self.landing / "sources.yml", text)

    def fetch(self) -> int:
        return cli.main(["fetch", "--landing", str(self.landing)])


@pytest.fixture
def storage(
    running_storage: servers.Storage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> "Storage":
    monkeypatch.setenv("S3_KEY", running_storage.access_key)
    monkeypatch.setenv("S3_SECRET", running_storage.secret_key)
    return Storage(running_storage, tmp_path / "landing", f"{request.node.name}/")


class Storage:
    """A landing folder whose files come from the bucket, from keys of the test's own."""

    def __init__(self, server: servers.Storage, landing: Path, prefix: str) -> None:
        self.server = server
        self.landing = landing
        self.prefix = prefix
        self.store = S3Store(
            BUCKET,
            endpoint=server.endpoint,
            access_key_id=server.access_key,
            secret_access_key=server.secret_key,
            region="us-east-1",
            client_options={"allow_http": True},
        )
        self.configure()

    def configure(self, **other: str) -> None:
        settings = {"endpoint": self.server.endpoint, "bucket": BUCKET, "prefix": self.prefix}
        write(self.landing / "sources.yml", EXCHANGE.format(**settings | other))

    def put(self, key: str, content: str | bytes) -> dict[str, Any]:
        data = content if isinstance(content, bytes) else content.encode()
        return dict(obstore.put(self.store, f"{self.prefix}{key}", data))

    def fetch(self, *arguments: str) -> int:
        return cli.main(["fetch", "--landing", str(self.landing), *arguments])


def load(landing: Path) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    load_year(con, landing, 2023)
    return con


def told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines of faults; none of them has the password."""
    said = "".join(capsys.readouterr())
    assert PASSWORD not in said
    assert "sehr%40ge" not in said
    return [line for line in said.splitlines() if line.startswith("jixiao: ") or "refused" in line]


def files(landing: Path) -> dict[str, tuple[bytes, int]]:
    """What is landed, each with when it was written."""
    return {
        path.relative_to(landing).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in landing.glob("2*/**/*")
        if path.is_file()
    }


# The database


def test_values_are_landed_as_they_are(tables: Tables, owner: psycopg.Connection) -> None:
    owner.execute("""
        create table budget (org text, yr int, item text, a numeric(30,12), b numeric);
        insert into budget values
            ('B', 2023, 'total', 123456789012.123456789012, 0.1), ('A', 2023, 'total', null, 3),
            ('A', 2023, 'other', 10, 'NaN'), ('A', 2022, 'total', 1, 1)
    """)
    tables.come_from(
        departments=f"{DEPARTMENT} union all select 'B', 2023, '乙', 'department'",
        budgets="""select b as adjusted_budget, a as 年初预算数, item as budget_line, org as unit_code,
            yr as fiscal_year, '元' as amount_unit from budget where yr = :fiscal_year;""",
        procurement_contracts="select 'A' as unit_code, 2023 as fiscal_year, '1'::char(3) as contract_id, "
        "date '2023-02-28' as signed_on, true as supplier_is_sme",
    )
    assert tables.fetch() == 0
    con = load(tables.landing)
    budgets = tables.landing / "2023" / "budgets" / "finance.parquet"
    assert con.execute(
        f"select column_name, column_type from (describe from '{budgets}')"
    ).fetchall() == [
        *(("unit_code", "VARCHAR"), ("fiscal_year", "BIGINT"), ("budget_line", "VARCHAR")),
        *(
            ("initial_budget", "DECIMAL(38,12)"),
            ("adjusted_budget", "VARCHAR"),
            ("amount_unit", "VARCHAR"),
        ),
    ]
    # In the order of the key; what is null is null.
    assert con.execute(
        f"select unit_code, budget_line, initial_budget from '{budgets}'"
    ).fetchall() == [
        ("A", "other", Decimal(10)),
        ("A", "total", None),
        ("B", "total", Decimal("123456789012.123456789012")),
    ]
    # What is no number is a row rejected, as of any file.
    assert con.execute(
        "select source_row, column_name, value from audit.rejected_rows"
    ).fetchall() == [(1, "adjusted_budget", "NaN")]
    counts = (
        "select rows_read, rows_loaded, rows_rejected from audit.loads where table_name = 'budgets'"
    )
    assert con.execute(counts).fetchall() == [(3, 2, 1)]
    contract = tables.landing / "2023" / "procurement_contracts" / "finance.parquet"
    assert con.execute(
        f"select typeof(signed_on), typeof(supplier_is_sme) from '{contract}'"
    ).fetchall() == [("DATE", "BOOLEAN")]


def test_the_same_rows_are_the_same_file(tables: Tables, owner: psycopg.Connection) -> None:
    owner.execute(
        "create table units (a text, b int); insert into units select 'U' || n, n from generate_series(1, 9000) as n"
    )
    tables.come_from(
        departments="select a as unit_code, 2023 as fiscal_year, b as unit_name from units"
    )
    assert tables.fetch() == 0
    before = files(tables.landing)
    (origin,) = origins.read(tables.landing / "2023").values()
    # PostgreSQL gives the rows in another order now.
    owner.execute("update units set b = b where b % 3 = 0")
    assert tables.fetch() == 0
    assert files(tables.landing) == before
    (tables.landing / "2023" / "departments" / "finance.parquet").unlink()
    assert tables.fetch() == 0
    after = files(tables.landing)
    assert {name: content for name, (content, _) in after.items()} == {
        name: content for name, (content, _) in before.items()
    }
    assert after["2023/.origins.json"] == before["2023/.origins.json"]
    owner.execute("update units set b = 0 where b = 1")
    assert tables.fetch() == 0
    (changed,) = origins.read(tables.landing / "2023").values()
    assert changed.sha256 != origin.sha256
    assert (
        files(tables.landing)["2023/departments/finance.parquet"]
        != before["2023/departments/finance.parquet"]
    )


def test_tables_are_of_one_moment_and_nothing_is_written(
    server: servers.Postgres,
    owner: psycopg.Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PG_PASSWORD", PASSWORD)
    owner.execute("create table a (unit_code text, fiscal_year int); create sequence n")
    write(
        tmp_path / "sources.yml", FINANCE.format(port=server.port) + "      departments: select 1"
    )
    (source,) = config.read(tmp_path / "sources.yml").values()
    assert isinstance(source, config.Database)
    table = landing_contract()["departments"]
    with database.snapshot(source.address()[0]) as snapshot:
        owner.execute("insert into a values ('A', 2023)")
        assert database.take(snapshot, "select * from a", table, 2023, tmp_path / "x") == 0
        with pytest.raises(WrongSurroundings, match="read-only transaction"):
            database.take(snapshot, "select nextval('n') as unit_code", table, 2023, tmp_path / "x")
    with database.snapshot(source.address()[0]) as snapshot:
        assert database.take(snapshot, "select * from a", table, 2023, tmp_path / "x") == 1
        with pytest.raises(WrongSurroundings, match="cannot insert multiple commands"):
            several = "select * from a; commit; drop table a"
            database.take(snapshot, several, table, 2023, tmp_path / "x")
    assert owner.execute("select count(*) from a").fetchall() == [(1,)]


REFUSED = {
    "'1' as excuted": "column 5: 'excuted' is no column of budgets; did you mean executed? expected ",
    "1.5::float8 as executed": "column executed: holds floating-point numbers, which lose digits; cast it to numeric in the query",
    "'[]'::jsonb as executed": "column executed: holds no text, numbers or days; cast it in the query",
    "now() as executed": "column executed: holds times with a time zone, so the day is not certain; cast it to date in the query",
    "'x'::bytea as executed": "column executed: holds bytes; cast it to text in the query",
}


@pytest.mark.parametrize("column", REFUSED)
def test_what_fits_no_column_is_refused(
    column: str, tables: Tables, owner: psycopg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    tables.come_from(departments=DEPARTMENT)
    assert tables.fetch() == 0
    before = files(tables.landing)
    tables.come_from(
        departments=DEPARTMENT.replace("甲", "乙"),
        budgets=f"select 'A' as unit_code, 2023 as fiscal_year, 'total' as budget_line, '元' as amount_unit, {column}",
    )
    capsys.readouterr()
    assert tables.fetch() == endings.REFUSED
    (line,) = told(capsys)
    assert line.startswith(f"2023 refused: finance: budgets {REFUSED[column]}")
    # All of a source's tables, or none.
    assert files(tables.landing) == before


def test_a_missing_key_is_refused(
    tables: Tables, owner: psycopg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    tables.come_from(departments="select 'A' as unit_code, 'x' as city")
    assert tables.fetch() == endings.REFUSED
    assert told(capsys) == [
        "2023 refused: finance: departments: the key column fiscal_year is missing; add it"
    ]
    assert not (tables.landing / "2023").exists()


def test_a_database_that_does_not_do_as_asked(
    tables: Tables,
    owner: psycopg.Connection,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tables.come_from(departments=DEPARTMENT)
    assert tables.fetch() == 0
    before = files(tables.landing)
    capsys.readouterr()
    asked = {
        "selct 1": 'departments: the database refuses the query (syntax error at or near "selct"',
        f"select '{PASSWORD}'::int": 'departments: the database refuses the query (invalid input syntax for type integer: "***"',
        "select pg_terminate_backend(pg_backend_pid()) as unit_code, 2023 as fiscal_year": "departments: the database lost its connection over the query (",
        "select * from nowhere": 'departments: the database refuses the query (relation "nowhere" does not exist',
    }
    for query, reason in asked.items():
        tables.come_from(departments=query)
        assert tables.fetch() == endings.WRONG_USAGE
        (line,) = told(capsys)
        assert line.startswith(f"jixiao: 2023 finance: {reason}")
    tables.come_from(departments=DEPARTMENT)
    monkeypatch.setenv("PG_PASSWORD", "wrong")
    assert tables.fetch() == endings.WRONG_USAGE
    (line,) = told(capsys)
    assert line.startswith(
        f"jixiao: 2023 finance: cannot connect to 127.0.0.1:{tables.port}/postgres ("
    )
    assert "password authentication failed" in line
    assert line.endswith("check the server, the url and the variables that it names")
    monkeypatch.setenv("PG_PASSWORD", PASSWORD)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        tables.port = nobody.getsockname()[1]
        tables.come_from(departments=DEPARTMENT)
        assert tables.fetch() == endings.WRONG_USAGE
    (line,) = told(capsys)
    assert "Connection refused" in line
    monkeypatch.delenv("PG_PASSWORD")
    assert tables.fetch() == endings.WRONG_USAGE
    assert told(capsys) == [
        "jixiao: 2023 finance: the variable PG_PASSWORD is not set; set it in the environment"
    ]
    assert files(tables.landing) == before


def test_a_fetched_file_is_what_was_fetched(
    tables: Tables, owner: psycopg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    tables.come_from(departments=DEPARTMENT)
    assert tables.fetch() == 0
    landed = tables.landing / "2023" / "departments" / "finance.parquet"
    with load(tables.landing) as con:
        ((origin,),) = con.execute("select origin from audit.loads").fetchall()
    assert origin["query"] == DEPARTMENT
    assert origin["parameters"] == "fiscal_year=2023"
    assert origin["server"].startswith("postgresql 18.")
    assert (origin["source"], origin["type"], origin["rows"]) == ("finance", "database", "1")
    content = landed.read_bytes()
    other = "departments/finance.parquet: not as it was fetched; it came from the source finance: jixiao fetch brings it again"
    landed.write_bytes(content + b" ")
    with pytest.raises(LandingRefused, match=other):
        load(tables.landing)
    landed.unlink()
    with pytest.raises(LandingRefused, match=other.replace("not as it was fetched", "gone")):
        load(tables.landing)
    assert tables.fetch() == 0
    load(tables.landing).close()
    # The same rows by another query are another delivery, even to who has loaded them before.
    with load(tables.landing) as con:
        tables.come_from(departments=f"{DEPARTMENT} where 1 = 1")
        assert tables.fetch() == 0
        assert landed.read_bytes() == content
        load_year(con, tables.landing, 2023)
        queries = con.execute("select origin['query'] from audit.loads").fetchall()
    assert queries == [(f"{DEPARTMENT} where 1 = 1",)]
    (tables.landing / "2023" / origins.NAME).write_text("{")
    with pytest.raises(LandingRefused, match=r"2023/\.origins\.json: damaged"):
        load(tables.landing)


def test_what_a_source_has_no_more_is_removed(
    tables: Tables, owner: psycopg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    petitions = "select 'A' as unit_code, 2023 as fiscal_year, 'x' as channel, 3 as received"
    tables.come_from(departments=DEPARTMENT, petitions=petitions)
    write(tables.landing / "2023" / "departments" / "finance.parquet", "by hand")
    assert tables.fetch() == endings.REFUSED
    assert told(capsys) == [
        "2023 refused: finance: 2023/departments/finance.parquet: is there already, delivered as a file; move it "
        "away, or take the table from one place only"
    ]
    (tables.landing / "2023" / "departments" / "finance.parquet").unlink()
    assert tables.fetch() == 0
    assert {*files(tables.landing)} == {
        *(
            "2023/departments/finance.parquet",
            "2023/petitions/finance.parquet",
            "2023/.origins.json",
        )
    }
    tables.come_from(departments=DEPARTMENT)
    assert tables.fetch() == 0
    assert {*files(tables.landing)} == {"2023/departments/finance.parquet", "2023/.origins.json"}
    assert [*origins.read(tables.landing / "2023")] == ["2023/departments/finance.parquet"]


@pytest.mark.builds
def test_the_two_departments_from_a_database_and_a_bucket(
    tables: Tables,
    storage: Storage,
    owner: psycopg.Connection,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    delivered = load(LANDING)
    queries = {}
    for name, table in landing_contract().items():
        columns = {c.name: c.data_type.replace("decimal", "numeric") for c in table.columns}
        rows = delivered.execute(f"select {', '.join(columns)} from raw.{name}").fetchall()
        if rows and name != "corrections":
            owner.execute(
                f"create table {name} ({', '.join(f'{c} {kind}' for c, kind in columns.items())})"
            )
            places = ", ".join(["%s"] * len(columns))
            owner.cursor().executemany(f"insert into {name} values ({places})", rows)
            queries[name] = f"select * from {name} where fiscal_year = :fiscal_year"
    # The corrections are an object, beside the database.
    storage.put("2023/corrections.csv", (LANDING / "2023" / "corrections.csv").read_bytes())
    of_bucket = (tables.landing / "sources.yml").read_text("utf-8").removeprefix("sources:\n")
    tables.come_from(**queries)
    with (tables.landing / "sources.yml").open("a", encoding="utf-8") as stream:
        stream.write(of_bucket)
    assert tables.fetch() == 0
    with load(tables.landing) as con:
        for name, table in landing_contract().items():
            rows = f"select {', '.join(c.name for c in table.columns)}, corrections from raw.{name} order by all"
            assert con.execute(rows).fetchall() == delivered.execute(rows).fetchall(), name
    monkeypatch.setenv("JIXIAO_SITE", "off")
    assert build(tables.landing, tmp_path / "warehouse") == {2023: []}
    totals = Published(tmp_path / "warehouse").totals()
    assert totals["440305-gxj", 2023, "nanshan_2023"] == Decimal("96.57")
    assert totals["440308-fzyj", 2023, "yantian_2023"] == Decimal("96.08")
    capsys.readouterr()
    command = ("440308-fzyj", "budget_execution", "--warehouse", str(tmp_path / "warehouse"))
    assert cli.main(["explain", *command]) == 0
    said = capsys.readouterr().out
    assert "finance 的查询 budget_execution:" in said
    assert "自评 5.08，一致（finance 的查询 reported_scores 第 " in said
    assert f"fiscal_year=2023）：{queries['budget_execution']}\n" in said
    assert cli.main(["explain", *command, "--format", "json"]) == 0
    cells = json.loads(capsys.readouterr().out)["scores"][0]["criteria"][0]["measure"]["cells"]
    assert {cell["origin"]["query"] for cell in cells} == {queries["budget_execution"]}
    assert cli.main(["explain", *command, "--format", "html"]) == 0
    assert queries["budget_execution"] in capsys.readouterr().out
    of_files = Published(tmp_path / "warehouse").rows(
        "select origin['bucket'] from scores.audit.run_files where table_name = 'corrections'"
    )
    assert of_files == [(BUCKET,)]


def test_the_page_as_it_stands(
    tables: Tables,
    storage: Storage,
    owner: psycopg.Connection,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.INFO, "jixiao")
    blocks = [
        text for _, text in FENCE.findall((PROJECT_DIR / "docs" / "sources.md").read_text("utf-8"))
    ]
    text = next(text for text in blocks if text.startswith("sources:"))
    for shown, here in (
        (
            "reader:${FINANCE_PASSWORD}@10.0.0.5:5432/finance",
            f"owner:${{FINANCE_PASSWORD}}@127.0.0.1:{tables.port}/postgres",
        ),
        ("http://10.0.0.6:9000", storage.server.endpoint),
        ("bucket: exchange", f"bucket: {BUCKET}"),
        ("performance/", storage.prefix),
    ):
        assert text.count(shown) == 1, shown
        text = text.replace(shown, here)
    write(tables.landing / "sources.yml", text)
    for name, value in (
        *(("FINANCE_PASSWORD", PASSWORD), ("EXCHANGE_KEY", storage.server.access_key)),
        ("EXCHANGE_SECRET", storage.server.secret_key),
    ):
        monkeypatch.setenv(name, value)
    owner.execute("""
        create table orgs (org_code text, fiscal_year int, org_name text, district text);
        insert into orgs values ('A', 2023, '甲', '南山区'), ('B', 2023, '乙', '盐田区'), ('B', 2022, '乙', '盐田区');
        create table budget_lines (org_code text, fiscal_year int, line text, initial numeric(18,2), adjusted numeric(18,2), spent numeric(18,2));
        insert into budget_lines values ('A', 2023, '合计', 5, 5, 4), ('A', 2023, '其他', 5, 5, 4), ('B', 2023, '合计', 1, 1, null)
    """)
    storage.put(
        "2023/petitions.csv",
        "unit_code,fiscal_year,channel,received,replied,replied_on_time\nA,2023,来访,1,1,1\n",
    )
    for text in [text for text in blocks if text.startswith("$ .venv/bin/jixiao fetch")]:
        caplog.clear()
        assert tables.fetch() == 0
        assert [record.message for record in caplog.records] == text.splitlines()[1:]
    with load(tables.landing) as con:
        assert con.execute(
            "select sum(rows_loaded), sum(rows_rejected) from audit.loads"
        ).fetchall() == [(6, 0)]
    # What it says of faults.
    told(capsys)
    faults = next(text for text in blocks if text.startswith("2023 refused: "))
    path = tables.landing / "sources.yml"
    good = path.read_text("utf-8")
    for old, new in (
        ("initial as initial_budget", "initial as initial_budgt"),
        ("spent as executed", "spent::float8 as executed"),
        ("from budget_lines", "from budget_line"),
    ):
        path.write_text(good.replace(old, new), "utf-8")
        tables.fetch()
    path.write_text(good, "utf-8")
    monkeypatch.delenv("FINANCE_PASSWORD")
    tables.fetch()
    lines = told(capsys)
    for line, shown in zip(lines, faults.splitlines(), strict=True):
        before, _, after = shown.partition("…")
        assert line.startswith(before)
        assert line.endswith(after)


# The bucket


def test_objects_are_landed_as_they_are(storage: Storage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "jixiao")
    departments = (DEPARTMENTS + "A,2023,甲,department,,深圳市,南山区\n").encode("gb18030")
    first = storage.put("2023/部门名录.csv", departments)
    header = "unit_code,fiscal_year,item,budgeted,actual,amount_unit\n"
    storage.put("2023/public_expenses/一.csv", header + "A,2023,three_public,1,1,元\n")
    storage.put(
        "2023/public_expenses/二.csv", header + "A,2023,daily_public_use,1,,元\nA,2023,x,1,,元\n"
    )
    storage.put("2023/.hidden", "x")
    storage.put("20231/budgets.csv", "x")
    assert storage.fetch("--year", "2023") == 0
    assert (storage.landing / "2023" / "部门名录.csv").read_bytes() == departments
    with load(storage.landing) as con:
        counts = con.execute(
            "select source_file, rows_loaded, rows_rejected from audit.loads order by all"
        ).fetchall()
        ((origin,),) = con.execute(
            "select origin from audit.loads where table_name = 'departments'"
        ).fetchall()
    assert counts == [
        *(
            ("2023/public_expenses/一.csv", 1, 0),
            ("2023/public_expenses/二.csv", 1, 1),
            ("2023/部门名录.csv", 1, 0),
        )
    ]
    assert origin["key"] == f"{storage.prefix}2023/部门名录.csv"
    assert (origin["version"], origin["etag"]) == (first["version"], first["e_tag"])
    assert (origin["bucket"], origin["endpoint"]) == (BUCKET, storage.server.endpoint)
    before = files(storage.landing)
    caplog.clear()
    assert storage.fetch() == 0
    assert {record.message.split()[2] for record in caplog.records} == {"unchanged"}
    assert files(storage.landing) == before
    # The same content as another version is the same file.
    storage.put("2023/部门名录.csv", departments)
    assert storage.fetch() == 0
    assert files(storage.landing) == before
    second = storage.put("2023/部门名录.csv", departments + b"B,2023,,,,,\n")
    obstore.delete(storage.store, f"{storage.prefix}2023/public_expenses/二.csv")
    caplog.clear()
    assert storage.fetch() == 0
    assert [record.message.split()[2:] for record in caplog.records] == [
        ["unchanged", "2023/public_expenses/一.csv"],
        ["changed", "2023/部门名录.csv"],
        ["removed", "2023/public_expenses/二.csv"],
    ]
    assert (
        origins.read(storage.landing / "2023")["2023/部门名录.csv"].facts["version"]
        == second["version"]
    )
    assert not (storage.landing / "2023" / "public_expenses" / "二.csv").exists()


def test_a_bucket_that_does_not_do_as_asked(
    storage: Storage, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert storage.fetch("--year", "2023") == endings.REFUSED
    assert told(capsys) == [
        f"2023 refused: exchange: bucket landing at {storage.server.endpoint}: no object whose key begins with "
        f"{storage.prefix}2023/; expected the year's files"
    ]
    storage.put("2023/a/b/budgets.csv", "x")
    assert storage.fetch("--year", "2023") == endings.REFUSED
    (line,) = told(capsys)
    assert f"object '{storage.prefix}2023/a/b/budgets.csv': no place in the landing folder" in line
    storage.configure(bucket="nowhere")
    assert storage.fetch("--year", "2023") == endings.WRONG_USAGE
    assert "cannot be listed (NoSuchBucket, " in told(capsys)[0]
    storage.configure()
    monkeypatch.setenv("S3_SECRET", PASSWORD)
    assert storage.fetch("--year", "2023") == endings.WRONG_USAGE
    assert "cannot be listed (SignatureDoesNotMatch, " in told(capsys)[0]
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        storage.configure(endpoint=f"http://127.0.0.1:{nobody.getsockname()[1]}")
        assert storage.fetch("--year", "2023") == endings.WRONG_USAGE
    (line,) = told(capsys)
    assert "cannot be listed (" in line
    assert line.endswith("check the endpoint, the bucket and the variables of its keys")
    assert not (storage.landing / "2023").exists()


def test_an_object_is_not_replaced_while_it_is_fetched(storage: Storage, tmp_path: Path) -> None:
    storage.put("2023/budgets.csv", "one")
    (source,) = config.read(storage.landing / "sources.yml").values()
    assert isinstance(source, config.Objects)
    bucket = Bucket(source)
    (found,) = bucket.find(2023)
    storage.put("2023/budgets.csv", "other")
    with pytest.raises(LandingRefused, match="replaced while it was fetched; fetch again"):
        bucket.take(found, tmp_path / "x")


# sources.yml


SOURCE = FINANCE.format(port=5432)
PLAIN = "url: postgresql+psycopg://owner:${PG_PASSWORD}@127.0.0.1:5432/postgres"
OF_BUCKET = EXCHANGE.format(endpoint="http://localhost", bucket="b", prefix="")
SECRETS = "secrets stand in no file: write ${NAME} in its place and set the variable NAME in the environment of jixiao"
WRONG = {
    "": ": expected names with their values; docs/sources.md has one",
    "sources: {}": ": is empty; docs/sources.md has one",
    "sources: {a: {}}": " a: type is missing; expected database or s3",
    "sources: [": " line 1: expected the node content, but found '<stream end>'; correct it",
    SOURCE
    + "      budget: select 1": " finance tables: 'budget' is no table of the landing contract; did you "
    "mean budgets? expected one of departments, ",
    SOURCE + "      budgets: ;": " finance tables: budgets: an empty query",
    SOURCE
    + "      budgets: select :year": " finance tables: budgets: the query has the parameter :year; there is "
    r":fiscal_year and no other, and a colon that begins none is written \:",
    SOURCE
    + "      budgets: select 1\n      budgets: select 2": " line 7: 'budgets' stands there twice; correct it",
    SOURCE + "      budgets: select 1\n    table: x": " finance table: no such setting",
    SOURCE.replace("    tables:", "    tables: {}"): " finance tables: is empty",
    SOURCE.replace("[2023]", "[23]")
    + "      budgets: select 1": " finance years: expected fiscal years, as [2023, 2024], or {from: 2023}",
    SOURCE.replace("    years: [2023]\n", "")
    + "      budgets: select 1": " finance years: is missing",
    SOURCE.replace(PLAIN, "url: nothing")
    + "      budgets: select 1": " finance url: no SQLAlchemy URL; expected ",
    SOURCE.replace("${PG_PASSWORD}", "hunter2")
    + "      budgets: select 1": f" finance url: {SECRETS}",
    SOURCE.replace("/postgres", "/x?sslpassword=hunter2")
    + "      budgets: select 1": f" finance url: {SECRETS}",
    SOURCE.replace("/postgres", "/?odbc_connect=PWD=hunter2")
    + "      budgets: select 1": f" finance url: {SECRETS}",
    OF_BUCKET.replace("${S3_SECRET}", "hunter2"): f" exchange secret_key: {SECRETS}",
    OF_BUCKET.replace("http://", "http://u:hunter2@"): f" exchange endpoint: {SECRETS}",
    OF_BUCKET.replace(
        "{fiscal_year}", "2023"
    ): " exchange prefix: expected {fiscal_year} in it, the folder of a year",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_file_is_told(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "sources.yml", text)
    assert cli.main(["fetch", "--landing", str(tmp_path)]) == endings.WRONG_USAGE
    lines = capsys.readouterr().err.splitlines()
    assert any(
        line.startswith(f"jixiao: {tmp_path / 'sources.yml'}{WRONG[text]}") for line in lines
    ), lines
    assert "hunter2" not in "".join(lines)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (
            "oracle+oracledb://u:${PW}@h:1521/?service_name=x",
            "the driver of oracle+oracledb is not installed (",
        ),
        ("dm+dmPython://u:${PW}@h:5236", "the driver of dm+dmPython is not installed ("),
        ("${WHOLE}", "what the variable WHOLE holds is no SQLAlchemy URL; expected "),
    ],
)
def test_a_url_that_leads_nowhere_is_told(
    url: str,
    reason: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PW", PASSWORD)
    monkeypatch.setenv("WHOLE", f"//{PASSWORD}")
    write(
        tmp_path / "sources.yml",
        SOURCE.replace(PLAIN, f"url: {url}") + "      departments: select 1",
    )
    assert cli.main(["fetch", "--landing", str(tmp_path)]) == endings.WRONG_USAGE
    (line,) = told(capsys)
    assert line.startswith(f"jixiao: 2023 finance: {reason}")


def test_the_environment_completes_a_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PW", PASSWORD)
    monkeypatch.setenv("HOST", "db")
    write(
        tmp_path / "sources.yml",
        SOURCE.replace(PLAIN, "url: postgresql://u:${PW}@${HOST}:1/d?sslpassword=${PW}")
        + "      budgets: select 1",
    )
    (source,) = config.read(tmp_path / "sources.yml").values()
    assert isinstance(source, config.Database)
    url, secrets = source.address()
    assert (url.password, url.host, url.query) == (PASSWORD, "db", {"sslpassword": PASSWORD})
    assert PASSWORD in secrets


def test_one_fetch_at_a_time_and_no_trace_of_one_that_was_killed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "sources.yml", OF_BUCKET)
    write(tmp_path / ".fetch" / "2023-exchange" / "half", "x")
    arguments = ["fetch", "--landing", str(tmp_path), "--year", "2023"]
    with (tmp_path / ".fetch" / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert cli.main(arguments) == endings.WRONG_USAGE
    assert told(capsys) == [
        f"jixiao: {tmp_path}: another fetch is at work; try again when it has ended"
    ]
    for name in ("S3_KEY", "S3_SECRET"):
        monkeypatch.delenv(name, raising=False)
    assert cli.main(arguments) == endings.WRONG_USAGE
    assert [line.partition("the variable")[2] for line in told(capsys)] == [
        f" {name} is not set; set it in the environment" for name in ("S3_KEY", "S3_SECRET")
    ]
    assert [path.name for path in (tmp_path / ".fetch").iterdir()] == ["lock"]


def test_no_year_and_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.main(["fetch", "--landing", str(tmp_path)]) == endings.WRONG_USAGE
    (line,) = told(capsys)
    assert line.startswith(
        f"jixiao: {tmp_path / 'sources.yml'}: no such file; it says which databases"
    )
    # Elsewhere than in the folder that others write to.
    monkeypatch.setenv("JIXIAO_SOURCES", str(tmp_path / "other.yml"))
    write(
        tmp_path / "other.yml", EXCHANGE.format(endpoint="http://localhost", bucket="b", prefix="")
    )
    assert cli.main(["fetch", "--landing", str(tmp_path)]) == endings.WRONG_USAGE
    assert told(capsys) == [
        f"jixiao: {tmp_path / 'other.yml'}: no fiscal year to fetch; name one with --year"
    ]
    assert cli.main(["fetch", "--landing", str(tmp_path), "--year", "2022"]) == endings.WRONG_USAGE
    assert told(capsys) == [
        f"jixiao: {tmp_path / 'other.yml'}: no source is for 2022; see its years"
    ]
    (tmp_path / "2021").mkdir()
    (tmp_path / "2024").mkdir()
    assert config.years(config.read(tmp_path / "other.yml"), tmp_path) == [2024]
    (tmp_path / "other.yml").chmod(0o666)
    assert cli.main(["fetch", "--landing", str(tmp_path)]) == endings.WRONG_USAGE
    assert "anybody may write it" in told(capsys)[0]
