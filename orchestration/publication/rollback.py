"""Going back: what was published before the current publication is published again, as it was.

It is a publication like any other, and follows in the chain: nothing that was published is taken
out of the ledger or the history. Its files are those of the one that it restores, but for the
ledger and the history themselves.
"""

import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb

from orchestration import duck, ledger
from orchestration.faults import WrongSurroundings
from orchestration.publication import chain, csv_files, export
from orchestration.publication.folder import Warehouse

DATABASE = "scores.duckdb"
HISTORY = "marts.fct_evaluation_history"
# Of these nothing is forgotten; each with its column for the run.
LEDGER = {
    "audit.runs": "run_id",
    "audit.run_reads": "run_id",
    "audit.run_files": "run_id",
    HISTORY: "new_run_id",
}


@dataclass(frozen=True)
class Restored:
    """What a rollback came to.

    Attributes:
        undone: The publication that is no longer current.
        restored: The one that is published again.
        years: The fiscal years that are as they were before.
    """

    undone: str
    restored: str
    years: list[int]


def roll_back(warehouse: Warehouse, by: str, how: str) -> Restored:
    """Publish again what was published before the current publication.

    Args:
        warehouse: The warehouse, which is held.
        by: Who asks for it.
        how: The command.

    Raises:
        WrongSurroundings: Nothing was published before it, or that is not kept as it was.
    """
    undone = warehouse.current
    if undone is None:
        raise WrongSurroundings(f"{warehouse.root}: nothing is published there to go back from")
    restored, run_id = _before(warehouse, undone), str(uuid4())
    old, folder = warehouse.publications / restored.name, warehouse.begin(run_id)
    again = _linked(old, folder)
    shutil.copyfile(warehouse.state(restored.name), warehouse.build_file)
    entry = {
        "run_id": run_id, "undone_run_id": restored.undone_run_id, "by": by, "how": how,
        "at": datetime.now(UTC),
    }  # fmt: skip
    years: list[int] = []
    for path in (warehouse.build_file, folder / DATABASE):
        with duckdb.connect(str(path)) as con:
            duck.attach(con, warehouse.publications / undone / DATABASE, "undone")
            years = _enter(con, entry)
            con.execute("detach undone")
    with duckdb.connect(str(folder / DATABASE), read_only=True) as con:
        for name in again:
            write = csv_files.csv_of if name.suffix == ".csv" else export.parquet_of
            year = int(name.parent.name.removeprefix("fiscal_year="))
            write(con, name.stem, year, folder / name)
    warehouse.switch(folder, run_id, restored.name)
    return Restored(undone, restored.name, years)


@dataclass(frozen=True)
class _Before:
    """A publication to go back to.

    Attributes:
        name: The publication.
        undone_run_id: The run whose results are current, which came after it.
    """

    name: str
    undone_run_id: str


def _before(warehouse: Warehouse, current: str) -> _Before:
    """The publication before the one whose content is current, where it is as it was published."""
    name, manifest = current, chain.recorded(warehouse.root, current)
    while manifest and manifest.get("restores"):
        name = str(manifest["restores"])
        manifest = chain.recorded(warehouse.root, name)
    before = manifest["previous_publication"] if manifest else None
    if manifest is None or before is None:
        raise WrongSurroundings(
            f"{warehouse.root}: nothing was published before {name}; there is nothing to go back to"
        )
    if not (warehouse.publications / before).is_dir() or not warehouse.state(before).is_file():
        raise WrongSurroundings(
            f"{before}, published before {name}, is no longer kept; build the year again from the "
            "files of then, and set JIXIAO_KEPT_PUBLICATIONS higher to keep more"
        )
    if lines := chain.changed(warehouse.root, before):
        raise WrongSurroundings(
            f"{lines[0]}; nothing is published again that is not as it was: put it back from a "
            "backup"
        )
    return _Before(before, manifest["run_id"])


