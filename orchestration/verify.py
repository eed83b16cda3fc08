"""Whether what is published is what its inputs give: checked by checksum and by building again."""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from orchestration import audit, duck, ledger
from orchestration.faults import in_a_line
from orchestration.publication import chain, keys

logger = logging.getLogger("jixiao")

SHOWN_ROWS = 3
# What a ledger has of a run since its inputs are recorded.
RECORDED = {"outcome", "code_sha256", "seeds", "packages", "launched_how"}
# Of the scorecard site, which has one for every department.
SHOWN_PAGES = 10
# What a run says of itself, and can be no other when it is built again.
OF_THE_RUN = (
    "audit.runs",
    "audit.run_reads",
    "audit.run_files",
    "marts.fct_evaluation_history",
)
MAY_DIFFER = ("loaded_at", "run_id")
# Of a page of the scorecard site: what a publication changed of the one before it.
OF_PUBLICATION = re.compile(r"<section id=changes>.*?</section>", re.DOTALL)


class NotPublished(Exception):
    """There is no such run or publication to verify."""


@dataclass(frozen=True)
class Run:
    """A run as the ledger has it.

    Attributes:
        run_id: The run.
        fiscal_year: Its fiscal year.
        started_at: When it started, which decides what waivers were in force.
        time_zone: The time zone whose day that was.
        is_current: Whether the published rows of its year are its.
        git_commit: The commit that code and seeds were checked out from, if known.
        is_clean: Whether they were as in that commit.
        code_sha256: The checksum of its code; none in the ledger of an older version.
        seeds: SHA-256 of each seed.
        packages: Version of each package.
    """

    run_id: str
    fiscal_year: int
    started_at: datetime
    time_zone: str
    is_current: bool
    git_commit: str | None
    is_clean: bool | None
    code_sha256: str | None
    seeds: dict[str, str]
    packages: dict[str, str]

    @property
    def told(self) -> str:
        """What people are told of it."""
        return f"run {self.run_id[:8]} of {self.fiscal_year}"


def differences(
    landing: Path, warehouse: Path, run_id: str | None = None, heads: Path | None = None
) -> list[str]:
    """Compare what is published with what its inputs give when they are built again.

    Args:
        landing: The landing folder.
        warehouse: The warehouse folder.
        run_id: A run, or how its id begins; the current run of every published year by default.
        heads: The file that the heads of publications were appended to, if any.

    Returns:
        A line for each file that is not as it was published, each input that is not as it was, and
        each table, row and page that differs; none where all is the same.

    Raises:
        NotPublished: There is no such run, or nothing is published.
    """
    published = warehouse / "published"
    if not (published / "scores.duckdb").is_file():
        raise NotPublished(f"{published}: nothing is published there; jixiao run publishes")
    publication = published.resolve()
    sealed = chain.differences(warehouse, publication.name, _ledger(publication), heads)
    try:
        return [*_from_rebuild(landing, warehouse, publication, run_id), *sealed]
    except (NotPublished, duckdb.Error) as error:
        # What somebody has changed may be what the comparison needs.
        if not sealed:
            raise
        return [*sealed, f"nothing more can be compared: {in_a_line(error)}"]


def changed_inputs(build: Path) -> list[str]:
    """Say which inputs of a build are not as they were: files, seeds, code and packages.

    Args:
        build: The build's warehouse file.

    Returns:
        A line for each.
    """
    with duckdb.connect() as con:
        duck.attach(con, build, "ledger")
        _copy_runs(con)
        runs = _runs(con, "select run_id, fiscal_year from ledger.audit.run_years")
        ((root,),) = con.execute(
            "select landing_root from ledger.audit.runs semi join ledger.audit.run_years "
            "using (run_id, fiscal_year)"
        ).fetchall()
        return [
            line
            for run in runs
            for line in (*_changed_files(con, Path(root), run), *_changed_code(run))
        ]


