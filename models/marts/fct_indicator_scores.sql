with indicators as (
    select * from {{ ref('int_indicators__scored') }}
),

reported as (
    select * from {{ ref('int_scores__reported') }}
)

select
    indicators.unit_code,
    indicators.fiscal_year,
    indicators.rubric_id,
    indicators.indicator_code,
    indicators.points_possible,
    indicators.score,
    cast(indicators.points_possible - indicators.score as decimal(9, 4)) as points_lost,
    indicators.is_vetoed,
    reported.reported_score,
    cast(indicators.score - reported.reported_score as decimal(18, 6)) as score_difference,
    case when not indicators.is_withheld then indicators.is_excluded end as is_excluded,
    case when not indicators.is_withheld then indicators.points_counted end as points_counted
from indicators
left join reported using (unit_code, fiscal_year, rubric_id, indicator_code)
