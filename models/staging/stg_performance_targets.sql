with targets as (
    select * from {{ source('raw', 'performance_targets') }}
),

corrected as (
    select
        * replace (
            {{ corrected('level1') }} as level1,
            {{ corrected('level2') }} as level2,
            {{ corrected('target_name') }} as target_name,
            {{ corrected('operator') }} as operator,
            {{ corrected('expected_value') }} as expected_value,
            {{ corrected('actual_value') }} as actual_value,
            {{ corrected('is_attained', 'boolean') }} as is_attained,
            {{ corrected('is_applicable', 'boolean') }} as is_applicable
        ),
        actual_value as delivered_actual_value,
        is_attained as delivered_is_attained,
        is_applicable as delivered_is_applicable
    from targets
),

read_values as (
    select
        *,
        {{ printed_date('expected_value') }} as expected_on,
        {{ printed_date('actual_value') }} as actual_on,
        {{ printed_number('expected_value') }} as expected_number,
        {{ printed_number('actual_value') }} as actual_number
    from corrected
),

-- Dates where both are read as dates, numbers where neither is; never the one with the other.
compared as (
    select
        *,
        case
            when actual_on is not null or expected_on is not null
                then case operator
                    when 'before' then actual_on <= expected_on
                    when '<=' then actual_on <= expected_on
                    when '>=' then actual_on >= expected_on
                    when '=' then actual_on = expected_on
                end
            when operator = '>=' then actual_number >= expected_number
            when operator = '<=' then actual_number <= expected_number
            when operator = '=' then actual_number = expected_number
        end as is_met_by_value
    from read_values
)

select
    unit_code,
    fiscal_year,
    target_no,
    level1,
    level2,
    target_name,
    operator,
    expected_value,
    actual_value,
    is_applicable,
    is_attained as is_attained_as_stated,
    coalesce(is_met_by_value, is_attained) as is_attained,
    regexp_matches(actual_value, '[%％]') as is_actual_percent,
    {{ printed_decimals('actual_value') }} as actual_decimals_count,
    actual_number,
    case when is_met_by_value is null then 'is_attained' else 'actual_value' end
        as attained_column,
    {
        'is_applicable': cast(delivered_is_applicable as varchar),
        'is_attained': case
            when is_met_by_value is null then cast(delivered_is_attained as varchar)
            else delivered_actual_value
        end
    } as delivered,
    corrections,
    load_id,
    source_file,
    source_sha256,
    source_row
from compared