def _ledger(publication: Path) -> list[tuple[str, int]]:
    """The run and year of each entry of a publication's ledger; none where it cannot be read."""
    with duckdb.connect() as con:
        try:
            duck.attach(con, publication / "scores.duckdb", "ledger")
            con.execute("select run_id, fiscal_year from ledger.audit.runs")
        except duckdb.Error:
            return []
        runs: list[tuple[str, int]] = con.fetchall()
    return runs


def _from_rebuild(
    landing: Path, warehouse: Path, publication: Path, run_id: str | None
) -> list[str]:
    """What differs from what the inputs give, or which inputs are not as they were."""
    with duckdb.connect() as con:
        try:
            duck.attach(con, publication / "scores.duckdb", "ledger")
        except duckdb.Error as error:
            raise NotPublished(
                f"{publication / 'scores.duckdb'}: cannot be read ({in_a_line(error)}); "
                "jixiao run publishes anew"
            ) from None
        targets = _targets(con, run_id)
        replays = _replays(con, targets)
        files = [line for run in replays for line in _changed_files(con, landing, run)]
    lines = [line for run in targets for line in _changed_code(run)]
    if files or any(line.startswith("seeds/") for line in lines):
        # What other inputs give says nothing of what is published.
        return list(dict.fromkeys(files + lines))
    if not all(run.is_current for run in targets):
        kept = sorted((warehouse / "publications").glob(f"*-{targets[0].run_id[:8]}"))
        if not kept:
            return [
                *lines,
                f"{targets[0].told}: its inputs are unchanged, but its publication is gone and "
                "there is nothing to compare; only the latest publications are kept",
            ]
        publication = kept[-1]
    with TemporaryDirectory(prefix="jixiao-verify-") as folder:
        refused = _rebuild(landing, Path(folder), replays)
        return lines + (refused or _compare(publication, Path(folder), warehouse, targets))


def _targets(con: duckdb.DuckDBPyConnection, run_id: str | None) -> list[Run]:
    """The runs to verify, in the order in which they were published."""
    if RECORDED - {*_tables(con, "ledger").get("audit.runs", [])}:
        raise NotPublished(
            "what is published comes from a version that did not record its inputs; "
            "jixiao run publishes it anew"
        )
    _copy_runs(con)
    runs = _runs(con, "select run_id, fiscal_year from audit.runs")
    if run_id is None:
        return [run for run in runs if run.is_current]
    found = [run for run in runs if run.run_id.startswith(run_id)]
    if len(found) != 1:
        known = ", ".join(f"{run.run_id[:8]} ({run.fiscal_year})" for run in found or runs)
        what = "several runs begin so" if found else "no such run is in the ledger"
        raise NotPublished(f"--run {run_id}: {what}; expected one of {known}")
    return found


def _copy_runs(con: duckdb.DuckDBPyConnection) -> None:
    """Copy the runs of the ledger, with the columns that an older version did not have."""
    con.execute("create schema if not exists audit")
    con.execute("create or replace table audit.runs as from ledger.audit.runs")
    audit.ensure(con, "audit.runs")


def _runs(con: duckdb.DuckDBPyConnection, wanted: str) -> list[Run]:
    rows = con.execute(
        f"""
        select
            run_id, fiscal_year, started_at, coalesce(time_zone, 'Asia/Shanghai'),
            coalesce(is_current, false), git_commit, is_clean,
            code_sha256, coalesce(seeds, map()), coalesce(packages, map())
        from audit.runs
        semi join ({wanted}) using (run_id, fiscal_year)
        order by published_at, run_id
        """
    ).fetchall()
    return [Run(*row) for row in rows]


def _replays(con: duckdb.DuckDBPyConnection, targets: list[Run]) -> list[Run]:
    """The runs to build again: the targets, each after the runs of the years that it read."""
    con.execute("create or replace temp table targets (run_id varchar, fiscal_year integer)")
    con.executemany(
        "insert into targets values (?, ?)", [[r.run_id, r.fiscal_year] for r in targets]
    )
    # What an older version published lacks the years that were read.
    con.execute("drop table if exists audit.run_reads")
    audit.ensure(con, "audit.run_reads")
    if "audit.run_reads" in _tables(con, "ledger"):
        con.execute("insert into audit.run_reads by name from ledger.audit.run_reads")
    ledger.note_reads(con)
    return _runs(
        con,
        """
        select read_run_id as run_id, read_year as fiscal_year
        from audit.run_reads semi join targets using (run_id, fiscal_year)
        """,
    )


