with shown as (
    select * from {{ ref('int_criteria__shown') }}
),

patterns as (
    select map(list(pattern_code), list(pattern_zh)) as zh
    from {{ ref('explanation_patterns') }}
),

-- What was found and the rule it falls under, what it costs, and what it rests on.
worded as (
    select
        shown.*,
        {{ pattern('case_code') }} || case
            when shown.points_awarded is null or shown.method = 'veto' then ''
            when shown.is_deduction then {{ pattern("'points_lost'") }}
            when shown.difference_zh = '0' then {{ pattern("'points_full'") }}
            when shown.points_awarded < shown.points_possible then {{ pattern("'points_lost'") }}
            else {{ pattern("'points_exceeded'") }}
        end || case
            when shown.basis = 'assessed' and shown.assessment_basis_zh is not null
                then {{ pattern("'assessed_by'") }}
            else ''
        end as sentence_zh,
        {{ pattern("'beyond_' || direction") }} as beyond_zh,
        {{ pattern("'within_' || direction") }} as within_zh,
        {{ pattern("'each_' || step_rounding") }} as each_zh,
        if(
            shown.lower_inclusive,
            {{ pattern("'bound_included'") }}, {{ pattern("'bound_excluded'") }}
        ) as at_lower_zh,
        if(
            shown.upper_inclusive,
            {{ pattern("'bound_included'") }}, {{ pattern("'bound_excluded'") }}
        ) as at_upper_zh
    from shown
    cross join patterns
),

-- First the words that have names in braces themselves.
filled as (
    select
        * exclude (sentence_zh),
        {{ filled('sentence_zh', explanation_texts()[:5]) }} as sentence_zh
    from worded
)

select
    rubric_id,
    criterion_code,
    value,
    basis,
    case_code,
    points_awarded,
    assessment_basis_zh as assessment_basis,
    subject_zh,
    value_zh,
    {{ filled('sentence_zh', explanation_texts()[5:]) }} as explanation_zh
from filled
