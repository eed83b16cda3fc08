"""The models on Spark without a Spark: rules, what they refuse, and what compares both engines."""

import importlib.util
from pathlib import Path

import duckdb
import pytest

from orchestration.project import PROJECT_DIR
from spark import lint, rules, state
from spark.compare import compare

COLUMNS = {("staging", "t"): ["a", "b", "m"], ("staging", "u"): ["b", "c"]}


def in_spark(sql: str) -> str:
    return rules.to_spark(sql, "fct_a", COLUMNS)


@pytest.mark.builds
def test_every_model_has_its_form_on_spark() -> None:
    assert lint.faults() == []


@pytest.mark.parametrize(
    ("duckdbs", "sparks"),
    [
        ("regexp_replace(a, '(x)$', '\\1 y')", r"REGEXP_REPLACE(a, '(x)\\z', '$1 y')"),
        ("regexp_replace(a, '^[\\s$]+', '')", r"REGEXP_REPLACE(a, '^[\\t\\n\\f\\r $]+', '')"),
        ("regexp_extract(a, '\\..*')", r"REGEXP_EXTRACT(a, '(?d)\\..*', 0)"),
        ("regexp_matches(a, '[%％]')", "a RLIKE '[%％]'"),
        ("format('{} of {:,}', a, b)", "CONCAT(CAST(a AS STRING), ' of ', FORMAT_NUMBER(b, 0))"),
        ("chr(57344)", "'\ue000'"),
        ("string_split(a, '|')", r"SPLIT(a, '\\|')"),
        ("sign(a)", "CAST(SIGN(a) AS INT)"),
        ("cast(a as decimal)", "CAST(a AS DECIMAL(18, 3))"),
        ("cast(a as hugeint)", "CAST(a AS DECIMAL(38, 0))"),
        ("cast(a as integer)", "CAST(ROUND(a, 0) AS INT)"),
        ("cast(is_a as integer)", "CAST(is_a AS INT)"),
        ("a / b", "CAST((a) AS DOUBLE) / CAST((b) AS DOUBLE)"),
        ("a[1]", "TRY_ELEMENT_AT(a, 1)"),
        ("m['a']", "TRY_ELEMENT_AT(m, 'a')"),
        ("a[:5]", "SLICE(a, 1, GREATEST((5) - (1) + 1, 0))"),
        ("list_contains(a, b)", "ARRAY_CONTAINS(ARRAY_COMPACT(a), b)"),
        ("list_concat(a, b)", "CONCAT(COALESCE(a, ARRAY()), COALESCE(b, ARRAY()))"),
        ("map_contains(m, b)", "MAP_CONTAINS_KEY(m, b)"),
        ("any_value(a) filter (where b)", "ANY_VALUE(a, TRUE) FILTER(WHERE b)"),
        ("max_by(a, b)", "MAX_BY(a, b) FILTER(WHERE NOT (a) IS NULL)"),
        ("count(*) filter (where b) over ()", "COUNT(IF(b, 1, NULL)) OVER ()"),
        ("row_number() over ()", "ROW_NUMBER() OVER (ORDER BY NULL NULLS LAST)"),
        ("error(a)", "RAISE_ERROR(a)"),
        (
            "list(a)",
            "NULLIF(TRANSFORM(COLLECT_LIST(STRUCT(a AS v)), each -> each.v), ARRAY())",
        ),
        (
            "list(a order by b) filter (where c)",
            "NULLIF(TRANSFORM(ARRAY_SORT(COLLECT_LIST(STRUCT((b) IS NULL AS k0, b AS k1, a AS v)) "
            "FILTER(WHERE c)), each -> each.v), ARRAY())",
        ),
        (
            "list_sort(list({'a': a, 'b': b}))",
            "NULLIF(TRANSFORM(ARRAY_SORT(COLLECT_LIST(STRUCT((a) IS NULL AS k0, a AS k1, "
            "(b) IS NULL AS k2, b AS k3, STRUCT(a AS a, b AS b) AS v))), each -> each.v), ARRAY())",
        ),
        (
            "a at time zone 'Asia/Shanghai'",
            "CONVERT_TIMEZONE(CURRENT_TIMEZONE(), 'Asia/Shanghai', CAST(a AS TIMESTAMP_NTZ))",
        ),
        ("trim(a)", r"REGEXP_REPLACE(a, '^\\p{Zs}+|\\p{Zs}+\\z', '')"),
    ],
)
def test_an_expression_means_the_same(duckdbs: str, sparks: str) -> None:
    assert in_spark(f"select {duckdbs} from staging.t") == f"SELECT {sparks} FROM staging.t"


