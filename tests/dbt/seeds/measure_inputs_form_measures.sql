{{ config(meta={'dagster': {'ref': {'name': 'measure_inputs'}}}) }}
-- The inputs of a measure fit together: its alternatives follow each other, each has a numerator,
-- and a measure of measures is one of base measures, nothing else. A rival definition is formed as
-- the measures that it stands in for.
with rivals as (
    select
        rivals.rival_code,
        measures.quotient
    from {{ ref('rival_measures') }} as rivals
    inner join {{ ref('measures') }} as measures on rivals.measure_code = measures.measure_code
    anti join {{ ref('measures') }} as published on rivals.rival_code = published.measure_code
),

measures as (
    select
        measure_code,
        quotient,
        {{ seed_row('measures', ['measure_code']) }} as seed_row
    from {{ ref('measures') }}
    union all
    select
        rival_code as measure_code,
        max(quotient) as quotient,
        {{ seed_row('rival_measures', ['rival_code']) }} as seed_row
    from rivals
    group by rival_code
),

inputs as (
    select * from {{ ref('measure_inputs') }}
),

by_measure as (
    select
        measures.measure_code,
        measures.quotient,
        measures.seed_row,
        max(inputs.alternative) as last_alternative,
        count(distinct inputs.alternative) as alternatives_count,
        count(inputs.measure_code) as inputs_count,
        count(inputs.input_measure) as input_measures_count,
        count(*) filter (where inputs.role = 'denominator') as denominators_count,
        count(*) filter (where inputs.weight != 1) as weighted_count
    from measures
    left join inputs on measures.measure_code = inputs.measure_code
    group by measures.measure_code, measures.quotient, measures.seed_row
),

without_numerator as (
    select
        measure_code,
        alternative
    from inputs
    group by measure_code, alternative
    having count(*) filter (where role = 'numerator') = 0
),

faults as (
    select
        {{ seed_row('rival_measures', ['rival_code']) }} as seed_row,
        'found it for measures of the quotients '
        || string_agg(distinct quotient, ', ' order by quotient)
        || ', expected one quotient; make a rival of its own for each' as fault
    from rivals
    group by rival_code
    having count(distinct quotient) > 1
    union all
    select
        {{ seed_row('measure_inputs', ['measure_code']) }} as seed_row,
        'found ' || alternatives_count || ' alternatives up to number ' || last_alternative
        || ', expected numbers from 1 without gaps; renumber them' as fault
    from by_measure
    where last_alternative != alternatives_count
    union all
    select
        {{ seed_row('measure_inputs', ['measure_code', 'alternative']) }} as seed_row,
        'found no numerator, expected one at least; add it' as fault
    from without_numerator
    union all
    select
        seed_row,
        'found the quotient mean with ' || case
            when inputs_count = 0 then 'no inputs'
            when input_measures_count < inputs_count then 'inputs that are no measures'
            when denominators_count > 0 then 'a denominator'
            else 'weights other than 1'
        end
        || ', expected measures as numerators with the weight 1; correct the inputs or the quotient'
            as fault
    from by_measure
    where
        quotient = 'mean'
        and (
            inputs_count = 0
            or input_measures_count < inputs_count
            or denominators_count > 0
            or weighted_count > 0
        )
    union all
    select
        {{ seed_row('measure_inputs', ['measure_code']) }} as seed_row,
        'found inputs from measures beside inputs from tables, expected one or the other; '
        || 'make a measure of those from tables' as fault
    from by_measure
    where quotient != 'mean' and input_measures_count between 1 and inputs_count - 1
    union all
    select
        {{ seed_row('measure_inputs', ['measure_code']) }} as seed_row,
        'found ' || alternatives_count || ' alternatives of a measure of measures, expected one; '
        || 'give the alternatives to the measures that it is made of' as fault
    from by_measure
    where input_measures_count > 0 and alternatives_count > 1
    union all
    select
        {{ seed_row('measure_inputs', ['inputs.measure_code', 'inputs.input_measure']) }}
            as seed_row,
        'found an input_measure that is made of measures itself, expected one made of columns; '
        || 'name the measures that it is made of' as fault
    from inputs
    inner join by_measure on inputs.input_measure = by_measure.measure_code
    where by_measure.input_measures_count > 0
)

select seed_row || ': ' || fault as message
from faults
order by message
