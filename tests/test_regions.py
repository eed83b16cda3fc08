"""Regions: each a warehouse of its own, their union, and what is ranked over all of them."""

import csv
import hashlib
import json
import re
import shutil
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, TextIO

import dagster as dg
import duckdb
import pytest

from orchestration import automation, cli, duck, endings, launch
from orchestration.definitions import build_definitions
from orchestration.faults import WrongSurroundings
from orchestration.graph.build import JOB
from orchestration.project import OWN, PROJECT_DIR, SEEDS_DIR, Folders
from orchestration.publication.folder import Warehouse
from orchestration.regions import catalogue, names
from tests.conftest import (
    LANDING,
    City,
    Published,
    append_rows,
    copy_of_the_project,
    once,
    shift_year,
    write,
)
from tests.random_rubrics import CITY, DISTRICTS, Assessed, Rubrics, Taken
from tests.reference import read
from tests.rubric_reference import OFFICIAL
from tests.synthetic import Generator
from tests.test_docs import FENCE
from tests.test_surroundings import command

NANSHAN, YANTIAN = "广东 南山", "Yantian"
UNITS = {NANSHAN: "440305-gxj", YANTIAN: "440308-fzyj"}
# Regions of one invented district each, with a rubric that is drawn.
DRAWN = {f"虚构 {district}": district for district in DISTRICTS[:3]}
FIVE = tuple(sorted({*UNITS, *DRAWN}))
SEED = 20268
# Where a row was read from, which is another file of another folder.
PLACES = {"source_file", "source_sha256", "source_row", "load_id"}


class Regions:
    """What a reader of a catalogue sees."""

    def __init__(self, warehouse: Path) -> None:
        self.warehouse = warehouse

    def connect(self) -> duckdb.DuckDBPyConnection:
        con = duckdb.connect()
        # Under another name than the file's.
        duck.attach(con, catalogue.path_of(self.warehouse), "all_regions")
        con.execute("use all_regions")
        return con

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.connect() as con:
            return con.execute(query).fetchall()

    def bytes_of(self, region: str) -> dict[str, str]:
        """Every file of a region's warehouse, with its checksum."""
        root = Folders(Path(), self.warehouse).of(region).warehouse
        return {
            str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in root.rglob("*")
            if path.is_file()
        } | {"published": str((root / "published").readlink())}


def split(landing: Path, regions: dict[str, str], source: Path = LANDING) -> None:
    """Deliver each department of 2023 in the folder of the region that is named for it."""
    for path in sorted((source / "2023").glob("*.csv")):
        rows = defaultdict(list)
        for row in read(path):
            rows[regions[row["unit_code"]]].append(row)
        for region, mine in rows.items():
            with opened(landing / region / "2023" / path.name) as stream:
                writer = csv.DictWriter(stream, mine[0].keys())
                writer.writeheader()
                writer.writerows(mine)


def opened(path: Path) -> TextIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("w", encoding="utf-8", newline="")


def draw(folder: Path, seeds: Path) -> Path:
    """Add a rubric for each invented district to the seeds; a landing folder of its departments."""
    sample = Generator(SEED, SEEDS_DIR).landing(folder / "sample", 2023, 60)
    rubrics = Rubrics(SEED, SEEDS_DIR, Taken(sample, 2023), rubrics=1 + len(DRAWN))
    rubrics.written["rubric_assignments"] = [
        {"city": CITY, "district": district, "rubric_id": name, "role": OFFICIAL}
        for district, name in zip(DRAWN.values(), [*rubrics.drafts][1:], strict=True)
    ]
    rubrics.add_to(seeds)
    return Assessed(SEED, seeds, [*DRAWN.values()]).landing(folder / "drawn", 2023, 24)


@pytest.fixture(scope="session")
def five_regions(tmp_path_factory: pytest.TempPathFactory) -> Regions:
    """Five regions, run by the command beside one that is refused, and all their departments as one.

    Of the two real departments each is a region; three have invented departments. Built once for all
    processes; not to be changed.
    """

    def make(folder: Path) -> None:
        run = copy_of_the_project(folder / "project")
        landing = folder / "landing"
        drawn = draw(folder, folder / "project" / "seeds")
        regions = {district: region for region, district in DRAWN.items()}
        split(landing, {unit: region for region, unit in UNITS.items()})
        split(
            landing,
            {
                row["unit_code"]: regions[row["district"]]
                for row in read(drawn / "2023" / "departments.csv")
            },
            drawn,
        )
        # The real ones as they are shipped: texts of corrections name their file and row.
        shutil.copytree(LANDING, folder / "whole" / "landing")
        for path in (drawn / "2023").iterdir():
            write(
                folder / "whole" / "landing" / "2023" / path.stem / "drawn.csv", path.read_bytes()
            )
        (landing / "坏" / "2023").mkdir(parents=True)
        (landing / "坏" / "2023" / "stafing.csv").write_text("x")
        (landing / "a=b" / "2023").mkdir(parents=True)
        (landing / "notes").mkdir()
        for of in (folder, folder / "whole"):
            ran = run("run", "--landing", str(of / "landing"), "--warehouse", str(of / "warehouse"))
            (of / "said").write_text(ran.stdout + ran.stderr)
            (of / "status").write_text(str(ran.returncode))

    return Regions(once(tmp_path_factory, "five_regions", make) / "warehouse")


