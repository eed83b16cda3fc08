"""What the pages of a year say, read from the published database: in sets, never page by page."""

from collections import namedtuple
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb

from expectations.runner import PLACE
from orchestration import duck
from orchestration.plain import plain_sql

Row = Any
ByUnit = dict[str, list[Row]]

# Departments that are read together: what is held in memory, whatever their number.
CHUNK = 500

PREPARE = f"""
    create or replace temp macro plain(number) as {plain_sql("number", grouped=True)};
    create or replace temp macro shown(number, kind) as if(
        kind = 'ratio',
        plain(round(try_cast(number as decimal(28, 10)) * cast(100 as decimal(3, 0)), 2)) || '%',
        plain(number)
    );
"""
YEARS = """
    with published as (
        from audit.runs
        where published_at is not null
        qualify row_number() over (partition by fiscal_year order by published_at desc) = 1
    ),
    departments as (
        select
            fiscal_year, count(*) as departments,
            count(*) filter (is_disclosure_exempt) as exempt,
            bool_and(is_disclosure_exempt is not null) as is_whole
        from marts.dim_departments
        group by fiscal_year
    ),
    evaluations as (
        select
            fiscal_year,
            count(*) filter (status = 'scored') as scored,
            count(*) filter (status = 'incomplete') as incomplete,
            count(*) filter (status = 'blocked') as blocked,
            bool_and(is_final) as is_final,
            max(total_score) as highest, min(total_score) as lowest,
            sum(total_score) as total, count(total_score) as totals
        from marts.fct_evaluations
        where rubric_role = 'official'
        group by fiscal_year
    ),
    found as (
        select
            fiscal_year,
            count(*) filter (severity = 'critical') as criticals,
            count(*) filter (severity = 'warning') as warnings
        from marts.fct_findings
        group by fiscal_year
    ),
    changes as (
        select fiscal_year, count(*) as changes
        from marts.fct_evaluation_history
        group by fiscal_year
    )
    select
        fiscal_year, run_id, code_version,
        strftime(published_at at time zone 'Asia/Shanghai', '%Y-%m-%d %H:%M') as published_at,
        departments, exempt, is_whole, is_final,
        coalesce(scored, 0) as scored, coalesce(incomplete, 0) as incomplete,
        coalesce(blocked, 0) as blocked, highest, lowest, total, totals,
        coalesce(criticals, 0) as criticals, coalesce(warnings, 0) as warnings,
        coalesce(changes, 0) as changes
    from departments
    left join published using (fiscal_year)
    left join evaluations using (fiscal_year)
    left join found using (fiscal_year)
    left join changes using (fiscal_year)
    order by fiscal_year desc
"""
GRADES = """
    select
        e.grade, count(*) as departments, max(g.lower) as lower
    from marts.fct_evaluations as e
    left join marts.dim_grades as g using (rubric_id, grade)
    where e.fiscal_year = $year and e.rubric_role = 'official' and e.grade is not null
    group by e.grade
    order by max(g.lower) desc, e.grade
"""
# Of all departments, those that have no page among them.
TOTALS = """
    select total_score, grade
    from marts.fct_evaluations
    where fiscal_year = $year and rubric_role = 'official' and total_score is not null
    order by total_score desc
"""
RANKING = """
    with evaluations as (
        from marts.fct_evaluations where fiscal_year = $year and rubric_role = 'official'
    ),
    found as (
        select
            unit_code, count(*) filter (severity = 'critical') as criticals,
            count(*) filter (severity = 'warning') as warnings
        from marts.fct_findings
        where fiscal_year = $year
        group by unit_code
    )
    select
        unit_code, unit_name, city, district, status, total_score, grade, district_rank,
        reported_total, total_difference, coalesce(score_decimals, 2) as decimals,
        coalesce(criticals, 0) as criticals, coalesce(warnings, 0) as warnings
    from marts.dim_departments as d
    left join evaluations using (unit_code)
    left join marts.dim_rubrics using (rubric_id)
    left join found using (unit_code)
    where d.fiscal_year = $year and not d.is_disclosure_exempt
    order by total_score desc nulls last, unit_code
"""
INDICATORS = """
    with scores as (
        select s.*, d.is_disclosure_exempt
        from marts.fct_indicator_scores as s
        inner join marts.dim_departments as d
            on
                s.unit_code = d.unit_code and s.fiscal_year = d.fiscal_year
                and s.rubric_id = d.official_rubric_id
        where s.fiscal_year = $year
    )
    select
        indicator_code, min(level1) as level1, min(level2) as level2, min(level3) as level3,
        min(name_en) as name_en,
        count(score) as scored, count(*) filter (points_lost > 0) as lost,
        count(*) filter (score is null and not coalesce(is_excluded, false)) as unscored,
        count(*) filter (is_excluded) as excluded,
        coalesce(sum(points_lost), 0) as points_lost,
        sum(score) as score, sum(points_possible) filter (score is not null) as points,
        count(*) filter (points_lost > 0 and not is_disclosure_exempt) as lost_listed,
        list(distinct rubric_id) as rubrics
    from scores
    inner join marts.dim_indicators using (rubric_id, indicator_code)
    group by indicator_code
    order by min(sort_order), indicator_code
"""
RULES = """
    select
        f.rule_id, any_value(f.severity) as severity, any_value(o.holds_zh) as holds_zh,
        count(*) as records, count(distinct f.unit_code) as departments,
        count(*) filter (f.is_waived) as waived
    from marts.fct_findings as f
    left join audit.rule_outcomes as o using (fiscal_year, rule_id)
    where f.fiscal_year = $year
    group by f.rule_id
    order by any_value(f.severity), count(*) desc, f.rule_id
"""
# How many departments earned which share of the points, in bars of one width.
SHARES = """
    select
        s.indicator_code,
        least(cast(floor(s.score * $bars / s.points_possible) as integer), $bars - 1) as bar,
        count(*) as departments
    from marts.fct_indicator_scores as s
    inner join marts.dim_departments as d
        on
            s.unit_code = d.unit_code and s.fiscal_year = d.fiscal_year
            and s.rubric_id = d.official_rubric_id
    where s.fiscal_year = $year and s.score is not null and s.points_possible > 0
    group by all
    order by all
"""
LOST = """
    select
        s.indicator_code, s.unit_code, d.unit_name, d.city, d.district, s.score, s.points_possible,
        s.points_lost, e.explanation_zh, coalesce(r.score_decimals, 2) as decimals
    from marts.fct_indicator_scores as s
    inner join marts.dim_departments as d
        on
            s.unit_code = d.unit_code and s.fiscal_year = d.fiscal_year
            and s.rubric_id = d.official_rubric_id
    left join marts.fct_deductions as e
        on
            s.unit_code = e.unit_code and s.fiscal_year = e.fiscal_year
            and s.rubric_id = e.rubric_id and s.indicator_code = e.indicator_code
    left join marts.dim_rubrics as r on s.rubric_id = r.rubric_id
    where s.fiscal_year = $year and s.points_lost > 0 and not d.is_disclosure_exempt
    qualify row_number() over (
        partition by s.indicator_code order by s.points_lost desc, s.unit_code
    ) <= $listed
    order by s.indicator_code, s.points_lost desc, s.unit_code
"""
# The values of the measures that an indicator rests on, in bars of a width of 1, 2 or 5 in some
# place; the few values that are far off count in the outermost bars.
MEASURES = """
    with used as (
        select distinct s.indicator_code, s.measure_code, s.unit_code, f.value
        from marts.fct_criterion_scores as s
        inner join marts.dim_departments as d
            on
                s.unit_code = d.unit_code and s.fiscal_year = d.fiscal_year
                and s.rubric_id = d.official_rubric_id
        inner join marts.fct_measures as f
            on
                s.unit_code = f.unit_code and s.fiscal_year = f.fiscal_year
                and s.measure_code = f.measure_code
        where s.fiscal_year = $year and f.value is not null
    ),
    bounded as (
        select c.indicator_code, c.measure_code, c.sort_order, unnest([
            c.threshold, c.full_mark_at, b.lower, b.upper
        ]) as bound
        from marts.dim_criteria as c
        left join marts.dim_bands as b using (rubric_id, criterion_code)
        where c.rubric_id in (
            select official_rubric_id from marts.dim_departments where fiscal_year = $year
        )
    ),
    bounds as (
        select
            indicator_code, measure_code,
            list_sort(list(distinct bound) filter (bound is not null)) as bounds,
            min(sort_order) as sort_order
        from bounded
        group by indicator_code, measure_code
    ),
    ranges as (
        select
            indicator_code, measure_code,
            cast(quantile_disc(value, 0.02) as double) as low,
            cast(quantile_disc(value, 0.98) as double) as high,
            (high - low) / $bars as least,
            pow(10, floor(log10(nullif(least, 0)))) as place,
            coalesce(
                list_filter([place, 2 * place, 5 * place, 10 * place], lambda w: w >= least)[1],
                0.01
            ) as width
        from used
        group by indicator_code, measure_code
    ),
    counted as (
        select
            indicator_code, measure_code, width,
            floor(least(greatest(cast(value as double), low), high) / width) as bar,
            count(*) as departments
        from used
        inner join ranges using (indicator_code, measure_code)
        group by all
    )
    select
        indicator_code, name_zh, kind, bar * width as low, (bar + 1) * width as high, departments,
        coalesce(bounds, []) as bounds
    from counted
    inner join marts.dim_measures using (measure_code)
    left join bounds using (indicator_code, measure_code)
    order by indicator_code, sort_order, name_zh, bar
"""
# How many subjects of each kind have which light.
LIGHTS = """
    select subject_type, light, count(*) as subjects
    from marts.fct_midyear_monitoring
    where fiscal_year = $year
    group by subject_type, light
    order by list_position(['department', 'project', 'target'], subject_type)
"""
# Subjects with a light of a department of which one has some; those without after the others.
MONITORED = """
    select
        unit_code, subject_type, subject_code, subject_name, light, explanation_zh,
        monitored_month, as_of_month, progress, calendar_share,
        shown(progress, 'ratio') as progress_shown,
        shown(calendar_share, 'ratio') as calendar_shown,
        coalesce(source_file || ':' || source_row, source_file) as place, lines_count
    from marts.fct_midyear_monitoring
    where fiscal_year = $year and unit_code between $first and $last
    qualify bool_or(light != 'not_delivered') over (partition by unit_code)
    order by
        unit_code, list_position(['department', 'project', 'target'], subject_type),
        list_position(
            ['red', 'yellow', 'not_comparable', 'withheld', 'green', 'not_delivered'], light
        ),
        compared_value, source_row, subject_code
"""
CHANGES = """
    select
        h.unit_code, d.unit_name, h.item_type, h.item_code, i.level3,
        coalesce(plain(h.old_value), h.old_text) as was, h.old_value, h.old_text,
        coalesce(plain(h.new_value), h.new_text) as now, h.new_value, h.new_text, h.cause
    from marts.fct_evaluation_history as h
    semi join (
        from audit.runs where is_current and fiscal_year = $year
    ) as r on h.new_run_id = r.run_id
    inner join marts.dim_departments as d
        on h.unit_code = d.unit_code and h.fiscal_year = d.fiscal_year
    left join marts.dim_indicators as i
        on h.rubric_id = i.rubric_id and h.item_code = i.indicator_code
    where
        h.fiscal_year = $year and h.rubric_id = d.official_rubric_id and not d.is_disclosure_exempt
    order by
        h.unit_code, h.item_type = 'indicator_score', h.item_type desc, i.sort_order, h.item_code
"""
UNITS = """
    select
        d.unit_code, d.unit_name, d.unit_type, d.parent_unit_code, d.city, d.district,
        d.official_rubric_id, r.name as rubric_name, coalesce(r.score_decimals, 2) as decimals,
        r.total_points, e.status, e.status_reason, e.total_score, e.grade, e.district_rank,
        e.peers_count, e.district_percentile, e.reported_total, e.reported_grade,
        e.total_difference
    from marts.dim_departments as d
    left join (from marts.fct_evaluations where rubric_role = 'official') as e
        using (unit_code, fiscal_year)
    left join marts.dim_rubrics as r on d.official_rubric_id = r.rubric_id
    where
        d.fiscal_year = $year and not d.is_disclosure_exempt
        and d.unit_code > $after and ($only is null or list_contains($only, d.unit_code))
    order by d.unit_code
    limit $chunk
"""
SCORES = """
    select
        s.unit_code, s.indicator_code, i.level1, i.level2, i.level3, s.points_possible, s.score,
        s.points_lost, s.is_vetoed, s.is_excluded, s.reported_score, s.score_difference,
        d.explanation_zh
    from marts.fct_indicator_scores as s
    inner join marts.dim_departments as u
        on
            s.unit_code = u.unit_code and s.fiscal_year = u.fiscal_year
            and s.rubric_id = u.official_rubric_id
    inner join marts.dim_indicators as i
        on s.rubric_id = i.rubric_id and s.indicator_code = i.indicator_code
    left join marts.fct_deductions as d
        on
            s.unit_code = d.unit_code and s.fiscal_year = d.fiscal_year
            and s.rubric_id = d.rubric_id and s.indicator_code = d.indicator_code
    where s.fiscal_year = $year and s.unit_code between $first and $last
    order by s.unit_code, i.sort_order
"""
CRITERIA = """
    select
        s.unit_code, s.indicator_code, s.criterion_code, s.basis, s.explanation_zh,
        plain(cast(s.points_awarded as decimal(38, 4))) as awarded,
        f.status, f.value, shown(f.value, m.kind) as shown, plain(f.numerator) as numerator,
        plain(f.denominator) as denominator, f.unit_zh
    from marts.fct_criterion_scores as s
    inner join marts.dim_departments as u
        on
            s.unit_code = u.unit_code and s.fiscal_year = u.fiscal_year
            and s.rubric_id = u.official_rubric_id
    left join marts.dim_criteria as c
        on s.rubric_id = c.rubric_id and s.criterion_code = c.criterion_code
    left join marts.dim_measures as m on s.measure_code = m.measure_code
    left join marts.fct_measures as f
        on
            s.unit_code = f.unit_code and s.fiscal_year = f.fiscal_year
            and s.measure_code = f.measure_code
    where s.fiscal_year = $year and s.unit_code between $first and $last
    order by s.unit_code, c.sort_order, s.criterion_code
"""
# Once for the year, as a view is worked out whole however few departments are asked for.
NEXT_STEPS = """
    create or replace temp table next_steps as
    select n.*
    from marts.fct_next_steps as n
    inner join marts.dim_departments as u
        on
            n.unit_code = u.unit_code and n.fiscal_year = u.fiscal_year
            and n.rubric_id = u.official_rubric_id
    where n.fiscal_year = $year
"""
# What one step further gives, of the indicators that have lost points; what is vetoed earns nothing
# until it is no more. Beside it, of what goes in proportion, where the full mark is.
STEPS = """
    select
        n.unit_code, n.indicator_code, i.level3, m.name_zh as measure, c.standard_zh,
        m.kind = 'ratio' as is_rate, shown(n.value, m.kind) as shown, n.value, n.comparison,
        n.method, n.next_value, n.gap, n.points_gained,
        if(n.is_next_grade_reached, n.next_grade, null) as reaches,
        if(
            n.method = 'linear' and n.value is not null,
            nullif(coalesce(c.full_mark_at, 1), n.next_value), null
        ) as full_mark,
        s.points_possible - s.points_awarded as points_to_full
    from next_steps as n
    inner join marts.fct_criterion_scores as s
        on
            n.unit_code = s.unit_code and n.fiscal_year = s.fiscal_year
            and n.rubric_id = s.rubric_id and n.criterion_code = s.criterion_code
    inner join marts.fct_indicator_scores as o
        on
            n.unit_code = o.unit_code and n.fiscal_year = o.fiscal_year
            and n.rubric_id = o.rubric_id and n.indicator_code = o.indicator_code
    inner join marts.dim_indicators as i
        on n.rubric_id = i.rubric_id and n.indicator_code = i.indicator_code
    inner join marts.dim_criteria as c
        on n.rubric_id = c.rubric_id and n.criterion_code = c.criterion_code
    left join marts.dim_measures as m on n.measure_code = m.measure_code
    where
        n.unit_code between $first and $last and o.points_lost > 0
        and (n.method = 'veto' or not coalesce(o.is_vetoed, false))
    order by n.unit_code, n.points_gained desc, i.sort_order, c.sort_order, n.criterion_code
"""
# Each cell once, with its uses under the official rubric as text: what reads a list of records one
# by one takes longer than all the rest.
CELLS = """
    with uses as (
        select rowid as cell, unit_code, unnest(uses, recursive := true)
        from marts.fct_evidence_cells
        where fiscal_year = $year and unit_code between $first and $last
    ),
    used as (
        select cell, string_agg(
            indicator_code || '\t' || coalesce(criterion_code, '') || '\t' || "role" || '\t'
            || coalesce(nullif(cast(weight as varchar), '1.000000'), ''), '\n'
        ) as uses
        from uses
        inner join marts.dim_departments as u
            on
                uses.unit_code = u.unit_code and u.fiscal_year = $year
                and uses.rubric_id = u.official_rubric_id
        where not u.is_disclosure_exempt and indicator_code is not null
        group by cell
    ),
    lines as (
        select
            unit_code, s.table_name, s.record_key, s.column_name, delivered_unit_code,
            delivered_year, source_file, min(source_row) as first_row, max(source_row) as last_row
        from (
            select * exclude (table_name, record_key, column_name, sums), unnest(sums) as s
            from marts.fct_evidence_line_cells
            where fiscal_year = $year and unit_code between $first and $last
        )
        group by all
    ),
    places as (
        select
            unit_code, table_name, record_key, column_name, delivered_unit_code, delivered_year,
            array_to_string(list_sort(list(
                source_file || ':' || first_row
                || if(last_row > first_row, '–' || last_row, '')
            )), '、') as places
        from lines
        group by all
    )
    select
        e.unit_code, e.table_name, e.record_key, e.column_name, e.delivered_value, e.amount_unit,
        e.corrected_value, e.corrected_unit, e.correction,
        nullif(e.delivered_unit_code, e.unit_code) as predecessor, e.lines_count,
        if(e.lines_count is null, null, plain(e.value)) as summed,
        coalesce(e.source_file || ':' || e.source_row, places.places) as place,
        used.uses
    from marts.fct_evidence_cells as e
    inner join used on e.rowid = used.cell
    left join places
        on
            e.unit_code = places.unit_code and e.table_name = places.table_name
            and e.record_key = places.record_key and e.column_name = places.column_name
            and e.delivered_unit_code = places.delivered_unit_code
            and e.delivered_year = places.delivered_year
    where
        e.fiscal_year = $year and e.unit_code between $first and $last
    order by e.unit_code, e.table_name, e.source_file, e.source_row, e.record_key, e.column_name
"""
RECONCILED = """
    select
        r.unit_code, r.item_type, r.item_code, r.location, r."role", r.table_name, r.record_key,
        r.column_name, coalesce(i.level3, m.name_zh) as name, r.reported_text, r.computed_text,
        r.difference as gap, m.kind = 'ratio' and r."role" is null as is_rate,
        r.verdict, r.explained_by
    from marts.fct_reconciliation as r
    inner join marts.dim_departments as u
        on r.unit_code = u.unit_code and r.fiscal_year = u.fiscal_year
    left join marts.dim_indicators as i
        on
            u.official_rubric_id = i.rubric_id and r.item_code = i.indicator_code
            and r.item_type = 'indicator_score'
    left join marts.dim_measures as m on r.measure_code = m.measure_code
    where r.fiscal_year = $year and r.unit_code between $first and $last
    order by
        r.unit_code, r.verdict = 'match',
        list_position(['total_score', 'grade', 'indicator_score', 'figure'], r.item_type),
        i.sort_order, r.item_code, r.location
"""
FINDINGS = f"""
    with indicators as (
        select
            i.unit_code, i.rule_id, i.table_name, i.record_key,
            list_sort(list(i.indicator_code)) as indicators
        from marts.fct_finding_indicators as i
        inner join marts.dim_departments as u
            on
                i.unit_code = u.unit_code and i.fiscal_year = u.fiscal_year
                and i.rubric_id = u.official_rubric_id
        where i.fiscal_year = $year and i.unit_code between $first and $last
        group by all
    )
    select
        f.unit_code, f.rule_id, f.severity, f.table_name, f.record_key,
        replace(f.message_zh, {PLACE} || '：', '') as message_zh, f.is_waived, f.waiver_reason,
        i.indicators
    from marts.fct_findings as f
    left join indicators as i using (unit_code, rule_id, table_name, record_key)
    where f.fiscal_year = $year and f.unit_code between $first and $last
    order by f.unit_code, f.severity, f.rule_id, f.table_name, f.record_key
"""
# Measures that divide two cells of one month of a table: where the divisor counts whole they are
# progress, where it counts by the share of the year that has gone they are the rate of it.
MONTHS = """
    select
        cast(substr(n.input_key, 7) as integer) as month,
        min(n.measure_code) filter (d.weight = 1) as progress,
        min(n.measure_code) filter (
            abs(d.weight * 12 - cast(substr(n.input_key, 7) as integer)) < 0.001
        ) as rate
    from marts.dim_measure_inputs as n
    inner join marts.dim_measure_inputs as d
        on n.measure_code = d.measure_code and n.input_table = d.input_table
    where
        n.alternative = 1 and d.alternative = 1 and n.role = 'numerator' and d.role = 'denominator'
        and n.input_key = d.input_key and n.input_key similar to 'month=[0-9]+'
    group by n.input_key
    having count(*) filter (d.weight = 1) > 0
    order by month
"""
BY_MONTH = """
    select
        f.unit_code, f.measure_code, f.value, f.status, shown(f.value, 'ratio') as shown
    from marts.fct_measures as f
    where
        f.fiscal_year = $year and f.unit_code between $first and $last
        and list_contains($measures, f.measure_code)
    order by f.unit_code
"""
TREND = """
    with recursive chain as (
        select unit_code as root, unit_code, fiscal_year, cast(null as varchar) as kind
        from marts.dim_departments
        where fiscal_year = $year and unit_code between $first and $last
        union
        select
            c.root, coalesce(p.predecessor_unit_code, c.unit_code) as unit_code,
            c.fiscal_year - 1 as fiscal_year, p.succession_kind as kind
        from chain as c
        left join marts.dim_unit_successions as p
            on c.unit_code = p.unit_code and c.fiscal_year = p.fiscal_year
        where c.fiscal_year > (select min(fiscal_year) from marts.dim_departments)
    ),
    years as (
        select root, unit_code, fiscal_year, string_agg(distinct kind, ' ' order by kind) as kind
        from chain
        group by all
    )
    select
        y.root, y.fiscal_year, y.unit_code, d.unit_name, y.kind,
        d.is_disclosure_exempt as is_exempt, e.status, e.total_score, e.grade, e.district_rank,
        e.peers_count, e.is_final,
        coalesce(r.score_decimals, 2) as decimals
    from years as y
    inner join marts.dim_departments as d using (unit_code, fiscal_year)
    left join (from marts.fct_evaluations where rubric_role = 'official') as e
        using (unit_code, fiscal_year)
    left join marts.dim_rubrics as r using (rubric_id)
    -- A year that an older version built has no pages, and who is secret in it is not known.
    where d.is_disclosure_exempt is not null
    order by y.root, y.fiscal_year desc, y.unit_code
"""
# Of whom it says something else than it did.
OTHER_TREND = """
    select distinct root
    from (
        (from trend_now except all from trend_before)
        union all
        (from trend_before except all from trend_now)
    )
    order by root
"""
OTHERS = """
    select
        e.unit_code, e.rubric_id, r.name, e.status, e.total_score, e.grade,
        coalesce(r.score_decimals, 2) as decimals
    from marts.fct_evaluations as e
    left join marts.dim_rubrics as r using (rubric_id)
    where
        e.fiscal_year = $year and e.unit_code between $first and $last
        and e.rubric_role != 'official'
    order by e.unit_code, e.rubric_id
"""