def test_a_whole_quotient_stands_there_once() -> None:
    """In each of the lines of a long division it would stand there many times as often."""
    written = in_spark("select (long_a // b) // c from staging.t")
    assert written.count("long_a") == 1
    assert "DIV" not in written


@pytest.mark.parametrize(
    ("duckdbs", "sparks"),
    [
        ('select a from "warehouse"."staging"."t"', "SELECT a FROM `staging`.`t`"),
        ("select * replace (b as a) from staging.t", "SELECT b AS a, b, m FROM staging.t"),
        (
            "select a from staging.t where (a, b) in (select (b, c) from staging.u)",
            "SELECT a FROM staging.t WHERE (a, b) IN (SELECT b, c FROM staging.u)",
        ),
        (
            "select a, b from staging.t union all by name select * from staging.u",
            "SELECT a, b, NULL AS c FROM (SELECT a, b FROM staging.t) AS side UNION ALL "
            "SELECT NULL AS a, b, c FROM (SELECT * FROM staging.u) AS side",
        ),
        (
            "with x as (select 1 as y) select *, m from staging.t qualify row_number() over w = 1 "
            "window w as (order by a)",
            "WITH x AS (SELECT 1 AS y) SELECT * EXCEPT (is_kept) FROM (SELECT *, m, "
            "(ROW_NUMBER() OVER w = 1) AS is_kept FROM staging.t WINDOW w AS (ORDER BY a NULLS LAST"
            ")) AS qualified WHERE is_kept",
        ),
        (
            "select unnest([{'x': a}], recursive := true) from staging.t",
            "SELECT INLINE(ARRAY(STRUCT(a AS x))) FROM staging.t",
        ),
        (
            "with recursive r as (select b from staging.u union select r.b from r) select * from r",
            "WITH RECURSIVE r AS (SELECT b FROM staging.u UNION ALL SELECT r.b FROM r), "
            "r_once AS (SELECT DISTINCT * FROM r) SELECT * FROM r_once AS r",
        ),
    ],
)
def test_a_query_means_the_same(duckdbs: str, sparks: str) -> None:
    assert in_spark(duckdbs) == sparks


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("median(a)", "Median (MEDIAN(a)): no rule is known for it; write it with what"),
        ("list_reverse(a)", "list_reverse(): no rule is known for it; write it with functions"),
        ("regexp_replace(a, 'x', 'y')", "of several matches DuckDB replaces the first, Spark each"),
        ("regexp_matches(a, '\\w')", r"\w in a pattern: not known to be the same on Spark"),
        ("regexp_matches(a, b)", "a pattern that is no literal"),
        ("a + 1 as n, rank() over (order by n)", "n in a window, named in the same query"),
        ("len(a)", "write array_length() of a list, length() of a text"),
        ("format('{:.2f}', a)", "format() with {:.2f}: no rule is known for it; use ||"),
        ("cast(a as float)", "type REAL: no rule is known for it"),
        ("list(a order by b desc)", "list() in descending order"),
        ("list_sort(a)", "sort what list() gathers"),
        ("(a, b) = (c, d)", "compare each column"),
        ("try_cast(a as integer)", "try_cast to a decimal, and round"),
        ("a + interval 1 day", "use make_date() or last_day()"),
        ("left(a, b)", "how many is no literal"),
        ("list_transform(a, lambda x, i: i)", "take the element alone"),
        ("regexp_matches(a, '(?i)x')", "(? in a pattern"),
        ("regexp_replace(a, 'x$', 'y', 'g')", "with options, $ or no literal"),
        ("json_extract(a, '$[0]')", "no rule is known for it"),
        ("distinct on (a) b", "compare each column"),
        ("* rename (a as c)", "exclude the column and name it"),
    ],
)
def test_what_no_rule_knows_is_refused(expression: str, said: str) -> None:
    with pytest.raises(rules.Unknown) as refused:
        in_spark(f"select {expression} from staging.t")
    assert str(refused.value).startswith("fct_a: ")
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.fixture
def built(tmp_path: Path) -> tuple[Path, Path]:
    """A build of DuckDB's, and what Spark would have written of it."""
    database, tables = tmp_path / "warehouse.duckdb", tmp_path / "tables"
    with duckdb.connect(str(database)) as con:
        con.execute(
            """
            create schema marts; create schema audit; create schema raw;
            create table audit.run_years as select 2023 as fiscal_year;
            create table marts.fct_a as
                select 2023 as fiscal_year, 1.50 as score, map {'b': '1', 'a': '2'} as cells
                union all by name select 2022 as fiscal_year, 9 as score;
            create table marts.dim_b as select 'x' as code union all select 'x'
            """
        )
        for table in ("fct_a", "dim_b"):
            folder = tables / "marts.db" / table
            folder.mkdir(parents=True)
            where = "where fiscal_year = 2023" if table == "fct_a" else ""
            con.execute(f"copy (from marts.{table} {where}) to '{folder / 'part.parquet'}'")
    return database, tables


