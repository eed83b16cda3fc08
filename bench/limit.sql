-- The same scores, as one would write them by hand for speed: a wide row for each department, whole
-- numbers of 64 bits. Money is in cents, values are × 10^10, points × 10^14, scores × 10^4. Cells have
-- at most six decimals; a number that has no room ends in an error.
create macro cents(amount, unit) as cast(
    case
        when amount is null then null
        when unit in ('元', 'yuan') then cast(amount as decimal(18, 2))
        when unit in ('万元', 'wan_yuan') then cast(amount * 10000::decimal(5, 0) as decimal(18, 2))
        else error('the limit reads 元 and 万元, not ' || coalesce(unit, 'an empty unit'))
    end * 100::decimal(3, 0) as bigint
);
create macro e10(number) as cast(number * 1000000::decimal(7, 0) as bigint) * 10000;
-- n ÷ d of two that are not negative, half up.
create macro divided(n, d) as (2 * n + d) // (2 * d);
-- The same to ten decimals, by long division in two steps.
create macro ratio(n, d) as
    n // nullif(d, 0) * 10000000000 + n % d * 100000 // d * 100000
    + divided(n % d * 100000 % d * 100000, d);
create macro status_of(n, d) as case
    when n is null or d is null then 'missing' when d != 0 then 'defined'
    when n = 0 then 'undefined' else 'unbounded'
end;
create macro numbered(status) as case status
    when 'defined' then 1 when 'undefined' then 2 when 'unbounded' then 3 else 0
end::tinyint;
create macro entry(n, d) as {'value': ratio(n, d), 'status': numbered(status_of(n, d))};
create macro valued(v, s) as {'value': v, 'status': numbered(s)};
-- A sum of which every row has its cell; none where no row is there.
create macro whole(total, filled, there) as if(filled = there and there > 0, total::bigint, null);

create temp table budget as
select
    unit_code, fiscal_year, max(cents(initial_budget, amount_unit)) as initial,
    max(cents(adjusted_budget, amount_unit)) as adjusted
from budgets where budget_line = 'total' group by all;

-- Payments up to the end of each quarter: none where one has no day or no amount, or where nothing
-- but refunds was paid in the quarter.
create temp table paid as
with lines as (
    select
        unit_code, fiscal_year,
        if(year(paid_on) = fiscal_year, quarter(paid_on), null) as quarter,
        coalesce(is_refund, false) as is_refund,
        cents(amount, amount_unit) as amount
    from payments
),

quarters as (
    select
        unit_code, fiscal_year, quarter, sum(if(is_refund, -amount, amount))::bigint as net,
        count(*) - count(amount) as blanks, count(*) filter (not is_refund) as payments
    from lines group by all
)

select
    q.unit_code, q.fiscal_year, q.quarter * 3 as month,
    if(
        sum(o.blanks) filter (o.quarter <= q.quarter) = 0 and any_value(q.payments) > 0
        and bool_and(o.quarter is not null),
        sum(o.net) filter (o.quarter <= q.quarter)::bigint, null
    ) as cumulative
from quarters as q join quarters as o using (unit_code, fiscal_year)
where q.quarter is not null
group by all;

create temp table quarter as
with months as (
    select
        e.unit_code, e.fiscal_year, e.month, cents(e.adjusted_budget, e.amount_unit) as adjusted,
        coalesce(cents(e.cumulative_executed, e.amount_unit), p.cumulative) as executed,
        e10(e.progress_pct) as progress, e10(e.execution_rate_pct) as rate
    from budget_execution as e
    left join paid as p using (unit_code, fiscal_year, month)
    where e.month in (3, 6, 9, 12)
),

formed as (
    select
        *,
        case
            when adjusted is not null and executed is not null then status_of(executed, adjusted)
            when coalesce(progress, rate) is not null then 'defined'
        end as status,
        case
            when adjusted is not null and executed is not null
                then ratio(executed * 12, adjusted * month)
            when progress is not null then divided(progress * 12, 100 * month)
            else divided(rate, 100)
        end as pace,
        case
            when adjusted is not null and executed is not null then ratio(executed, adjusted)
            when progress is not null then divided(progress, 100)
            else divided(rate * month, 1200)
        end as progressed
    from months
)

select
    unit_code, fiscal_year,
    max(status) filter (month = 3) as s1, max(status) filter (month = 6) as s2,
    max(status) filter (month = 9) as s3, max(status) filter (month = 12) as s4,
    max(pace) filter (month = 3) as r1, max(pace) filter (month = 6) as r2,
    max(pace) filter (month = 9) as r3, max(pace) filter (month = 12) as r4,
    max(progressed) filter (month = 3) as p1, max(progressed) filter (month = 6) as p2,
    max(progressed) filter (month = 9) as p3, max(progressed) filter (month = 12) as p4,
    case
        when count(status) < 4 or bool_or(status = 'missing') then 'missing'
        when bool_or(status = 'unbounded') then 'unbounded'
        when bool_or(status = 'undefined') then 'undefined' else 'defined'
    end as s_mean,
    if(s_mean = 'defined', divided(sum(least(pace, 10000000000))::bigint, 4), null) as r_mean,
    if(s_mean = 'defined', divided(sum(progressed)::bigint, 4), null) as p_mean