@pytest.fixture
def whole(five_regions: Regions) -> Published:
    """The departments of the five regions, built as one landing folder; not to be changed."""
    folder = five_regions.warehouse.parent / "whole"
    assert (folder / "status").read_text() == str(endings.PUBLISHED), (folder / "said").read_text()
    return Published(folder / "warehouse")


def region_of(warehouse: Path, region: str, published: Published) -> Path:
    """Let a region have what a warehouse has: it is one like any other."""
    root = Folders(Path(), warehouse).of(region).warehouse
    shutil.copytree(published.warehouse, root, symlinks=True)
    return root


def test_one_region_that_is_refused_leaves_the_others(five_regions: Regions) -> None:
    folder = five_regions.warehouse.parent
    assert (folder / "status").read_text() == str(endings.REFUSED)
    said = (folder / "said").read_text("utf-8").splitlines()
    told = [line for line in said if line.startswith(("坏 2023 refused: ", f"{folder}/landing"))]
    assert told[0].startswith("坏 2023 refused: 2023/stafing.csv: 'stafing' is no table")
    assert told[-1] == (
        f"{folder}/landing/a=b: a region's name with '='; expected a name that can be a "
        "partition's: rename the folder"
    )
    assert len(told) == 3
    assert [line for line in said if line.startswith("region ")] == [
        f"region {name}" for name in sorted((*FIVE, "坏"))
    ]
    assert names.built(five_regions.warehouse) == FIVE
    assert five_regions.rows("select region from national.dim_regions order by 1") == [
        (region,) for region in FIVE
    ]


def test_the_union_is_the_whole(five_regions: Regions, whole: Published) -> None:
    with five_regions.connect() as con:
        duck.attach(con, whole.warehouse / "published" / "scores.duckdb", "whole")
        relations: dict[str, dict[str, str]] = defaultdict(dict)
        for table, column, kind in con.execute(
            "select table_name, column_name, data_type from duckdb_columns() "
            "where database_name = 'whole' and schema_name = 'marts' order by column_index"
        ).fetchall():
            relations[table][column] = kind
        shown: dict[str, dict[str, str]] = defaultdict(dict)
        for table, column, kind in con.execute(
            "select table_name, column_name, data_type from duckdb_columns() "
            "where database_name = 'all_regions' and schema_name = 'marts' order by column_index"
        ).fetchall():
            shown[table][column] = kind
        assert {table: list(of.items()) for table, of in shown.items()} == {
            table: [("region", "VARCHAR"), *of.items()] for table, of in relations.items()
        }
        assert len(relations) >= 28
        for table, columns in relations.items():
            compared = duck.names(column for column in columns if column not in PLACES)
            # What is of no department is the same in every region.
            distinct = "" if "unit_code" in columns else "distinct"
            query = f"select {distinct} {compared} from {{}}.marts.{table} order by all"
            union = con.execute(query.format("all_regions")).fetchall()
            assert union == con.execute(query.format("whole")).fetchall(), table
        assert con.execute(
            "select region, unit_code, district from marts.dim_departments order by all"
        ).fetchall() == sorted(
            (region, unit, district) for unit, (region, district) in of_regions(whole).items()
        )
        rows = {
            table: con.execute(f"select count(*) from all_regions.audit.{table}").fetchall()
            for table in ("findings", "runs")
        }
        findings = con.execute("select count(*) from whole.audit.findings").fetchall()
        assert rows == {"findings": findings, "runs": [(len(FIVE),)]}


def test_everything_of_the_catalogue_is_described(five_regions: Regions) -> None:
    bare = five_regions.rows(
        """
        select schema_name, table_name, column_name from duckdb_columns()
        where comment is null and database_name = 'all_regions' and schema_name not like 'region=%'
        union all
        select schema_name, view_name, '' from duckdb_views()
        where comment is null and database_name = 'all_regions' and schema_name not like 'region=%'
        """
    )
    assert bare == []


def test_a_region_added_or_lost_changes_nothing_of_the_others(
    five_regions: Regions, with_gaps: Published, tmp_path: Path
) -> None:
    shutil.copytree(five_regions.warehouse, tmp_path / "warehouse", symlinks=True)
    regions = Regions(tmp_path / "warehouse")
    before = {region: regions.bytes_of(region) for region in UNITS}
    # Moved, so it is written anew once.
    assert [of.region for of in catalogue.write(regions.warehouse) or []] == [*FIVE]
    assert catalogue.write(regions.warehouse) is None
    evaluations = len(regions.rows("from marts.fct_evaluations"))
    another = region_of(regions.warehouse, "三", with_gaps)
    assert len(catalogue.write(regions.warehouse) or []) == len(FIVE) + 1
    assert len(regions.rows("from marts.fct_evaluations")) == evaluations + 4
    assert {region: regions.bytes_of(region) for region in UNITS} == before
    shutil.rmtree(another)
    assert len(catalogue.write(regions.warehouse) or []) == len(FIVE)
    assert len(regions.rows("from marts.fct_evaluations")) == evaluations
    assert {region: regions.bytes_of(region) for region in UNITS} == before


