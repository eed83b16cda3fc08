with scored as (
    select * from {{ ref('int_criteria__scored') }}
),

criteria as (
    select * from {{ ref('rubric_criteria') }}
),

rubrics as (
    select * from {{ ref('rubrics') }}
),

measures as (
    select * from {{ ref('measures') }}
),

bands as (
    select * from {{ ref('int_points__band') }}
),

steps as (
    select * from {{ ref('int_points__step') }}
),

limits as (
    select
        criteria.rubric_id,
        criteria.criterion_code,
        list_distinct(
            list(bands.lower) || list(bands.upper)
            || [any_value(criteria.threshold), any_value(coalesce(criteria.full_mark_at, 1))]
        ) as limits
    from criteria
    left join {{ ref('rubric_bands') }} as bands
        on
            criteria.rubric_id = bands.rubric_id
            and criteria.criterion_code = bands.criterion_code
    group by criteria.rubric_id, criteria.criterion_code
),

worded as (
    select
        scored.*,
        criteria.sort_order,
        criteria.over_target,
        steps.steps,
        coalesce(criteria.full_mark_at, 1) as full_mark_at,
        coalesce(criteria.threshold, 0) = 0
        and coalesce(criteria.step_size, 1) = 1
        and (scored.measure_code is null or measures.kind = 'count') as is_counted,
        coalesce(
            measures.name_zh,
            regexp_replace(criteria.standard_zh, '[。；]$', ''),
            criteria.criterion_code
        ) as subject,
        {{ value_text('scored.value', "coalesce(measures.kind, 'count')", 'limits.limits') }}
            as value_zh,
        {{ value_text('coalesce(criteria.full_mark_at, 1)', 'measures.kind') }} as full_mark_zh,
        {{ value_text('coalesce(criteria.threshold, 0)', "coalesce(measures.kind, 'count')") }}
            as threshold_zh,
        {{ value_text('coalesce(criteria.step_size, 1)', "coalesce(measures.kind, 'count')") }}
            as step_size_zh,
        {{ value_text('bands.lower', 'measures.kind') }} as lower_zh,
        {{ value_text('bands.upper', 'measures.kind') }} as upper_zh,
        case when bands.lower_inclusive then '不低于' else '高于' end as above_lower_zh,
        case when bands.upper_inclusive then '不高于' else '低于' end as below_upper_zh,
        case when bands.lower_inclusive then '含' else '不含' end as at_lower_zh,
        case when bands.upper_inclusive then '含' else '不含' end as at_upper_zh,
        case coalesce(criteria.direction, 'above')
            when 'above' then '高于' when 'below' then '低于' else '偏离'
        end as beyond_zh,
        case coalesce(criteria.direction, 'above')
            when 'above' then '不高于' when 'below' then '不低于' else '等于'
        end as within_zh,
        case coalesce(criteria.step_rounding, 'whole')
            when 'up' then format('每 {}（不足的按 {} 计）', step_size_zh, step_size_zh)
            when 'proportional' then format('每 {}（按比例）', step_size_zh)
            else format('每满 {} ', step_size_zh)
        end as each_zh,
        {{ plain_text('steps.steps') }} as steps_zh,
        {{ plain_text('criteria.points_per_step') }} as points_per_step_zh,
        {{ plain_text('scored.points_possible') }} as points_zh,
        {{ plain_text(round_to('scored.points_awarded', 'rubrics.score_decimals')) }} as awarded_zh,
        {{ plain_text(
            round_to('abs(scored.points_possible - scored.points_awarded)', 'rubrics.score_decimals')
        ) }} as difference_zh
    from scored
    inner join criteria
        on scored.rubric_id = criteria.rubric_id and scored.criterion_code = criteria.criterion_code
    inner join limits
        on scored.rubric_id = limits.rubric_id and scored.criterion_code = limits.criterion_code
    inner join rubrics on scored.rubric_id = rubrics.rubric_id
    left join measures on scored.measure_code = measures.measure_code
    left join bands
        on
            scored.unit_code = bands.unit_code
            and scored.fiscal_year = bands.fiscal_year
            and scored.rubric_id = bands.rubric_id
            and scored.criterion_code = bands.criterion_code
    left join steps
        on
            scored.unit_code = steps.unit_code
            and scored.fiscal_year = steps.fiscal_year
            and scored.rubric_id = steps.rubric_id
            and scored.criterion_code = steps.criterion_code
),

