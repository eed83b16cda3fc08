with judged as (
    select * from {{ ref('int_monitoring__judged') }}
),

labels as (
    select * from {{ ref('code_labels') }}
),

patterns as (
    select map(list(pattern_code), list(pattern_zh)) as zh
    from {{ ref('explanation_patterns') }}
),

-- The words of the sentences, first those that have names in braces themselves. What was delivered
-- stays as it stands, braces too.
shown as (
    select
        judged.*,
        coalesce(if(judged.unit_zh in ('%', '％'), '', ' ') || judged.unit_zh, '') as unit_after,
        {%- for text, words in {
            'subject': "coalesce(judged.subject_name, judged.subject_code)",
            'expected': "coalesce(
                cast(judged.expected_on as varchar),
                " ~ grouped_text('judged.expected_number') ~ " || unit_after,
                judged.expected_value,
                '—'
            )",
            'actual': "coalesce(
                cast(judged.actual_on as varchar),
                " ~ grouped_text('judged.actual_number') ~ " || unit_after,
                judged.actual_value,
                '—'
            )",
        }.items() %}
        translate({{ words }}, '{}', chr(57344) || chr(57345)) as {{ text }}_zh,
        {%- endfor %}
        cast(coalesce(judged.as_of_month, judged.monitored_month) as varchar) as month_zh,
        {{ grouped_text('judged.executed_yuan') }} as executed_zh,
        {{ grouped_text('judged.budget_yuan') }} as budget_zh,
        {%- for text, number in {
            'progress': 'judged.progress',
            'calendar': 'judged.calendar_share',
            'pace': 'judged.progress_to_calendar',
            'excess': "abs(if(judged.held_against = 'ceiling', judged.compared_value, null))",
        }.items() %}
        {%- set bounds = '[judged.band_lower, judged.band_upper]' %}
        {{ value_text(
            shown_apart(
                number, "'ratio'", nearest_below(bounds, number), nearest_above(bounds, number)
            ), "'ratio'"
        ) }} as {{ text }}_zh,
        {%- endfor %}
        {{ plain_text("abs(if(judged.held_against = 'deadline', judged.compared_value, null))") }}
            as days_zh,
        {{ value_text('judged.band_lower', "'ratio'") }} as lower_zh,
        {{ value_text('judged.band_upper', "'ratio'") }} as upper_zh,
        labels.label_zh as light_zh,
        patterns.zh
    from judged
    left join labels on labels.domain = 'light' and judged.light = labels.code
    cross join patterns
),

worded as (
    select
        *,
        if(
            band_lower_inclusive,
            {{ pattern("'bound_included'") }}, {{ pattern("'bound_excluded'") }}
        ) as at_lower_zh,
        if(
            band_upper_inclusive,
            {{ pattern("'bound_included'") }}, {{ pattern("'bound_excluded'") }}
        ) as at_upper_zh,
        {{ pattern("'monitored_range_' || case
            when band_lower is null and band_upper is null then 'any'
            when band_lower is null then if(band_upper_inclusive, 'up_to', 'below')
            when band_upper is null then if(band_lower_inclusive, 'from', 'above')
            else 'between'
        end") }} as range_zh,
        {{ pattern("'monitored_' || case_code") }}
        || case
            when held_against is null then ''
            when light = 'withheld' then {{ pattern("'monitored_withheld'") }}
            when held_against in ('calendar', 'year')
                then {{ pattern("'monitored_light_of_range'") }}
            else {{ pattern("'monitored_light'") }}
        end as sentence_zh
    from shown
)

select
    unit_code,
    fiscal_year,
    subject_type,
    subject_code,
    subject_name,
    light,
    held_against,
    translate(
        {{ filled('sentence_zh', monitoring_texts()) }}, chr(57344) || chr(57345), '{}'
    ) as explanation_zh,
    cast(monitored_month as integer) as monitored_month,
    cast(as_of_month as integer) as as_of_month,
    operator,
    expected_value,
    actual_value,
    unit_zh,
    expected_on,
    actual_on,
    is_attained,
    budget_yuan,
    executed_yuan,
    cast(expected_number as decimal(38, 10)) as expected_number,
    cast(actual_number as decimal(38, 10)) as actual_number,
    progress,
    calendar_share,
    progress_to_calendar,
    compared_value,
    band_lower,
    band_lower_inclusive,
    band_upper,
    band_upper_inclusive,
    table_name,
    record_key,
    column_name,
    budget_table_name,
    budget_record_key,
    lines_count,
    source_file,
    source_sha256,
    source_row,
    load_id
from worded