def test_readers_see_no_half(
    two_departments: Published,
    with_gaps: Published,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    regions = Regions(tmp_path)
    region_of(tmp_path, "甲", two_departments)
    region_of(tmp_path, "乙", with_gaps)
    missing = (
        "select region, count(*) from marts.fct_evaluations where status != 'scored' group by all"
    )
    catalogue.write(tmp_path)
    reader = regions.connect()
    # One after the other of their publications is current; the reader keeps to what was when it
    # came, and so do others until all of it is written.
    assert reader.execute(missing).fetchall() == [("乙", 4)]
    monkeypatch.setattr(catalogue, "write", lambda _: None)
    assert (
        cli.main(["rollback", "--region", "乙", "--warehouse", str(tmp_path)]) == endings.PUBLISHED
    )
    assert reader.execute(missing).fetchall() == regions.rows(missing) == [("乙", 4)]
    monkeypatch.undo()
    ((head, publication),) = regions.rows(
        "select head, publication from national.dim_regions where region = '乙'"
    )

    def breaks(*_: object) -> None:
        raise OSError(28, "No space left on device", "somewhere")

    with monkeypatch.context() as broken:
        broken.setattr(catalogue, "_fill", breaks)
        with pytest.raises(WrongSurroundings, match=r"No space left on device.*the one before"):
            catalogue.write(tmp_path)
    assert regions.rows(missing) == [("乙", 4)]
    assert not [path.name for path in (tmp_path / "regions").glob("*.partial")]
    assert cli.main(["rollback", "--region", "乙", "--warehouse", str(tmp_path)]) == (
        endings.WRONG_USAGE
    )
    assert "nothing was published before" in capfd.readouterr().err
    catalogue.write(tmp_path)
    assert reader.execute(missing).fetchall() == [("乙", 4)]
    assert regions.rows(missing) == []
    ((new, restored),) = regions.rows(
        "select head, publication from national.dim_regions where region = '乙'"
    )
    assert (new, restored) != (head, publication)
    reader.close()


def test_versions_are_shown_by_their_columns_names(
    two_departments: Published, tmp_path: Path
) -> None:
    region_of(tmp_path, "old", two_departments)
    region_of(tmp_path, "zzz", two_departments)
    old = Folders(Path(), tmp_path).of("old").warehouse / "published"
    rewrite(tmp_path, "old", EVALUATIONS, "select * exclude (is_final) from t")
    shutil.rmtree(old / "parquet" / "fct_tasks")
    catalogue.write(tmp_path)
    regions = Regions(tmp_path)
    found = regions.rows("select distinct region, is_final from marts.fct_evaluations order by 1")
    assert found == [("old", None), ("zzz", True)]
    assert regions.rows("select distinct region from marts.fct_tasks") == [("zzz",)]


def rounded(value: Fraction, decimals: int) -> Decimal:
    return (Decimal(value.numerator) / Decimal(value.denominator)).quantize(
        Decimal(1).scaleb(-decimals), ROUND_HALF_UP
    )


@pytest.fixture(scope="module")
def cities(
    tmp_path_factory: pytest.TempPathFactory, city: City, troubled: City, two_departments: Published
) -> Regions:
    """Three regions that have the same units' codes, and two of them the same districts."""
    warehouse = tmp_path_factory.mktemp("cities")
    for region, published in (("甲", city), ("乙", troubled), ("丙", two_departments)):
        region_of(warehouse, region, published)
    catalogue.write(warehouse)
    return Regions(warehouse)


def of_regions(whole: Published) -> dict[str, tuple[str, str]]:
    """The region and the district of each department of the five regions."""
    of_district = {district: region for region, district in DRAWN.items()}
    of_district |= {"南山区": NANSHAN, "盐田区": YANTIAN}
    return {
        unit: (of_district[district], district)
        for unit, district in whole.rows("select unit_code, district from dim_departments")
    }


Scored = list[dict[str, Any]]


def scored(published: Published, region_of_unit: Callable[[str], str]) -> Scored:
    """The scored official evaluations, with what they are ranked by."""
    budgets = {
        (unit, year): budget
        for unit, year, budget in published.rows(
            "select unit_code, fiscal_year, denominator from fct_measures "
            "where measure_code = 'budget_execution_rate'"
        )
    }
    places = {row[:2]: row[2:] for row in published.rows(
        "select unit_code, fiscal_year, unit_type, city, district from dim_departments"
    )}  # fmt: skip
    points = dict(published.rows("select rubric_id, total_points from dim_rubrics"))
    return [
        {
            "key": (region_of_unit(unit), unit, year), "year": year, "place": places[unit, year],
            "budget": budgets[unit, year], "share": Fraction(total) / Fraction(points[rubric]),
        }
        for unit, year, rubric, total in published.rows(
            "select unit_code, fiscal_year, rubric_id, total_score from fct_evaluations "
            "where rubric_role = 'official' and status = 'scored'"
        )
    ]  # fmt: skip


def ranked(all_scored: Scored) -> dict[tuple[str, str, int], tuple[Any, ...]]:
    """What national.fct_ranks is to have of each, by counting those that are higher and lower."""
    for one in all_scored:
        sizes = [
            o["budget"] for o in all_scored if o["year"] == one["year"] and o["budget"] is not None
        ]
        smaller = sum(size < one["budget"] for size in sizes) if one["budget"] is not None else None
        one["class"] = None if smaller is None else 4 * smaller // len(sizes) + 1

    def stand(one: dict[str, Any], among: Callable[[dict[str, Any]], Any]) -> tuple[Any, ...]:
        group = among(one)
        if None in (group if len(group) == 2 else ()):
            return (None, None, None)
        all_of = [o for o in all_scored if o["year"] == one["year"] and among(o) == group]
        higher = sum(o["share"] > one["share"] for o in all_of)
        lower = sum(o["share"] < one["share"] for o in all_of)
        others = len(all_of) - 1
        return len(all_of), higher + 1, rounded(Fraction(lower, others), 10) if others else None

    return {
        one["key"]: (
            one["class"],
            *stand(one, lambda o: (o["key"][0], *o["place"][1:])),
            *stand(one, lambda o: (o["key"][0],)),
            *stand(one, lambda _: ()),
            *stand(one, lambda o: (o["place"][0], o["class"])),
        )
        for one in all_scored
    }


REACHES = ("in_district", "in_region", "in_all", "among_peers")


def ranks(regions: Regions) -> dict[tuple[str, str, int], tuple[Any, ...]]:
    """What national.fct_ranks has, as `ranked` says it."""
    columns = ", ".join(f"scored_{r}, rank_{r}, percentile_{r}" for r in REACHES)
    rows = regions.rows(
        f"select region, unit_code, fiscal_year, size_class, {columns} from national.fct_ranks"
    )
    found = {row[:3]: row[3:] for row in rows}
    assert len(rows) == len(found)
    # It would show nothing if all were alike.
    assert {size_class for size_class, *_ in found.values()} >= {1, 2, 3, 4}
    return found


def test_ranks_by_an_independent_computation(
    cities: Regions, city: City, troubled: City, two_departments: Published
) -> None:
    expected = ranked(
        scored(city, lambda _: "甲") + scored(troubled, lambda _: "乙")
        + scored(two_departments, lambda _: "丙")
    )  # fmt: skip
    found = ranks(cities)
    assert found == expected
    assert len(found) > 150
    assert len({row[2] for row in found.values()}) > 10


def test_ranks_of_five_regions_are_those_of_the_whole(
    five_regions: Regions, whole: Published
) -> None:
    regions = of_regions(whole)
    expected = ranked(scored(whole, lambda unit: regions[unit][0]))
    assert ranks(five_regions) == expected
    assert {region for region, _, _ in expected} == {*FIVE}
    # Equals are in one region, and in several.
    equals = defaultdict(list)
    for (region, _, _), row in expected.items():
        equals[row[8]].append(region)
    assert any(len({*of}) < len(of) for of in equals.values())
    assert any(len({*of}) > 1 for of in equals.values())


def test_totals_of_regions_by_an_independent_computation(
    cities: Regions, city: City, troubled: City, two_departments: Published
) -> None:
    expected = {}
    for region, published in (("甲", city), ("乙", troubled), ("丙", two_departments)):
        of_years: dict[int, list[Any]] = defaultdict(list)
        for year, *of in published.rows(
            "select fiscal_year, status, total_score, grade from fct_evaluations "
            "where rubric_role = 'official'"
        ):
            of_years[year].append(of)
        for year, count in published.rows(
            "select fiscal_year, count(*) from dim_departments group by all"
        ):
            status = Counter(status for status, _, _ in of_years[year])
            totals = sorted(Fraction(t) for s, t, _ in of_years[year] if s == "scored")
            middle = len(totals) // 2
            median = (totals[middle] + totals[-1 - middle]) / 2 if totals else None
            mean = sum(totals) / len(totals) if totals else None
            expected[region, year] = (
                count, status["scored"], status["blocked"], status["incomplete"],
                count - len(of_years[year]),
                rounded(mean, 6) if totals else None, rounded(median, 7) if totals else None,
                rounded(median / 100, 10) if totals else None,
                Counter(g for s, _, g in of_years[year] if s == "scored") if totals else None,
            )  # fmt: skip
    rows = cities.rows(
        "select region, fiscal_year, departments, evaluated, blocked, incomplete, "
        "without_official_rubric, mean_total, median_total, median_score_rate, grades "
        "from national.fct_region_totals"
    )
    assert {row[:2]: row[2:] for row in rows} == expected
    assert len(rows) == 3 + 2 + 1
    # Every column has something to say somewhere, but for departments without an official rubric.
    assert [at for at in range(2, 11) if not any(row[at] for row in rows)] == [6]


def rewrite(warehouse: Path, region: str, path: str, query: str) -> None:
    """Change a Parquet file of what a region has published, which the query names as t."""
    of = Folders(Path(), warehouse).of(region).warehouse / "published" / "parquet" / path
    with duckdb.connect() as con:
        con.execute(f"create table t as from read_parquet('{of}', hive_partitioning = false)")
        con.execute(f"copy ({query}) to '{of}' (format parquet)")


EVALUATIONS = "fct_evaluations/fiscal_year=2023/fct_evaluations.parquet"


def test_nothing_that_is_missing_becomes_zero(two_departments: Published, tmp_path: Path) -> None:
    for region, gone in (("甲", "unit_code = '440308-fzyj'"), ("乙", "true")):
        region_of(tmp_path, region, two_departments)
        rewrite(
            tmp_path, region, EVALUATIONS,
            f"from t where not (rubric_role = 'official' and {gone})",
        )  # fmt: skip
    catalogue.write(tmp_path)
    found = Regions(tmp_path).rows("from national.fct_region_totals order by region")
    assert found == [
        ("乙", 2023, None, 2, 0, 0, 0, 2, None, None, None, None, None),
        ("甲", 2023, True, 2, 1, 0, 0, 1, *[Decimal("96.57")] * 2, *[Decimal("0.9657")] * 2,
         {"优": 1}),
    ]  # fmt: skip


def test_rubrics_of_other_totals_have_no_mean_in_points(
    two_departments: Published, tmp_path: Path
) -> None:
    region_of(tmp_path, "甲", two_departments)
    rewrite(
        tmp_path, "甲", "dim_rubrics/dim_rubrics.parquet",
        "select * replace (if(rubric_id = 'yantian_2023', 120, total_points) as total_points) from t",
    )  # fmt: skip
    catalogue.write(tmp_path)
    ranks = "select unit_code, rank_in_all, score_rate from national.fct_ranks order by 1"
    assert Regions(tmp_path).rows(ranks) == [
        ("440305-gxj", 1, Decimal("0.9657")),
        ("440308-fzyj", 2, rounded(Fraction("96.08") / 120, 10)),
    ]
    totals = "select mean_total, median_total, mean_score_rate from national.fct_region_totals"
    ((mean, median, rate),) = Regions(tmp_path).rows(totals)
    assert (mean, median) == (None, None)
    assert rate == rounded(
        (Fraction("0.9657") + Fraction(rounded(Fraction("96.08") / 120, 10))) / 2, 10
    )


def test_a_district_in_two_regions_is_told(cities: Regions) -> None:
    found = cities.rows("from national.fct_split_districts order by all")
    assert (2023, "深圳市", "南山区", ["丙", "乙", "甲"]) in found
    told = catalogue.told(cities.warehouse)
    assert told[0] == f"{catalogue.path_of(cities.warehouse)}, 3 regions"
    assert (
        "2023 深圳市 南山区 is in 丙 and 乙 and 甲: a region is of whole districts; it is ranked in "
        "each by itself"
    ) in told


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("a=b", "a region's name with '='"),
        ("50%", "a region's name with '%'"),
        ("a|b", "a region's name with '|'"),
        ("甲\u200b", "a region's name with '\\u200b'"),
        ("NULL", "a region's name that is read as no value"),
        (unicodedata.normalize("NFD", "é"), "characters that are put together"),
        (" 甲", "blanks at an end"),
        ("a...b", "'...'"),
    ],
)
def test_a_name_that_cannot_be_is_told(name: str, why: str, tmp_path: Path) -> None:
    (tmp_path / name / "2023").mkdir(parents=True)
    found = names.delivered(tmp_path)
    assert found.names == ()
    (line,) = found.refused
    assert why in line and len(line.splitlines()) == 1 and "rename the folder" in line


