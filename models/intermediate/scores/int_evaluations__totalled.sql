with indicators as (
    select * from {{ ref('int_indicators__scored') }}
),

rubrics as (
    select * from {{ ref('int_rubrics__defined') }}
),

rubric_indicators as (
    select * from {{ ref('int_rubrics__indicators') }}
),

grade_bands as (
    select * from {{ ref('int_rubrics__grades') }}
),

summed as (
    select
        indicators.unit_code,
        indicators.fiscal_year,
        indicators.rubric_id,
        any_value(rubrics.score_decimals) as score_decimals,
        any_value(rubrics.total_points) as total_points,
        bool_and(indicators.score is not null or indicators.is_excluded) as is_whole,
        sum(indicators.score) as score,
        sum(if(indicators.is_excluded, 0, indicators.points_possible)) as points_counted,
        sum(if(indicators.is_excluded, indicators.points_possible, 0)) as points_excluded,
        string_agg(rubric_indicators.level3, '、' order by rubric_indicators.sort_order) filter (
            where indicators.is_excluded
        ) as excluded_zh
    from indicators
    inner join rubrics using (rubric_id)
    left join rubric_indicators using (rubric_id, indicator_code)
    group by indicators.unit_code, indicators.fiscal_year, indicators.rubric_id
),

-- What is not applicable counts neither way: the other indicators stand for the whole.
extended as (
    select
        *,
        {{ quotient(
            'if(is_whole and points_excluded > 0, score, null) * total_points', 'points_counted',
            scale=18
        ) }} as extended_score
    from summed
),

totals as (
    select
        *,
        case
            when not is_whole or points_counted = 0 then null
            when points_excluded = 0 then score
            else {{ round_to('extended_score', 'score_decimals') }}
        end as total_score,
        case
            when points_excluded = 0 then null
            when points_counted = 0 then '无适用指标'
            else
                format(
                    '不适用：{}；总分按 {} ÷ {} 折算', excluded_zh,
                    {{ plain_text('total_points') }}, {{ plain_text('points_counted') }}
                )
        end as excluded_reason
    from extended
),

graded as (
    select
        totals.unit_code,
        totals.fiscal_year,
        totals.rubric_id,
        max_by(grade_bands.grade, grade_bands.lower) as grade,
        max(grade_bands.lower) > min(grade_bands.lower) as is_passed
    from totals
    inner join grade_bands
        on totals.rubric_id = grade_bands.rubric_id and totals.total_score >= grade_bands.lower
    group by totals.unit_code, totals.fiscal_year, totals.rubric_id
)

select
    totals.unit_code,
    totals.fiscal_year,
    totals.rubric_id,
    graded.grade,
    graded.is_passed,
    totals.points_excluded,
    totals.excluded_reason,
    cast(totals.total_score as decimal(9, 4)) as total_score
from totals
left join graded using (unit_code, fiscal_year, rubric_id)
