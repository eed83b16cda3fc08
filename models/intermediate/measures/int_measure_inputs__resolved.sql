with measures as (
    select * from {{ ref('measures') }}
),

measure_inputs as (
    select * from {{ ref('measure_inputs') }}
),

-- A measure without inputs is the bureau's own: its quotient comes from unit_measures.
own_measures as (
    select measures.measure_code
    from measures
    left join measure_inputs using (measure_code)
    where measure_inputs.measure_code is null
),

all_inputs as (
    select
        measure_code,
        alternative,
        role,
        input_table,
        input_key,
        input_column,
        input_measure,
        aggregate,
        weight,
        weight_column,
        cap,
        year_offset,
        is_required
    from measure_inputs
    union all by name
    select
        own_measures.measure_code,
        1 as alternative,
        quotient.role,
        'unit_measures' as input_table,
        'measure_code=' || own_measures.measure_code as input_key,
        quotient.role as input_column,
        'sum' as aggregate,
        1 as weight,
        0 as year_offset,
        true as is_required
    from own_measures
    cross join (values ('numerator'), ('denominator')) as quotient (role)
),

numbered as (
    select
        *,
        row_number() over (
            order by
                measure_code, alternative, role, input_table, input_key, input_column,
                input_measure, year_offset, weight
        ) as input_no
    from all_inputs
)

-- `a=1&b=2|a=3`: records with both a=1 and b=2, and those with a=3.
select
    input_no,
    measure_code,
    alternative,
    role,
    input_table,
    input_column,
    input_measure,
    aggregate,
    weight,
    weight_column,
    cap,
    year_offset,
    is_required,
    measure_code not in (select measures.measure_code from measures) as is_rival,
    {{ terms('record_filter') }} as record_terms
from numbered
cross join unnest(string_split(coalesce(input_key, ''), '|')) as filters (record_filter)