@pytest.mark.parametrize("name", ["广东 省", "010000", "a+b&c", "x,y;z", "(甲)", "-x", "_y", "1e5"])
def test_a_name_is_read_as_it_is(name: str, two_departments: Published, tmp_path: Path) -> None:
    region_of(tmp_path, name, two_departments)
    (tmp_path / "landing" / name / "2023").mkdir(parents=True)
    assert names.delivered(tmp_path / "landing").names == (name,)
    catalogue.write(tmp_path)
    regions = Regions(tmp_path)
    for mart in ("marts.fct_evaluations", "marts.dim_codes", "marts.fct_evidence", "audit.runs"):
        assert regions.rows(f"select distinct region from {mart}") == [(name,)]


def test_what_is_no_region(tmp_path: Path) -> None:
    for folder in ("2023", "notes", "甲/23", ".hidden/2023", "lost+found/2023", "甲/2023年"):
        (tmp_path / folder).mkdir(parents=True)
    write(tmp_path / "乙", "a file")
    assert names.delivered(tmp_path) == names.Found((), ())


def test_names_that_are_alike_and_links_are_told(tmp_path: Path) -> None:
    for name in ("Gansu", "gansu", "甲", "乙（一）", "乙(一)"):
        (tmp_path / name / "2023").mkdir(parents=True)
    (tmp_path / "丙").symlink_to(tmp_path / "甲")
    found = names.delivered(tmp_path)
    assert found.names == ("甲",)
    assert sorted(line.partition(": ")[0] for line in found.refused) == sorted(
        str(tmp_path / name) for name in ("Gansu", "gansu", "乙（一）", "乙(一)", "丙")
    )
    assert all("\n" not in line for line in found.refused)


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """A landing folder with years of its own and two regions."""
    for folder in ("2023", "甲/2023", "甲/2024", "乙/2023"):
        (tmp_path / "landing" / folder).mkdir(parents=True)
    return tmp_path / "landing"