from formed group by all;

-- The total where it has both cells, else the sum of the parts.
create temp table bought as
with rows_of as (
    select
        unit_code, fiscal_year, category = 'total' as is_total, cents(planned, amount_unit) as planned,
        cents(actual, amount_unit) as actual
    from procurement
)

select
    unit_code, fiscal_year,
    coalesce(bool_or(is_total and planned is not null and actual is not null), false) as has_total,
    if(
        has_total, max(actual) filter (is_total),
        whole(sum(actual) filter (not is_total), count(actual) filter (not is_total),
              count(*) filter (not is_total))
    ) as actual,
    if(
        has_total, max(planned) filter (is_total),
        whole(sum(planned) filter (not is_total), count(planned) filter (not is_total),
              count(*) filter (not is_total))
    ) as planned
from rows_of group by all;

create temp table expense as
with rows_of as (
    select
        unit_code, fiscal_year, item, item = 'three_public' as is_total,
        item not in ('three_public', 'daily_public_use') as is_part,
        cents(budgeted, amount_unit) as budgeted, cents(actual, amount_unit) as actual
    from public_expenses
)

select
    unit_code, fiscal_year,
    coalesce(bool_or(is_total and budgeted is not null and actual is not null), false) as has_total,
    if(
        has_total, max(actual) filter (is_total),
        whole(sum(actual) filter (is_part), count(actual) filter (is_part), count(*) filter (is_part))
    ) as actual,
    if(
        has_total, max(budgeted) filter (is_total),
        whole(sum(budgeted) filter (is_part), count(budgeted) filter (is_part),
              count(*) filter (is_part))
    ) as budgeted,
    max(actual) filter (item = 'daily_public_use') as daily_actual,
    max(budgeted) filter (item = 'daily_public_use') as daily_budgeted
from rows_of group by all;

create temp table staff as
with rows_of as (
    select *, staff_category != 'off_establishment' as is_on from staffing
)

select
    unit_code, fiscal_year,
    whole(sum(actual) filter (is_on), count(actual) filter (is_on), count(*) filter (is_on)) as posted,
    whole(sum(authorised) filter (is_on), count(authorised) filter (is_on), count(*) filter (is_on))
        as posts,
    max(actual) filter (not is_on)::bigint as off
from rows_of group by all;

create temp table work as
select
    unit_code, fiscal_year,
    max(planned_count) filter (work_type = 'project')::bigint as projects,
    max(completed_on_time_count) filter (work_type = 'project')::bigint as projects_done,
    max(planned_count) filter (work_type = 'key_task')::bigint as tasks,
    max(completed_on_time_count) filter (work_type = 'key_task')::bigint as tasks_done
from work_completion group by all;

create temp table letter as
select
    unit_code, fiscal_year,
    whole(sum(received), count(received), count(*)) as received,
    whole(sum(replied), count(replied), count(*)) as replied,
    whole(sum(replied_on_time), count(replied_on_time), count(*)) as on_time
from petitions group by all;

-- Weighted by who answered, where every survey says how many did.
create temp table survey as
select
    unit_code, fiscal_year, count(respondents) = count(*) as is_weighted,
    case
        when count(satisfaction_pct) < count(*) then 'missing'
        when is_weighted
            then status_of(
                sum(e10(satisfaction_pct) * respondents)::bigint, sum(respondents)::bigint
            )
        else 'defined'
    end as status,
    case
        when status != 'defined' then null
        when is_weighted
            then divided(
                sum(e10(satisfaction_pct) * respondents)::bigint, sum(respondents)::bigint * 100
            )
        else divided(sum(e10(satisfaction_pct))::bigint, count(*) * 100)
    end as value
from satisfaction_surveys group by all;

create temp table disclosed as
with rows_of as (
    select
        *,
        case status
            when 'compliant' then 10000000000 when 'partial' then 5000000000
            when 'not_disclosed' then 0
        end as value,
        case
            when status = 'exempt' then 'undefined' when status is not null then 'defined'
        end as known
    from disclosures
)

select
    unit_code, fiscal_year,
    max(value) filter (document = 'budget') as budget_value,
    max(known) filter (document = 'budget') as budget_status,
    max(value) filter (document = 'final_accounts') as accounts_value,
    max(known) filter (document = 'final_accounts') as accounts_status
from rows_of group by all;

