"""The one table for BI tools, the units of measures and what findings are about."""

from decimal import Decimal
from typing import Any

import pytest

from orchestration.landing.contract import landing_contract
from orchestration.project import SEEDS_DIR
from tests.conftest import Published
from tests.reference import read
from tests.test_two_departments import NANSHAN, YANTIAN

OFFICIAL = "(select * from fct_evaluations where rubric_role = 'official')"


def column(published: Published, unit: str, name: str) -> dict[str, Any]:
    return dict(
        published.rows(
            f"select indicator_code, {name} from obt_scorecard where unit_code = '{unit}'"
        )
    )


@pytest.mark.builds
def test_the_scorecard_has_the_official_rubric_alone_and_says_what_the_facts_say(
    two_departments: Published,
) -> None:
    facts = f"""
        select
            s.unit_code, s.fiscal_year, s.indicator_code, d.unit_name, d.unit_type,
            d.parent_unit_code, d.city, d.district, s.rubric_id, i.level1, i.level2, i.level3,
            i.name_en, i.sort_order, s.points_possible, s.score, s.points_lost, s.is_vetoed,
            s.is_excluded, s.reported_score, s.score_difference, e.status, e.status_reason,
            e.total_score, e.grade, e.reported_total, e.reported_grade, e.total_difference,
            e.district_rank, e.peers_count, e.district_percentile, c.explanation_zh
        from fct_indicator_scores as s
        join {OFFICIAL} as e using (unit_code, fiscal_year, rubric_id)
        join dim_departments as d using (unit_code, fiscal_year)
        join dim_indicators as i using (rubric_id, indicator_code)
        left join fct_deductions as c using (unit_code, fiscal_year, rubric_id, indicator_code)
        order by all
    """
    scorecard = """
        select
            unit_code, fiscal_year, indicator_code, unit_name, unit_type, parent_unit_code, city,
            district, rubric_id, level1, level2, level3, indicator_name_en, sort_order,
            points_possible, score, points_lost, is_vetoed, is_excluded, reported_score,
            score_difference, status, status_reason, total_score, grade, reported_total,
            reported_grade, total_difference, district_rank, peers_count, district_percentile,
            explanation_zh
        from obt_scorecard order by all
    """
    rows = two_departments.rows(scorecard)
    assert len(rows) == 42
    assert rows == two_departments.rows(facts)
    assert two_departments.rows(
        "select distinct unit_code, rubric_name, unit_type_zh, status_zh from obt_scorecard "
        "order by all"
    ) == [
        (NANSHAN, "南山区部门整体绩效评价指标体系（2023年度）", "本级", "已评分"),
        (YANTIAN, "盐田区部门整体绩效评价指标体系（2023年度）", "二级单位", "已评分"),
    ]


@pytest.mark.builds
def test_an_average_of_the_scorecard_is_one_of_official_totals(two_departments: Published) -> None:
    of_all = f"select round(avg(total_score), 2) from fct_evaluations where unit_code = '{NANSHAN}'"
    of_one = f"select round(avg(total_score), 2) from obt_scorecard where unit_code = '{NANSHAN}'"
    # 96.57 under its own rubric and 96.63 under the city's are no 96.60.
    assert two_departments.rows(of_all) == [(96.6,)]
    assert two_departments.rows(of_one) == [(96.57,)]
    assert two_departments.rows(
        "select unit_code, sum(score) = any_value(total_score) from obt_scorecard group by all "
        "order by all"
    ) == [(NANSHAN, True), (YANTIAN, True)]


@pytest.mark.builds
def test_points_by_what_they_rest_on_add_up_to_those_of_the_evaluation(
    two_departments: Published,
) -> None:
    kinds = [f"points_{basis}" for basis in ("computed", "assessed", "default", "missing")]
    summed = ", ".join(f"sum({kind})" for kind in kinds)
    assert two_departments.rows(
        f"select unit_code, {summed} from obt_scorecard group by all order by all"
    ) == two_departments.rows(f"select unit_code, {', '.join(kinds)} from {OFFICIAL} order by all")
    rest = "points_computed, points_assessed, points_default, points_missing"
    d = Decimal
    # 三公 is computed, 日常公用 printed points; both petition rates are 0 ÷ 0.
    assert two_departments.rows(
        f"select {rest} from obt_scorecard where (unit_code, indicator_code) in "
        f"(('{NANSHAN}', 'public_expense_control'), ('{YANTIAN}', 'petitions')) order by unit_code"
    ) == [(d(3), d(3), d(0), d(0)), (d(0), d(1), d(2), d(0))]


