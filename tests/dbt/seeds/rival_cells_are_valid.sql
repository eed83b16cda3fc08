{{ config(meta={'dagster': {'ref': {'name': 'rival_measures'}}}) }}
-- Each cell of the seeds that explain mismatches by itself: required, one of the codes, within its
-- range; and a figure is only reported of a measure.
with measures as (
    select * from {{ ref('measures') }}
),

rivals as (
    select
        rival_measures.*,
        measures.measure_code is not null as is_measure
    from {{ ref('rival_measures') }} as rival_measures
    left join measures on rival_measures.rival_code = measures.measure_code
),

rival_sums as (
    select
        sums.*,
        measures.measure_code is not null or rivals.rival_code is not null as is_computed,
        coalesce(sums.rival_code = sums.measure_code and sums.rival_role = sums.role, false)
            as is_itself
    from {{ ref('rival_sums') }} as sums
    left join measures on sums.rival_code = measures.measure_code
    left join (select distinct measure_code, rival_code from rivals) as rivals
        on sums.measure_code = rivals.measure_code and sums.rival_code = rivals.rival_code
),

figure_variants as (
    select * from {{ ref('figure_variants') }}
),

cells as (
    select
        {{ seed_row('rival_measures', ['measure_code', 'rival_code', 'is_reported']) }} as seed_row,
        unnest([
            {
                'column_name': 'measure_code',
                'found': measure_code,
                'is_valid': trim(measure_code) != '',
                'expected': 'a measure of seeds/measures.csv'
            },
            {
                'column_name': 'rival_code',
                'found': rival_code,
                'is_valid': case
                    when is_reported then is_measure else rival_code != measure_code
                end,
                'expected': case
                    when is_reported
                        then 'a measure of seeds/measures.csv, as it is the one that is reported'
                    else 'another measure, or a code of its own in seeds/measure_inputs.csv'
                end
            },
            {
                'column_name': 'is_reported',
                'found': cast(is_reported as varchar),
                'is_valid': is_reported is not null,
                'expected': 'true or false'
            },
            {
                'column_name': 'divisor',
                'found': {{ plain_text('divisor') }},
                'is_valid': divisor > 0,
                'expected': 'what the rival is divided by, above 0: 1, 0.25 …'
            },
            {
                'column_name': 'sort_order',
                'found': cast(sort_order as varchar),
                'is_valid': sort_order is not null,
                'expected': 'a number: the lowest is tried first'
            },
            {
                'column_name': 'reason_zh',
                'found': reason_zh,
                'is_valid': trim(reason_zh) != '',
                'expected': 'a text'
            }
        ], recursive := true)
    from rivals
    union all by name
    select
        {{ seed_row('figure_variants', ['variant_code']) }} as seed_row,
        unnest([
            {
                'column_name': 'variant_code',
                'found': variant_code,
                'is_valid': trim(variant_code) != '',
                'expected': 'a text'
            },
            {
                'column_name': 'sort_order',
                'found': cast(sort_order as varchar),
                'is_valid': sort_order is not null,
                'expected': 'a number: the lowest is tried first'
            },
            {
                'column_name': 'definition',
                'found': definition,
                'is_valid': definition in ('own', 'sum', 'rival'),
                'expected': 'own or rival, or sum for a sum or a cell'
            },
            {
                'column_name': 'factor',
                'found': {{ plain_text('factor') }},
                'is_valid': factor != 0,
                'expected': 'what the value is multiplied by: 1, 100, 0.0001, -1 …'
            },
            {
                'column_name': 'rounding',
                'found': rounding,
                'is_valid': rounding in ('half_up', 'half_even', 'down', 'off_by_one'),
                'expected': 'half_up, half_even, down or off_by_one'
            },
            {
                'column_name': 'digits_needed',
                'found': cast(digits_needed as varchar),
                'is_valid': digits_needed >= 1,
                'expected': 'the number of significant digits that must be printed, from 1'
            },
            {
                'column_name': 'reason_zh',
                'found': reason_zh,
                'is_valid': coalesce(trim(reason_zh) != '', definition = 'rival'),
                'expected': 'a text, as there is no rival that has one'
            }
        ], recursive := true)
    from figure_variants
    union all by name
    select
        {{ seed_row('rival_sums', ['measure_code', 'role', 'rival_code']) }} as seed_row,
        unnest([
            {%- for text in ['measure_code', 'reason_zh'] %}
            {
                'column_name': '{{ text }}',
                'found': {{ text }},
                'is_valid': trim({{ text }}) != '',
                'expected': 'a text'
            },
            {%- endfor %}
            {
                'column_name': 'role',
                'found': role,
                'is_valid': role in ('numerator', 'denominator'),
                'expected': 'numerator or denominator'
            },
            {
                'column_name': 'rival_code',
                'found': rival_code,
                'is_valid': is_computed and trim(rival_code) != '',
                'expected': 'a measure, or a rival of the measure in seeds/rival_measures.csv'
            },
            {
                'column_name': 'rival_role',
                'found': rival_role,
                'is_valid': rival_role in ('numerator', 'denominator') and not is_itself,
                'expected': 'numerator or denominator, and of the measure itself the other one'
            },
            {
                'column_name': 'sort_order',
                'found': cast(sort_order as varchar),
                'is_valid': sort_order is not null,
                'expected': 'a number: the lowest is tried first'
            }
        ], recursive := true)
    from rival_sums
)

select
    seed_row || ' column ' || column_name || ': found '
    || coalesce('''' || found || '''', 'nothing')
    || ', expected ' || expected || '; correct the cell' as message
from cells
where is_valid is not true
order by message
