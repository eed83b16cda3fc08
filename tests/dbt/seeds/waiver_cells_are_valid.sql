{{ config(meta={'dagster': {'ref': {'name': 'waivers'}}}) }}
-- A waiver says what it lifts, why, by whom and until when. Whether there is such a rule, and such
-- a finding, is seen when the data rules have run.
with waivers as (
    select * from {{ ref('waivers') }}
),

cells as (
    select
        {{ seed_row('waivers', ['rule_id', 'unit_code', 'fiscal_year']) }} as seed_row,
        unnest([
            {%- for column, expected in {
                'rule_id': 'a critical data rule of expectations/rules.yml',
                'unit_code': 'a department',
                'fiscal_year': 'a fiscal year',
                'reason': 'why it is waived',
                'approved_by': 'who decided it',
                'expires_on': 'the last day of the waiver',
            }.items() %}
            {
                'column_name': '{{ column }}',
                'found': cast({{ column }} as varchar),
                'expected': '{{ expected }}'
            }{{ "," if not loop.last }}
            {%- endfor %}
        ], recursive := true)
    from waivers
)

select
    seed_row || ' column ' || column_name || ': found '
    || coalesce('''' || found || '''', 'nothing') || ', expected ' || expected
    || '; correct the cell' as message
from cells
where coalesce(trim(found), '') = ''
order by message
