"""A number as people write it, 1,234.5 and not 1234.5000: the one place that says so.

Models have `macros/plain_text.sql`, as dbt compiles them without Python.
"""

from decimal import Decimal


def plain(number: Decimal | int, *, grouped: bool = True) -> str:
    """A number with all its decimals and no more.

    Args:
        number: The number.
        grouped: Whether thousands are set apart by commas.
    """
    # Only a decimal has zeros to lose.
    kind = ("," if grouped else "") + ("f" if isinstance(number, Decimal) else "d")
    text = format(number, kind)
    return text.rstrip("0").rstrip(".") if "." in text else text


def plain_sql(decimal: str, *, grouped: bool = False) -> str:
    """The same of a decimal, in SQL.

    Args:
        decimal: SQL for a decimal.
        grouped: Whether thousands are set apart by commas.

    Returns:
        SQL for the text; null where the decimal is.
    """
    text = f"cast({decimal} as varchar)"
    whole, decimals = (f"split_part({text}, '.', {part})" for part in (1, 2))
    if grouped:
        # The sign stands apart, or that of -0.5 would be lost with its 0.
        whole = f"if({decimal} < 0, '-', '') || format('{{:,}}', abs(cast({whole} as hugeint)))"
    return f"({whole} || coalesce('.' || nullif(rtrim({decimals}, '0'), ''), ''))"
