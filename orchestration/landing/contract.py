"""The landing contract, read from the dbt source definition."""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import yaml

from orchestration.project import CONTRACT_FILE


@dataclass(frozen=True)
class Column:
    """One column of a landing table.

    Attributes:
        name: English name.
        data_type: DuckDB type in `raw`.
        description: What it holds.
        label_zh: Chinese label, accepted as header too.
        is_key: Part of the row's key; never empty, unless it may be.
        may_be_empty: A key column that may be empty: `raw` then has an empty text.
        may_be_absent: A key column that a file may lack: it is then empty in every row.
        is_required: No key column, and never empty all the same.
        is_amount: Money in the unit that the row's `amount_unit` says.
        is_signed: An amount that may be negative.
        is_percent: A percentage, which may be written with its sign.
        is_printed: A text as it is printed, with a number in it.
        accepted_values: The codes it takes with their Chinese labels, which a cell may hold as
            well; empty for any.
        minimum: Least value, where there is one.
        maximum: Greatest value, where there is one.
        yuan_per_unit: For `amount_unit`: yuan to each unit.
        unit_zh: What its numbers are of, as 人; empty for money, percentages and texts.
    """

    name: str
    data_type: str
    description: str
    label_zh: str
    is_key: bool = False
    may_be_empty: bool = False
    may_be_absent: bool = False
    is_required: bool = False
    is_amount: bool = False
    is_signed: bool = False
    is_percent: bool = False
    is_printed: bool = False
    accepted_values: dict[str, str] = field(default_factory=dict, hash=False)
    minimum: int | None = None
    maximum: int | None = None
    yuan_per_unit: dict[str, int] = field(default_factory=dict, hash=False)
    unit_zh: str = ""

    @property
    def is_code(self) -> bool:
        """Whether it holds a code or a name that records are found by, as written."""
        is_named = self.is_key or self.name.endswith("_code")
        return self.data_type == "varchar" and is_named and not self.accepted_values

    @property
    def is_count(self) -> bool:
        """Whether it counts something: every whole number that is no key and no year."""
        return self.data_type == "integer" and not self.is_key and self.name != "fiscal_year"

    @property
    def is_number(self) -> bool:
        """Whether it holds numbers that a printed figure can be compared with."""
        is_numeric = self.data_type == "integer" or self.data_type.startswith("decimal")
        return self.is_printed or (is_numeric and not self.is_key and self.name != "fiscal_year")

    @property
    def is_mandatory(self) -> bool:
        """Whether a row without it is rejected."""
        return self.is_required or (self.is_key and not self.may_be_empty)


@dataclass(frozen=True)
class Table:
    """One landing table.

    Attributes:
        name: English name.
        label_zh: Chinese label.
        description: What a row of it is.
        columns: Its columns in order.
        always_read: Its files are read at every load, even where they have not changed.
        uncorrectable: Why its cells cannot be corrected; empty where they can.
        unit_zh: What its records are counted in, as 份; empty where no measure counts them.
    """

    name: str
    label_zh: str
    description: str
    columns: tuple[Column, ...]
    always_read: bool = False
    uncorrectable: str = ""
    unit_zh: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """Names of the columns that identify a row."""
        return tuple(column.name for column in self.columns if column.is_key)

    @property
    def amounts(self) -> tuple[str, ...]:
        """Names of the columns that hold money."""
        return tuple(column.name for column in self.columns if column.is_amount)

    @property
    def record_key(self) -> str:
        """The SQL that names a record beside its department and year: `budget_line=total`.

        A key column that is empty is passed over.
        """
        own = [c for c in self.columns if c.is_key and c.name not in ("unit_code", "fiscal_year")]
        if any(column.may_be_empty for column in own):
            parts = (f"'{column.name}=' || nullif(\"{column.name}\", '')" for column in own)
            return f"concat_ws(';', {', '.join(parts)})"
        return (
            " || ';' || ".join(f"'{column.name}=' || \"{column.name}\"" for column in own) or "''"
        )


@cache
def landing_contract() -> dict[str, Table]:
    """The landing tables by name, in the order of the contract."""
    document = yaml.safe_load(CONTRACT_FILE.read_text(encoding="utf-8"))
    (raw,) = (source for source in document["sources"] if source["name"] == "raw")
    return {table["name"]: _table(table) for table in raw["tables"]}


def _table(node: dict[str, Any]) -> Table:
    meta = node["config"]["meta"]
    return Table(
        name=node["name"],
        label_zh=meta["label_zh"],
        description=node["description"],
        columns=tuple(_column(column) for column in node["columns"]),
        always_read=meta.get("always_read", False),
        uncorrectable=meta.get("uncorrectable", ""),
        unit_zh=meta.get("unit_zh", ""),
    )


def _column(node: dict[str, Any]) -> Column:
    meta = node["config"]["meta"]
    units = meta.get("yuan_per_unit", {})
    return Column(
        name=node["name"],
        data_type=node["data_type"],
        description=node["description"],
        label_zh=meta["label_zh"],
        is_key=meta.get("key", False),
        may_be_empty=meta.get("may_be_empty", False),
        may_be_absent=meta.get("may_be_absent", False),
        is_required=meta.get("required", False),
        is_amount=meta.get("amount", False),
        is_signed=meta.get("signed", False),
        is_percent=meta.get("percent", False),
        is_printed=meta.get("printed", False),
        accepted_values=_labelled(meta.get("accepted_values", [])) or _units(units),
        minimum=meta.get("minimum"),
        maximum=meta.get("maximum"),
        yuan_per_unit=units,
        unit_zh=meta.get("unit_zh", ""),
    )


def _labelled(codes: dict[Any, Any] | list[Any]) -> dict[str, str]:
    """Codes with their labels; one that is listed without a label is its own."""
    pairs = codes.items() if isinstance(codes, dict) else zip(codes, codes, strict=True)
    return {str(code): str(label) for code, label in pairs}


def _units(yuan_per_unit: dict[str, int]) -> dict[str, str]:
    """Units of money, each labelled by the first that is worth as much."""
    first = {yuan: name for name, yuan in reversed(yuan_per_unit.items())}
    return {name: first[yuan] for name, yuan in yuan_per_unit.items()}
