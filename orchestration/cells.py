"""How a cell of text becomes a typed value, or a fault that a person understands, as SQL."""

from collections.abc import Iterable

from orchestration.contract import Column, Table

TRIMMED = "nullif(trim({0}, ' \t\u3000\u00a0'), '')"
FULL_WIDTH = ("０１２３４５６７８９，．－＋％", "0123456789,.-+%")
THOUSANDS = r"^[-+]?\d{1,3}(,\d{3})+(\.\d+)?$"
WHOLE_NUMBER = r"^[-+]?\d+$"
DECIMAL_NUMBER = r"^[-+]?(\d+\.?\d*|\.\d+)$"
SHORT_NUMBER = r"^-?\d{1,12}(\.\d{1,6})?$"
DAY = r"^\d{4}-\d{1,2}-\d{1,2}$"
TRUE, FALSE = ("true", "1", "是", "yes"), ("false", "0", "否", "no")
# Staging holds yuan as decimal(18,2) and other numbers as decimal(28,10).
YUAN_LIMIT, NUMBER_LIMIT = 10**16, 10**12


def typed_select(
    table: Table, year: int, source: str = "delivered", *, is_trimmed: bool = False
) -> str:
    """The SQL that types rows of text and lists the faults of each.

    Args:
        table: The table that the rows are of.
        year: The fiscal year that they must have.
        source: The SQL of a relation with all columns of the contract as text, and others.
        is_trimmed: No cell has spaces around it.

    Returns:
        A select with the contract's columns, typed; the other columns of the source as they are;
        and faults: a list of column_name, value and reason, null for a row without any.
    """
    # Each step is computed once, from the one before: the text, its type, what is wrong with it.
    trimmed = "nullif({0}, '')" if is_trimmed else TRIMMED
    texts = ", ".join(f'{trimmed.format(_quoted(c))} as "{c.name} text"' for c in table.columns)
    typed = ", ".join(f'{_typed(c)} as "{c.name} typed"' for c in table.columns)
    faulty = {c.name: _fault(c, table, year) for c in table.columns}
    faults = ", ".join(
        f"""case when {faulty[c.name]} then {{
            'column_name': '{c.name}', 'value': {_quoted(c)},
            'reason': {_expectation(c, table, year)}
        }} end"""
        for c in table.columns
    )
    own = ", ".join(f'"{c.name} typed"' for c in table.columns)
    return f"""
        select
            * exclude ({", ".join(_text(c) for c in table.columns)}, {own})
            replace ({", ".join(f'{_loaded(c, year)} as "{c.name}"' for c in table.columns)}),
            case when {" or ".join(faulty.values())}
                then list_filter([{faults}], f -> f is not null)
            end as faults
        from (select *, {typed} from (select *, {texts} from {source}))
    """


def _typed(column: Column) -> str:
    text = _text(column)
    match column.data_type:
        case "varchar":
            labels = " ".join(
                f"when '{label}' then '{code}'"
                for code, label in column.accepted_values.items()
                if label not in column.accepted_values
            )
            return f"case {text} {labels} else {text} end" if labels else text
        case "boolean":
            words = f"lower({text})"
            return f"case when {words} in {TRUE} then true when {words} in {FALSE} then false end"
        case "date":
            day = f"regexp_replace({text}, '[ T]00:00:00(\\.0+)?$', '')"
            day = f"rtrim(regexp_replace({day}, '[年月/.]', '-', 'g'), '日')"
            return _cast(column, DAY, day)
        case "integer":
            return _cast(column, WHOLE_NUMBER, _number_text(column))
        case _:
            # DuckDB takes a hundred times as long to read a decimal of more than 18 digits.
            return f"""
                case
                    when regexp_matches({text}, '{SHORT_NUMBER}')
                        then cast(try_cast({text} as decimal(18, 6)) as {column.data_type})
                    else {_cast(column, DECIMAL_NUMBER, _number_text(column))}
                end"""


def _cast(column: Column, pattern: str, made_plain: str) -> str:
    """A cell as its type: as it stands where it is plain, else made plain first."""
    text = _text(column)
    return f"""
        case
            when regexp_matches({text}, '{pattern}') then try_cast({text} as {column.data_type})
            when regexp_matches({made_plain}, '{pattern}')
                then try_cast({made_plain} as {column.data_type})
        end"""


def _number_text(column: Column) -> str:
    """A cell as people write numbers, made plain: １,234.50 and 88.15% in a percentage column."""
    text = f"translate({_text(column)}, '{FULL_WIDTH[0]}', '{FULL_WIDTH[1]}')"
    if column.is_percent:
        text = f"rtrim(regexp_replace({text}, '%$', ''))"
    return (
        f"case when regexp_matches({text}, '{THOUSANDS}') "
        f"then replace({text}, ',', '') else {text} end"
    )


def _loaded(column: Column, year: int) -> str:
    """A typed cell, and what an empty one stands for where that is not null."""
    typed = f'"{column.name} typed"'
    if column.name == "fiscal_year" and not column.is_key:
        return f"coalesce({typed}, {year})"
    return f"coalesce({typed}, '')" if column.may_be_empty else typed


def _fault(column: Column, table: Table, year: int) -> str:
    """The SQL condition that is true where a cell cannot be taken, and never null."""
    text, typed = _text(column), f'"{column.name} typed"'
    conditions = []
    if column.data_type != "varchar":
        conditions.append(f"({typed} is null and {text} is not null)")
    if column.is_mandatory:
        conditions.append(f"{text} is null")
    if column.name == "fiscal_year":
        conditions.append(f"coalesce({typed} != {year}, false)")
    if column.accepted_values:
        conditions.append(f"coalesce({typed} not in ({_literals(column.accepted_values)}), false)")
    if column.minimum is not None:
        conditions.append(f"coalesce({typed} < {column.minimum}, false)")
    if column.maximum is not None:
        conditions.append(f"coalesce({typed} > {column.maximum}, false)")
    if column.is_amount:
        unit = next(c for c in table.columns if c.yuan_per_unit)
        limit = " ".join(
            f"when '{name}' then {YUAN_LIMIT // yuan}" for name, yuan in unit.yuan_per_unit.items()
        )
        conditions.append(f"coalesce(abs({typed}) >= case {_text(unit)} {limit} end, false)")
    elif column.data_type.startswith("decimal"):
        conditions.append(f"coalesce(abs({typed}) >= {NUMBER_LIMIT}, false)")
    if column.yuan_per_unit:
        holds = " or ".join(f"{_text(c)} is not null" for c in table.columns if c.is_amount)
        conditions.append(f"({text} is null and ({holds}))")
    return f"({' or '.join(conditions) or 'false'})"


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


def _text(column: Column) -> str:
    return f'"{column.name} text"'


def _literals(values: Iterable[str]) -> str:
    return ", ".join(f"'{value}'" for value in values)
