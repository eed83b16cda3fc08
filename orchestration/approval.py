"""A build that waits for approval: what it would change, and its publication as it was built."""

import logging
import shutil
from pathlib import Path

import duckdb

from orchestration import ledger
from orchestration.faults import Refused, WrongSurroundings
from orchestration.publication.folder import Warehouse
from orchestration.verify import changed_inputs

logger = logging.getLogger("jixiao")

CHANGES = """
    select
        h.fiscal_year || ' ' || coalesce(d.unit_name || ' ', '') || h.unit_code || ' '
        || h.rubric_id || ' ' || if(h.item_type = 'indicator_score', h.item_code, h.item_type)
        || ': ' || coalesce(cast(h.old_value as varchar), h.old_text, '—')
        || ' → ' || coalesce(cast(h.new_value as varchar), h.new_text, '—') || '；' || h.cause
    from marts.fct_evaluation_history as h
    semi join audit.run_years on h.new_run_id = run_years.run_id
    left join marts.dim_departments as d using (unit_code, fiscal_year)
    -- Where an evaluation comes or goes, its status says so, and each of its indicators the same.
    where
        h.item_type = 'status' or coalesce(h.old_text, h.new_text) is not null
        or (h.old_value is not null and h.new_value is not null)
    order by
        h.unit_code, h.rubric_id, h.item_type = 'indicator_score', h.item_type desc, h.item_code
"""
# What the history does not tell: the first evaluations of a year.
COUNTS = """
    select
        y.fiscal_year,
        exists (from audit.runs as r where r.fiscal_year = y.fiscal_year and r.is_current),
        (
            select count(distinct e.unit_code)
            from marts.fct_evaluations as e where e.fiscal_year = y.fiscal_year
        )
    from audit.run_years as y
"""


def changes(preview: Path) -> list[str]:
    """Say what a preview would change of what is published.

    Args:
        preview: The build.

    Returns:
        A line for each department, rubric and total, grade, status or indicator that would be
        another, with the cause; one line where nothing would, or where the year is new.
    """
    with duckdb.connect(str(preview), read_only=True) as con:
        lines = [line for (line,) in con.execute(CHANGES).fetchall()]
        ((year, is_published, departments),) = con.execute(COUNTS).fetchall()
    if not is_published:
        return [f"{year} is not published yet: {departments} departments would be"]
    return lines or [f"{year}: no score, grade or status would change"]


def publish(warehouse: Path, wanted: str, by: str) -> int:
    """Publish a preview exactly as it was built, if nothing has changed since.

    Args:
        warehouse: The warehouse folder.
        wanted: The preview's run, or how its id begins.
        by: Who approves it.

    Returns:
        Its fiscal year.

    Raises:
        Refused: Files, seeds, code or packages are not those that it was built from.
        WrongSurroundings: There is no such preview of what is published.
    """
    of = Warehouse(warehouse.resolve())
    with of.building(say=logger.info):
        previews = of.previews()
        found = [run_id for run_id in previews if run_id.startswith(wanted)]
        if len(found) != 1:
            known = ", ".join(run_id[:8] for run_id in found or previews)
            raise WrongSurroundings(
                f"{wanted}: {'several previews begin so' if found else 'no such preview'}; "
                + (f"expected one of {known}" if known else f"{of.root} has none")
                + "; one lasts until something else is published, jixiao run --preview makes one"
            )
        (run_id,) = found
        preview = previews[run_id]
        if lines := changed_inputs(preview):
            raise Refused([f"{line}; jixiao run --preview builds it anew" for line in lines])
        # A copy, so that one that was killed here can be published yet.
        shutil.copyfile(preview, of.build_file)
        with duckdb.connect(str(of.build_file)) as con:
            ledger.approve(con, run_id, by)
            ((year,),) = con.execute("select fiscal_year from audit.run_years").fetchall()
        of.publish(run_id)
    return int(year)
