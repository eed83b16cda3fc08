{{ config(meta={'dagster': {'ref': {'name': 'rubric_bands'}}}) }}
-- Each value is in one band of a band criterion and no more, or each of its bands is one level.
with criteria as (
    {{ rubric_rows('rubric_criteria') }}
),

resolved as (
    {{ rubric_rows('rubric_bands') }}
),

-- Where a row of bands stands, and the rubric that it counts under.
bands as (
    select
        stated.*,
        {{ seed_row(
            'rubric_bands', ['stated.rubric_id', 'stated.criterion_code'],
            ['stated.lower', 'stated.upper'],
        ) }} as seed_row
    from (
        select
            * replace (stated_in as rubric_id),
            rubric_id as counting_in
        from resolved
    ) as stated
),

in_order as (
    select
        *,
        row_number() over in_order = 1 as is_first,
        lead(seed_row) over in_order is null as is_last,
        lead(lower) over in_order as next_lower,
        lead(lower_inclusive) over in_order as next_inclusive,
        coalesce(lower = upper, false) as is_level,
        bool_and(is_level) over (partition by counting_in, criterion_code) as has_levels
    from bands
    window in_order as (
        partition by counting_in, criterion_code
        order by
            lower asc nulls first,
            lower is null or lower_inclusive desc,
            upper asc nulls last
    )
),

-- What the criterion asks of its bands, under each rubric.
counting as (
    select
        bands.*,
        criteria.method,
        criteria.points as points_possible,
        {{ takes_number('criteria') }} as takes_number,
        coalesce(' of ' || nullif(bands.counting_in, bands.rubric_id), '') as of_another
    from bands
    inner join criteria
        on
            bands.counting_in = criteria.rubric_id
            and bands.criterion_code = criteria.criterion_code
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
    where is_first and lower is not null and not has_levels
    union all
    select
        seed_row,
        'the last band has an upper bound, expected none; empty it or add the band above' as fault
    from in_order
    where is_last and upper is not null and not has_levels
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
        and not (has_levels and upper < next_lower)
    union all
    {%- for column in ['points', 'upper_points'] %}
    select
        seed_row,
        'found ' || {{ plain_text(column) }} || ' {{ column | replace('_', ' ') }}, expected 0 to '
        || 'the ' || {{ plain_text('points_possible') }} || ' of its criterion' || of_another
        || '; correct the points' as fault
    from counting
    where method = 'band' and {{ column }} not between 0 and points_possible
    union all
    {%- endfor %}
    select
        seed_row,
        'found no points, expected some as the criterion' || of_another || ' has no measure_code: '
        || 'there is nothing else that an assessor could give; fill in the points' as fault
    from counting
    where method = 'band' and takes_number and points is null
    union all
    select
        seed_row,
        'found a level of ' || {{ plain_text('lower') }} || ', expected a whole number, 0 or more, '
        || 'as an assessor gives it' || of_another || '; correct the bounds' as fault
    from counting
    where
        method = 'band' and takes_number and lower = upper
        and (lower < 0 or lower != trunc(lower))
    union all
    select
        seed_row,
        'found a band of a criterion with the method ' || method
        || ', expected band; remove the row or correct the method' as fault
    from counting
    where method != 'band'
    union all
    select
        {{ seed_row('rubric_criteria', ['lacking.rubric_id', 'lacking.criterion_code']) }}
            as seed_row,
        'found no bands' || of_another || ', expected some as the method is band; add them in '
        || 'seeds/rubric_bands.csv' as fault
    from (
        select
            criteria.stated_in as rubric_id,
            criteria.criterion_code,
            coalesce(' under ' || nullif(criteria.rubric_id, criteria.stated_in), '') as of_another
        from criteria
        anti join resolved
            on
                criteria.rubric_id = resolved.rubric_id
                and criteria.criterion_code = resolved.criterion_code
        where criteria.method = 'band'
    ) as lacking
)

select distinct seed_row || ': ' || fault as message
from faults
order by message
