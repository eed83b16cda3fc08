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
    {{ bands_in_order('bands', ['counting_in', 'criterion_code']) }}
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

faults as (
    {{ faulty_bounds('in_order') }}
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
