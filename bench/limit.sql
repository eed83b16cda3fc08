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
create macro entry(code, n, d) as
    {'measure_code': code, 'value': ratio(n, d), 'status': status_of(n, d)};
create macro valued(code, v, s) as
    {'measure_code': code, 'value': v, 'status': coalesce(s, 'missing')};
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

create temp table measured as
select d.unit_code, d.fiscal_year, unnest([
    entry('budget_adjustment_rate', abs(b.adjusted - b.initial), b.initial),
    valued('q1_execution_rate', r1, s1), valued('q2_execution_rate', r2, s2),
    valued('q3_execution_rate', r3, s3), valued('q4_execution_rate', r4, s4),
    valued('q1_progress', p1, s1), valued('q2_progress', p2, s2),
    valued('q3_progress', p3, s3), valued('q4_progress', p4, s4),
    valued('average_execution_rate', r_mean, s_mean),
    valued('average_progress', p_mean, s_mean),
    entry('procurement_execution_rate', bought.actual, bought.planned),
    entry('three_public_control_rate', expense.actual, expense.budgeted),
    entry('daily_public_use_control_rate', daily_actual, daily_budgeted),
    entry('establishment_control_rate', posted, posts),
    entry('off_establishment_rate', off, posted + off),
    entry('fixed_asset_utilisation_rate', asset.in_use, asset.total),
    entry('project_completion_rate', projects_done, projects),
    entry('unfinished_key_tasks', tasks - tasks_done, if(tasks_done is null, null, 1)),
    entry('petition_reply_rate', replied, received),
    entry('petition_on_time_rate', on_time, received),
    valued('satisfaction_rate', survey.value, survey.status),
    valued('budget_disclosure', budget_value, budget_status),
    valued('final_accounts_disclosure', accounts_value, accounts_status)
], recursive := true)
from departments as d
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

create temp table assigned as
with reaching as (
    select d.unit_code, d.fiscal_year, a.rubric_id, a.role, a.district
    from departments as d
    join rubric_assignments as a
        on
            coalesce(d.city = a.city, a.city is null)
            and coalesce(d.district = a.district, a.district is null)
            and d.fiscal_year between
                coalesce(a.fiscal_year_from, 0) and coalesce(a.fiscal_year_to, 9999)
)

select
    unit_code, fiscal_year, rubric_id,
    first_value(rubric_id) over (
        partition by unit_code, fiscal_year order by role = 'official' desc, district nulls last
    ) as official_id
from reaching;

-- Each criterion of the seeds with all numbers scaled, and how its official rubric scales it.
create temp table criterion as
select
    c.rubric_id, o.rubric_id as official_id, c.indicator_code, c.criterion_code, c.method,
    c.measure_code, c.over_target, c.when_undefined, c.when_unbounded,
    c.measure_code is null and c.method = 'step' as takes_number,
    cast(c.points * 10000::decimal(5, 0) as bigint) as points,
    cast(coalesce(o.points, c.points) * 10000::decimal(5, 0) as bigint) as official_points,
    cast(c.points_per_step * 10000::decimal(5, 0) as bigint) as points_per_step,
    cast(coalesce(c.threshold, 0) * 1000000::decimal(7, 0) as bigint) * 10000 as threshold,
    cast(coalesce(c.step_size, 1) * 1000000::decimal(7, 0) as bigint) * 10000 as step_size
from rubric_criteria as c
join (select distinct rubric_id, official_id from assigned) as a using (rubric_id)
left join rubric_criteria as o on a.official_id = o.rubric_id and c.criterion_code = o.criterion_code;

create temp table band as
select
    rubric_id, criterion_code, lower_inclusive, upper_inclusive,
    cast(lower * 1000000::decimal(7, 0) as bigint) * 10000 as lower,
    cast(upper * 1000000::decimal(7, 0) as bigint) * 10000 as upper,
    cast(points * 10000::decimal(5, 0) as bigint) * 10000000000 as points
from rubric_bands;

