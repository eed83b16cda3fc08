"""What changed between two publications of a year, and why."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from orchestration import ledger
from tests.conftest import LANDING, Published, append_rows, build

pytestmark = pytest.mark.builds

NANSHAN, YANTIAN = "440305-gxj", "440308-fzyj"
PREFIX = "更换文件 2023/"


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert text.count(old) == 1, (path, text.count(old))
    path.write_text(text.replace(old, new), "utf-8")


def history(published: Published, where: str = "true") -> list[tuple[Any, ...]]:
    """The changes of the run that was published last, under the official rubric."""
    return published.rows(
        f"""
        select unit_code, item_type, item_code, coalesce(cast(old_value as varchar), old_text),
            coalesce(cast(new_value as varchar), new_text), cause
        from fct_evaluation_history
        where rubric_id != 'shenzhen_2023' and {where} and new_run_id = (
            select arg_max(run_id, published_at) from scores.audit.runs
        )
        order by all
        """
    )


def test_each_change_of_a_published_year_and_its_cause(
    landing: Path, published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = landing / "2023"

    def run() -> list[tuple[Any, ...]]:
        assert build(landing, published.warehouse) == {2023: []}
        return history(published)

    # A file that is replaced, and a correction in a file that the other department has rows in.
    change(
        folder / "work_completion.csv", f"{YANTIAN},2023,key_task,", f"{YANTIAN},2023,key_task,1"
    )
    cause = PREFIX + "work_completion.csv"
    surveys = (folder / "satisfaction_surveys.csv").read_text("utf-8").splitlines()
    line = next(row for row in surveys if row.startswith(NANSHAN)).split(",")
    append_rows(
        folder / "corrections.csv",
        f"{NANSHAN},2023,satisfaction_surveys,survey_name={line[2]},satisfaction_pct,{line[3]},85,"
        "更正,审核人,2026-01-01",
    )
    changed = run()
    # The score that follows from it, the total, and nothing else.
    assert {row[:3] for row in changed} >= {(YANTIAN, "total_score", "TOTAL")}
    assert {why for unit, *_, why in changed if unit == YANTIAN} == {cause}
    scores = {
        code: (old, new)
        for unit, kind, code, old, new, _ in changed
        if unit == YANTIAN and kind != "grade"
    }
    assert scores["TOTAL"][0] == "96.0800"
    assert scores["key_tasks"] == ("8.0000", "0.0000")
    first = published.rows("from fct_evaluation_history order by all")
    assert {row[9:11] for row in first} == set(
        published.rows(
            """
            select lag(run_id, 1) over (order by published_at), run_id
            from scores.audit.runs order by published_at desc limit 1
            """
        )
    )
    correction = (
        f"新增更正 satisfaction_surveys survey_name={line[2]} satisfaction_pct {line[3]}→85"
        "（2023/corrections.csv 第 3 行）"
    )
    assert (
        NANSHAN, "indicator_score", "satisfaction", "6.0000", "2.0000",
        f"{correction}；{PREFIX}corrections.csv；{cause}",
    ) in changed  # fmt: skip
    assert {unit for unit, *_ in changed} == {NANSHAN, YANTIAN}

    # A refused run leaves nothing.
    before = published.rows("from fct_evaluation_history order by all")
    append_rows(folder / "budgets.csv", ",2023,total,1,1,1,元")
    assert build(landing, published.warehouse)[2023]
    assert published.rows("from fct_evaluation_history order by all") == before
    shutil.copy(LANDING / "2023" / "budgets.csv", folder)

    # A department that is gone, by rows taken out of every file, and code that is new.
    for path in folder.glob("*.csv"):
        lines = path.read_text("utf-8").splitlines(keepends=True)
        path.write_text("".join(row for row in lines if not row.startswith(YANTIAN)), "utf-8")
    monkeypatch.setattr(ledger, "code_sha256", lambda: "0123456789")
    changed = run()
    assert {row[0] for row in changed} == {YANTIAN}
    assert {row[4] for row in changed} == {None}
    assert {(kind, old) for _, kind, _, old, _, _ in changed} >= {
        ("total_score", scores["TOTAL"][1]), ("status", "scored"),
    }  # fmt: skip
    assert "grade" in {kind for _, kind, *_ in changed}
    assert all("→01234567" in why for *_, why in changed)
    # What was told before stays.
    assert set(first) < set(published.rows("from fct_evaluation_history"))