def _changed_files(con: duckdb.DuckDBPyConnection, landing: Path, run: Run) -> Iterator[str]:
    """The files of a run that are gone, changed or new."""
    then = dict(
        con.execute(
            "select distinct source_file, source_sha256 from ledger.audit.run_files "
            "where run_id = ? and fiscal_year = ?",
            [run.run_id, run.fiscal_year],
        ).fetchall()
    )
    # Imported late: reading workbooks takes a while to import.
    from orchestration.landing.files import find_files

    folder = landing / str(run.fiscal_year)
    found, faults = find_files(landing, run.fiscal_year) if folder.is_dir() else ([], [])
    now = {file.name: file.path for file in found}
    for name, sha256 in sorted(then.items()):
        if name not in now:
            yield f"{name}: gone; {run.told} was loaded from it"
        elif chain.sha256(now[name]) != sha256:
            yield f"{name}: not the file that {run.told} was loaded from"
    for name in sorted(set(now) - set(then)):
        yield f"{name}: new; {run.told} was not loaded from it"
    yield from faults


def _changed_code(run: Run) -> Iterator[str]:
    """The seeds, code and packages that are not those of a run."""
    commit = f"; git checkout {run.git_commit[:12]} has it" if run.git_commit else ""
    seeds = ledger.seed_checksums()
    for name in sorted(run.seeds | seeds):
        if run.seeds.get(name) != seeds.get(name):
            what = "gone" if name not in seeds else "new" if name not in run.seeds else "changed"
            yield f"seeds/{name}.csv: {what} since {run.told}{commit}"
    if run.code_sha256 != ledger.code_sha256():
        unsaved = ", but for changes that were not committed" if run.is_clean is False else ""
        yield f"code: not that of {run.told}{commit}{unsaved if commit else ''}"
    packages = ledger.package_versions()
    for name in sorted(run.packages | packages):
        then, now = run.packages.get(name), packages.get(name)
        if then != now:
            yield f"package {name}: {now}, {run.told} had {then}"


def _rebuild(landing: Path, folder: Path, runs: list[Run]) -> list[str]:
    """Build runs again, each as of its own date; the reasons why one is refused."""
    # The engines take seconds to import.
    from orchestration.graph.run import run as build

    for run in runs:
        logger.info("%s is built again", run.told)
        reasons = build(
            landing,
            folder,
            [run.fiscal_year],
            "jixiao verify",
            ledger.AsOf(run.started_at, run.time_zone),
        )
        if any(reasons.values()):
            return [line for lines in reasons.values() for line in lines]
    return []