def rows(con: duckdb.DuckDBPyConnection, query: str, **parameters: object) -> list[Row]:
    """The rows of a query, their columns by name."""
    used = {name: value for name, value in parameters.items() if f"${name}" in query}
    cursor = con.execute(query, used)
    row = namedtuple("row", [column[0] for column in cursor.description])  # type: ignore[misc]
    return list(map(row._make, cursor.fetchall()))


def by_unit(found: list[Row]) -> ByUnit:
    """Rows by their first column, in which they are in order."""
    return {key: list(group) for key, group in groupby(found, key=lambda row: row[0])}


@dataclass(frozen=True)
class Rubrics:
    """What the rubrics' rows say, by code.

    Attributes:
        rules: The row of each criterion, by rubric and criterion.
        grades: Grades with their lower bounds by rubric, the highest first.
        standards: The rubrics that have an indicator, by its code, with what it asks for.
        criteria: The criteria of each, by rubric and indicator.
    """

    rules: dict[tuple[str, str], Row]
    grades: dict[str, list[tuple[str, Decimal]]]
    standards: dict[str, list[Row]]
    criteria: dict[tuple[str, str], list[Row]]


def rubrics(con: duckdb.DuckDBPyConnection) -> Rubrics:
    """Read the rows of every published rubric."""
    criteria = rows(
        con,
        """
        select
            c.*, plain(c.points) as possible, m.name_zh as measure
        from marts.dim_criteria as c
        left join marts.dim_measures as m using (measure_code)
        order by rubric_id, indicator_code, sort_order, criterion_code
        """,
    )
    grades = rows(
        con, "select rubric_id, grade, lower from marts.dim_grades order by rubric_id, lower desc"
    )
    standards = rows(
        con,
        """
        select
            i.indicator_code, i.rubric_id, r.name as rubric_name, i.points,
            plain(i.points) as possible, i.standard_zh, i.description_zh
        from marts.dim_indicators as i
        left join marts.dim_rubrics as r using (rubric_id)
        order by i.indicator_code, i.rubric_id
        """,
    )
    return Rubrics(
        rules={(c.rubric_id, c.criterion_code): c for c in criteria},
        grades={
            rubric: [(grade.grade, grade.lower) for grade in group]
            for rubric, group in groupby(grades, key=lambda grade: grade[0])
        },
        standards=by_unit(standards),
        criteria={
            key: list(group)
            for key, group in groupby(criteria, key=lambda c: (c.rubric_id, c.indicator_code))
        },
    )