create temp table banded as
select m.unit_code, m.fiscal_year, m.measure_code, c.rubric_id, b.points
from measured as m
join (select distinct rubric_id, criterion_code, measure_code from criterion where method = 'band')
    as c using (measure_code)
join band as b
    on
        c.rubric_id = b.rubric_id and c.criterion_code = b.criterion_code
        and (b.lower is null or m.value > b.lower or (m.value = b.lower and b.lower_inclusive))
        and (b.upper is null or m.value < b.upper or (m.value = b.upper and b.upper_inclusive))
where m.status = 'defined';

create temp table criterion_scores as
with judged as (
    select
        a.unit_code, a.fiscal_year, a.rubric_id, c.* exclude (rubric_id, official_id),
        m.value as measured, coalesce(m.status, 'missing') as status, e10(s.value) as assessed,
        s.criterion_code is not null as is_assessed, b.points as band_points
    from assigned as a
    join criterion as c
        on a.rubric_id = c.rubric_id and coalesce(c.official_id, a.official_id) = a.official_id
    left join measured as m using (unit_code, fiscal_year, measure_code)
    left join assessments as s using (unit_code, fiscal_year, criterion_code)
    left join banded as b
        on
            a.unit_code = b.unit_code and a.fiscal_year = b.fiscal_year
            and a.rubric_id = b.rubric_id and c.measure_code = b.measure_code
),

counted as (
    select
        *,
        if(takes_number, assessed, measured) - threshold as beyond,
        if(beyond is null, null, greatest(beyond, 0)) as excess
    from judged
)

select
    unit_code, fiscal_year, rubric_id, indicator_code, criterion_code,
    method = 'veto' and coalesce(assessed > 0, false) as is_vetoing,
    case
        when method = 'veto' then if(is_assessed and assessed is null, null, 0)
        when method = 'step' and (takes_number or status = 'defined')
            then greatest(
                points - points_per_step * (divided(excess * 1000000, step_size) // 1000000), 0
            ) * 10000000000
        when measure_code is null or status = 'missing'
            then if(
                assessed is null, null,
                greatest(least(assessed, official_points * 1000000), 0) * points // official_points
            ) * 10000
        when status = 'undefined' then if(when_undefined = 'full', points * 10000000000, 0)
        when status = 'unbounded' then if(when_unbounded = 'full', points * 10000000000, 0)
        when method = 'band' then band_points
        when measured <= 10000000000 or over_target = 'exceed' then points * measured
        when over_target = 'zero' then 0
        else points * 10000000000
    end as points_e14
from counted;

create temp table indicator_scores as
with summed as (
    select
        unit_code, fiscal_year, rubric_id, indicator_code,
        bool_or(is_vetoing) as is_vetoed, count(points_e14) = count(*) as is_whole,
        sum(points_e14)::bigint as points
    from criterion_scores group by all
)

select
    s.unit_code, s.fiscal_year, s.rubric_id, s.indicator_code,
    case
        when not s.is_whole then null when s.is_vetoed then 0
        else divided(
            least(greatest(s.points, 0), cast(i.points * 10000::decimal(5, 0) as bigint) * 10000000000),
            cast(pow(10, 14 - coalesce(r.score_decimals, 2)) as bigint)
        ) * cast(pow(10, 4 - coalesce(r.score_decimals, 2)) as bigint)
    end as score_e4
from summed as s
join rubric_indicators as i using (rubric_id, indicator_code)
join rubrics as r using (rubric_id);

create temp table evaluations as
with totals as (
    select
        unit_code, fiscal_year, rubric_id,
        whole(sum(score_e4), count(score_e4), count(*)) as total_e4
    from indicator_scores group by all
)

select
    t.unit_code, t.fiscal_year, t.rubric_id, t.total_e4, arg_max(g.grade, g.lower) as grade
from totals as t
left join grade_bands as g
    on t.rubric_id = g.rubric_id and t.total_e4 >= cast(g.lower * 10000::decimal(5, 0) as bigint)
group by all;