def _compare(publication: Path, folder: Path, warehouse: Path, targets: list[Run]) -> list[str]:
    """What differs in a publication, its database and its Parquet files, from the rebuild."""
    years = ", ".join(str(run.fiscal_year) for run in targets)
    state = warehouse / "states" / f"{publication.name}.duckdb"
    lines: list[str] = []
    with duckdb.connect() as con:
        duck.attach(con, publication / "scores.duckdb", "published")
        duck.attach(con, folder / "published" / "scores.duckdb", "rebuilt")
        if state.is_file():
            duck.attach(con, state, "state")
        # Seeds are published as the latest run had them.
        ((latest,),) = con.execute(
            "select arg_max(run_id, published_at) from published.audit.runs"
        ).fetchall()
        has_latest = latest in {run.run_id for run in targets}
        lines += _strange_relations(con)
        lines += _changed_comments(con)
        lines += _changed_pages(con, publication, folder / "published", targets)
        of_site = list(_changed_site(con, publication, folder / "published", targets))
        more = len(of_site) - SHOWN_PAGES
        lines += of_site[:SHOWN_PAGES]
        lines += [f"site: and {more} more pages"] if more > 0 else []
        lines += _changed_validations(publication, folder / "published", targets)
        lines += _changed_csv(publication, folder / "published", targets, has_latest=has_latest)
        views = {name for (name,) in con.execute(
            "select schema_name || '.' || view_name from duckdb_views() "
            "where database_name = 'rebuilt'"
        ).fetchall()}  # fmt: skip
        for table, columns in _tables(con, "rebuilt").items():
            has_year = "fiscal_year" in columns
            where = f"where fiscal_year in ({years})" if has_year else ""
            expected, told = "rebuilt", "the rebuild"
            ignored: tuple[str, ...] = MAY_DIFFER
            if table in OF_THE_RUN:
                # It cannot be made again, but the builder has kept what it published.
                if not state.is_file():
                    continue
                if table not in _tables(con, "state"):
                    lines.append(f"{table}: gone from the builder's state")
                    continue
                where, expected, told, ignored = "", "state", "the builder's state", ()
            elif not has_year and not has_latest:
                continue
            comparison = _Comparison(
                con, table, columns, f"from {expected}.{table} {where}", told, ignored
            )
            lines += comparison.with_(
                table,
                f"from published.{table} {where}",
                _tables(con, "published").get(table, []),
            )
            parquet = publication / "parquet" / table.removeprefix("marts.")
            # A view is no file of its own.
            if table.startswith("marts.") and table not in views:
                lines += comparison.with_parquet(parquet, where)
    return lines


