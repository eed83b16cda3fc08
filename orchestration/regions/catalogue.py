"""The catalogue: what all regions have published as one, for readers who want more than one.

One DuckDB file with views over the regions' Parquet, each of the publication that was current when
the file was written, by its name: whoever reads sees a whole of publications and never half of one.
It is written aside and renamed. What can be computed of all regions alone is in `national.sql`.
"""

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from orchestration import duck
from orchestration.faults import WrongSurroundings, for_builders, in_a_line
from orchestration.project import REGIONS, Folders
from orchestration.publication import chain
from orchestration.publication.folder import DATABASE, Warehouse
from orchestration.regions import names

FILE = "catalogue.duckdb"
SHOWN = 10
NATIONAL = Path(__file__).with_name("national.sql")
REGION = (
    "地区：landing 中该地区的文件夹名，与其他列一起区分各行。"
    "Region (地区): the name of its folder in the landing folder; part of the key of every row."
)
# How the SQL of a published view names another mart.
NAMED = re.compile(r"\bmarts\.(\w+)")
DESCRIBED = {
    "table national.dim_regions": "本目录所示的各地区及其发布。One row for each region that the "
    "catalogue shows, with the publication that it shows of it.",
    "column national.dim_regions.region": REGION,
    "column national.dim_regions.publication": "发布：该地区 publications 下的文件夹名。The "
    "publication: the name of its folder in publications/ of the region.",
    "column national.dim_regions.head": "该发布及其之前全部发布的校验和。Checksum of it and of "
    "all before it.",
    "column national.dim_regions.published_at": "发布时间。When it was published.",
    "column national.dim_regions.folder": "该发布的文件夹；移动后由下一次运行重写。Its folder; "
    "where it has been moved the next run writes the catalogue anew.",
    "column national.dim_regions.code_sha256": "写本目录的代码的校验和。Checksum of the code that "
    "wrote the catalogue.",
}


@dataclass(frozen=True)
class Pinned:
    """A region's publication that the catalogue shows.

    Attributes:
        region: The region.
        folder: The publication's folder.
        head: The checksum of the publication and of all before it.
    """

    region: str
    folder: Path
    head: str

    @property
    def schema(self) -> str:
        """The schema of what is computed of the region by itself."""
        return f"region={self.region}"

    def parquet(self, mart: str) -> str:
        """The files of a mart, as read_parquet takes them."""
        return duck.files(self.folder / "parquet" / mart, "/**/*.parquet")

    def marts(self) -> dict[str, bool]:
        """The marts that are there as Parquet, each with whether it is kept by fiscal year."""
        return {
            path.name: any(path.glob("fiscal_year=*"))
            for path in sorted((self.folder / "parquet").iterdir())
            if any(path.rglob("*.parquet"))
        }


def path_of(warehouse: Path) -> Path:
    """Where the catalogue of a warehouse is."""
    return warehouse / REGIONS / FILE


def write(warehouse: Path) -> list[Pinned] | None:
    """Write the catalogue, where the regions have published what it does not show yet.

    Args:
        warehouse: The warehouse folder.

    Returns:
        What it shows; none where it showed just that before.

    Raises:
        WrongSurroundings: It cannot be written; the one before stays.
    """
    path = path_of(warehouse.resolve())
    partial = path.with_suffix(".partial")
    try:
        with _held(path.parent):
            pinned = _current(warehouse.resolve())
            if _shown(path) == _pins(pinned):
                return None
            partial.unlink(missing_ok=True)
            with duckdb.connect() as con:
                duck.attach(con, partial, "catalogue", read_only=False)
                con.execute("use catalogue")
                _fill(con, pinned)
                con.execute("use memory; detach catalogue")
            Warehouse(path.parent).share(partial)
            with partial.open("rb") as stream:
                # What is renamed to must be whole, whatever happens to the machine.
                os.fsync(stream.fileno())
            partial.replace(path)
    except (duckdb.Error, OSError) as error:
        # A full disk gets back what it was to hold.
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise WrongSurroundings(
            f"{path}: cannot be written ({in_a_line(error)}); readers keep the one before. What "
            "regions have published stays: correct it and run any of them again"
        ) from error
    return pinned


