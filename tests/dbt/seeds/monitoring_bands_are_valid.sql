{{ config(meta={'dagster': {'ref': {'name': 'monitoring_bands'}}}) }}
-- Each cell by itself; a place has one month; the bands of each thing that a subject may be held
-- against hold every value once, and each has some that hold for all places.
{%- set held = {
    'department': ['calendar'],
    'project': ['calendar'],
    'target': ['calendar', 'year', 'ceiling', 'deadline', 'statement'],
} %}
{%- set lights = ['green', 'yellow', 'red'] %}
with bands as (
    select
        *,
        coalesce(city, '') as of_city,
        coalesce(district, '') as of_district,
        {{ seed_row(
            'monitoring_bands',
            ['city', 'district', 'subject_type', 'held_against'], ['lower', 'upper'],
        ) }} as seed_row
    from {{ ref('monitoring_bands') }}
),

in_order as (
    {{ bands_in_order('bands', ['of_city', 'of_district', 'subject_type', 'held_against']) }}
),

cells as (
    select
        seed_row,
        unnest([
            {
                'column_name': 'month',
                'found': cast(month as varchar),
                'is_valid': month between 1 and 12,
                'expected': 'the last month that is monitored, 1 to 12'
            },
            {
                'column_name': 'city',
                'found': city,
                'is_valid': district is null or city is not null,
                'expected': 'the city of the district'
            },
            {
                'column_name': 'subject_type',
                'found': subject_type,
                'is_valid': subject_type in ('{{ held | join("', '") }}'), -- noqa: LT05
                'expected': '{{ held | join(", ") }}'
            },
            {
                'column_name': 'held_against',
                'found': held_against,
                'is_valid': case subject_type
                    {%- for subject, codes in held.items() %}
                    when '{{ subject }}' then held_against in ('{{ codes | join("', '") }}') -- noqa: LT05
                    {%- endfor %}
                    else held_against is not null
                end,
                'expected': case subject_type
                    {%- for subject, codes in held.items() %}
                    when '{{ subject }}' then '{{ codes | join(", ") }}'
                    {%- endfor %}
                    else 'what the subject is held against'
                end
            },
            {
                'column_name': 'light',
                'found': light,
                'is_valid': light in ('{{ lights | join("', '") }}'), -- noqa: LT05
                'expected': '{{ lights | join(", ") }}'
            },
            {%- for bound in ['lower', 'upper'] %}
            {
                'column_name': '{{ bound }}_inclusive',
                'found': cast({{ bound }}_inclusive as varchar),
                'is_valid': {{ bound }} is null or {{ bound }}_inclusive is not null,
                'expected': 'true or false'
            },
            {%- endfor %}
            {
                'column_name': 'source',
                'found': source,
                'is_valid': trim(source) != '',
                'expected': 'where the threshold is from'
            }
        ], recursive := true)
    from bands
),

faults as (
    select
        seed_row,
        ' column ' || column_name || ': found ' || coalesce('''' || found || '''', 'nothing')
        || ', expected ' || expected || '; correct the cell' as fault
    from cells
    where not coalesce(is_valid, false)
    union all
    select
        seed_row,
        ' column month: found ''' || month || ''', expected ' || first_month
        || ' as in other rows of the place, which has one month; correct the cell' as fault
    from (
        select
            *,
            min(month) over (partition by of_city, of_district) as first_month
        from bands
    ) as placed
    where month != first_month
    union all
    select
        seed_row,
        ': ' || fault as fault
    from ({{ faulty_bounds('in_order', may_be_levels=false) }}) as bounds
    union all
    select
        'seeds/monitoring_bands.csv' as seed_row,
        ': found no bands of subject_type ' || asked.subject_type || ' and held_against '
        || asked.held_against
        || ' without a city, expected some, which hold where a place has none; add them' as fault
    from (
        values
        {%- for subject, codes in held.items() %}
        {%- set is_last = loop.last %}
        {%- for code in codes %}
        ('{{ subject }}', '{{ code }}'){{ "," if not (is_last and loop.last) }}
        {%- endfor %}
        {%- endfor %}
    ) as asked (subject_type, held_against)
    anti join (
        select * from bands
        where city is null and district is null
    ) as default_bands using (subject_type, held_against)
)

select distinct seed_row || fault as message
from faults
order by message