def _strange_relations(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Tables and views that are published, but that no build makes."""
    strange = sorted(set(_tables(con, "published")) - set(_tables(con, "rebuilt")))
    return [f"{name}: published, but not in the rebuild" for name in strange]


def _changed_comments(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Tables and columns that both have, with another comment than in the rebuild."""
    rows = con.execute(
        """
        with comments as (
            select database_name, schema_name || '.' || table_name as name, comment
            from duckdb_tables()
            union all
            select
                database_name, schema_name || '.' || table_name || '.' || column_name as name,
                comment
            from duckdb_columns()
        )

        select published.name
        from comments as published
        inner join comments as rebuilt using (name)
        where
            published.database_name = 'published'
            and rebuilt.database_name = 'rebuilt'
            and published.comment is distinct from rebuilt.comment
        order by published.name
        """
    ).fetchall()
    return [f"{name}: another comment than in the rebuild" for (name,) in rows]


def _changed_pages(
    con: duckdb.DuckDBPyConnection, publication: Path, rebuilt: Path, targets: list[Run]
) -> Iterator[str]:
    """The pages of the years that were built again, but for which run it was and when."""
    years = {
        database: {year for _, year, _ in _published_runs(con, database)}
        for database in ("published", "rebuilt")
    }
    names = [f"{run.fiscal_year}{of}.html" for run in targets for of in ("", "-departments")]
    if years["published"] == years["rebuilt"]:
        names.append("index.html")
    for name in names:
        page, expected = publication / "data_docs" / name, rebuilt / "data_docs" / name
        if not page.is_file():
            yield f"data_docs/{name}: gone"
        elif _page(con, "published", page) != _page(con, "rebuilt", expected):
            yield f"data_docs/{name}: differs from the rebuild"


def _changed_site(
    con: duckdb.DuckDBPyConnection, publication: Path, rebuilt: Path, targets: list[Run]
) -> Iterator[str]:
    """The pages of the scorecard site of the years that were built again, where both have it.

    A page shows the years before its own, so it is compared where the same were built again. What
    changed with a publication cannot be made again.
    """
    if not (publication / "site").is_dir() or not (rebuilt / "site").is_dir():
        return
    years = {
        database: {year for _, year, _ in _published_runs(con, database)}
        for database in ("published", "rebuilt")
    }
    compared = ["assets", *(("index.html",) if years["published"] == years["rebuilt"] else ())]
    compared += [
        str(run.fiscal_year)
        for run in targets
        if len({frozenset(y for y in of if y <= run.fiscal_year) for of in years.values()}) == 1
    ]
    for top in compared:
        then, now = (_files(folder / "site" / top) for folder in (publication, rebuilt))
        for name in sorted(then | now):
            path = Path("site", top, name)
            if name not in then:
                yield f"{path}: gone"
            elif name not in now:
                yield f"{path}: published, but not in the rebuild"
            elif not _is_same_page(con, publication / path, rebuilt / path):
                yield f"{path}: differs from the rebuild"


def _is_same_page(con: duckdb.DuckDBPyConnection, published: Path, rebuilt: Path) -> bool:
    if published.read_bytes() == rebuilt.read_bytes():
        return True
    then, now = (
        _page(con, of, path) for of, path in (("published", published), ("rebuilt", rebuilt))
    )
    return OF_PUBLICATION.sub("", then) == OF_PUBLICATION.sub("", now)


def _files(top: Path) -> set[str]:
    if top.is_file():
        return {"."}
    return {path.relative_to(top).as_posix() for path in top.rglob("*") if path.is_file()}


def _changed_validations(publication: Path, rebuilt: Path, targets: list[Run]) -> Iterator[str]:
    """The results of the checkpoints of the years that were built again."""
    for run in targets:
        for expected in sorted((rebuilt / "validations" / str(run.fiscal_year)).iterdir()):
            name = expected.relative_to(rebuilt)
            if not (publication / name).is_file():
                yield f"{name}: gone"
            elif (publication / name).read_bytes() != expected.read_bytes():
                yield f"{name}: differs from the rebuild"


def _changed_csv(
    publication: Path, rebuilt: Path, targets: list[Run], *, has_latest: bool
) -> Iterator[str]:
    """The CSV files of the years that were built again, and those without a year."""
    of_years = [rebuilt / "csv" / str(run.fiscal_year) for run in targets]
    for folder in [*of_years, *([rebuilt / "csv"] if has_latest else [])]:
        for expected in sorted(folder.glob("*.csv")):
            name = expected.relative_to(rebuilt)
            if f"marts.{expected.stem}" in OF_THE_RUN:
                continue
            if not (publication / name).is_file():
                yield f"{name}: gone"
            elif (publication / name).read_bytes() != expected.read_bytes():
                yield f"{name}: differs from the rebuild"


def _page(con: duckdb.DuckDBPyConnection, database: str, path: Path) -> str:
    text = path.read_text("utf-8", errors="replace")
    for run_id, _, published_at in _published_runs(con, database):
        for own, told in ((run_id, "run"), (f">{run_id[:8]}<", ">run<"), (published_at, "then")):
            text = text.replace(own, told)
    return text


def _published_runs(con: duckdb.DuckDBPyConnection, database: str) -> list[tuple[str, int, str]]:
    """The run, year and time of each publication, as its pages tell them."""
    rows: list[tuple[str, int, str]] = con.execute(
        f"""
        select
            run_id, fiscal_year,
            strftime(published_at at time zone 'Asia/Shanghai', '%Y-%m-%d %H:%M')
        from {database}.audit.runs
        where published_at is not null
        """
    ).fetchall()
    return rows


def _unreadable(told: str, error: duckdb.Error) -> str:
    return f"{told}: cannot be read ({str(error).splitlines()[0]})"


def _tables(con: duckdb.DuckDBPyConnection, database: str) -> dict[str, list[str]]:
    """The columns of each table and view of a database."""
    rows = con.execute(
        """
        select schema_name || '.' || table_name, list(column_name order by column_index)
        from duckdb_columns()
        where database_name = ? and not internal
        group by all order by all
        """,
        [database],
    ).fetchall()
    return dict(rows)


@dataclass(frozen=True)
class _Comparison:
    """A table as it should be, to hold others against.

    Attributes:
        con: A connection that sees all of them.
        table: Schema and name.
        columns: Its columns.
        expected: SQL for its rows, from the word `from` on.
        source: What people are told that they come from.
        ignored: Columns that may differ.
    """

    con: duckdb.DuckDBPyConnection
    table: str
    columns: list[str]
    expected: str
    source: str
    ignored: tuple[str, ...]

    def with_parquet(self, folder: Path, where: str) -> list[str]:
        """What differs in a mart's Parquet files."""
        told = f"parquet/{folder.name}"
        if not any(folder.rglob("*.parquet")):
            return [f"{told}: gone"]
        if "fiscal_year" in self.columns:
            # The year of the folder by hand, as the reader would also take folders above these for
            # partitions. A row of another year than its folder's is none of either.
            actual = f"""from (
                select * exclude (filename) replace (
                    if(
                        fiscal_year = cast(
                            regexp_extract(filename, 'fiscal_year=(\\d+)/[^/]*$', 1) as integer
                        ),
                        fiscal_year, null
                    ) as fiscal_year
                )
                from read_parquet(
                    {duck.files(folder, "/*/*.parquet")}, hive_partitioning = false,
                    filename = true
                )
            ) {where}"""
        else:
            files = duck.files(folder, "/*.parquet")
            actual = f"from read_parquet({files}, hive_partitioning = false)"
        try:
            found = [name for name, *_ in self.con.execute(f"describe {actual}").fetchall()]
        except duckdb.Error as error:
            return [_unreadable(told, error)]
        return self.with_(told, actual, found)

    def with_(self, told: str, actual: str, found: list[str]) -> list[str]:
        """What differs in another table of that name.

        Args:
            told: What people are told of it.
            actual: SQL for its rows, from the word `from` on.
            found: Its columns; none where there is no such table.
        """
        if not found:
            return [f"{told}: gone"]
        if strange := sorted(set(self.columns) ^ set(found)):
            return [f"{told}: other columns than in {self.source}: {', '.join(strange)}"]
        try:
            # A view may name a table that is gone.
            self.con.execute(f"describe {actual}")
        except duckdb.Error as error:
            return [_unreadable(told, error)]
        columns = [name for name in self.columns if name not in self.ignored]
        key = [name for name in keys.identifying(self.table) if name in columns] or columns
        listed = duck.names(columns)
        self.con.execute(
            f"""
            create or replace temp table strays as
            select 'actual' as side, * from (
                select {listed} {actual} except all select {listed} {self.expected}
            )
            union all
            select 'expected' as side, * from (
                select {listed} {self.expected} except all select {listed} {actual}
            )
            """
        )
        ((count,),) = self.con.execute(
            f"select count(*) from (select distinct {duck.names(key)} from strays)"
        ).fetchall()
        if not count:
            return []
        return [
            f"{told}: {count} row{'s differ' if count > 1 else ' differs'}",
            *self._shown(columns, key, count),
        ]

    def _shown(self, columns: list[str], key: list[str], count: int) -> Iterator[str]:
        """The first keys that differ, column by column."""
        values = ", ".join(
            f"list(coalesce(cast({duck.names([name])} as varchar), '(empty)') order by side)"
            for name in columns
        )
        rows = self.con.execute(
            f"""
            select {duck.names(key)}, list(side order by side), {values} from strays
            group by {duck.names(key)} order by {duck.names(key)} limit {SHOWN_ROWS}
            """
        ).fetchall()
        for row in rows:
            named = ", ".join(f"{name}={row[at]}" for at, name in enumerate(key))
            sides, pairs = row[len(key)], row[len(key) + 1 :]
            if "expected" not in sides:
                yield f"  {named}: published, but not in {self.source}"
            elif "actual" not in sides:
                yield f"  {named}: in {self.source}, but not published"
            else:
                for name, pair in zip(columns, pairs, strict=True):
                    if pair[0] != pair[-1]:
                        yield f"  {named}: {name} is {pair[0]}, in {self.source} {pair[-1]}"
        if count > SHOWN_ROWS:
            yield f"  and {count - SHOWN_ROWS} more"