create temp table asset as
select
    unit_code, fiscal_year, cents(fixed_assets_in_use, amount_unit) as in_use,
    cents(fixed_assets_total, amount_unit) as total
from assets;

-- From here on a department of a year is a number, and so is what it is joined by.
create temp table department as
select row_number() over () as id, unit_code, fiscal_year, city, district from departments;

create temp table measure as
select unnest(range(24)) as measure_no, unnest([
    'budget_adjustment_rate', 'q1_execution_rate', 'q2_execution_rate', 'q3_execution_rate',
    'q4_execution_rate', 'q1_progress', 'q2_progress', 'q3_progress', 'q4_progress',
    'average_execution_rate', 'average_progress', 'procurement_execution_rate',
    'three_public_control_rate', 'daily_public_use_control_rate', 'establishment_control_rate',
    'off_establishment_rate', 'fixed_asset_utilisation_rate', 'project_completion_rate',
    'unfinished_key_tasks', 'petition_reply_rate', 'petition_on_time_rate', 'satisfaction_rate',
    'budget_disclosure', 'final_accounts_disclosure'
]) as measure_code;

create temp table measured as
select id * 24 + unnest(range(24)) as key, unnest([
    entry(abs(b.adjusted - b.initial), b.initial),
    valued(r1, s1), valued(r2, s2), valued(r3, s3), valued(r4, s4),
    valued(p1, s1), valued(p2, s2), valued(p3, s3), valued(p4, s4),
    valued(r_mean, s_mean), valued(p_mean, s_mean),
    entry(bought.actual, bought.planned),
    entry(expense.actual, expense.budgeted),
    entry(daily_actual, daily_budgeted),
    entry(posted, posts),
    entry(off, posted + off),
    entry(asset.in_use, asset.total),
    entry(projects_done, projects),
    entry(tasks - tasks_done, if(tasks_done is null, null, 1)),
    entry(replied, received),
    entry(on_time, received),
    valued(survey.value, survey.status),
    valued(budget_value, budget_status),
    valued(accounts_value, accounts_status)
], recursive := true)
from department as d
left join budget as b using (unit_code, fiscal_year)
left join quarter using (unit_code, fiscal_year)
left join bought using (unit_code, fiscal_year)
left join expense using (unit_code, fiscal_year)
left join staff using (unit_code, fiscal_year)
left join asset using (unit_code, fiscal_year)
left join work using (unit_code, fiscal_year)
left join letter using (unit_code, fiscal_year)
left join survey using (unit_code, fiscal_year)
left join disclosed using (unit_code, fiscal_year);

create temp table placed as
with reaching as (
    select d.id, a.rubric_id, a.role, a.district
    from department as d
    join rubric_assignments as a
        on
            coalesce(d.city = a.city, a.city is null)
            and coalesce(d.district = a.district, a.district is null)
            and d.fiscal_year between
                coalesce(a.fiscal_year_from, 0) and coalesce(a.fiscal_year_to, 9999)
)

select
    id, rubric_id,
    first_value(rubric_id) over (
        partition by id order by role = 'official' desc, district nulls last
    ) as official_id
from reaching;

create temp table pair as
select row_number() over () as pair_id, rubric_id, official_id
from (select distinct rubric_id, official_id from placed);

create temp table assigned as
select id, pair_id from placed join pair using (rubric_id, official_id);

-- The bands of a criterion, from the highest: a value is in the first that it is not below.
create temp table banded as
select
    rubric_id, criterion_code,
    list(cast(lower * 1000000::decimal(7, 0) as bigint) * 10000 order by lower desc nulls last)
        as lowers,
    list(lower_inclusive order by lower desc nulls last) as inclusive,
    list(
        cast(points * 10000::decimal(5, 0) as bigint) * 10000000000 order by lower desc nulls last
    ) as points
