with rivals as (
    select * from {{ ref('int_reconciliation__figure_rivals') }}
),

variants as (
    select * from {{ ref('figure_variants') }}
),

-- A figure counts in its last printed place: 24.56% is 2456 hundredths of a percent. Zeros that end
-- a whole number are no statement: 100% has one significant digit.
mismatching as (
    select
        *,
        cast('1' || repeat('0', printed_decimals_count) as decimal(7, 0)) as places,
        cast(try_cast(printed_number as decimal(22, 10)) as decimal(38, 10)) * places
            as printed_places,
        cast(cast(abs(printed_places) as decimal(28, 0)) as varchar) as printed_digits,
        length(
            case when places = 1 then rtrim(printed_digits, '0') else ltrim(printed_digits, '0') end
        ) as digits
    from {{ ref('int_reconciliation__figures_compared') }}
    where printed_decimals_count <= 6 and not is_match
),

candidates as (
    select
        mismatching.*,
        case when mismatching.may_be_percent then 'own' else 'sum' end as definition,
        0 as rival_order,
        null as rival_zh,
        mismatching.computed_value as value
    from mismatching
    union all
    select
        mismatching.*,
        'rival' as definition,
        rivals.rival_order,
        rivals.rival_zh,
        rivals.value
    from mismatching
    inner join rivals using (unit_code, fiscal_year, item_code, location)
),

tried as (
    select
        candidates.*,
        variants.sort_order as variant_order,
        variants.rounding,
        variants.reason_zh as variant_zh,
        {{ in_printed_units('candidates.value', 'candidates.printed_unit') }} as printed_value,
        cast(try_cast(printed_value as decimal(22, 10)) as decimal(38, 10)) as number,
        cast(number * variants.factor * candidates.places as decimal(38, 14)) as exact_places,
        cast(exact_places as decimal(38, 0)) as nearest_places,
        cast(sign(exact_places) * floor(abs(exact_places)) as decimal(38, 0)) as whole_places
    from candidates
    inner join variants using (definition)
    where candidates.digits >= variants.digits_needed
)

-- The first that gives what is printed.
select
    unit_code,
    fiscal_year,
    'figure' as item_type,
    item_code,
    location,
    concat_ws('，', rival_zh, variant_zh) as explained_by
from tried
where
    case rounding
        when 'half_up' then nearest_places = printed_places
        when 'down' then whole_places = printed_places
        when 'half_even'
            then
                abs(exact_places - whole_places) = 0.5
                and whole_places % 2 = 0
                and whole_places = printed_places
        when 'off_by_one' then abs(nearest_places - printed_places) = 1
    end
qualify row_number() over (
    partition by unit_code, fiscal_year, item_code, location
    order by variant_order, rival_order, rival_zh
) = 1