def test_the_years_of_a_build_are_compared(built: tuple[Path, Path]) -> None:
    compared = compare(*built)
    assert [(model.name, model.rows, model.said) for model in compared] == [
        ("marts.dim_b", 2, ""),
        ("marts.fct_a", 1, ""),
    ]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            "select 2023 as fiscal_year, 1.5 as score, map {'a': '2', 'b': '1'} as cells",
            "1 of DuckDB alone, as fiscal_year=2023, score=1.50",
        ),
        (
            "select 2023 as fiscal_year, 1.50 as score, map {'b': '1'} as cells",
            "1 of Spark alone, as fiscal_year=2023, score=1.50, cells=[{'key': b, 'value': 1}]",
        ),
        ("select 2023 as fiscal_year, 1.50 as score", "other columns: cells"),
    ],
)
def test_what_differs_is_told(built: tuple[Path, Path], written: str, said: str) -> None:
    database, tables = built
    duckdb.execute(f"copy ({written}) to '{tables / 'marts.db' / 'fct_a' / 'part.parquet'}'")
    (dim_b, fct_a) = compare(database, tables)
    assert dim_b.said == ""
    assert said in fct_a.said


def test_a_row_that_is_there_twice_counts_twice(built: tuple[Path, Path]) -> None:
    database, tables = built
    duckdb.execute(
        f"copy (select 'x' as code) to '{tables / 'marts.db' / 'dim_b' / 'part.parquet'}'"
    )
    assert compare(database, tables)[0].said == "1 of DuckDB alone, as code=x"


def test_a_model_that_spark_lacks_is_told(built: tuple[Path, Path]) -> None:
    database, tables = built
    (tables / "marts.db" / "dim_b").rename(tables / "gone")
    assert compare(database, tables)[0].said == "not built on Spark"


def test_spark_begins_with_what_no_model_makes(built: tuple[Path, Path], tmp_path: Path) -> None:
    database, _ = built
    state.write(database, tmp_path / "state")
    written = (tmp_path / "state").rglob("*.parquet")
    assert [path.relative_to(tmp_path / "state").as_posix() for path in written] == [
        "audit/run_years.parquet"
    ]


spec = importlib.util.spec_from_file_location("of_spark", PROJECT_DIR / "spark" / "__main__.py")
assert spec and spec.loader
of_spark = importlib.util.module_from_spec(spec)
spec.loader.exec_module(of_spark)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("", "/bin/java does not run; install openjdk-17-jre-headless, or set JAVA_HOME"),
        (
            "echo 'openjdk version \"11.0.2\"' >&2",
            '/bin/java is openjdk version "11.0.2", expected 17 or newer; install',
        ),
    ],
)
def test_without_a_java_a_line_says_so(
    script: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    java = tmp_path / "bin" / "java"
    if script:
        java.parent.mkdir()
        java.write_text(f"#!/bin/sh\n{script}\n")
        java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(SystemExit) as refused:
        of_spark.look()
    assert f"jixiao: spark: {tmp_path}{said}" in str(refused.value)


def test_the_lock_has_the_engines_of_the_project() -> None:
    """What compiles, and what is compared with, is the same in both environments."""
    pinned = {
        name: {
            line.split(" ")[0]
            for line in (PROJECT_DIR / name).read_text("utf-8").splitlines()
            if line.startswith(("sqlglot", "duckdb==", "dbt-core==", "dbt-adapters=="))
        }
        for name in ("requirements/dev.txt", "spark/requirements.txt")
    }
    ours = {line.replace("[rs]", "") for line in pinned["requirements/dev.txt"]}
    assert pinned["spark/requirements.txt"] <= ours
    assert len(pinned["spark/requirements.txt"]) == 4
    assert "://" not in (PROJECT_DIR / "spark" / "requirements.txt").read_text("utf-8")