from rubric_bands group by all;
create macro stepped(value) as if(
    value is null, null,
    greatest(
        points_e4
        - off_e4 * (divided(greatest(value - threshold_e10, 0) * 1000000, step_e10) // 1000000), 0
    ) * 10000000000
);
create macro reaches(value, lower, inclusive) as
    coalesce(value > lower or (value = lower and inclusive), true);

create temp table code as
select criterion_code, row_number() over () as criterion_no
from (select distinct criterion_code from rubric_criteria);

create temp table indicator as
select
    row_number() over () as indicator_id, rubric_id, indicator_code,
    cast(points * 10000::decimal(5, 0) as bigint) * 10000000000 as points,
    cast(pow(10, 14 - coalesce(score_decimals, 2)) as bigint) as place,
    cast(pow(10, 4 - coalesce(score_decimals, 2)) as bigint) as factor
from rubric_indicators join rubrics using (rubric_id);

-- Each criterion of the seeds with all numbers scaled, and how its official rubric scales it.
create temp table criterion as
select
    row_number() over () as criterion_id, i.indicator_id, a.pair_id, c.criterion_code,
    code.criterion_no, m.measure_no, c.method = 'veto' as is_veto, c.method = 'step' as is_step,
    c.method = 'band' as is_band, c.measure_code is null as is_judged,
    is_judged and is_step as takes_number, coalesce(c.over_target = 'exceed', false) as exceeds,
    cast(c.points * 10000::decimal(5, 0) as bigint) as points_e4, points_e4 * 10000000000 as all_points,
    if(c.when_undefined = 'full', all_points, 0) as when_undefined,
    if(c.when_unbounded = 'full', all_points, 0) as when_unbounded,
    if(c.over_target = 'zero', 0, all_points) as above,
    cast(coalesce(o.points, c.points) * 10000::decimal(5, 0) as bigint) as official_e4,
    official_e4 * 1000000 as most,
    cast(c.points_per_step * 10000::decimal(5, 0) as bigint) as off_e4,
    cast(coalesce(c.threshold, 0) * 1000000::decimal(7, 0) as bigint) * 10000 as threshold_e10,
    cast(coalesce(c.step_size, 1) * 1000000::decimal(7, 0) as bigint) * 10000 as step_e10,
    b.lowers[1] as lower1, b.inclusive[1] as inclusive1, b.points[1] as points1,
    b.lowers[2] as lower2, b.inclusive[2] as inclusive2, b.points[2] as points2,
    b.lowers[3] as lower3, b.inclusive[3] as inclusive3, b.points[3] as points3,
    b.points[4] as points4
from rubric_criteria as c
join pair as a using (rubric_id)
join code using (criterion_code)
join indicator as i using (rubric_id, indicator_code)
left join measure as m using (measure_code)
left join banded as b using (rubric_id, criterion_code)
left join rubric_criteria as o on a.official_id = o.rubric_id and c.criterion_code = o.criterion_code;

create temp table assessed as
select d.id * 1000 + code.criterion_no as key, e10(a.value) as value
from assessments as a
join department as d using (unit_code, fiscal_year)
join code using (criterion_code);

create temp table awarded as
with judged as (
    select
        a.id, c.*, m.value as measured, coalesce(m.status, 0) as status,
        s.value as assessed, s.key is not null as is_assessed
    from assigned as a
    join criterion as c using (pair_id)
    left join measured as m on a.id * 24 + c.measure_no = m.key
    left join assessed as s on a.id * 1000 + c.criterion_no = s.key
)

select
    id * 1000 + indicator_id as indicator_key, criterion_id, id,
    is_veto and coalesce(assessed > 0, false) as is_vetoing,
    case
        when is_veto then if(is_assessed and assessed is null, null, 0)
        when takes_number then stepped(assessed)
        when is_judged or status = 0
            then if(
                assessed is null, null,
                greatest(least(assessed, most), 0) * points_e4 // official_e4
            ) * 10000
        when status = 2 then when_undefined
        when status = 3 then when_unbounded
        when is_step then stepped(measured)
        when is_band
            then case
                when reaches(measured, lower1, inclusive1) then points1
                when reaches(measured, lower2, inclusive2) then points2
                when reaches(measured, lower3, inclusive3) then points3
                else points4
            end
        when measured <= 10000000000 or exceeds then points_e4 * measured
        else above
    end as points_e14
from judged;

create temp table scored as
with summed as (
    select
        indicator_key, bool_or(is_vetoing) as is_vetoed,
        whole(sum(points_e14), count(points_e14), count(*)) as points
    from awarded group by all
)

select
    indicator_key // 1000 as id, i.rubric_id, i.indicator_code,
    case
        when s.points is null then null when s.is_vetoed then 0
        else divided(least(greatest(s.points, 0), i.points), i.place) * i.factor
    end as score_e4
from summed as s join indicator as i on s.indicator_key % 1000 = i.indicator_id;

create view criterion_scores as
select d.unit_code, d.fiscal_year, i.rubric_id, c.criterion_code, a.points_e14
from awarded as a
join department as d using (id)
join criterion as c using (criterion_id)
join indicator as i using (indicator_id);

create view indicator_scores as
select d.unit_code, d.fiscal_year, s.rubric_id, s.indicator_code, s.score_e4
from scored as s join department as d using (id);

create view evaluations as
with totals as (
    select id, rubric_id, whole(sum(score_e4), count(score_e4), count(*)) as total_e4
    from scored group by all
)

select d.unit_code, d.fiscal_year, t.rubric_id, t.total_e4, arg_max(g.grade, g.lower) as grade
from totals as t
join department as d using (id)
left join grade_bands as g
    on t.rubric_id = g.rubric_id and t.total_e4 >= cast(g.lower * 10000::decimal(5, 0) as bigint)
group by all;
