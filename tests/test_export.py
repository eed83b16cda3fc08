"""What tools and people read of a publication beside its rows: comments, keys, descriptions, CSV."""

import csv
import json
import re
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest

from orchestration.publication import csv_files, keys
from tests.conftest import Published, TwoYears

# A sentence in Chinese, then one in English.
BOTH = re.compile(r".*[一-鿿].*[。）] ?[A-Z0-9a-z1−+(].*[A-Za-z]{2}.*")


def test_every_table_and_column_has_a_comment_in_both_languages(two_departments: Published) -> None:
    rows = two_departments.rows(
        """
        select schema_name || '.' || table_name, comment
        from duckdb_tables() where database_name = 'scores'
        union all
        select schema_name || '.' || view_name, comment
        from duckdb_views() where database_name = 'scores' and not internal
        union all
        select schema_name || '.' || table_name || '.' || column_name, comment
        from duckdb_columns() where database_name = 'scores' and not internal
        """
    )
    assert len(rows) > 300
    assert [(name, told) for name, told in rows if not BOTH.fullmatch(told or "")] == []


@pytest.mark.parametrize("told", ["单位。", "Department (单位).", "", "Code of 单位。"])
def test_a_comment_in_one_language_is_none_in_both(told: str) -> None:
    assert not BOTH.fullmatch(told)


def test_every_table_has_its_key(both_years: TwoYears) -> None:
    """What is told of keys holds over years, whether the database holds it or not."""
    told = both_years.rows("from scores.audit.keys")
    named = {f"{schema}.{table}" for schema, table, kind, *_ in told if kind != keys.FOREIGN}
    published = both_years.rows(
        "select distinct schema_name || '.' || table_name from duckdb_columns() "
        "where database_name = 'scores' and not internal"
    )
    assert named == {name for (name,) in published}
    for schema, table, kind, columns, to, to_columns, _ in told:
        name, listed = f"scores.{schema}.{table}", ", ".join(columns)
        if kind == keys.FOREIGN:
            strays = both_years.rows(
                f"select {listed} from {name} as t where {' is not null and '.join(columns)} "
                f"is not null and ({listed}) not in "
                f"(select ({', '.join(to_columns)}) from scores.{schema}.{to})"
            )
        else:
            is_empty = f"or ({' is null or '.join(columns)} is null)" * (kind == keys.PRIMARY)
            strays = both_years.rows(
                f"select {listed} from {name} group by all having count(*) > 1 {is_empty}"
            )
        assert strays == [], (name, kind, columns)


def test_tools_see_the_keys_that_the_database_holds(two_departments: Published) -> None:
    held = two_departments.rows(
        """
        select
            schema_name, table_name, lower(constraint_type), constraint_column_names,
            nullif(referenced_table, ''), nullif(referenced_column_names, [])
        from duckdb_constraints()
        where database_name = 'scores' and constraint_type not in ('NOT NULL', 'CHECK')
        """
    )
    told = two_departments.rows(
        "select * exclude (is_constraint) from scores.audit.keys where is_constraint"
    )
    assert sorted(map(str, held)) == sorted(map(str, told))
    # Of each department at most a few rows: an index of more would cost more than it says.
    names = {table for _, table, *_ in told}
    assert names >= {"dim_departments", "dim_indicators", "fct_evaluations", "runs"}
    assert names.isdisjoint({"fct_criterion_scores", "fct_evidence_cells"})


