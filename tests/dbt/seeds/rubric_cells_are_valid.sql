{{ config(meta={'dagster': {'ref': {'name': 'rubric_criteria'}}}) }}
-- Each cell of the rubric seeds by itself: required, one of the codes, within its range. Which
-- options a method reads is the concern of method_options_are_read.
{%- set unit_types = accepted_values('departments', 'unit_type') %}
with rubrics as (
    select * from {{ ref('rubrics') }}
),

assignments as (
    select * from {{ ref('rubric_assignments') }}
),

-- Empty points of a rubric that is based on another take the row out: its other cells say nothing.
indicators as (
    select
        indicators.*,
        rubrics.based_on,
        indicators.points is null and rubrics.based_on is not null as is_taken_out
    from {{ ref('rubric_indicators') }} as indicators
    left join rubrics on indicators.rubric_id = rubrics.rubric_id
),

criteria as (
    select
        criteria.*,
        rubrics.based_on,
        criteria.points is null and rubrics.based_on is not null as is_taken_out
    from {{ ref('rubric_criteria') }} as criteria
    left join rubrics on criteria.rubric_id = rubrics.rubric_id
),

bands as (
    select * from {{ ref('rubric_bands') }}
),

grade_bands as (
    select * from {{ ref('grade_bands') }}
),

