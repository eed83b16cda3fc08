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
            {{ corrected('is_applicable', 'boolean') }} as is_applicable,
            {{ corrected('weight', 'decimal(28, 6)') }} as weight,
            {{ corrected('attained_pct', 'decimal(28, 10)') }} as attained_pct
        ),
        actual_value as delivered_actual_value,
        is_attained as delivered_is_attained,
        is_applicable as delivered_is_applicable,
        weight as delivered_weight,
        attained_pct as delivered_attained_pct
    from targets
),

read_values as (
    select
        *,
        {{ printed_date('expected_value') }} as expected_on,
        {{ printed_date('actual_value') }} as actual_on,
        {{ printed_number('expected_value') }} as expected_number,
        {{ printed_number('actual_value') }} as actual_number,
        {{ printed_unit('expected_value') }} as expected_unit,
        {{ printed_unit('actual_value') }} as actual_unit,
        {{ printed_thing('expected_value') }} as expected_thing
    from corrected
),

-- 20,000 元 are not as much as 5 万元: where both count the same thing, each in another unit, what is
-- compared is how much of it.
in_units as (
    select
        *,
        coalesce(
            expected_unit != actual_unit
            and expected_thing not in ('', '%', '％')
            and expected_thing = {{ printed_thing('actual_value') }},
            false
        ) as has_two_units,
        {{ printed_value('expected_number', 'if(has_two_units, expected_unit, 1)') }}
            as expected_amount,
        {{ printed_value('actual_number', 'if(has_two_units, actual_unit, 1)') }} as actual_amount
    from read_values
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
            when operator = '>=' then actual_amount >= expected_amount
            when operator = '<=' then actual_amount <= expected_amount
            when operator = '=' then actual_amount = expected_amount
        end as is_met_by_value
    from in_units
),

-- The share of what was expected, of a number above nothing that falls short of it.
shared as (
    select
        *,
        coalesce(
            not is_met_by_value
            and operator in ('>=', '<=')
            and expected_on is null
            and expected_amount > 0
            and actual_amount > 0,
            false
        ) as has_share,
        {{ quotient(
            "if(has_share, if(operator = '>=', actual_amount, expected_amount), null)",
            "if(operator = '>=', expected_amount, actual_amount)"
        ) }} as share_of_expected
    from compared
),

-- How far a target was attained: by its values where they were compared, a number below what is
-- expected of it by its share; a target in words by its percentage.
attained as (
    select
        *,
        coalesce(
            bool_or(weight is not null) filter (where is_applicable)
                over (partition by unit_code, fiscal_year),
            false
        ) as has_weights,
        case
            when is_met_by_value is not null then 'actual_value'
            when operator = 'text' and attained_pct is not null then 'attained_pct'
            else 'is_attained'
        end as attainment_column,
        case
            when attainment_column = 'attained_pct' and is_attained is not null then 'is_attained'
            else attainment_column
        end as attained_column,
        case when has_weights then 'weight' else 'is_applicable' end as weight_column,
        cast(
            case
                when attainment_column = 'attained_pct'
                    then greatest(least(attained_pct, 100), 0) * 0.01
                when attainment_column = 'is_attained' then cast(is_attained as integer)
                when is_met_by_value then 1
                when has_share then share_of_expected
                else 0
            end as decimal(28, 10)
        ) as attainment_rate,
        map(
            ['actual_value', 'is_attained', 'attained_pct', 'is_applicable', 'weight'],
            [
                delivered_actual_value,
                cast(delivered_is_attained as varchar),
                {{ plain_text('delivered_attained_pct') }},
                cast(delivered_is_applicable as varchar),
                {{ plain_text('delivered_weight') }}
            ]
        ) as delivered_texts
    from shared
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
    case attained_column
        when 'actual_value' then is_met_by_value
        when 'attained_pct' then attained_pct >= 100
        else is_attained
    end as is_attained,
    is_met_by_value,
    expected_on,
    actual_on,
    regexp_matches(actual_value, '[%％]') as is_actual_percent,
    {{ printed_decimals('actual_value') }} as actual_decimals_count,
    actual_number,
    expected_number,
    weight,
    case when has_weights then weight else 1 end as counted_weight,
    attained_pct,
    attainment_rate,
    attained_column,
    attainment_column,
    weight_column,
    {
        'is_applicable': delivered_texts['is_applicable'],
        'is_attained': delivered_texts[attained_column],
        'attained_pct': delivered_texts[attainment_column],
        'weight': delivered_texts[weight_column]
    } as delivered,
    corrections,
    load_id,
    source_file,
    source_sha256,
    source_row
from attained
