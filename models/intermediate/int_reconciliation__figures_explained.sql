with mismatches as (
    select * from {{ ref('int_reconciliation__compared') }}
    where item_type = 'figure' and verdict = 'mismatch'
),

-- A figure counts in its last printed place: 24.56% is 2456 hundredths of a percent.
figures as (
    select
        *,
        cast('1' || repeat('0', printed_decimals_count) as decimal(7, 0)) as places,
        case when is_percent then 100 else 1 end as percent,
        cast(try_cast(printed_number as decimal(18, 10)) as decimal(38, 10)) as printed_value,
        printed_value * places as printed_places,
        cast(abs(printed_places) as decimal(28, 0)) as printed_digits
    from {{ ref('stg_reported_figures') }}
    where printed_decimals_count <= 6
),

variants as (
    select * from {{ ref('figure_variants') }}
),

rivals as (
    select
        *,
        case when divisor = 1 then '' else ' ÷ ' || {{ plain_text('divisor') }} end as divisor_text
    from {{ ref('rival_measures') }}
),

-- A quotient too large to be printed is no explanation.
measures as (
    select
        *,
        cast(try_cast(value as decimal(18, 10)) as decimal(38, 10)) as own_value,
        {{ plain_text('numerator') }} as numerator_text,
        {{ plain_text('denominator') }} as denominator_text
    from {{ ref('int_measures__valued') }}
    where status = 'defined'
),

mismatching as (
    select
        figures.unit_code,
        figures.fiscal_year,
        figures.measure_code,
        figures.location,
        figures.places,
        figures.percent,
        figures.printed_places,
        -- Zeros that end a whole number are no statement: 100% has one significant digit.
        length(case
            when figures.places = 1 then rtrim(cast(figures.printed_digits as varchar), '0')
            else ltrim(cast(figures.printed_digits as varchar), '0')
        end) as digits
    from mismatches
    inner join figures
        on
            mismatches.unit_code = figures.unit_code
            and mismatches.fiscal_year = figures.fiscal_year
            and mismatches.item_code = figures.measure_code
            and mismatches.location = figures.location
),

candidates as (
    select
        mismatching.*,
        'own' as definition,
        0 as rival_order,
        null as reason_zh,
        measures.own_value as value
    from mismatching
    inner join measures
        on
            mismatching.unit_code = measures.unit_code
            and mismatching.fiscal_year = measures.fiscal_year
            and mismatching.measure_code = measures.measure_code
    union all
    select
        mismatching.*,
        'rival' as definition,
        rivals.sort_order as rival_order,
        rivals.reason_zh || '：' || measures.numerator_text
        || case when measures.denominator != 1 then ' ÷ ' || measures.denominator_text else '' end
        || rivals.divisor_text as reason_zh,
        {{ quotient('measures.own_value', 'rivals.divisor') }} as value
    from mismatching
    inner join rivals
        on mismatching.measure_code = rivals.measure_code and not rivals.is_reported
    inner join measures
        on
            mismatching.unit_code = measures.unit_code
            and mismatching.fiscal_year = measures.fiscal_year
            and rivals.rival_code = measures.measure_code
    union all
    select
        mismatching.*,
        'rival' as definition,
        rivals.sort_order as rival_order,
        rivals.reason_zh || '：' || figures.printed || rivals.divisor_text as reason_zh,
        {{ quotient('figures.printed_value', 'rivals.divisor * figures.percent') }} as value
    from mismatching
    inner join rivals on mismatching.measure_code = rivals.measure_code and rivals.is_reported
    inner join figures
        on
            mismatching.unit_code = figures.unit_code
            and mismatching.fiscal_year = figures.fiscal_year
            and rivals.rival_code = figures.measure_code
),

tried as (
    select
        candidates.*,
        variants.sort_order as variant_order,
        variants.rounding,
        variants.reason_zh as variant_zh,
        cast(
            cast(try_cast(candidates.value as decimal(18, 10)) as decimal(38, 10))
            * variants.factor * candidates.percent * candidates.places as decimal(38, 14)
        ) as exact_places,
        cast(exact_places as decimal(38, 0)) as nearest_places,
        cast(sign(exact_places) * floor(abs(exact_places)) as decimal(38, 0)) as whole_places
    from candidates
    inner join variants
        on
            candidates.definition = variants.definition
            and candidates.digits >= variants.digits_needed
)

-- The first that gives what is printed.
select
    unit_code,
    fiscal_year,
    'figure' as item_type,
    measure_code as item_code,
    location,
    concat_ws('，', reason_zh, variant_zh) as explained_by
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
    partition by unit_code, fiscal_year, measure_code, location
    order by variant_order, rival_order, reason_zh
) = 1
