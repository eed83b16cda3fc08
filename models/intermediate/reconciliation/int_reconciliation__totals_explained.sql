with compared as (
    select * from {{ ref('int_reconciliation__compared') }}
),

reported as (
    select * from {{ ref('int_scores__reported') }}
),

rubrics as (
    select * from {{ ref('int_rubrics__defined') }}
),

indicators as (
    select * from {{ ref('int_rubrics__indicators') }}
),

scored as (
    select * from {{ ref('int_indicators__scored') }}
),

grade_bands as (
    select * from {{ ref('int_rubrics__grades') }}
),

items as (
    select
        compared.unit_code,
        compared.fiscal_year,
        compared.item_type,
        compared.item_code,
        compared.location,
        compared.reported_text,
        compared.difference,
        compared.computed_value,
        reported.rubric_id,
        reported.reported_score,
        rubrics.score_decimals,
        length(split_part(reported.delivered_score, '.', 2)) as printed_decimals
    from compared
    inner join reported
        on
            compared.unit_code = reported.unit_code
            and compared.fiscal_year = reported.fiscal_year
            and compared.item_code = reported.indicator_code
    inner join rubrics using (rubric_id)
    where compared.item_type in ('total_score', 'grade') and compared.verdict = 'mismatch'
),

-- The printed scores differ by just as much as the printed total.
differences as (
    select
        compared.unit_code,
        compared.fiscal_year,
        sum(compared.difference) as difference,
        '各指标差额之和：' || string_agg(
            indicators.level3 || case when compared.difference < 0 then ' +' else ' −' end
            || {{ plain_text('abs(compared.difference)') }},
            '、' order by indicators.sort_order
        ) as explained_by
    from compared
    inner join reported
        on
            compared.unit_code = reported.unit_code
            and compared.fiscal_year = reported.fiscal_year
            and compared.item_code = reported.indicator_code
    inner join indicators using (rubric_id, indicator_code)
    where compared.item_type = 'indicator_score' and compared.verdict = 'mismatch'
    group by compared.unit_code, compared.fiscal_year
),

unrounded as (
    select
        unit_code,
        fiscal_year,
        rubric_id,
        sum(points_awarded) as points
    from scored
    group by unit_code, fiscal_year, rubric_id
),

-- What the printed total is graded as.
graded as (
    select
        items.unit_code,
        items.fiscal_year,
        max_by(grade_bands.grade, grade_bands.lower) as grade,
        any_value({{ plain_text('items.reported_score') }}) as total_text
    from items
    inner join grade_bands
        on items.rubric_id = grade_bands.rubric_id and items.reported_score >= grade_bands.lower
    where items.item_type = 'grade'
    group by items.unit_code, items.fiscal_year
),

explained as (
    select
        items.*,
        case
            when items.item_type = 'grade'
                then case
                    when graded.grade = items.reported_text
                        then '按所印总分 ' || graded.total_text || ' 分定级'
                end
            when differences.difference = items.difference then differences.explained_by
            when {{ round_to('unrounded.points', 'items.score_decimals') }} = items.reported_score
                then '各指标得分未先取整，合计后才取整'
            else
                {{ score_rounding_zh(
                    'items.computed_value', 'items.score_decimals', 'items.printed_decimals',
                    'items.reported_score'
                ) }}
        end as explained_by
    from items
    left join differences using (unit_code, fiscal_year)
    left join unrounded using (unit_code, fiscal_year, rubric_id)
    left join graded using (unit_code, fiscal_year)
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
