"""What a run leaves: rows and bytes, as the catalogue and the folders have them."""

import time
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orchestration import duck

# Of a line item the line's own columns say where it was delivered, else those of the cell.
CELL = (
    ("delivered_unit_code", "unit_code"),
    ("delivered_year", "fiscal_year"),
    ("line_table", "line_table_name", "table_name"),
    ("line_key", "line_record_key", "record_key"),
    ("line_column", "line_column_name", "column_name"),
)


@dataclass(frozen=True)
class Left:
    """What a run left.

    Attributes:
        evidence_rows: Rows that are stored of evidence, in all tables of it.
        delivered_cells: Cells of delivered files that they hold, each once.
        disk_bytes: Size of the warehouse folder; a file with several names counts once.
        evaluations: Evaluations by status.
        marts: Rows of each mart that the models make.
    """

    evidence_rows: int
    delivered_cells: int
    disk_bytes: int
    evaluations: dict[str, int]
    marts: dict[str, int]


def look(warehouse: Path) -> Left:
    """Look over what is published and what lies beside it.

    Args:
        warehouse: The warehouse folder.
    """
    with duckdb.connect() as con:
        duck.attach(con, warehouse / "published" / "scores.duckdb", "published")
        con.execute("use published.marts")
        stored = [n for n in _relations(con, "duckdb_tables()", "table_name") if _is_evidence(n)]
        views = [n for n in _relations(con, "duckdb_views()", "view_name") if _is_evidence(n)]
        statuses = con.execute(
            "select status, count(*) from fct_evaluations group by 1 order by 1"
        ).fetchall()
        return Left(
            evidence_rows=sum(_count(con, name) for name in stored),
            delivered_cells=_cells(con, stored + views),
            disk_bytes=size(warehouse),
            evaluations=dict(statuses),
            marts={n: _count(con, n) for n in ("fct_evaluations", "fct_indicator_scores")},
        )


def state(warehouse: Path) -> Path:
    """The builder's own file of what is published.

    Args:
        warehouse: The warehouse folder.
    """
    publication = (warehouse / "published").readlink().name
    return warehouse / "states" / f"{publication}.duckdb"


def _relations(con: duckdb.DuckDBPyConnection, function: str, column: str) -> list[str]:
    rows = con.execute(
        f"select {column} from {function} "
        "where database_name = 'published' and schema_name = 'marts' order by 1"
    ).fetchall()
    return [name for (name,) in rows]


def _is_evidence(relation: str) -> bool:
    return relation.startswith("fct_evidence")


def _count(con: duckdb.DuckDBPyConnection, relation: str) -> int:
    return int(con.execute(f"select count(*) from {duck.name(relation)}").fetchall()[0][0])


def _cells(con: duckdb.DuckDBPyConnection, relations: list[str]) -> int:
    """Delivered cells, each once; a helper table that does not name them is passed over."""
    queries = []
    for relation in relations:
        columns = [row[0] for row in con.execute(f"describe {duck.name(relation)}").fetchall()]
        found = [next((n for n in names if n in columns), None) for names in CELL]
        if None in found:
            continue
        # A cell that lines add up to was delivered by nobody.
        summed = " where lines_count is null" if "lines_count" in columns else ""
        listed = duck.names(name for name in found if name)
        queries.append(f"select {listed} from {duck.name(relation)}{summed}")
    union = " union ".join(queries)
    counted = con.execute(f"select count(*) from (select distinct * from ({union}))").fetchall()
    return int(counted[0][0])


def size(folder: Path) -> int:
    """Bytes of the files of a folder; one with several names counts once."""
    stats = [p.stat() for p in folder.rglob("*") if p.is_file() and not p.is_symlink()]
    return sum({(s.st_dev, s.st_ino): s.st_size for s in stats}.values())


def write_parquet(warehouse: Path, folder: Path) -> dict[str, float]:
    """Write the marts that are published as Parquet once more, each into one file.

    Args:
        warehouse: The warehouse folder.
        folder: Where to.

    Returns:
        CPU and wall time of the writing alone, in seconds.
    """
    published = warehouse / "published"
    marts = sorted(path.name for path in (published / "parquet").iterdir())
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as con:
        duck.attach(con, published / "scores.duckdb", "published")
        con.execute("use published.marts")
        wall, cpu = time.monotonic(), time.process_time()
        for mart in marts:
            path = duck.text(folder / f"{mart}.parquet")
            con.execute(f"copy {duck.name(mart)} to {path} (format parquet)")
        return {"cpu": time.process_time() - cpu, "wall": time.monotonic() - wall}
