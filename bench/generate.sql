-- Invented departments of one fiscal year: everything is a hash of the department's number, the year
-- and the seed. Amounts are whole cents until they are written.
create or replace macro h(n, year, salt) as (hash(n, year, salt, getvariable('seed')) >> 16);
create or replace macro among(n, year, salt, low, high) as
    low + cast(h(n, year, salt) % (high - low + 1) as bigint);
create or replace macro chance(n, year, salt, per_mille) as h(n, year, salt) % 1000 < per_mille;
create or replace macro share(cents, per_myriad) as cents * per_myriad // 10000;
create or replace macro money(cents, unit) as case unit
    when '元' then cast(cast(cents as decimal(16, 0)) * 0.01::decimal(2, 2) as varchar)
    when '万元' then cast(cast(cents as decimal(12, 0)) * 0.000001::decimal(6, 6) as varchar)
end;
create or replace macro hundredths(number) as cast(number as decimal(8, 0)) * 0.01::decimal(2, 2);
create or replace macro unit_code(n) as format('虚{:06d}', n);

-- One year's ledger: its first payments lie in every quarter and line, a few are given back.
create or replace table payments as
with numbered as (
    select
        cast(i // getvariable('payments') as integer) as n,
        cast(i % getvariable('payments') as integer) as k,
        getvariable('year') as y
    from range(getvariable('departments') * getvariable('payments')) as lines (i)
),

dated as (
    select
        n, k,
        if(k < 12, k // 3, among(n, y, 3 * k, 0, 3)) as quarter_index,
        case if(k < 12, k % 3, among(n, y, 3 * k + 1, 0, 9))
            when 0 then 'personnel' when 1 then 'public_use' when 2 then 'project'
            when 3 then 'personnel' when 4 then 'public_use' else 'project'
        end as line,
        k >= 12 and chance(n, y, -k, 10) as is_refund,
        among(n, y, 3 * k + 2, 100000, 5000000) // if(k >= 12 and chance(n, y, -k, 10), 100, 1)
            as cents
    from numbered
)

select
    n, k, quarter_index + 1 as quarter, line, is_refund, cents,
    make_date(getvariable('year'), cast(quarter_index * 3 + 1 + k % 3 as integer), 1 + k % 28)
        as paid_on,
    if(is_refund, -cents, cents) as net
from dated;

create or replace table spent as
select
    n,
    sum(net) filter (line = 'personnel') as personnel,
    sum(net) filter (line = 'public_use') as public_use,
    sum(net) filter (line = 'project') as project,
    sum(net) filter (quarter <= 1) as q1,
    sum(net) filter (quarter <= 2) as q2,
    sum(net) filter (quarter <= 3) as q3
from payments group by n;

-- A department a row. `defect` is the fault that it was given, null for none.
create or replace table city as
with numbered as (
    select cast(n as integer) as n, cast(getvariable('year') as integer) as y
    from range(getvariable('departments')) as departments (n)
),

sized as (
    select
        n, y,
        getvariable('payments') > 0 as has_ledger,
        if(n % 2 = 0, '南山区', '盐田区') as district,
        if(chance(n, 0, 'unit', 400), '万元', '元') as unit,
        if(chance(n, y, 'defect', getvariable('defects')), among(n, y, 'fault', 0, 10), null)
            as defect,
        among(n, 0, 'size', 20000000, 2000000000) as size,
        among(n, y, 'pace', 7500, 11500) as pace
    from numbered
),

executed as (
    select
        sized.*,
        coalesce(spent.personnel, share(size, among(sized.n, y, 'e1', 4000, 4400))) as e_personnel,
        coalesce(spent.public_use, share(size, among(sized.n, y, 'e2', 1000, 1200))) as e_public,
        coalesce(spent.project, share(size, among(sized.n, y, 'e3', 3000, 5000))) as e_project,
        e_personnel + e_public + e_project as e_total,
        coalesce(spent.q1, share(e_total, share(2500, pace))) as c3,
        coalesce(spent.q2, share(e_total, share(5000, pace))) as c6,
        coalesce(spent.q3, share(e_total, share(7500, pace))) as c9
    from sized left join spent on sized.n = spent.n
),

adjusted as (
    select
        *,
        e_personnel + share(e_personnel, among(n, y, 'a1', 0, 600)) as a_personnel,
        e_public + share(e_public, among(n, y, 'a2', 0, 1500)) as a_public,
        -- Spent without a budget for it.
        if(defect = 5, share(e_project, 9000), e_project + share(e_project, among(n, y, 'a3', 0, 2500)))
            as a_project,
        a_personnel + a_public + a_project as a_total,
        case among(n, y, 'cut', 0, 9)
            when 0 then 1900 when 1 then 1500 when 2 then 1200 when 3 then 900 when 4 then 500 else 0
        end as added
    from executed
),

initial as (
    select
        *,
        a_personnel - share(a_personnel, added // 4) as i_personnel,
        a_public - share(a_public, added // 2) as i_public,
        a_project - share(a_project, added) as i_project,
        if(has_ledger, 0, among(n, y, 'way', 0, 19)) as way,
        among(n, 0, 'goods', 100000, 90000000) as goods,
        among(n, y, 'services', 100000, 90000000) as services,
        among(n, y, 'works', 0, 9000000) as works,
        -- More was bought than planned now and then.
        if(chance(n, y, 'over', 30), 10400, among(n, y, 'bought', 8000, 10000)) as bought,
        among(n, y, 'posts', 4, 60) as posts,
        among(n, y, 'assets', 1000000, 900000000) as assets,
        if(chance(n, y, 'calm', 50), 0, among(n, y, 'letters', 1, 90)) as letters,
        if(chance(n, y, 'late', 100), 1, 0) as late
    from adjusted
)

select
    initial.*,
    unit_code(n) as unit_code,
    i_personnel + i_public + i_project as i_total,
    among(n, y - 1, 'carried', 0, 900000) as carried_in,
    among(n, y, 'carried', 0, 900000) as carried_out,
    rubric_assignments.rubric_id
from initial
join rubric_assignments
    on
        rubric_assignments.role = 'official'
        and rubric_assignments.city = '深圳市'
        and rubric_assignments.district = initial.district
order by n;

create or replace view departments as
select
    unit_code, y as fiscal_year, '虚构单位' || n as unit_name,
    case when n % 10 = 0 then 'department' when n % 10 < 4 then 'head_office' else 'subordinate' end
        as unit_type,
    if(n % 10 >= 4, unit_code(n - n % 10), null) as parent_unit_code,
    '深圳市' as city, district
from city order by n;

create or replace view budgets as
select
    unit_code, y as fiscal_year, line.name as budget_line, money(line.initial, unit) as initial_budget,
    money(line.adjusted, unit) as adjusted_budget,
    if(has_ledger and line.initial is not null, null, money(line.executed, unit)) as executed,
    unit as amount_unit
from city, unnest([
    {'no': 0, 'name': 'total', 'initial': i_total, 'adjusted': a_total, 'executed': e_total},
    {'no': 1, 'name': 'basic', 'initial': i_personnel + i_public, 'adjusted': a_personnel + a_public,
     'executed': e_personnel + e_public},
    {'no': 2, 'name': 'personnel', 'initial': i_personnel, 'adjusted': a_personnel, 'executed': e_personnel},
    {'no': 3, 'name': 'public_use', 'initial': i_public, 'adjusted': a_public, 'executed': e_public},
    {'no': 4, 'name': 'project', 'initial': i_project, 'adjusted': a_project, 'executed': e_project},
    {'no': 5, 'name': 'carryover_in', 'initial': null, 'adjusted': null,
     'executed': carried_in},
    {'no': 6, 'name': 'carryover_out', 'initial': null, 'adjusted': null,
     'executed': carried_out}
]) as lines (line)
order by n, line.no;

-- Most give amounts, some the progress alone, fewer its share of the calendar.
create or replace view budget_execution as
select
    unit_code, y as fiscal_year, q.month,
    if(way < 17 and not empty, money(a_total, unit), null) as adjusted_budget,
    if(way < 17 and not has_ledger and not empty, money(q.cumulative, unit), null)
        as cumulative_executed,
    if(way in (17, 18) and not empty, hundredths(progress), null) as progress_pct,
    if(way = 19 and not empty, hundredths(progress * 12 // q.month), null) as execution_rate_pct,
    if(way < 17, unit, null) as amount_unit
from city, unnest([
    {'month': 3, 'cumulative': c3}, {'month': 6, 'cumulative': c6},
    {'month': 9, 'cumulative': c9}, {'month': 12, 'cumulative': e_total}
]) as quarters (q), lateral (
    select least(q.cumulative * 10000 // a_total, 10000) as progress,
        coalesce(defect = 9 and q.month = 6, false) as empty
)
order by n, q.month;

-- One in five gives the parts without their 合计. In one the plan is 0, in another nothing is given.
create or replace view procurement as
with parts as (
    select
        *,
        if(defect = 3, 0, 1) as planned,
        [{'no': 1, 'name': 'goods', 'cents': goods}, {'no': 2, 'name': 'services', 'cents': services},
         {'no': 3, 'name': 'works', 'cents': works}] as own
    from city
),

rows_of as (
    select
        parts.*, part.name, part.no as position, part.cents * planned as plan,
        share(part.cents, bought) as actual
    from parts, unnest(own) as lines (part)
),

summed as (
    select
        n, unit_code, y, unit, name, position, plan, actual, share(actual, 6000) as sme
    from rows_of
    union all
    select
        n, any_value(unit_code), any_value(y), any_value(unit), 'total', 0, sum(plan), sum(actual),
        sum(share(actual, 6000))
    from rows_of where not chance(n, y, 'parts', 200) group by n
)

select
    unit_code, y as fiscal_year, name as category, money(plan, unit) as planned,
    money(actual, unit) as actual, money(sme, unit) as sme_awarded, unit as amount_unit
from summed order by n, position;

create or replace view public_expenses as
with items as (
    select
        city.*, item, position,
        if(chance(n, y, item, 200), 0, among(n, y, item, 100000, 9000000)) as budgeted,
        share(budgeted, among(n, y, item || '?', 7500, 10050)) as actual
    from city, unnest(
        ['overseas_travel', 'vehicle_purchase', 'vehicle_operation', 'official_reception']
    ) with ordinality as lines (item, position)
),

summed as (
    select n, unit_code, y, unit, item, position, budgeted, actual from items
    union all
    select
        n, any_value(unit_code), any_value(y), any_value(unit), 'three_public', 0,
        sum(budgeted), sum(actual)
    from items where not chance(n, y, 'items', 200) group by n
    union all
    select
        n, unit_code, y, unit, 'daily_public_use', 5, if(defect = 4, 0, a_public),
        if(defect = 4, 0, share(a_public, among(n, y, 'daily', 8500, 10100)))
    from city
)

select
    unit_code, y as fiscal_year, item, money(budgeted, unit) as budgeted, money(actual, unit) as actual,
    unit as amount_unit
from summed order by n, position;

-- A count in words cannot be read; one that is given twice counts for nothing.
create or replace view staffing as
select
    unit_code, y as fiscal_year, category as staff_category,
    case category
        when 'administrative' then posts when 'institutional' then posts // 2
        when 'worker' then 2
    end as authorised,
    case
        when defect = 6 and category = 'worker' then '二名'
        when category = 'off_establishment' then cast(among(n, y, category, 0, 5) as varchar)
        else cast(authorised - if(chance(n, y, category, 50), -1, among(n, y, category, 0, 2)) as varchar)
    end as actual
from city, unnest(
    if(
        defect = 10, ['administrative', 'institutional', 'institutional', 'off_establishment'],
        ['administrative', 'institutional', 'worker', 'off_establishment']
    )
) with ordinality as lines (category, position)
order by n, position;

create or replace view assets as
select
    unit_code, y as fiscal_year, money(assets, unit) as fixed_assets_total,
    money(share(assets, among(n, y, 'used', 5500, 10000)), unit) as fixed_assets_in_use,
    unit as amount_unit
from city where defect is distinct from 1 order by n;

create or replace view projects as
select
    unit_code, y as fiscal_year, 'P' || part as project_code, '虚构项目' || part as project_name,
    money(share(a_project, of_it), unit) as budget_total,
    money(share(share(a_project, of_it), 8000), unit) as budget_fiscal,
    money(least(share(e_project, of_it), share(a_project, of_it)), unit) as executed_total,
    money(least(share(share(e_project, of_it), 8000), share(share(a_project, of_it), 8000)), unit)
        as executed_fiscal,
    unit as amount_unit
from city, unnest([1, 2, 3]) as lines (part), lateral (select [5000, 3000, 2000][part] as of_it)
order by n, part;

create or replace view work_completion as
select
    unit_code, y as fiscal_year, work_type,
    among(n, y, work_type, if(work_type = 'project', 3, 1), 9) as planned_count,
    planned_count - if(chance(n, y, work_type || '?', 150), 1, 0) as completed_on_time_count
from city, unnest(['project', 'key_task']) with ordinality as lines (work_type, position)
order by n, position;

create or replace view performance_targets as
select
    unit_code, y as fiscal_year, t.no as target_no, t.level1, t.level2, t.name as target_name,
    t.operator, t.expected as expected_value, t.actual as actual_value, t.attained as is_attained,
    true as is_applicable, t.weight
from city, unnest([
    {'no': 1, 'level1': '产出指标', 'level2': '数量指标', 'name': '虚构培训场次', 'operator': '>=',
     'expected': '≥8 场', 'actual': among(n, y, 't1', 7, 20) || ' 场', 'attained': null, 'weight': 30},
    {'no': 2, 'level1': '产出指标', 'level2': '时效指标', 'name': '虚构完成时间', 'operator': 'before',
     'expected': y || ' 年 12 月 31 日前', 'actual': format('{}-{:02d}-20', y, among(n, y, 't2', 6, 12)),
     'attained': null, 'weight': 20},
    {'no': 3, 'level1': '效益指标', 'level2': '社会效益指标', 'name': '虚构覆盖率', 'operator': '>=',
     'expected': '95%', 'actual': among(n, y, 't3', 90, 100) || '%', 'attained': null, 'weight': 30},
    {'no': 4, 'level1': '效益指标', 'level2': '经济效益指标', 'name': '虚构机制', 'operator': 'text',
     'expected': '有所改善', 'actual': '已改善', 'attained': true, 'weight': 20}
]) as targets (t)
order by n, t.no;

create or replace view petitions as
select
    unit_code, y as fiscal_year, channel, received,
    if(defect = 0 and position = 1, null, received - if(late = 1 and received > 0, 1, 0)) as replied,
    received - if(late = 1 and received > 0, 1, 0) as replied_on_time
from city, unnest(['12345', '来访']) with ordinality as lines (channel, position),
    lateral (select if(position = 1, letters, letters // 3) as received)
order by n, position;

create or replace view satisfaction_surveys as
select
    unit_code, y as fiscal_year, '虚构调查' || survey as survey_name,
    hundredths(among(n, y, 'pleased' || survey, 7800, 10000)) as satisfaction_pct,
    if(chance(n, y, 'anonymous', 100), null, among(n, y, 'asked' || survey, 20, 900)) as respondents
from city, unnest([1, 2]) as lines (survey)
order by n, survey;

create or replace view disclosures as
select
    unit_code, y as fiscal_year, document,
    case among(n, y, document, 0, 19)
        when 0 then 'exempt' when 1 then 'not_disclosed' when 2 then 'partial' else 'compliant'
    end as status,
    make_date(y, position * 2, 20) as disclosed_on
from city, unnest(['budget', 'final_accounts']) with ordinality as lines (document, position)
where not (defect is not distinct from 8 and position = 1)
order by n, position;

-- What an assessor gives: most of the points, and no violation of most rules.
create or replace view assessments as
select
    city.unit_code, city.y as fiscal_year, criteria.criterion_code,
    case
        when criteria.method = 'veto' then 1
        when criteria.method = 'step' then if(roll < 850, 0, 1 + roll % 2)
        when criteria.method = 'band' then criteria.points
        when roll < 850 then criteria.points
        else cast(criteria.points * (roll % 10) * 0.1::decimal(2, 1) as decimal(9, 4))
    end as value
from city join rubric_criteria as criteria using (rubric_id),
    lateral (select h(n, y, criteria.criterion_code) % 1000 as roll)
where
    case
        when criteria.method = 'veto' then defect = 7
        when criteria.criterion_code = 'budget_disclosure' then defect = 8
        else
            criteria.measure_code is null
            and (defect is distinct from 2 or criteria.criterion_code != 'effectiveness')
    end
order by n, criteria.sort_order;

create or replace view reported_scores as
with printed as (
    select
        n, unit_code, y, indicators.indicator_code, indicators.sort_order,
        indicators.points - if(chance(n, y, indicators.indicator_code || '!', 200), 0.5, 0) as score
    from city join rubric_indicators as indicators using (rubric_id)
),

with_total as (
    from printed
    union all
    select n, any_value(unit_code), any_value(y), 'TOTAL', 1000, sum(score) from printed group by n
)

select
    unit_code, y as fiscal_year, indicator_code, cast(score as decimal(9, 2)) as reported_score,
    case
        when indicator_code != 'TOTAL' then null when score >= 90 then '优' when score >= 80 then '良'
        else '中'
    end as reported_grade
from with_total order by n, sort_order;

-- The other lines of the ledger's economic classification than those of the three public expenses. A
-- day is not said now and then.
create or replace view payment_lines as
select
    unit_code(n) as unit_code, getvariable('year') as fiscal_year, format('Z{:07d}', k) as payment_id,
    if(
        k = 12 and chance(n, getvariable('year'), 'defect', getvariable('defects'))
        and among(n, getvariable('year'), 'fault', 0, 10) = 0,
        null, paid_on
    ) as paid_on,
    money(cents, '元') as amount, line as budget_line,
    if(line = 'project', 'P' || (1 + k % 3), null) as project_code,
    if(line = 'personnel', '30101', '30201') as economic_code, is_refund, '元' as amount_unit
from payments order by n, k;