@pytest.mark.builds
def test_measures_are_written_with_their_numbers_and_units(two_departments: Published) -> None:
    nanshan = column(two_departments, NANSHAN, "measures_zh")
    yantian = column(two_departments, YANTIAN, "measures_zh")
    assert nanshan["off_establishment_control"] == "编外人员控制率 22.22%（14 人 ÷ 63 人）"
    assert nanshan["financial_compliance"] == (
        "预算调整率 19.92%（492,454,900 元 ÷ 2,471,906,200 元）"
    )
    assert nanshan["disclosure"] == "部门预算公开 1（1 份 ÷ 1 份）；部门决算公开 1（1 份 ÷ 1 份）"
    assert nanshan["key_tasks"] == "未完成重点工作 0 项"
    assert nanshan["asset_utilisation"] == "固定资产利用率 缺少"
    assert nanshan["effectiveness"] is None
    # Amounts of Nanshan, percentages of Yantian: no number there is yuan.
    assert "578,658,800 元 ÷ 740,592,500 元" in nanshan["budget_execution"]
    assert nanshan["budget_execution"].endswith("；全年平均支出进度 67.4%（2.6961527849 ÷ 4）")
    assert yantian["budget_execution"] == (
        "一季度预算执行率 64.6%；二季度预算执行率 93.9%；三季度预算执行率 81%；"
        "四季度预算执行率 99.2%；全年平均执行率 84.68%（3.387 ÷ 4）"
    )
    assert yantian["petitions"].startswith("群众信访办理回复率 0 ÷ 0，无值（0 件 ÷ 0 件）；")


@pytest.mark.builds
def test_each_measure_says_what_its_numbers_are_of(two_departments: Published) -> None:
    units = dict(two_departments.rows("select measure_code, unit_zh from dim_measures"))
    assert {units[code] for code in units if code.endswith(("progress", "execution_rate"))} == {
        "元", None,
    }  # fmt: skip
    assert [code for code in sorted(units) if units[code] is None] == [
        "average_execution_rate", "average_progress",
    ]  # fmt: skip
    assert {units[code] for code in units} == {"元", "人", "项", "件", "份", "分", None}
    # What was delivered may be another alternative than the first.
    assert two_departments.rows(
        "select unit_code, alternative, unit_zh from fct_measures "
        "where measure_code = 'q1_execution_rate' order by all"
    ) == [(NANSHAN, 1, "元"), (YANTIAN, 3, None)]
    assert units["q1_execution_rate"] == "元"
    # 95.69% of one survey: nobody says of how many people.
    assert two_departments.rows(
        "select numerator, denominator, unit_zh from fct_measures "
        f"where measure_code = 'satisfaction_rate' and unit_code = '{NANSHAN}'"
    ) == [(Decimal("0.9569"), Decimal(1), "1/项")]


def test_whatever_a_measure_sums_says_what_it_is_of() -> None:
    contract = landing_contract()
    units = {
        (table.name, column.name): column.unit_zh for table in contract.values()
        for column in table.columns
    }  # fmt: skip
    own = {row["measure_code"] for row in read(SEEDS_DIR / "measures.csv")}
    summed = 0
    for row in read(SEEDS_DIR / "measure_inputs.csv"):
        if row["measure_code"] not in own or row["input_measure"]:
            continue
        summed += 1
        table = contract[row["input_table"]]
        (held,) = (c for c in table.columns if c.name == row["input_column"])
        if row["aggregate"] == "count":
            assert table.unit_zh or held.is_percent, row
        else:
            assert held.is_amount or held.is_percent or units[table.name, held.name], row
    assert summed > 100