def test_a_parquet_file_says_its_year_and_what_its_columns_are(both_years: TwoYears) -> None:
    folder = both_years.warehouse / "published" / "parquet" / "fct_evaluations"
    one = folder / "fiscal_year=2024" / "fct_evaluations.parquet"
    columns = [name for name, *_ in both_years.rows("describe fct_evaluations")]
    alone = pl.read_parquet(one)
    assert alone.columns == columns
    assert alone["fiscal_year"].unique().to_list() == [2024]
    # The folder has the year in its name as well: it is one column, of either.
    whole = pl.read_parquet(folder / "**" / "*.parquet", hive_partitioning=True)
    assert (whole.columns, whole["fiscal_year"].unique().sort().to_list()) == (
        columns,
        [2023, 2024],
    )
    for hive in ("true", "false"):
        found = both_years.rows(
            f"select count(*), list(distinct fiscal_year order by fiscal_year) "
            f"from read_parquet('{folder}/**/*.parquet', hive_partitioning = {hive})"
        )
        assert found == [(whole.height, [2023, 2024])]
    told = pl.read_parquet_metadata(one)
    comments = both_years.rows(
        "select column_name, comment from duckdb_columns() "
        "where database_name = 'scores' and table_name = 'fct_evaluations'"
    )
    assert json.loads(told["columns"]) == dict(comments)
    assert BOTH.fullmatch(told["description"])
    assert json.loads(told["key"]) == ["unit_code", "fiscal_year", "rubric_id"]


def test_every_mart_is_a_sheet_or_named_as_none(both_years: TwoYears) -> None:
    folder = both_years.warehouse / "published" / "csv"
    note = (folder / csv_files.NOTE).read_text("utf-8-sig")
    for mart, rows in both_years.tables().items():
        described = both_years.rows(f"describe {mart}")
        columns = [name for name, *_ in described]
        has_year = "fiscal_year" in columns
        paths = (
            [folder / f"{year}/{mart}.csv" for year in (2023, 2024)]
            if has_year
            else [folder / f"{mart}.csv"]
        )
        if f"{mart}：" in note:
            assert any("STRUCT" in kind for _, kind, *_ in described)
            assert not any(path.exists() for path in paths)
            continue
        found = []
        for path in paths:
            assert path.read_bytes().startswith(b"\xef\xbb\xbf" + columns[0].encode())
            with path.open(encoding="utf-8-sig", newline="") as stream:
                header, *lines = csv.reader(stream)
            assert header == columns
            found += lines
        texts = [at for at, (_, kind, *_) in enumerate(described) if "TIMESTAMP" not in kind]
        expected = [[written(row[at]) for at in texts] for row in rows]
        actual = [[unescaped(line[at]) for at in texts] for line in found]
        assert sorted(actual) == sorted(expected), mart


def written(value: object) -> str:
    if value is None or isinstance(value, bool):
        return "" if value is None else str(value).lower()
    if isinstance(value, list):
        return "；".join(value)
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def unescaped(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell[1:2] in csv_files.FORMULA else cell


@pytest.fixture
def marts() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute(
        """
        create schema marts;
        create table marts.dim_departments as
        select unit_code, 2023 as fiscal_year from range(3) as t(unit_code);
        create table marts.fct_x as select * from (values
            (2023, '=1+1', -1.5::decimal(38, 18), ['+a', 'b'], true, 'a"b,c' || chr(10) || 'd'),
            (2023, '@x', 0.000000000000000001::decimal(38, 18), null, false, '－5'),
            (2023, chr(9) || 'x', null, [], null, ''),
            (2024, '-5', 1, ['甲'], null, null)
        ) as t(fiscal_year, code, value, names, is_so, text)
        """
    )
    return con


def test_no_cell_is_a_formula(marts: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    csv_files.write(marts, tmp_path / "csv")
    with (tmp_path / "csv" / "2023" / "fct_x.csv").open(encoding="utf-8-sig", newline="") as stream:
        assert list(csv.reader(stream))[1:] == [
            ["2023", "'=1+1", "-1.500000000000000000", "'+a；b", "true", 'a"b,c\nd'],
            ["2023", "'@x", "0.000000000000000001", "", "false", "'－5"],
            ["2023", "'\tx", "", "", "", ""],
        ]


def test_what_no_sheet_holds_is_told(
    marts: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_files, "SHEET_ROWS", 2)
    csv_files.write(marts, tmp_path / "csv")
    assert not list(tmp_path.rglob("fct_x.csv"))
    note = (tmp_path / "csv" / csv_files.NOTE).read_text("utf-8-sig")
    assert "2023/fct_x.csv：3 行" in note
    assert "3 rows, more than Excel opens" in note
