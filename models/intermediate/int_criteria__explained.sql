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
        criteria.step_rounding,
        steps.steps,
        coalesce(criteria.direction, 'above') as direction,
        coalesce(criteria.full_mark_at, 1) as full_mark_at,
        coalesce(criteria.threshold, 0) = 0 and coalesce(criteria.step_size, 1) = 1
            and (scored.measure_code is null or measures.kind = 'count') as is_counted,
        coalesce(
            measures.name_zh,
            regexp_replace(criteria.standard_zh, '[。；]$', ''),
            criteria.criterion_code
        ) as subject,
        {{ value_text('scored.value', "coalesce(measures.kind, 'count')", 'limits.limits') }} as value_zh,
        {{ value_text('coalesce(criteria.full_mark_at, 1)', 'measures.kind') }} as full_mark_zh,
        {{ value_text('coalesce(criteria.threshold, 0)', "coalesce(measures.kind, 'count')") }}
            as threshold_zh,
        {{ value_text('coalesce(criteria.step_size, 1)', "coalesce(measures.kind, 'count')") }}
            as step_size_zh,
        {{ value_text('bands.lower', 'measures.kind') }} as lower_zh,
        {{ value_text('bands.upper', 'measures.kind') }} as upper_zh,
        bands.lower_inclusive,
        bands.upper_inclusive,
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
            when method = 'veto' and is_vetoing then '：发现 ' || value_zh || ' 项，本项指标不得分'
            when method = 'veto' then '：未发现'
            when basis = 'default'
                then ' 无发生数（0 ÷ 0），按规则'
                    || case when when_undefined = 'full' then '得满分' else '不得分' end
            when measure_status = 'unbounded' then ' 分母为 0 而分子不为 0，不得分'
            when basis = 'assessed' and counts_violations
                then '：发现 ' || value_zh || ' 项，每项扣 ' || points_per_step_zh || ' 分'
            when basis = 'assessed' and measure_code is not null
                then ' 缺少数据，按评定计分（满分 ' || points_zh || ' 分）'
            when basis = 'assessed' then '：评定计分（满分 ' || points_zh || ' 分）'
            when method = 'linear' and value > full_mark_at and over_target = 'zero'
                then ' ' || value_zh || ' 高于 ' || full_mark_zh || '，不得分'
            when method = 'linear' and value > full_mark_at
                and coalesce(over_target, 'cap') = 'cap'
                then ' ' || value_zh || ' 高于 ' || full_mark_zh || '，按满分计'
            when method = 'linear'
                then ' ' || value_zh || '，按 ' || points_zh || ' 分 × ' || value_zh
                    || case when full_mark_at = 1 then '' else ' ÷ ' || full_mark_zh end || ' 计分'
            when method = 'band' and lower_zh is null and upper_zh is null then ' ' || value_zh
            when method = 'band' and lower_zh is null
                then ' ' || value_zh || case when upper_inclusive then ' 不高于 ' else ' 低于 ' end
                    || upper_zh
            when method = 'band' and upper_zh is null
                then ' ' || value_zh || case when lower_inclusive then ' 不低于 ' else ' 高于 ' end
                    || lower_zh
            when method = 'band'
                then ' ' || value_zh || ' 在 ' || lower_zh
                    || case when lower_inclusive then '（含）至 ' else '（不含）至 ' end || upper_zh
                    || case when upper_inclusive then '（含）之间' else '（不含）之间' end
            when method = 'step' and is_counted
                then ' ' || value_zh || ' 项，每项扣 ' || points_per_step_zh || ' 分'
            when method = 'step' and steps = 0 then ' ' || value_zh || '，在规定范围（'
                || case direction when 'above' then '不高于 ' when 'below' then '不低于 ' else '等于 ' end || threshold_zh || '）内'
            when method = 'step'
                then ' ' || value_zh || case direction
                    when 'above' then ' 高于 ' when 'below' then ' 低于 ' else ' 偏离 '
                end || threshold_zh || '，超出部分每' || case step_rounding
                    when 'up' then ' ' || step_size_zh || '（不足的按 ' || step_size_zh || ' 计）'
                    when 'proportional' then ' ' || step_size_zh || '（按比例）'
                    else '满 ' || step_size_zh || ' '
                end || '扣 ' || points_per_step_zh || ' 分，计 ' || {{ plain_text('steps') }} || ' 步'
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
        when points_awarded < points_possible then '，扣 ' || difference_zh || ' 分'
        when points_awarded > points_possible
            then '，得 ' || awarded_zh || ' 分，超出 ' || difference_zh || ' 分'
        else '，得 ' || awarded_zh || ' 分'
    end || case
        when basis = 'assessed' and assessment_basis is not null
            then '（依据：' || assessment_basis || '）'
        else ''
    end as explanation_zh
from found