def told(warehouse: Path) -> list[str]:
    """What people are told of a catalogue: what it shows, and what of that is not as it should be.

    Args:
        warehouse: The warehouse folder.
    """
    path = path_of(warehouse)
    with duckdb.connect() as con:
        duck.attach(con, path, "shown")
        con.execute("use shown")
        ((count,),) = con.execute("select count(*) from national.dim_regions").fetchall()
        lines = [f"{path}, {count} {'region' if count == 1 else 'regions'}"]
        split = con.execute(
            """
            select
                fiscal_year || ' ' || city || coalesce(' ' || district, '') || ' is in '
                || array_to_string(regions, ' and ')
            from national.fct_split_districts order by all
            """
        ).fetchall()
    lines += [
        f"{line}: a region is of whole districts; it is ranked in each by itself"
        for (line,) in split[:SHOWN]
    ]
    if len(split) > SHOWN:
        lines.append(f"and {len(split) - SHOWN} more: national.fct_split_districts")
    if Warehouse(warehouse).current:
        lines.append(f"{Warehouse(warehouse).published} is of no region, and not in it")
    return lines


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    with (folder / ".catalogue.lock").open("a") as lock:
        for_builders(folder / ".catalogue.lock")
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _current(warehouse: Path) -> list[Pinned]:
    """What each region has published now."""
    pinned = []
    for region in names.built(warehouse):
        of = Warehouse(Folders(Path(), warehouse).of(region).warehouse)
        folder = of.publications / str(of.current)
        pinned.append(Pinned(region, folder, chain.head(folder)))
    return pinned


def _pins(pinned: list[Pinned]) -> list[tuple[Any, ...]]:
    """What tells one catalogue from another: what it shows, where that is, and how it is shown."""
    code = hashlib.sha256(Path(__file__).read_bytes() + NATIONAL.read_bytes()).hexdigest()
    return [(of.region, of.folder.name, of.head, str(of.folder), code) for of in pinned]


def _shown(path: Path) -> list[tuple[Any, ...]] | None:
    """The same of the catalogue that is there; none where there is none that can be read."""
    try:
        with duckdb.connect() as con:
            duck.attach(con, path, "shown")
            rows: list[tuple[Any, ...]] = con.execute(
                "select region, publication, head, folder, code_sha256 "
                "from shown.national.dim_regions order by region"
            ).fetchall()
    except duckdb.Error:
        return None
    return rows


def _fill(con: duckdb.DuckDBPyConnection, pinned: list[Pinned]) -> None:
    """Define and describe all that the catalogue shows.

    Args:
        con: A connection that uses the new file.
        pinned: What it is to show.
    """
    for schema in ("marts", "audit", "national"):
        con.execute(f"create schema {schema}")
    _enter(con, pinned)
    views: dict[str, list[str]] = {mart: [query] for mart, query in _stored(pinned).items()}
    tables: dict[str, list[str]] = {}
    comments: dict[str, str] = {}
    for number, of in enumerate(pinned):
        database = f"of_{number}"
        duck.attach(con, of.folder / DATABASE, database)
        for mart in _compute(con, database, of):
            query = f"select {duck.text(of.region)} as region, * from {duck.name(of.schema, mart)}"
            views.setdefault(mart, []).append(query)
        # The ledger is not there as Parquet, and small beside the marts: it is copied.
        for table in _names(con, database, "tables", "audit"):
            query = f"select {duck.text(of.region)} as region, * from {database}.audit.{table}"
            tables.setdefault(table, []).append(query)
        comments |= _comments(con, database)
    for mart, queries in sorted(views.items()):
        con.execute(f"create view marts.{mart} as {' union all by name '.join(queries)}")
    for table, queries in sorted(tables.items()):
        con.execute(f"create table audit.{table} as {' union all by name '.join(queries)}")
    if not pinned:
        return
    comments |= {f"column {name}.region": REGION for name in _relations(views, tables)}
    for what, text in comments.items():
        con.execute(f"comment on {what} is {duck.text(text)}")
    con.execute(NATIONAL.read_text("utf-8"))