@pytest.mark.builds
def test_findings_name_the_indicators_that_rest_on_them(two_departments: Published) -> None:
    """Of the eleven: one about a record that counts, one against such, four on printed figures."""
    rows = two_departments.rows(
        "select unit_code, rule_id, record_key, indicator_code, is_used "
        f"from fct_finding_indicators join {OFFICIAL} using (unit_code, fiscal_year, rubric_id) "
        "order by all"
    )
    figures = "reported_figures_agree"
    assert rows == [
        # 35% spent, and all projects reported completed
        (NANSHAN, "completed_project_spent", "project_code=gxj-10", "project_timeliness", True),
        (NANSHAN, figures, "measure_code=off_establishment_rate", "off_establishment_control",
         False),
        (NANSHAN, figures, "measure_code=q4_execution_rate", "budget_execution", False),
        # nanshan_2023 averages the progress
        (NANSHAN, figures, "measure_code=q4_progress", "budget_execution", False),
        (NANSHAN, "sme_within_procurement", "category=total", "procurement", True),
        (YANTIAN, figures, "measure_code=budget_adjustment_rate;role=numerator",
         "financial_compliance", False),
    ]  # fmt: skip
    # Under the city's rubric nobody reads the progress.
    assert two_departments.rows(
        "select rubric_id from fct_finding_indicators where record_key = 'measure_code=q4_progress'"
    ) == [("nanshan_2023",)]
    assert two_departments.rows(
        "select unit_code, indicator_code, findings_critical, findings_warning from obt_scorecard "
        "where findings_critical + findings_warning > 0 order by all"
    ) == [(NANSHAN, "procurement", 0, 1), (NANSHAN, "project_timeliness", 0, 1)]
    # Each names a finding that is there.
    assert two_departments.rows(
        "select count(*) from fct_finding_indicators anti join fct_findings "
        "using (unit_code, fiscal_year, rule_id, table_name, record_key)"
    ) == [(0,)]


@pytest.mark.builds
def test_the_metrics_come_to_what_the_marts_do(two_departments: Published) -> None:
    """Every sum of the semantic layer on its mart, and the metrics that are quotients of two."""
    from orchestration import dbt

    manifest = dbt.parsed()[1]
    models = {m["name"]: m for m in manifest["semantic_models"].values()}
    sums: dict[str, tuple[str, str, str]] = {}
    for name, model in models.items():
        mart = model["model"].split("'")[1]
        exprs = {d["name"]: d["expr"] or d["name"] for d in model["dimensions"]}
        exprs |= {e["name"]: e["expr"] or e["name"] for e in model["entities"]}
        listed = ", ".join(exprs.values())
        assert two_departments.rows(f"select {listed} from {mart} limit 0") == []
        for measure in model["measures"]:
            assert measure["agg"] == "sum"
            sums[measure["name"]] = (name, mart, measure["expr"])
    found: dict[str, Any] = {}
    for metric in manifest["metrics"].values():
        assert metric["label"] and any("一" <= letter <= "鿿" for letter in metric["description"])
        if metric["type"] == "simple":
            continue
        assert metric["type"] == "ratio"
        values = []
        for side in ("numerator", "denominator"):
            of = metric["type_params"][side]
            name, mart, expr = sums[of["name"]]
            where = ["true"]
            for each in (of["filter"] or {"where_filters": []})["where_filters"]:
                where.append(
                    each["where_sql_template"].replace(
                        "{{ Dimension('evaluation__rubric_role') }}", "rubric_role"
                    )
                )
            if mart == "fct_measures":
                where.append("measure_code = 'budget_execution_rate'")
            ((value,),) = two_departments.rows(
                f"select sum({expr}) from {mart} where {' and '.join(where)}"
            )
            values.append(Decimal(value))
        found[metric["name"]] = values
    d = Decimal
    assert found == {
        "average_score": [d("192.65"), d(2)],
        "pass_rate": [d(2), d(2)],
        "scored_share": [d(2), d(2)],
        # 62 points of Nanshan, 58 of Yantian
        "assessed_share": [d(120), d(200)],
        "loss_rate": [d("7.35"), d(200)],
        "full_marks_rate": [d(33), d(42)],
        # 292,888.97 ÷ 296,436.11 and 847.07 ÷ 853.5
        "average_measure": [d("0.9880340489") + d("0.9924663152"), d(2)],
        "pooled_measure": [d("2937360400"), d("2972896100")],
    }
