"""Every code that a column of the landing contract or of a mart may hold has its label, in one place."""

from collections import defaultdict

import pytest
import yaml

from orchestration.landing.contract import landing_contract
from orchestration.project import PROJECT_DIR, SEEDS_DIR
from tests.conftest import Published
from tests.reference import read

LABELS: dict[str, dict[str, str]] = defaultdict(dict)
for row in read(SEEDS_DIR / "code_labels.csv"):
    LABELS[row["domain"]][row["code"]] = row["label_zh"]


def labels_of(table: str, column: str) -> dict[str, str]:
    """The labels of a column's codes: under its own name, or under its table's and its own."""
    assert not (f"{table}.{column}" in LABELS and column in LABELS and table != "unit_successions")
    return LABELS.get(f"{table}.{column}") or LABELS.get(column, {})


def test_the_landing_contract_says_the_same() -> None:
    contract = landing_contract()
    assert LABELS["table_name"] == {t.name: t.label_zh for t in contract.values()}
    coded = [(t.name, c) for t in contract.values() for c in t.columns if c.accepted_values]
    assert len(coded) > 12
    for table, column in coded:
        assert column.accepted_values.items() <= labels_of(table, column.name).items()


def mart_columns() -> list[tuple[str, str, list[str]]]:
    """Each column of a mart that has accepted values, with these."""
    found = []
    for path in (PROJECT_DIR / "models" / "marts").glob("*.yml"):
        for model in yaml.safe_load(path.read_text("utf-8"))["models"]:
            for column in model["columns"]:
                for test in column.get("data_tests", []):
                    if "accepted_values" in test:
                        values = test["accepted_values"]["arguments"]["values"]
                        found.append((model["name"], column["name"], values))
    return found


def test_every_code_of_the_marts_is_labelled() -> None:
    columns = mart_columns()
    assert len(columns) > 10
    for table, column, values in columns:
        assert set(values) <= set(labels_of(table, column)), (table, column)


@pytest.mark.builds
def test_what_is_published_can_be_read_with_its_labels(two_departments: Published) -> None:
    """Each column that a domain names, in each mart: every code in it is a row of dim_codes."""
    published = dict(
        two_departments.rows("select domain, list(code) from dim_codes group by domain")
    )
    assert {domain: set(codes) for domain, codes in published.items()} == {
        domain: set(labels) for domain, labels in LABELS.items()
    }
    looked_at = set()
    for table, column in two_departments.rows(
        "select table_name, column_name from duckdb_columns() where schema_name = 'marts' "
        "and table_name != 'dim_codes'"
    ):
        domain = f"{table}.{column}" if f"{table}.{column}" in published else column
        if domain in published:
            looked_at.add(domain)
            codes = two_departments.rows(f"select distinct {column} from {table}")
            held = {code for (code,) in codes} - {None, ""}
            assert held <= set(published[domain]), (table, column)
    assert looked_at >= {"basis", "method", "severity", "fct_evaluations.status", "table_name"}


def test_a_label_stands_for_one_thing() -> None:
    for domain, labels in LABELS.items():
        if domain != "amount_unit":  # 元 and yuan are one
            assert len(set(labels.values())) == len(labels), domain
