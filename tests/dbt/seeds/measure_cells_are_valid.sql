{{ config(meta={'dagster': {'ref': {'name': 'measures'}}}) }}
-- Each cell of the measure seeds by itself: required, one of the codes, within its range; and only
-- those filled in that count for the input's source, which is a column or another measure.
with measures as (
    select * from {{ ref('measures') }}
),

measure_inputs as (
    select
        *,
        input_measure is not null as is_measure
    from {{ ref('measure_inputs') }}
),

cells as (
    select
        {{ seed_row('measures', ['measure_code']) }} as seed_row,
        unnest([
            {%- for text in ['measure_code', 'name_zh', 'name_en'] %}
            {
                'column_name': '{{ text }}',
                'found': {{ text }},
                'is_valid': trim({{ text }}) != '',
                'expected': 'a text'
            },
            {%- endfor %}
            {
                'column_name': 'kind',
                'found': kind,
                'is_valid': kind in ('ratio', 'count', 'level'),
                'expected': 'ratio, count or level'
            },
            {
                'column_name': 'quotient',
                'found': quotient,
                'is_valid': quotient in ('ratio', 'absolute', 'mean'),
                'expected': 'ratio, absolute or mean'
            }
        ], recursive := true)
    from measures
    union all by name
    select
        {{ seed_row('measure_inputs', [
            'measure_code', 'alternative', 'role', 'input_table', 'input_key', 'input_column',
            'input_measure', 'year_offset'
        ]) }} as seed_row,
        unnest([
            {
                'column_name': 'measure_code',
                'found': measure_code,
                'is_valid': trim(measure_code) != '',
                'expected': 'a measure of seeds/measures.csv'
            },
            {
                'column_name': 'alternative',
                'found': cast(alternative as varchar),
                'is_valid': alternative >= 1,
                'expected': 'the number of the alternative, from 1'
            },
            {
                'column_name': 'role',
                'found': role,
                'is_valid': role in ('numerator', 'denominator'),
                'expected': 'numerator or denominator'
            },
            {
                'column_name': 'input_table',
                'found': input_table,
                'is_valid': case
                    when is_measure then input_table is null
                    else trim(input_table) != ''
                end,
                'expected': case
                    when is_measure then 'an empty cell, as there is an input_measure'
                    else 'a table of the landing contract, or else an input_measure'
                end
            },
            {
                'column_name': 'input_column',
                'found': input_column,
                'is_valid': case
                    when is_measure then input_column is null
                    else trim(input_column) != ''
                end,
                'expected': case
                    when is_measure then 'an empty cell, as there is an input_measure'
                    else 'a column of the input_table, or else an input_measure'
                end
            },
            {%- for column in ['input_key', 'weight_column'] %}
            {
                'column_name': '{{ column }}',
                'found': {{ column }},
                'is_valid': {{ column }} is null or not is_measure,
                'expected': 'an empty cell, as it does not count for an input_measure'
            },
            {%- endfor %}
            {
                'column_name': 'aggregate',
                'found': aggregate,
                'is_valid': aggregate = 'sum' or (aggregate = 'count' and not is_measure),
                'expected': 'sum' || case
                    when is_measure then ', as it is a measure' else ' or count'
                end
            },
            {
                'column_name': 'weight',
                'found': {{ plain_text('weight') }},
                'is_valid': weight is not null,
                'expected': 'the weight of the input: 1, -1, 0.01 …'
            },
            {
                'column_name': 'cap',
                'found': {{ plain_text('cap') }},
                'is_valid': cap is null or is_measure,
                'expected': 'an empty cell, as it counts for an input_measure only'
            },
            {
                'column_name': 'year_offset',
                'found': cast(year_offset as varchar),
                'is_valid': year_offset = 0 or (year_offset < 0 and not is_measure),
                'expected': case
                    when is_measure then '0, as it is a measure of the same year'
                    else '0 for the year itself, -1 for the year before'
                end
            },
            {
                'column_name': 'is_required',
                'found': cast(is_required as varchar),
                'is_valid': is_required is not null,
                'expected': 'true or false'
            }
        ], recursive := true)
    from measure_inputs
)

select
    seed_row || ' column ' || column_name || ': found '
    || coalesce('''' || found || '''', 'nothing')
    || ', expected ' || expected || '; correct the cell' as message
from cells
where is_valid is not true
order by message
