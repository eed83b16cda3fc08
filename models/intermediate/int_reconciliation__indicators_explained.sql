with mismatches as (
    select * from {{ ref('int_reconciliation__compared') }}
    where item_type = 'indicator_score' and verdict = 'mismatch'
),

reported as (
    select * from {{ ref('int_scores__reported') }}
),

rubrics as (
    select * from {{ ref('rubrics') }}
),

indicators as (
    select * from {{ ref('int_indicators__scored') }}
),

criteria as (
    select * from {{ ref('int_criteria__scored') }}
),

clauses as (
    select * from {{ ref('rubric_criteria') }}
),

measures as (
    select * from {{ ref('measures') }}
),

items as (
    select
        mismatches.unit_code,
        mismatches.fiscal_year,
        mismatches.item_type,
        mismatches.item_code,
        mismatches.location,
        indicators.rubric_id,
        indicators.is_vetoed,
        indicators.points_possible,
        indicators.points_awarded,
        indicators.score,
        rubrics.score_decimals,
        reported.reported_score,
        length(split_part(mismatches.reported_text, '.', 2)) as printed_decimals
    from mismatches
    inner join reported
        on
            mismatches.unit_code = reported.unit_code
            and mismatches.fiscal_year = reported.fiscal_year
            and mismatches.item_code = reported.indicator_code
    inner join indicators
        on
            reported.unit_code = indicators.unit_code
            and reported.fiscal_year = indicators.fiscal_year
            and reported.rubric_id = indicators.rubric_id
            and reported.indicator_code = indicators.indicator_code
    inner join rubrics on reported.rubric_id = rubrics.rubric_id
),

by_criterion as (
    select
        items.*,
        clauses.sort_order,
        criteria.is_vetoing,
        criteria.points_possible - criteria.points_awarded as points_lost,
        coalesce(
            measures.name_zh,
            regexp_replace(clauses.standard_zh, '[。；]$', ''),
            criteria.criterion_code
        ) as subject,
        sum(criteria.points_awarded) over item as points_of_criteria,
        count(*) filter (where criteria.is_vetoing) over item as vetoes_count
    from items
    inner join criteria
        on
            items.unit_code = criteria.unit_code
            and items.fiscal_year = criteria.fiscal_year
            and items.rubric_id = criteria.rubric_id
            and items.item_code = criteria.indicator_code
    inner join clauses
        on
            criteria.rubric_id = clauses.rubric_id
            and criteria.criterion_code = clauses.criterion_code
    left join measures on criteria.measure_code = measures.measure_code
    window item as (partition by items.unit_code, items.fiscal_year, items.item_code)
),

-- The score that the indicator would have if the criterion took nothing off.
waived as (
    select
        *,
        least(
            points_of_criteria + case when is_vetoed then 0 else points_lost end, points_possible
        ) as waived_points,
        {{ round_to('waived_points', 'score_decimals') }} as waived_score,
        count(*) over item as costly_count
    from by_criterion
    where case when is_vetoed then is_vetoing and vetoes_count = 1 else points_lost > 0 end
    window item as (partition by unit_code, fiscal_year, item_code)
),

-- One criterion passed over, else another rounding, else all that took points off passed over.
explanations as (
    select
        unit_code,
        fiscal_year,
        item_code,
        1 as sort_order,
        case when any_value(is_vetoed) then '未按一票否决计：' else '未扣 ' end
        || string_agg(subject, ' 或 ' order by sort_order)
        || case
            when any_value(is_vetoed) then ''
            else ' 的 ' || any_value({{ plain_text('reported_score - score') }}) || ' 分'
        end as explained_by
    from waived
    where waived_score = reported_score
    group by unit_code, fiscal_year, item_code
    union all
    select
        unit_code,
        fiscal_year,
        item_code,
        2 as sort_order,
        {{ score_rounding_zh(
            'points_awarded', 'score_decimals', 'printed_decimals', 'reported_score'
        ) }} as explained_by
    from items
    union all
    select
        unit_code,
        fiscal_year,
        item_code,
        3 as sort_order,
        '未扣分，按满分计：' || string_agg(subject, '、' order by sort_order) as explained_by
    from waived
    where costly_count > 1 and reported_score = points_possible
    group by unit_code, fiscal_year, item_code
)

select
    items.unit_code,
    items.fiscal_year,
    items.item_type,
    items.item_code,
    items.location,
    explanations.explained_by
from items
inner join explanations
    on
        items.unit_code = explanations.unit_code
        and items.fiscal_year = explanations.fiscal_year
        and items.item_code = explanations.item_code
where explanations.explained_by is not null
qualify row_number() over (
    partition by items.unit_code, items.fiscal_year, items.item_code
    order by explanations.sort_order
) = 1