-- First what was found and the rule it falls under, then what it costs.
found as (
    select
        *,
        subject || case
            when basis = 'withheld' then '：数据规则未通过，暂不评分'
            when basis = 'missing' and measure_code is not null then ' 缺少数据，无法评分'
            when basis = 'missing' then '：缺少评定结果，无法评分'
            when method = 'veto' and is_vetoing
                then format('：发现 {} 项，本项指标不得分', value_zh)
            when method = 'veto' then '：未发现'
            when basis = 'default' and when_undefined = 'full'
                then ' 无发生数（0 ÷ 0），按规则得满分'
            when basis = 'default' then ' 无发生数（0 ÷ 0），按规则不得分'
            when measure_status = 'unbounded' then ' 分母为 0 而分子不为 0，不得分'
            when counts_violations and is_counted
                then format('：发现 {} 项，每项扣 {} 分', value_zh, points_per_step_zh)
            when basis = 'assessed' and measure_code is not null
                then format(' 缺少数据，按评定计分（满分 {} 分）', points_zh)
            when basis = 'assessed' and not counts_violations
                then format('：评定计分（满分 {} 分）', points_zh)
            when method = 'linear' and value > full_mark_at and over_target = 'zero'
                then format(' {} 高于 {}，不得分', value_zh, full_mark_zh)
            when
                method = 'linear'
                and value > full_mark_at
                and coalesce(over_target, 'cap') = 'cap'
                then format(' {} 高于 {}，按满分计', value_zh, full_mark_zh)
            when method = 'linear' and full_mark_at = 1
                then format(' {}，按 {} 分 × {} 计分', value_zh, points_zh, value_zh)
            when method = 'linear'
                then format(
                    ' {}，按 {} 分 × {} ÷ {} 计分', value_zh, points_zh, value_zh, full_mark_zh
                )
            when method = 'band' and lower_zh is null and upper_zh is null then ' ' || value_zh
            when method = 'band' and lower_zh is null
                then format(' {} {} {}', value_zh, below_upper_zh, upper_zh)
            when method = 'band' and upper_zh is null
                then format(' {} {} {}', value_zh, above_lower_zh, lower_zh)
            when method = 'band'
                then format(
                    ' {} 在 {}（{}）至 {}（{}）之间',
                    value_zh, lower_zh, at_lower_zh, upper_zh, at_upper_zh
                )
            when method = 'step' and is_counted
                then format(' {} 项，每项扣 {} 分', value_zh, points_per_step_zh)
            when method = 'step' and steps = 0
                then format(' {}，在规定范围（{} {}）内', value_zh, within_zh, threshold_zh)
            when method = 'step'
                then format(
                    ' {} {} {}，超出部分{}扣 {} 分，计 {} 步',
                    value_zh, beyond_zh, threshold_zh, each_zh, points_per_step_zh, steps_zh
                )
        end as finding_zh
    from worded
)

select
    unit_code,
    fiscal_year,
    rubric_id,
    indicator_code,
    criterion_code,
    sort_order,
    method,
    measure_code,
    value,
    basis,
    is_vetoing,
    points_possible,
    points_awarded,
    finding_zh || case
        when points_awarded is null or method = 'veto' then ''
        when difference_zh = '0' then '，得 ' || awarded_zh || ' 分'
        when points_awarded < points_possible then '，扣 ' || difference_zh || ' 分'
        when points_awarded > points_possible
            then '，得 ' || awarded_zh || ' 分，超出 ' || difference_zh || ' 分'
    end || case
        when basis = 'assessed' and assessment_basis is not null
            then '（依据：' || assessment_basis || '）'
        else ''
    end as explanation_zh
from found
