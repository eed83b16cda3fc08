"""The marts as CSV for a spreadsheet: a folder a fiscal year, with a note of what is not there.

The files of other years are kept, as Parquet is: one file over all years would be written anew for
each of them.
"""

from pathlib import Path

import duckdb

from orchestration import duck
from orchestration.publication.export import NOTHING, Kept, published_tables, published_years

# Without it Excel takes the file for one in the code page of the machine.
BOM = "\ufeff"
# Rows of a sheet of Excel, but for the header.
SHEET_ROWS = 1_048_575
# A cell that begins with one of these is a formula to a spreadsheet, however it is quoted.
FORMULA = "=+-@\t\r\n＝＋－＠"
NOTE = "README.txt"
ABOUT = """\
各年度的表在以年度命名的文件夹中；各列的说明见 scores.duckdb 中的注释。
UTF-8（带 BOM），可直接用 Excel 打开。以 = + - @ 开头的文字前加了一个 '，以免被当作公式。
Excel 会把只含数字的文字（如单位编码）当作数字：须保留前导零时，用“数据 → 从文本/CSV”导入，
并把该列设为文本。
Tables of a fiscal year are in its folder; the comments in scores.duckdb describe the columns.
UTF-8 with a byte order mark, as Excel reads it. A text that begins with = + - @ has a ' before it,
so that no spreadsheet takes it for a formula.
Excel takes a text of digits alone for a number: to keep leading zeros import the file by
Data → From Text/CSV and set the column to text.

此处没有的，见 scores.duckdb 与 parquet。 What is not here is in scores.duckdb and parquet:
"""


def write(con: duckdb.DuckDBPyConnection, folder: Path, kept: Kept = NOTHING) -> None:
    """Write the marts that fit into a sheet: `<year>/<mart>.csv`, without a year `<mart>.csv`.

    Args:
        con: A connection to the published database, whose order is kept.
        folder: Where to, in the folder of the publication.
        kept: What stays of the current publication.
    """
    folder.mkdir()
    notes = [ABOUT]
    years: list[int | None] = [*published_years(con)]
    for year in years:
        (folder / str(year)).mkdir()
    marts = {
        table: has_year for schema, table, has_year in published_tables(con) if schema == "marts"
    }
    columns, counts = _columns(con), _counts(con, marts)
    for table, has_year in marts.items():
        if table not in columns:
            notes.append(
                f"{table}：一个单元格有多种用途，放不进一张表。 "
                "Its cells have lists of uses, which fit no sheet.\n"
            )
            continue
        for year in years if has_year else [None]:
            path = folder / (f"{year}/{table}.csv" if year else f"{table}.csv")
            count = counts.get((table, year), 0)
            if count > SHEET_ROWS:
                notes.append(
                    f"{path.relative_to(folder)}：{count:,} 行，超过 Excel 的上限。 "
                    f"{count:,} rows, more than Excel opens.\n"
                )
            elif not (year in kept.years and kept.link(path, folder.parent)):
                _copy(con, table, columns[table], year, path)
    (folder / NOTE).write_text(BOM + "".join(notes), encoding="utf-8")


def csv_of(con: duckdb.DuckDBPyConnection, table: str, year: int, path: Path) -> None:
    """Write a year of one mart as `write` does.

    Args:
        con: A connection to the published database.
        table: The mart.
        year: The fiscal year.
        path: The file.
    """
    _copy(con, table, _columns(con)[table], year, path)


def _copy(
    con: duckdb.DuckDBPyConnection, table: str, columns: str, year: int | None, path: Path
) -> None:
    where = f"where fiscal_year = {year}" if year else ""
    con.execute(
        f"copy (select {columns} from marts.{table} {where}) "
        f"to {duck.text(path)} (format csv, header)"
    )


def _counts(
    con: duckdb.DuckDBPyConnection, marts: dict[str, bool]
) -> dict[tuple[str, int | None], int]:
    """The rows of each mart, of one with years in each."""
    counts = " union all ".join(
        f"select '{table}', {'fiscal_year' if has_year else 'null'}, count(*) from marts.{table} "
        "group by all"
        for table, has_year in marts.items()
    )
    return {(table, year): count for table, year, count in con.execute(counts).fetchall()}


def _columns(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """The columns of each mart as a spreadsheet reads them, but of one whose cells hold records."""
    rows = con.execute(
        """
        select table_name, list((column_name, data_type) order by column_index)
        from duckdb_columns()
        where database_name = current_database() and schema_name = 'marts'
        group by all
        having not bool_or(regexp_matches(data_type, 'STRUCT|MAP'))
        """
    ).fetchall()
    return {
        table: ", ".join(
            f"{_cell(duck.name(name), kind)} as {duck.name(name if at else BOM + name)}"
            for at, (name, kind) in enumerate(columns)
        )
        for table, columns in rows
    }


def _cell(name: str, kind: str) -> str:
    """SQL for what stands in a cell."""
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"strftime({name} at time zone 'Asia/Shanghai', '%Y-%m-%d %H:%M:%S')"
    text = f"array_to_string({name}, '；')" if kind.endswith("[]") else name
    if kind not in ("VARCHAR", "VARCHAR[]"):
        return text
    codes = ", ".join(str(ord(character)) for character in FORMULA)
    return f"case when unicode({text}) in ({codes}) then '''' || {text} else {text} end"