cells as (
    select
        {{ seed_row('rubrics', ['rubric_id']) }} as seed_row,
        unnest([
            {%- for text in ['rubric_id', 'name'] %}
            {
                'column_name': '{{ text }}',
                'found': {{ text }},
                'is_valid': trim({{ text }}) != '',
                'expected': 'a text'
            },
            {%- endfor %}
            {
                'column_name': 'score_decimals',
                'found': cast(score_decimals as varchar),
                'is_valid': score_decimals is null or score_decimals between 0 and 4,
                'expected': 'a number of decimals from 0 to 4, or an empty cell for 2'
            },
            {
                'column_name': 'total_points',
                'found': {{ plain_text('total_points') }},
                'is_valid': total_points is null or total_points > 0,
                'expected': 'points above 0, or an empty cell for 100'
            }
        ], recursive := true)
    from rubrics
    union all by name
    select
        {{ seed_row('rubric_assignments', [
            'city', 'district', 'unit_type', 'unit_code', 'fiscal_year_from', 'rubric_id',
        ]) }} as seed_row,
        unnest([
            {
                'column_name': 'rubric_id',
                'found': rubric_id,
                'is_valid': trim(rubric_id) != '',
                'expected': 'a text'
            },
            {%- for text in ['city', 'district', 'unit_code'] %}
            {
                'column_name': '{{ text }}',
                'found': {{ text }},
                'is_valid': {{ text }} is null or trim({{ text }}) != '',
                'expected': 'a text, or an empty cell for any'
            },
            {%- endfor %}
            {
                'column_name': 'unit_type',
                'found': unit_type,
                'is_valid': unit_type is null
                or list_contains({{ unit_types }}, unit_type),
                'expected': 'one of {{ unit_types | join(", ") }}, '
                || 'or an empty cell for any'
            },
            {
                'column_name': 'role',
                'found': role,
                'is_valid': role in ('official', 'comparison'),
                'expected': 'official or comparison'
            },
            {
                'column_name': 'fiscal_year_to',
                'found': cast(fiscal_year_to as varchar),
                'is_valid': fiscal_year_to is null
                or coalesce(fiscal_year_from <= fiscal_year_to, true),
                'expected': 'no year before fiscal_year_from, or an empty cell'
            }
        ], recursive := true)
    from assignments
    union all by name
    select
        {{ seed_row('rubric_indicators', ['rubric_id', 'indicator_code']) }} as seed_row,
        unnest([
            {%- for text in [
                'rubric_id', 'indicator_code', 'level1', 'level2', 'level3', 'name_en',
                'standard_zh',
            ] %}
            {
                'column_name': '{{ text }}',
                'found': {{ text }},
                'is_valid': trim({{ text }}) != ''
                {{- " or is_taken_out" if not loop.first and text != 'indicator_code' }},
                'expected': 'a text'
            },
            {%- endfor %}
            {
                'column_name': 'points',
                'found': {{ plain_text('points') }},
                'is_valid': points >= 0 or is_taken_out,
                'expected': 'points, 0 or more'
            },
            {
                'column_name': 'sort_order',
                'found': cast(sort_order as varchar),
                'is_valid': sort_order is not null or is_taken_out,
                'expected': 'the place of the indicator in its rubric'
            }
        ], recursive := true)
    from indicators
    union all by name
    select
        {{ seed_row('rubric_criteria', ['rubric_id', 'indicator_code', 'criterion_code']) }}
            as seed_row,
        unnest([
            {%- for text in ['rubric_id', 'indicator_code', 'criterion_code'] %}
            {
                'column_name': '{{ text }}',
                'found': {{ text }},
                'is_valid': trim({{ text }}) != ''
                {{- " or is_taken_out" if text == 'indicator_code' }},
                'expected': 'a text'
            },
            {%- endfor %}
            {
                'column_name': 'sort_order',
                'found': cast(sort_order as varchar),
                'is_valid': sort_order is not null or is_taken_out,
                'expected': 'the place of the criterion in its rubric'
            },
            {
                'column_name': 'method',
                'found': method,
                'is_valid': method in ('linear', 'band', 'step', 'assessed', 'veto')
                or is_taken_out,
                'expected': 'linear, band, step, assessed or veto'
            },
            {
                'column_name': 'points',
                'found': {{ plain_text('points') }},
                'is_valid': is_taken_out
                or case when method = 'veto' then points = 0 else points >= 0 end,
                'expected': case
                    when method = 'veto' then '0, as a veto criterion gives no points'
                    else 'points, 0 or more'
                end
            },
            {
                'column_name': 'full_mark_at',
                'found': {{ plain_text('full_mark_at') }},
                'is_valid': full_mark_at is null or full_mark_at > 0,
                'expected': 'a value above 0, or an empty cell for 1'
            },
            {
                'column_name': 'over_target',
                'found': over_target,
                'is_valid': over_target is null or over_target in ('cap', 'exceed', 'zero'),
                'expected': 'cap, exceed or zero, or an empty cell for cap'
            },
            {
                'column_name': 'direction',
                'found': direction,
                'is_valid': direction is null or direction in ('above', 'below')
                or (direction = 'both' and method != 'linear'),
                'expected': case
                    when method = 'linear' then 'above or below, or an empty cell for above'
                    else 'above, below or both, or an empty cell for above'
                end
            },
            {
                'column_name': 'step_size',
                'found': {{ plain_text('step_size') }},
                'is_valid': step_size is null or step_size > 0,
                'expected': 'a value above 0, or an empty cell for 1'
            },
            {
                'column_name': 'points_per_step',
                'found': {{ plain_text('points_per_step') }},
                'is_valid': points_per_step is null or points_per_step > 0,
                'expected': 'the points that a step costs, above 0'
            },
            {
                'column_name': 'step_rounding',
                'found': step_rounding,
                'is_valid': step_rounding is null
                or step_rounding in ('whole', 'up', 'proportional'),
                'expected': 'whole, up or proportional, or an empty cell for whole'
            },
            {%- for option in ['when_undefined', 'when_unbounded'] %}
            {
                'column_name': '{{ option }}',
                'found': {{ option }},
                'is_valid': {{ option }} is null
                or {{ option }} in ('full', 'zero', 'assessed', 'exclude'),
                'expected': 'full, zero, assessed or exclude, or an empty cell for zero'
            },
            {%- endfor %}
            {
                'column_name': 'choice',
                'found': choice,
                'is_valid': choice is null or trim(choice) != '',
                'expected': 'a code that the criteria of a choice share, or an empty cell'
            },
            {
                'column_name': 'standard_zh',
                'found': standard_zh,
                'is_valid': trim(standard_zh) != '' or measure_code is not null or is_taken_out,
                'expected': 'the clause, as explanations quote it where there is no measure_code'
            }
        ], recursive := true)
    from criteria
    union all by name
    select
        {{ seed_row('rubric_bands', ['rubric_id', 'criterion_code'], ['lower', 'upper']) }}
            as seed_row,
        unnest([
            {%- for text in ['rubric_id', 'criterion_code'] %}
            {
                'column_name': '{{ text }}',
                'found': {{ text }},
                'is_valid': trim({{ text }}) != '',
                'expected': 'a text'
            },
            {%- endfor %}
            {%- for bound in ['lower', 'upper'] %}
            {
                'column_name': '{{ bound }}_inclusive',
                'found': cast({{ bound }}_inclusive as varchar),
                'is_valid': {{ bound }} is null or {{ bound }}_inclusive is not null,
                'expected': 'true or false, as the band has a bound {{ bound }}'
            },
            {%- endfor %}
            {
                'column_name': 'points',
                'found': {{ plain_text('points') }},
                'is_valid': points is not null or upper_points is null,
                'expected': 'the points at the lower bound, as the band has upper_points'
            },
            {
                'column_name': 'upper_points',
                'found': {{ plain_text('upper_points') }},
                'is_valid': upper_points is null or coalesce(lower < upper, false),
                'expected': 'an empty cell, as a straight line needs two bounds, lower below upper'
            }
        ], recursive := true)
    from bands
    union all by name
    select
        {{ seed_row('grade_bands', ['rubric_id', 'grade']) }} as seed_row,
        unnest([
            {%- for text in ['rubric_id', 'grade'] %}
            {
                'column_name': '{{ text }}',
                'found': {{ text }},
                'is_valid': trim({{ text }}) != '',
                'expected': 'a text'
            },
            {%- endfor %}
            {
                'column_name': 'lower',
                'found': {{ plain_text('lower') }},
                'is_valid': lower is not null,
                'expected': 'the least total of the grade'
            }
        ], recursive := true)
    from grade_bands
)

select
    seed_row || ' column ' || column_name || ': found '
    || coalesce('''' || found || '''', 'nothing')
    || ', expected ' || expected || '; correct the cell' as message
from cells
where is_valid is not true
order by message
