"""Approved corrections: checked against what was delivered, and put beside the corrected rows.

Delivered cells in `raw` stay as they are. A row's column `corrections` has the new value of each
corrected column as text, null where the cell counts as not delivered; staging applies it.
"""

from difflib import get_close_matches

import duckdb

from orchestration import duck
from orchestration.landing.cells import typed_select
from orchestration.landing.contract import Column, Table, landing_contract
from orchestration.plain import plain_sql

COLUMN = {"corrections": "map(varchar, varchar)"}
LISTED_KEYS = 10


def apply(con: duckdb.DuckDBPyConnection, year: int) -> None:
    """Apply the year's corrections anew, after all of its tables are in `raw`.

    Rows of `raw.corrections` that do not fit what was delivered are moved to
    `audit.rejected_rows`, each with the reason, and the counts in `audit.loads` follow.

    Args:
        con: A connection to the build's warehouse file, in a transaction.
        year: The fiscal year.
    """
    for table in landing_contract().values():
        con.execute(
            f"update raw.{table.name} set corrections = null "
            "where fiscal_year = ? and corrections is not null",
            [year],
        )
    con.execute(
        """
        create or replace temp table pending as
        select
            row_number() over (order by source_file, source_row) as correction_no, *,
            cast(null as struct(column_name varchar, value varchar, reason varchar)) as fault
        from raw.corrections where fiscal_year = ?
        """,
        [year],
    )
    _refuse_unknown_names(con)
    names = con.execute("select distinct table_name from pending where fault is null").fetchall()
    for (name,) in sorted(names):
        _correct(con, landing_contract()[name], year)
    _move_rejected(con, year)


def _refuse_unknown_names(con: duckdb.DuckDBPyConnection) -> None:
    for names in con.execute("select distinct table_name, column_name from pending").fetchall():
        if fault := _name_fault(*names):
            con.execute(
                """
                update pending
                set fault = {'column_name': $at, 'value': $value, 'reason': $reason}
                where table_name = $table and column_name = $column
                """,
                dict(zip(("at", "value", "reason", "table", "column"), fault + names, strict=True)),
            )


def _name_fault(table_name: str, column_name: str) -> tuple[str, str, str] | None:
    """Column, value and reason where a table or column cannot be corrected."""
    tables = landing_contract()
    table = tables.get(table_name)
    if table is None:
        labels = {t.label_zh: t.name for t in tables.values()}
        return (
            "table_name",
            table_name,
            f"no table of the landing contract; {_nearest(table_name, labels)}expected one of "
            f"{', '.join(t.name for t in tables.values() if not t.uncorrectable)}",
        )
    if table.uncorrectable:
        return "table_name", table_name, f"cannot be corrected: {table.uncorrectable}"
    columns = {c.name: c for c in table.columns}
    if column_name not in columns:
        labels = {c.label_zh: c.name for c in table.columns}
        return (
            "column_name",
            column_name,
            f"no column of {table_name}; {_nearest(column_name, labels)}expected one of "
            f"{', '.join(c.name for c in table.columns if not c.is_key)}",
        )
    if columns[column_name].is_key:
        return (
            "column_name",
            column_name,
            "a key column says which record it is and cannot be corrected; correct the record's "
            "other columns, or have it delivered again",
        )
    return None


def _nearest(name: str, labels: dict[str, str]) -> str:
    names = labels | {known: known for known in labels.values()}
    near = get_close_matches(name, names, n=1)
    return f"did you mean {names[near[0]]}? " if near else ""


