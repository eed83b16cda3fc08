{{ config(meta={'dagster': {'ref': {'name': 'rubric_bands'}}}) }}
-- Each value is in one band of a band criterion and no more.
with criteria as (
    select * from {{ ref('rubric_criteria') }}
),

bands as (
    select
        *,
        {{ seed_row('rubric_bands', ['rubric_id', 'criterion_code'], ['lower', 'upper']) }}
            as seed_row
    from {{ ref('rubric_bands') }}
),

in_order as (
    select
        *,
        row_number() over in_order = 1 as is_first,
        lead(seed_row) over in_order is null as is_last,
        lead(lower) over in_order as next_lower,
        lead(lower_inclusive) over in_order as next_inclusive
    from bands
    window in_order as (
        partition by rubric_id, criterion_code
        order by
            lower asc nulls first,
            lower is null or lower_inclusive desc,
            upper asc nulls last
    )
),

-- Bands hold every value once if the first has no lower bound, each meets the next, the last has
-- no upper bound.
faults as (
    select
        seed_row,
        'a band without any value, expected lower below upper; correct the bounds' as fault
    from bands
    where lower > upper or (lower = upper and not (lower_inclusive and upper_inclusive))
    union all
    select
        seed_row,
        'the first band has a lower bound, expected none; empty it or add the band below' as fault
    from in_order
    where is_first and lower is not null
    union all
    select
        seed_row,
        'the last band has an upper bound, expected none; empty it or add the band above' as fault
    from in_order
    where is_last and upper is not null
    union all
    select
        seed_row,
        case
            when
                upper is null or next_lower is null or upper > next_lower
                or (upper = next_lower and upper_inclusive)
                then 'overlaps the next band'
            else 'leaves a gap before the next band'
        end
        || coalesce(
            ', which begins at ' || {{ plain_text('next_lower') }}
            || case when next_inclusive then ' inclusive' else ' exclusive' end,
            ', which has no lower bound either'
        )
        || '; expected that they meet at one value, inclusive in one of them; correct the bounds'
            as fault
    from in_order
    where
        not is_last
        and (
            upper is null
            or upper is distinct from next_lower
            or upper_inclusive = next_inclusive
        )
    union all
    select
        bands.seed_row,
        'found ' || {{ plain_text('bands.points') }} || ' points, expected 0 to the '
        || {{ plain_text('criteria.points') }} || ' of its criterion; correct the points' as fault
    from bands
    inner join criteria
        on
            bands.rubric_id = criteria.rubric_id
            and bands.criterion_code = criteria.criterion_code
    where criteria.method = 'band' and bands.points not between 0 and criteria.points
    union all
    select
        bands.seed_row,
        'found a band of a criterion with the method ' || criteria.method
        || ', expected band; remove the row or correct the method' as fault
    from bands
    inner join criteria
        on
            bands.rubric_id = criteria.rubric_id
            and bands.criterion_code = criteria.criterion_code
    where criteria.method != 'band'
    union all
    select
        {{ seed_row('rubric_criteria', ['criteria.rubric_id', 'criteria.criterion_code']) }}
            as seed_row,
        'found no bands, expected some as the method is band; add them in seeds/rubric_bands.csv'
            as fault
    from criteria
    anti join bands
        on
            criteria.rubric_id = bands.rubric_id
            and criteria.criterion_code = bands.criterion_code
    where criteria.method = 'band'
)

select seed_row || ': ' || fault as message
from faults
order by message
