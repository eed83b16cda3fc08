"""The Chinese labels of codes, which are rows of seeds/code_labels.csv."""

import csv
from functools import cache

from orchestration.project import SEEDS_DIR

# What is said of an evaluation where is_final of the marts is false.
NOT_FINAL = "未决算：年度未结束，以下为年中数据，非最终结果"


@cache
def labels(*domains: str) -> dict[str, str]:
    """The labels of the codes of some columns.

    Args:
        domains: The columns, as the seed calls them.

    Returns:
        Labels by code.
    """
    with (SEEDS_DIR / "code_labels.csv").open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["domain"] in domains]
    return {row["code"]: row["label_zh"] for row in rows}