def _correct(con: duckdb.DuckDBPyConnection, table: Table, year: int) -> None:
    """Refuse what does not fit the table's delivered records, and apply the rest."""
    con.execute(
        f"""
        create or replace temp view delivered_records as
        select *, {table.record_key} as record_key from raw.{table.name}
        where fiscal_year = {year}
        """
    )
    con.execute(
        f"""
        create or replace temp view correcting as
        select
            pending.correction_no, pending.column_name as corrected_column,
            pending.old_value as old_text, pending.new_value as new_text, record.*
        from pending
        inner join delivered_records as record
            on pending.unit_code = record.unit_code and pending.key = record.record_key
        where pending.table_name = '{table.name}' and pending.fault is null
        """
    )
    _refuse(
        con,
        f"""
        select
            correction_no, 'key' as column_name, nullif(key, '') as value,
            'no such record was loaded; ' || case
                when keys is null then 'there is none of ' || unit_code || ' in {table.name}'
                when keys = [''] then '{table.name} has one record a department, expected no key'
                else 'expected one of ' || array_to_string(keys[:{LISTED_KEYS}], ', ')
                    || if(len(keys) > {LISTED_KEYS}, ', … (' || len(keys) || ')', '')
            end as reason
        from pending
        left join (
            select unit_code, list(record_key order by source_file, source_row) as keys
            from delivered_records where unit_code in (select unit_code from pending)
            group by unit_code
        ) as known using (unit_code)
        where table_name = '{table.name}' and fault is null
            and correction_no not in (select correction_no from correcting)
        """,
    )
    shown = _shown(table, "corrected_column")
    _type(con, table, year, "old_text")
    _refuse(
        con,
        f"""
        select
            correction_no, 'old_value' as column_name, old_text as value,
            'expected what was delivered, ' || coalesce({shown}, 'an empty cell')
                || ' (' || source_file || ' row ' || source_row || ')' as reason
        from correcting inner join typed using (correction_no)
        where typed.shown is distinct from {shown}
            or (typed.shown is null and old_text is not null)
        """,
    )
    _type(con, table, year, "new_text")
    # Without a refused one the record's other corrections may not be readable either.
    while _refuse(
        con,
        """
        select
            correction_no, 'new_value' as column_name, new_text as value,
            array_to_string(list_transform(coalesce(nullif(own, []), others), lambda f:
                if(f.column_name = corrected_column, '', f.column_name || ': ') || f.reason
            ), '; ') as reason
        from (
            select
                *, list_filter(faults, lambda f: f.column_name = corrected_column) as own,
                list_filter(faults, lambda f: not list_contains(columns, f.column_name)) as others
            from (
                select
                    *,
                    list(corrected_column) over (partition by unit_code, record_key) as columns
                from correcting
            ) inner join typed using (correction_no)
        )
        where len(own) + len(others) > 0
        """,
    ):
        _type(con, table, year, "new_text")
    _refuse(
        con,
        f"""
        select
            correction_no, 'new_value' as column_name, new_text as value,
            'what was delivered already (' || source_file || ' row ' || source_row
                || '); expected another value' as reason
        from correcting inner join typed using (correction_no)
        where typed.shown is not distinct from {shown}
        """,
    )
    con.execute(
        f"""
        update raw.{table.name} as record
        set corrections = corrected.corrections
        from (
            select
                load_id, source_row, map(
                    list(corrected_column order by correction_no),
                    list(typed.shown order by correction_no)
                ) as corrections
            from correcting inner join typed using (correction_no)
            group by load_id, source_row
        ) as corrected
        where record.load_id = corrected.load_id and record.source_row = corrected.source_row
        """
    )


def _type(con: duckdb.DuckDBPyConnection, table: Table, year: int, values: str) -> None:
    """Read the records with all their corrected cells at the old or the new value.

    Makes the table `typed` with, for each correction, its value as `shown` and the record's faults.
    """
    cells = ", ".join(
        f"""case when map_contains(cells, '{c.name}') then cells['{c.name}']
            else cast("{c.name}" as varchar) end as "{c.name}\""""
        for c in table.columns
    )
    con.execute(
        f"""
        create or replace temp table delivered as
        select
            {cells}, correction_no
        from (
            select *, map(
                list(corrected_column) over record, list({values}) over record
            ) as cells
            from correcting
            window record as (partition by unit_code, record_key)
        )
        """
    )
    con.execute(
        f"""
        create or replace temp table typed as
        select
            correction_no, read.faults,
            {_shown(table, "corrected_column")} as shown
        from ({typed_select(table, year)}) as read
        inner join (select correction_no, corrected_column from correcting) using (correction_no)
        """
    )


def _shown(table: Table, name: str) -> str:
    """The SQL for the cell of the column that `name` names, as people write it."""
    cases = " ".join(f"when '{c.name}' then {_plain(c)}" for c in table.columns if not c.is_key)
    return f"case {name} {cases} end"


def _plain(column: Column) -> str:
    cell = duck.name(column.name)
    return plain_sql(cell) if column.data_type.startswith("decimal") else f"cast({cell} as varchar)"


def _refuse(con: duckdb.DuckDBPyConnection, found: str) -> bool:
    """Note the faults that a query finds: correction_no, column_name, value, reason.

    Returns whether there were any.
    """
    ((count,),) = con.execute(
        f"""
        update pending set fault = {{
            'column_name': found.column_name, 'value': found.value, 'reason': found.reason
        }}
        from ({found}) as found where pending.correction_no = found.correction_no
        """
    ).fetchall()
    return bool(count)


def _move_rejected(con: duckdb.DuckDBPyConnection, year: int) -> None:
    con.execute(
        """
        insert into audit.rejected_rows by name
        select
            load_id, fiscal_year, 'corrections' as table_name, source_file, source_row, unit_code,
            fault.column_name as column_name, fault.value as value, fault.reason as reason
        from pending where fault is not null
        order by source_file, source_row
        """
    )
    con.execute(
        """
        update audit.loads
        set
            rows_loaded = rows_loaded - rejected.rows,
            rows_rejected = rows_rejected + rejected.rows
        from (
            select load_id, count(*) as rows from pending where fault is not null group by load_id
        ) as rejected
        where loads.load_id = rejected.load_id
        """
    )
    con.execute(
        """
        delete from raw.corrections
        where fiscal_year = ? and (load_id, source_row) in (
            select (load_id, source_row) from pending where fault is not null
        )
        """,
        [year],
    )