def _enter(con: duckdb.DuckDBPyConnection, pinned: list[Pinned]) -> None:
    """Enter what is shown, for readers and for the next that would write the catalogue."""
    con.execute(
        """
        create table national.dim_regions (
            region varchar primary key, publication varchar, head varchar, published_at timestamptz,
            folder varchar, code_sha256 varchar
        )
        """
    )
    for of, pin in zip(pinned, _pins(pinned), strict=True):
        published_at = (chain.manifest_of(of.folder) or {}).get("published_at")
        con.execute(
            "insert into national.dim_regions by name select ? as region, ? as publication, "
            "? as head, ? as folder, ? as code_sha256, cast(? as timestamptz) as published_at",
            [*pin, published_at],
        )
    for what, text in DESCRIBED.items():
        con.execute(f"comment on {what} is {duck.text(text)}")


def _stored(pinned: list[Pinned]) -> dict[str, str]:
    """The query of each mart that regions have as Parquet, over those that have it."""
    of_marts: dict[str, list[Pinned]] = {}
    by_year: dict[str, bool] = {}
    for of in pinned:
        for mart, has_year in of.marts().items():
            of_marts.setdefault(mart, []).append(of)
            by_year[mart] = has_year
    return {
        mart: f"select region, * exclude (region) from {_read(mart, having, by_year[mart])}"
        for mart, having in of_marts.items()
    }


def _read(mart: str, having: list[Pinned], has_year: bool) -> str:
    """The files of a mart, whose partitions are told so that none is taken for a number."""
    files = ", ".join(of.parquet(mart) for of in having)
    year = ", 'fiscal_year': integer" if has_year else ""
    return (
        f"read_parquet([{files}], union_by_name = true, hive_partitioning = true, "
        f"hive_types = {{'region': varchar{year}}})"
    )


def _compute(con: duckdb.DuckDBPyConnection, database: str, of: Pinned) -> list[str]:
    """Define what a region's publication computes from other marts, of the region by itself.

    Args:
        con: A connection that uses the new file.
        database: The publication's, as it is attached.
        of: The region.

    Returns:
        The marts that are defined.
    """
    stored = of.marts()
    con.execute(f"create schema {duck.name(of.schema)}")
    views = con.execute(
        "select view_name, sql from duckdb_views() "
        "where database_name = ? and schema_name = 'marts' order by view_oid",
        [database],
    ).fetchall()
    defined: set[str] = set()
    for view, sql in views:
        for mart in sorted(set(NAMED.findall(sql)) - {view} - defined):
            read = _read(mart, [of], stored[mart])
            con.execute(
                f"create view {duck.name(of.schema, mart)} as select * exclude (region) from {read}"
            )
            defined.add(mart)
        con.execute(NAMED.sub(lambda found: duck.name(of.schema, found[1]), sql))
        defined.add(view)
    return [view for view, _ in views]


def _names(con: duckdb.DuckDBPyConnection, database: str, kind: str, schema: str) -> list[str]:
    rows = con.execute(
        f"select table_name from duckdb_{kind}() where database_name = ? and schema_name = ? "
        "order by all",
        [database, schema],
    )
    return [name for (name,) in rows.fetchall()]


def _comments(con: duckdb.DuckDBPyConnection, database: str) -> dict[str, str]:
    """What a publication says of its marts and its ledger, by what SQL comments on."""
    rows = con.execute(
        """
        select if(schema_name = 'marts', 'view ', 'table ') || schema_name || '.' || table_name,
            comment
        from duckdb_tables()
        where database_name = $database and schema_name in ('marts', 'audit')
        union all
        select 'view marts.' || view_name, comment
        from duckdb_views() where database_name = $database and schema_name = 'marts'
        union all
        select 'column ' || schema_name || '.' || table_name || '."' || column_name || '"', comment
        from duckdb_columns()
        where database_name = $database and schema_name in ('marts', 'audit')
        """,
        {"database": database},
    ).fetchall()
    return {what: text for what, text in rows if text}


def _relations(views: dict[str, list[str]], tables: dict[str, list[str]]) -> list[str]:
    return [*(f"marts.{view}" for view in views), *(f"audit.{table}" for table in tables)]