@dataclass(frozen=True)
class Chunk:
    """Some departments of a year and all that is read of them, each by unit_code."""

    units: list[Row]
    scores: ByUnit
    criteria: ByUnit
    steps: ByUnit
    cells: ByUnit
    reconciled: ByUnit
    findings: ByUnit
    months: ByUnit
    monitored: ByUnit
    trend: ByUnit
    others: ByUnit


def other_trends(con: duckdb.DuckDBPyConnection, before: Path, year: int) -> list[str]:
    """The departments of a year of which the years before it are told otherwise than they were.

    Args:
        con: A connection to the published database.
        before: The database of a publication with the same departments in that year.
        year: The fiscal year.
    """
    ((now,),) = con.execute("select current_database()").fetchall()
    duck.attach(con, before, "before")
    everybody = "select min(unit_code), max(unit_code) from marts.dim_departments"
    for database, name in ((now, "trend_now"), ("before", "trend_before")):
        con.execute(f"use {duck.name(database)}")
        ((first, last),) = con.execute(everybody).fetchall()
        con.execute(
            f"create or replace temp table {name} as {TREND}",
            {"year": year, "first": first, "last": last},
        )
    con.execute(f"use {duck.name(now)}")
    con.execute("detach before")
    return [unit for (unit,) in con.execute(OTHER_TREND).fetchall()]


def chunks(
    con: duckdb.DuckDBPyConnection,
    year: int,
    measures: Iterable[str],
    only: list[str] | None = None,
    size: int = CHUNK,
) -> Iterator[Chunk]:
    """The departments of a year that have pages, some at a time.

    Args:
        con: A connection to the published database, prepared.
        year: The fiscal year.
        measures: The measures whose values by month are shown.
        only: Of which departments; of all by default.
        size: How many at a time.
    """
    con.execute(NEXT_STEPS, {"year": year})
    after = ""
    listed = list(measures)
    while units := rows(con, UNITS, year=year, after=after, chunk=size, only=only):
        after = units[-1].unit_code

        def of(
            query: str, first: str = units[0].unit_code, last: str = units[-1].unit_code
        ) -> ByUnit:
            return by_unit(rows(con, query, year=year, first=first, last=last, measures=listed))

        yield Chunk(
            units, of(SCORES), of(CRITERIA), of(STEPS), of(CELLS), of(RECONCILED), of(FINDINGS),
            of(BY_MONTH), of(MONITORED), of(TREND), of(OTHERS),
        )  # fmt: skip
        if len(units) < size:
            return
