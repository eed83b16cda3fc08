with indicators as (
    select * from {{ ref('int_indicators__scored') }}
),

criteria as (
    select * from {{ ref('int_criteria__explained') }}
),

-- As lists: an aggregate in order sorts each group by itself, which takes ten times as long.
listed as (
    select
        unit_code,
        fiscal_year,
        rubric_id,
        indicator_code,
        list_sort(list({
            'sort_order': sort_order, 'explanation_zh': explanation_zh, 'is_vetoing': is_vetoing
        })) as causes
    from criteria
    where points_awarded != points_possible or is_vetoing
    group by unit_code, fiscal_year, rubric_id, indicator_code
),

causes as (
    select
        listed.unit_code,
        listed.fiscal_year,
        listed.rubric_id,
        listed.indicator_code,
        array_length(listed.causes) as causes_count,
        array_to_string(
            list_transform(listed.causes, lambda cause: cause.explanation_zh), '；'
        ) as causes_zh,
        nullif(array_to_string(list_transform(
            list_filter(listed.causes, lambda cause: cause.is_vetoing),
            lambda cause: cause.explanation_zh
        ), '；'), '') as veto_zh
    from listed
)

select
    indicators.unit_code,
    indicators.fiscal_year,
    indicators.rubric_id,
    indicators.indicator_code,
    cast(indicators.points_possible - indicators.score as decimal(9, 4)) as points_lost,
    case
        when causes.veto_zh is not null
            then format(
                '{}，扣 {} 分',
                causes.veto_zh, {{ plain_text('indicators.points_possible - indicators.score') }}
            )
        when indicators.points_counted != indicators.points_possible
            then format(
                '{}；适用部分 {} 分，按 {} ÷ {} 折算；合计扣 {} 分',
                causes.causes_zh,
                {{ plain_text('indicators.points_counted') }},
                {{ plain_text('indicators.points_possible') }},
                {{ plain_text('indicators.points_counted') }},
                {{ plain_text('indicators.points_possible - indicators.score') }}
            )
        when causes.causes_count > 1
            then format(
                '{}；合计扣 {} 分',
                causes.causes_zh, {{ plain_text('indicators.points_possible - indicators.score') }}
            )
        else causes.causes_zh
    end as explanation_zh
from indicators
inner join causes using (unit_code, fiscal_year, rubric_id, indicator_code)
where indicators.score < indicators.points_possible
