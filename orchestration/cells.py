"""How a cell of text becomes a typed value, or a fault that a person understands, as SQL."""

from orchestration.contract import Column, Table

NO_TEXT = "nullif(trim({0}, ' \t\u3000\u00a0'), '')"
FULL_WIDTH = ("０１２３４５６７８９，．－＋％", "0123456789,.-+%")
THOUSANDS = r"^[-+]?\d{1,3}(,\d{3})+(\.\d+)?$"
WHOLE_NUMBER = r"^[-+]?\d+$"
DECIMAL_NUMBER = r"^[-+]?(\d+\.?\d*|\.\d+)$"
TRUE, FALSE = ("true", "1", "是", "yes"), ("false", "0", "否", "no")
# Staging holds yuan as decimal(18,2) and other numbers as decimal(28,10).
YUAN_LIMIT, NUMBER_LIMIT = 10**16, 10**12


def typed_select(table: Table, year: int) -> str:
    """The SQL that types the text table `delivered` and lists the faults of each row.

    Args:
        table: The table that the rows are of.
        year: The fiscal year that they must have.

    Returns:
        A select with the contract's columns, the parameters load_id, source_file and
        source_sha256, source_row, and faults: a list of column_name, value and reason.
    """
    faults = ", ".join(
        f"""case when {_fault(column, table, year)} then {{
            'column_name': '{column.name}', 'value': "{column.name}",
            'reason': {_expectation(column, table, year)}
        }} end"""
        for column in table.columns
    )
    typed = ", ".join(f'{_loaded(column, year)} as "{column.name}"' for column in table.columns)
    return f"""
        select
            {typed},
            ? as load_id, ? as source_file, ? as source_sha256, source_row,
            list_filter(
                list_prepend(
                    case when structure_fault is not null then {{
                        'column_name': cast(null as varchar), 'value': delivered_line,
                        'reason': structure_fault
                    }} end,
                    case when structure_fault is null then [{faults}] else [] end
                ),
                f -> f is not null
            ) as faults
        from delivered
    """


def _number_text(column: Column) -> str:
    """A cell as people write numbers, made plain: １,234.50 and 88.15% in a percentage column."""
    text = f"translate({NO_TEXT.format(_quoted(column))}, '{FULL_WIDTH[0]}', '{FULL_WIDTH[1]}')"
    if column.is_percent:
        text = f"rtrim(regexp_replace({text}, '%$', ''))"
    return (
        f"case when regexp_matches({text}, '{THOUSANDS}') "
        f"then replace({text}, ',', '') else {text} end"
    )


def _typed(column: Column) -> str:
    text = NO_TEXT.format(_quoted(column))
    match column.data_type:
        case "varchar":
            return text
        case "integer":
            number = _number_text(column)
            return (
                f"case when regexp_matches({number}, '{WHOLE_NUMBER}') "
                f"then try_cast({number} as integer) end"
            )
        case "boolean":
            words = f"lower({text})"
            return f"case when {words} in {TRUE} then true when {words} in {FALSE} then false end"
        case "date":
            return f"try_cast(regexp_replace({text}, '[年月/.]', '-', 'g').rtrim('日') as date)"
        case _:
            number = _number_text(column)
            return (
                f"case when regexp_matches({number}, '{DECIMAL_NUMBER}') "
                f"then try_cast({number} as {column.data_type}) end"
            )


def _loaded(column: Column, year: int) -> str:
    """A typed cell, and what an empty one stands for where that is not null."""
    if column.name == "fiscal_year" and not column.is_key:
        return f"coalesce({_typed(column)}, {year})"
    return f"coalesce({_typed(column)}, '')" if column.may_be_empty else _typed(column)


def _fault(column: Column, table: Table, year: int) -> str:
    """The SQL condition that is true where a cell cannot be taken."""
    text, typed = NO_TEXT.format(_quoted(column)), _typed(column)
    conditions = [f"({text} is not null and ({typed}) is null)"]
    if column.is_required or (column.is_key and not column.may_be_empty):
        conditions.append(f"{text} is null")
    if column.name == "fiscal_year":
        conditions.append(f"({typed}) != {year}")
    if column.accepted_values:
        conditions.append(f"{text} not in ({_literals(column.accepted_values)})")
    if column.minimum is not None:
        conditions.append(f"({typed}) < {column.minimum}")
    if column.maximum is not None:
        conditions.append(f"({typed}) > {column.maximum}")
    if column.is_amount:
        unit = next(c for c in table.columns if c.yuan_per_unit)
        factors = " ".join(
            f"when '{name}' then {yuan}" for name, yuan in unit.yuan_per_unit.items()
        )
        unit_text = NO_TEXT.format(_quoted(unit))
        conditions.append(f"abs({typed}) >= {YUAN_LIMIT} / (case {unit_text} {factors} end)")
    elif column.data_type.startswith("decimal"):
        conditions.append(f"abs({typed}) >= {NUMBER_LIMIT}")
    if column.yuan_per_unit:
        amounts = [c for c in table.columns if c.is_amount]
        holds = " or ".join(f"{NO_TEXT.format(_quoted(c))} is not null" for c in amounts)
        conditions.append(f"({text} is null and ({holds}))")
    return "coalesce(" + " or ".join(conditions) + ", false)"


def _expectation(column: Column, table: Table, year: int) -> str:
    """The SQL text that tells a person what was expected in a cell."""
    if column.name == "fiscal_year":
        expected = f"expected {year}, the year of its folder"
    elif column.accepted_values:
        expected = f"expected one of {', '.join(column.accepted_values)}"
        if column.yuan_per_unit:
            expected += "; it may be empty only where the row holds no amount"
    elif column.minimum is not None:
        expected = f"expected a whole number from {column.minimum} to {column.maximum}"
    else:
        expected = {
            "varchar": "expected a value"
            + (", the row's key may not be empty" if column.is_key else ""),
            "integer": "expected a whole number",
            "boolean": "expected true or false",
            "date": "expected a day that exists, as 2023-12-31",
        }.get(column.data_type, "expected a number that fits, as 1234.50")
    literal = expected.replace("'", "''")
    return f"'{literal}'"


def _quoted(column: Column) -> str:
    return f'"{column.name}"'


def _literals(values: tuple[str, ...]) -> str:
    return ", ".join(f"'{value}'" for value in values)
