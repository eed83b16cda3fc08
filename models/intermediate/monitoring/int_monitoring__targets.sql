{{ config(materialized='view') }}
with departments as (
    select * from {{ ref('int_monitoring__departments') }}
),

targets as (
    select * from {{ ref('stg_performance_targets') }}
    where is_applicable is distinct from false
),

-- Numbers in the unit that is printed with what is expected. A percentage is not compared with what
-- is none, nor a date with a number.
read_values as (
    select
        targets.*,
        departments.* exclude (unit_code, fiscal_year),
        last_day(make_date(targets.fiscal_year, departments.summary_month, 1)) as as_of_day,
        targets.expected_on is not null or targets.actual_on is not null as is_date,
        regexp_matches(targets.expected_value, '[%％]') as is_percent,
        {{ printed_unit('targets.expected_value') }} as expected_multiple,
        {{ printed_unit('targets.actual_value') }} as actual_multiple,
        coalesce(
            targets.operator in ('>=', '<=', '=')
            and not is_date
            and targets.expected_number is not null
            and is_percent = targets.is_actual_percent, false
        ) as is_number,
        if(is_number, targets.expected_number, null) as expected,
        coalesce(
            if(is_number and actual_multiple = expected_multiple, targets.actual_number, null),
            {{ quotient(
                'if(is_number and actual_multiple != expected_multiple, '
                ~ 'try_cast(targets.actual_number as decimal(20, 10)), null) * actual_multiple',
                'expected_multiple'
            ) }}
        ) as actual
    from targets
    inner join departments using (unit_code, fiscal_year)
),

-- What each is held against. What is to be reached is the better the more of it there is; what may
-- not be exceeded, or is to be met and is exceeded, is no share of the year.
judged as (
    select
        *,
        case
            when is_year_closed then null
            when operator = 'text' and attained_pct is not null then 'calendar'
            when
                operator in ('before', '<=')
                and expected_on is not null
                and (actual_on is not null or is_attained_as_stated = false)
                then 'deadline'
            when
                operator = '<=' or (operator = '=' and expected >= 0 and actual > expected)
                then if(actual is not null and expected is not null, 'ceiling', null)
            when expected > 0 and actual is not null then if(is_percent, 'year', 'calendar')
        end as by_value,
        case
            when is_year_closed or by_value is not null then null
            when is_date then coalesce(is_met_by_value, is_attained_as_stated)
            when operator = '>=' then coalesce(actual >= expected, is_attained_as_stated)
            when operator = '=' then coalesce(actual = expected, is_attained_as_stated)
            else is_attained_as_stated
        end as is_met
    from read_values
)

select
    unit_code,
    fiscal_year,
    'target' as subject_type,
    target_no as subject_code,
    target_name as subject_name,
    monitored_month,
    case when by_value is not null or is_met is not null then summary_month end as as_of_month,
    case
        when by_value is not null then by_value
        when is_met is not null then 'statement'
    end as held_against,
    case
        when by_value = 'calendar' then if(operator = 'text', 'calendar_stated', 'calendar_number')
        when by_value = 'year' then 'year'
        when by_value = 'ceiling' and operator = '=' and actual > expected then 'target_exceeded'
        when by_value = 'ceiling' then if(actual > expected, 'ceiling_exceeded', 'ceiling_held')
        when by_value = 'deadline' and actual_on is not null
            then if(actual_on > expected_on, 'done_late', 'done_in_time')
        when by_value = 'deadline' then if(as_of_day > expected_on, 'overdue', 'not_due')
        when is_met is not null then if(is_met, 'attained', 'not_attained')
        when actual_value is null and is_attained_as_stated is null and attained_pct is null
            then 'nothing_said'
        when is_year_closed then 'closed'
        else 'unreadable'
    end as case_code,
    operator,
    expected_value,
    actual_value,
    if(is_number, trim({{ printed_suffix('expected_value') }}), null) as unit_zh,
    expected_on,
    actual_on,
    expected as expected_number,
    actual as actual_number,
    is_met as is_attained,
    case
        when by_value = 'calendar' and operator = 'text' then attained_pct
        when by_value in ('calendar', 'year') then actual
    end as done,
    case
        when by_value = 'calendar' and operator = 'text' then 100
        when by_value in ('calendar', 'year') then expected
    end as whole,
    -- By how much of the ceiling it is exceeded, of a ceiling of 0 by how much.
    {{ quotient(
        "if(by_value = 'ceiling', actual - expected, null)", "if(expected = 0, 1, abs(expected))"
    ) }} as excess,
    case
        when by_value = 'deadline'
            then date_diff('day', expected_on, coalesce(actual_on, as_of_day))
    end as days_late,
    'performance_targets' as table_name,
    'target_no=' || target_no as record_key,
    case
        when by_value = 'calendar' and operator = 'text' then 'attained_pct'
        when by_value is not null and not (by_value = 'deadline' and actual_on is null)
            then 'actual_value'
        when is_date and is_met_by_value is not null then 'actual_value'
        when operator in ('>=', '=') and actual is not null and expected is not null
            then 'actual_value'
        when is_met is not null or by_value = 'deadline' then 'is_attained'
    end as column_name,
    source_file,
    source_sha256,
    source_row,
    load_id
from judged