def _linked(old: Path, folder: Path) -> list[Path]:
    """Let a publication have the files of another, but for its database a copy.

    Returns:
        The files of the history, which have to be written again; each below the folder.
    """
    again = []
    for path in sorted(old.rglob("*")):
        name = path.relative_to(old)
        if path.is_dir():
            (folder / name).mkdir()
        elif name.name == DATABASE:
            shutil.copyfile(path, folder / name)
        elif name.stem == HISTORY.partition(".")[2]:
            again.append(name)
        elif name.name != chain.MANIFEST:
            os.link(path, folder / name)
    return again


def _enter(con: duckdb.DuckDBPyConnection, entry: dict[str, Any]) -> list[int]:
    """Enter a rollback into the ledger and the history of a copy of what is restored.

    The entry has the inputs of the run that is restored, so that what comes later is compared with
    those. A year that was not published before has an entry too, but nothing current.

    Args:
        con: A connection to the copy, to which what is undone is attached.
        entry: The rollback, the run that is undone, who asked for it, how and when.

    Returns:
        The fiscal years that are as they were before.
    """
    con.execute(
        """
        create temp table forgotten as
        select run_id from undone.audit.runs except select run_id from audit.runs;
        create temp table restored as
        select undone.fiscal_year, runs.run_id
        from (from undone.audit.runs where run_id = $undone_run_id) as undone
        left join audit.runs as runs on undone.fiscal_year = runs.fiscal_year and runs.is_current;
        """,
        {"undone_run_id": entry["undone_run_id"]},
    )
    for table, run in LEDGER.items():
        listed = ", ".join(_shared_columns(con, table))
        con.execute(
            f"insert into {table} by name select {listed} from undone.{table} "
            f"where {run} in (from forgotten)"
        )
    con.execute(
        """
        insert into audit.runs by name
        select
            runs.* replace (
                $run_id as run_id, $by as launched_by, $how as launched_how,
                if(restored.run_id is null, 'withdrawn', runs.outcome) as outcome,
                (select greatest($at, max(published_at) + interval 1 microsecond) from audit.runs)
                    as published_at,
                null as approved_by, cast([] as varchar[]) as dbt_invocation_ids,
                restored.run_id as restores_run_id
            )
        from audit.runs
        inner join restored
            on runs.fiscal_year = restored.fiscal_year
            and runs.run_id = coalesce(restored.run_id, $undone_run_id)
        """,
        entry,
    )
    ledger.mark_current(con)
    for table in ("audit.run_reads", "audit.run_files"):
        con.execute(
            f"""
            insert into {table} by name
            select told.* replace ($run_id as run_id)
            from {table} as told semi join restored using (run_id, fiscal_year)
            """,
            {"run_id": entry["run_id"]},
        )
    con.execute(
        f"""
        insert into {HISTORY} by name
        select
            h.* replace (
                h.new_value as old_value, h.old_value as new_value, h.new_text as old_text,
                h.old_text as new_text, $undone_run_id as old_run_id, $run_id as new_run_id,
                $at as changed_at,
                '撤回运行 ' || left($undone_run_id, 8) || '，恢复运行 ' || left(restored.run_id, 8)
                || ' 的结果' as cause
            )
        from {HISTORY} as h
        inner join restored using (fiscal_year)
        where h.new_run_id = $undone_run_id
        """,
        {name: entry[name] for name in ("undone_run_id", "run_id", "at")},
    )
    rows = con.execute("select fiscal_year from restored order by all").fetchall()
    con.execute("drop table temp.restored; drop table temp.forgotten")
    return [year for (year,) in rows]


def _shared_columns(con: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    """The columns that a table has in both, as a version may have added some."""
    rows = con.execute(
        """
        select column_name
        from duckdb_columns()
        where schema_name || '.' || table_name = ?
            and database_name in (current_database(), 'undone')
        group by column_name having count(*) = 2
        order by column_name
        """,
        [table],
    ).fetchall()
    return [duck.name(name) for (name,) in rows]
