with mismatches as (
    select
        *,
        item_code as indicator_code
    from {{ ref('int_reconciliation__compared') }}
    where item_type = 'indicator_score' and verdict = 'mismatch'
),

reported as (
    select * from {{ ref('int_scores__reported') }}
),

rubrics as (
    select * from {{ ref('int_rubrics__defined') }}
),

indicators as (
    select * from {{ ref('int_indicators__scored') }}
),

criteria as (
    select * from {{ ref('int_criteria__explained') }}
),

items as (
    select
        mismatches.unit_code,
        mismatches.fiscal_year,
        mismatches.item_type,
        mismatches.item_code,
        mismatches.indicator_code,
        mismatches.location,
        indicators.rubric_id,
        indicators.is_vetoed,
        indicators.points_possible,
        nullif(indicators.points_counted, indicators.points_possible) as points_left,
        indicators.points_awarded,
        indicators.score,
        rubrics.score_decimals,
        reported.reported_score,
        length(split_part(mismatches.reported_text, '.', 2)) as printed_decimals
    from mismatches
    inner join reported using (unit_code, fiscal_year, indicator_code)
    inner join indicators using (unit_code, fiscal_year, rubric_id, indicator_code)
    inner join rubrics using (rubric_id)
),

by_criterion as (
    select
        items.*,
        criteria.sort_order,
        criteria.subject_zh,
        criteria.is_vetoing,
        criteria.points_possible - criteria.points_awarded as points_lost,
        sum(criteria.points_awarded) over item as points_of_criteria,
        count(*) filter (where criteria.is_vetoing) over item as vetoes_count
    from items
    inner join criteria using (unit_code, fiscal_year, rubric_id, indicator_code)
    window item as (partition by items.unit_code, items.fiscal_year, items.indicator_code)
),

-- The score that the indicator would have if the criterion took nothing off.
waived as (
    select
        *,
        {{ held_points(
            'points_of_criteria + case when is_vetoed then 0 else points_lost end',
            'points_left', 'points_possible'
        ) }} as waived_points,
        {{ round_to('waived_points', 'score_decimals') }} = reported_score as explains_alone,
        count(*) over item > 1 and reported_score = points_possible as explains_with_all
    from by_criterion
    where case when is_vetoed then is_vetoing and vetoes_count = 1 else points_lost > 0 end
    window item as (partition by unit_code, fiscal_year, item_code)
),

-- One criterion passed over, else another rounding, else all that took points off passed over.
explained as (
    select
        items.unit_code,
        items.fiscal_year,
        items.item_type,
        items.item_code,
        items.location,
        coalesce(
            if(any_value(items.is_vetoed), '未按一票否决计：', '未扣 ')
            || string_agg(waived.subject_zh, ' 或 ' order by waived.sort_order) filter (
                where waived.explains_alone
            )
            || if(
                any_value(items.is_vetoed), '',
                ' 的 ' || any_value({{ plain_text('items.reported_score - items.score') }}) || ' 分'
            ),
            any_value({{ score_rounding_zh(
                'items.points_awarded', 'items.score_decimals', 'items.printed_decimals',
                'items.reported_score'
            ) }}),
            '未扣分，按满分计：'
            || string_agg(waived.subject_zh, '、' order by waived.sort_order) filter (
                where waived.explains_with_all
            )
        ) as explained_by
    from items
    left join waived using (unit_code, fiscal_year, item_code)
    group by items.unit_code, items.fiscal_year, items.item_type, items.item_code, items.location
)

select
    unit_code,
    fiscal_year,
    item_type,
    item_code,
    location,
    explained_by
from explained
where explained_by is not null