def launched(monkeypatch: pytest.MonkeyPatch, refuse: str = "") -> list[tuple[str, list[int]]]:
    """Note what is launched instead of doing it."""
    seen = []

    def note(landing: Path, warehouse: Path, years: list[int], region: str) -> dict[int, list[str]]:
        assert (landing.name, warehouse.name) == ("landing", "warehouse")
        seen.append((region, years))
        if region == refuse:
            raise WrongSurroundings("its state is gone")
        return {year: [f"{year} refused: as the test wants it"] for year in years}

    monkeypatch.setattr(launch, "launch", note)
    return seen


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], [(".", [2023]), ("乙", [2023]), ("甲", [2023, 2024])]),
        (["--region", "甲"], [("甲", [2023, 2024])]),
        (["--region", "甲", "--region", "."], [("甲", [2023, 2024]), (".", [2023])]),
        (["--year", "2024"], [("甲", [2024])]),
    ],
)
def test_regions_to_run(
    arguments: list[str],
    expected: list[tuple[str, list[int]]],
    three: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    seen = launched(monkeypatch)
    command = ["run", "--landing", str(three), "--warehouse", str(tmp_path / "warehouse")]
    assert cli.main([*command, *arguments]) == endings.REFUSED
    assert seen == expected
    err = capfd.readouterr().err.splitlines()
    for region, years in expected:
        before = "" if region == OWN else f"{region} "
        assert {f"{before}{year} refused: as the test wants it" for year in years} <= {*err}


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--region", "丁"], "landing: no region 丁; it has ., 乙, 甲"),
        (["--region", "乙", "--year", "2024"], "乙/2024; the landing folder has 2023"),
        (["--year", "2025"], "landing: no region has 2025; correct --year"),
        (["--preview"], "--preview is of one region; "),
        (["--preview", "--region", "甲"], "甲 has 2023, 2024: say which by --year"),
    ],
)
def test_regions_that_there_are_not(
    arguments: list[str],
    line: str,
    three: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    seen = launched(monkeypatch)
    command = ["run", "--landing", str(three), "--warehouse", str(tmp_path / "warehouse")]
    assert cli.main([*command, *arguments]) == endings.WRONG_USAGE
    told = capfd.readouterr().err.splitlines()[-1]
    assert told.startswith("jixiao: ") and line in told
    assert seen == []


def test_surroundings_of_one_region_leave_the_others(
    three: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    seen = launched(monkeypatch, refuse="乙")
    command = ["run", "--landing", str(three), "--warehouse", str(tmp_path / "warehouse")]
    assert cli.main(command) == endings.WRONG_USAGE
    assert [region for region, _ in seen] == [OWN, "乙", "甲"]
    assert "jixiao: 乙 its state is gone" in capfd.readouterr().err.splitlines()


def test_dagster_has_a_partition_for_each_year_of_each_region(
    five_regions: Regions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(five_regions.warehouse.parent / "landing", tmp_path / "landing")
    shutil.copytree(five_regions.warehouse, tmp_path / "warehouse", symlinks=True)
    folders = (tmp_path / "landing", tmp_path / "warehouse")
    definitions = build_definitions(*map(str, folders))
    job = definitions.resolve_job_def(JOB)
    assert isinstance(job.partitions_def, dg.MultiPartitionsDefinition)
    (changed,) = (s for s in automation.sensors(*folders) if s.name == "landing_changed")
    at = datetime(2024, 3, 5, tzinfo=UTC)
    with dg.instance_for_test() as instance:
        cursor = None

        def tick(later: int) -> list[str]:
            nonlocal cursor
            monkeypatch.setattr(automation, "now", lambda: at + timedelta(minutes=later))
            result = changed(dg.build_sensor_context(instance, cursor=cursor))
            cursor = result.cursor
            return sorted(str(request.partition_key) for request in result.run_requests or [])

        # What is published is not asked for; what was refused is, once.
        assert (tick(0), tick(6)) == ([], ["坏|2023"])
        append_rows(folders[0] / NANSHAN / "2023" / "assets.csv", "x")
        (folders[0] / "新").mkdir()
        shutil.copytree(folders[0] / YANTIAN / "2023", folders[0] / "新" / "2023")
        assert (tick(7), tick(14)) == ([], [f"{NANSHAN}|2023", "新|2023"])
        assert set(instance.get_dynamic_partitions("region")) == {*FIVE, "坏", "新"}
        assert {"新|2023", f"{YANTIAN}|2024"} <= set(
            job.partitions_def.get_partition_keys(
                current_time=at, dynamic_partitions_store=instance
            )
        )
        told = json.loads((folders[1] / "alerts.json").read_text("utf-8"))
        (line,) = told["no_region None"]["log"]
        assert "a=b: a region's name with '='" in line
        (due,) = (s for s in automation.schedules(*folders) if s.name == "after_the_year")
        asked = due(dg.build_schedule_context(instance, scheduled_execution_time=at))
        assert {str(request.partition_key) for request in asked} >= {"坏|2023", "新|2023"}
        assert len({request.run_key for request in asked}) == len(asked)


def test_what_dagster_launches_is_shown_and_told_of_its_region(
    five_regions: Regions,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    shutil.copytree(five_regions.warehouse.parent / "landing", tmp_path / "landing")
    shutil.copytree(five_regions.warehouse, tmp_path / "warehouse", symlinks=True)
    before = Regions(tmp_path / "warehouse").bytes_of(YANTIAN)
    landing = tmp_path / "landing" / NANSHAN
    append_rows(landing / "2023" / "satisfaction_surveys.csv", f"{UNITS[NANSHAN]},2023,加,1,1")
    path = landing / "2023" / "departments.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    definitions = build_definitions(str(tmp_path / "landing"), str(tmp_path / "warehouse"))
    key = dg.MultiPartitionKey({"region": NANSHAN, "year": "2023"})
    with dg.instance_for_test() as instance, caplog.at_level("INFO", "jixiao"):
        instance.add_dynamic_partitions("region", [NANSHAN])
        ended = definitions.resolve_job_def(JOB).execute_in_process(
            partition_key=key, instance=instance
        )
        (tell,) = (
            s
            for s in automation.sensors(tmp_path / "landing", tmp_path / "warehouse")
            if s.name == "tell_what_is_left"
        )
        (event,) = (e for e in ended.all_events if e.event_type_value == "PIPELINE_SUCCESS")
        tell(
            dg.build_run_status_sensor_context(
                sensor_name=tell.name, dagster_instance=instance, dagster_run=ended.dagster_run,
                dagster_event=event,
            )
        )  # fmt: skip
    regions = Regions(tmp_path / "warehouse")
    assert regions.bytes_of(YANTIAN) == before
    current = Warehouse(Folders(Path(), tmp_path / "warehouse").of(NANSHAN).warehouse).current
    shown = "select publication from national.dim_regions where region = ?"
    with regions.connect() as con:
        assert con.execute(shown, [NANSHAN]).fetchall() == [(current,)]
    assert any(text.startswith(f"{NANSHAN}  2023  load ") for text in caplog.messages)
    (told,) = (text for text in caplog.messages if "被阻断或不全" in text)
    assert told.startswith(f"{NANSHAN} jixiao 2023 已公布")


def test_each_region_has_heads_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestration.publication import chain

    monkeypatch.setenv("JIXIAO_HEADS_FILE", str(tmp_path / "heads"))
    with names.told_of("甲"):
        with names.told_of("甲"):
            assert chain.heads_file() == tmp_path / "heads.甲"
        assert chain.heads_file() == tmp_path / "heads.甲"
    with names.told_of(OWN):
        assert chain.heads_file() == tmp_path / "heads"
    assert chain.heads_file() == tmp_path / "heads"


def test_readers_say_which_region_where_there_are_several(
    five_regions: Regions, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    command = ["explain", UNITS[NANSHAN], "--warehouse", str(five_regions.warehouse)]
    assert cli.main(command) == endings.WRONG_USAGE
    assert capfd.readouterr().err == (
        f"jixiao: {five_regions.warehouse}: it has several regions; say which by --region: "
        f"{', '.join(FIVE)}\n"
    )
    assert cli.main([*command, "--region", "x"]) == endings.WRONG_USAGE
    assert capfd.readouterr().err == (
        f"jixiao: {five_regions.warehouse}: no region x is published; it has {', '.join(FIVE)}\n"
    )
    assert cli.main([*command, "--region", NANSHAN]) == endings.PUBLISHED
    assert "96.57" in capfd.readouterr().out


def test_the_only_region_need_not_be_said(
    two_departments: Published, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    region_of(tmp_path, "甲", two_departments)
    command = ["explain", UNITS[NANSHAN], "--warehouse", str(tmp_path)]
    assert cli.main(command) == endings.PUBLISHED
    assert cli.main([*command, "--region", OWN]) == endings.WRONG_USAGE
    shutil.copytree(two_departments.warehouse, tmp_path, symlinks=True, dirs_exist_ok=True)
    assert cli.main(command) == endings.WRONG_USAGE
    assert capfd.readouterr().err.splitlines()[-1].endswith("by --region: 甲, .")
    assert cli.main([*command, "--region", OWN]) == endings.PUBLISHED


def test_check_says_of_which_region_a_file_is(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    split(tmp_path, {unit: region for region, unit in UNITS.items()})
    append_rows(tmp_path / YANTIAN / "2023" / "petitions.csv", ",2023,来访,1,1,1")
    shift_year(tmp_path / NANSHAN, 2023, 2022)
    assert cli.main(["check", "--landing", str(tmp_path), "--year", "2023"]) == endings.REFUSED
    out, err = capfd.readouterr()
    assert [line for line in out.splitlines() if line.startswith("region ")] == [
        f"region {YANTIAN}", f"region {NANSHAN}",
    ]  # fmt: skip
    assert err.startswith(f"{YANTIAN} 2023 refused: 2023/petitions.csv row ")
    assert cli.main(["check", "--landing", str(tmp_path), "--region", NANSHAN]) == endings.PUBLISHED


def test_what_is_computed_of_other_marts_is_of_each_region(
    cities: Regions, city: City, troubled: City, two_departments: Published
) -> None:
    """The regions have departments of the same codes, which no join may mix."""
    for mart in ("fct_evidence", "fct_evidence_lines", "fct_next_steps"):
        expected = {
            region: published.rows(f"select count(*) from {mart}")[0][0]
            for region, published in (("甲", city), ("乙", troubled), ("丙", two_departments))
        }
        rows = cities.rows(f"select region, count(*) from marts.{mart} group by all")
        assert dict(rows) == {region: count for region, count in expected.items() if count}
        assert sum(expected.values()) > 0


def test_each_region_is_fetched_from_its_own_sources(
    three: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from orchestration.sources import fetch

    seen: list[Path] = []

    def note(landing: Path, *_: object) -> list[fetch.Outcome]:
        seen.append(landing)
        return [fetch.Outcome(2023, "finance", ["no"] if landing.name == "乙" else [], [])]

    monkeypatch.setattr(fetch, "fetch", note)
    command = ["fetch", "--landing", str(three)]
    for region in ("甲", "乙"):
        path = three / region / "sources.yml"
        path.write_text(
            "sources:\n  finance:\n    type: database\n    url: ${NOWHERE}\n    years: [2023]\n"
            "    tables: {budgets: select 1}\n"
        )
        path.chmod(0o600)
    assert cli.main(command) == endings.REFUSED
    assert seen == [three / "乙", three / "甲"]
    assert "乙 2023 refused: finance: no" in capfd.readouterr().err.splitlines()
    assert cli.main([*command, "--region", "甲"]) == endings.PUBLISHED
    assert cli.main([*command, "--region", "丁"]) == endings.WRONG_USAGE
    job, daily = automation.fetching(three, three.parent / "warehouse")
    with dg.instance_for_test() as instance:
        at = datetime(2024, 3, 1, tzinfo=UTC)
        asked = daily(dg.build_schedule_context(instance, scheduled_execution_time=at))
        assert isinstance(asked, dg.RunRequest)
        ended = job.execute_in_process(instance=instance, raise_on_error=False)
        (failed,) = (event for event in ended.all_events if event.is_step_failure)
        assert "乙 2023 finance: no" in str(failed.step_failure_data.user_failure_data.description)
    monkeypatch.setenv("JIXIAO_SOURCES", str(three / "甲" / "sources.yml"))
    capfd.readouterr()
    assert cli.main(command) == endings.WRONG_USAGE
    assert "JIXIAO_SOURCES names the sources of one region" in capfd.readouterr().err


def test_a_region_that_is_no_longer_delivered_stays_and_is_told(
    two_departments: Published,
    three: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    launched(monkeypatch)
    region_of(tmp_path / "warehouse", "丙", two_departments)
    command = ["run", "--landing", str(three), "--warehouse", str(tmp_path / "warehouse")]
    assert cli.main(command) == endings.REFUSED
    assert f"丙 stays published; {three} has no such region" in capfd.readouterr().out.splitlines()
    assert Regions(tmp_path / "warehouse").rows("select region from national.dim_regions") == [
        ("丙",)
    ]


def test_the_first_regions_ask_for_a_restart_of_dagster(
    three: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for region in ("甲", "乙"):
        (three / region).rename(tmp_path / region)
    (changed,) = (
        s for s in automation.sensors(three, tmp_path / "warehouse") if s.name == "landing_changed"
    )
    (tmp_path / "甲").rename(three / "甲")
    with dg.instance_for_test() as instance:
        for _ in range(2):
            changed(dg.build_sensor_context(instance))
    (told,) = (text for text in caplog.messages if "it has regions now (甲)" in text)
    assert told.endswith("restart its services")


def test_a_region_that_others_may_not_read(
    two_departments: Published, with_gaps: Published, tmp_path: Path
) -> None:
    region_of(tmp_path, "甲", with_gaps)
    region_of(tmp_path, "乙", two_departments)
    closed = Folders(Path(), tmp_path).of("乙").warehouse
    closed.chmod(0)
    asked = ["explain", UNITS[NANSHAN], "--warehouse", str(tmp_path)]
    of_one, of_any = command(*asked, "--region", "甲"), command(*asked)
    # A region that is not seen would be left out of the catalogue.
    written = command("rollback", "--region", "甲", "--warehouse", str(tmp_path))
    closed.chmod(0o755)
    assert (of_one.returncode, of_one.stderr) == (endings.PUBLISHED, "")
    assert (of_any.returncode, of_any.stderr) == (
        endings.WRONG_USAGE,
        f"jixiao: {closed}/published: Permission denied; make it readable, or say which region by "
        "--region\n",
    )
    assert "is undone" in written.stdout
    assert (written.returncode, written.stderr) == (endings.WRONG_USAGE, of_any.stderr)
    assert not catalogue.path_of(tmp_path).exists()


def test_the_page_s_queries_are_answered(
    five_regions: Regions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (PROJECT_DIR / "docs" / "scale.md").read_text("utf-8")
    (query,) = (text for language, text in FENCE.findall(page) if language == "sql")
    (tmp_path / "warehouse").symlink_to(five_regions.warehouse)
    monkeypatch.chdir(tmp_path)
    with duckdb.connect() as con:
        answers = [con.execute(statement).fetchall() for statement in con.extract_statements(query)]
    assert [len(rows) for rows in answers] == [0, len(FIVE), 10]
    (files,) = set(re.findall(r"`(warehouse/regions/\*/published\S+)`", page))
    with duckdb.connect() as con:
        found = con.execute(
            "select region, count(*) from read_parquet(?, hive_types = {'region': varchar}) "
            "group by all order by all",
            [files.replace("<mart>", "fct_evaluations")],
        ).fetchall()
    assert [region for region, _ in found] == [*FIVE]
