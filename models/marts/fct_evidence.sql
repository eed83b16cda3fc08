with measure_cells as (
    select * from {{ ref('int_evidence__measures') }}
),

criteria as (
    select * from {{ ref('int_criteria__valued') }}
    -- A row without a number is what was delivered of a criterion that is missing.
    where basis in ('assessed', 'missing')
),

assessments as (
    select * from {{ ref('stg_assessments') }}
),

corrections as (
    select * from {{ ref('stg_corrections') }}
),

reported as (
    select * from {{ ref('int_scores__reported') }}
    where rubric_id is not null
),

assessed_cells as (
    select
        criteria.unit_code,
        criteria.fiscal_year,
        criteria.fiscal_year as delivered_year,
        criteria.rubric_id,
        criteria.indicator_code,
        criteria.criterion_code,
        criteria.measure_code,
        'assessment' as role,
        'assessments' as table_name,
        'criterion_code=' || criteria.criterion_code as record_key,
        'value' as column_name,
        1 as weight,
        assessments.value,
        assessments.delivered.value as delivered_value,
        {{ corrections_of(['value'], 'assessments.corrections') }} as corrections,
        assessments.source_file,
        assessments.source_sha256,
        assessments.source_row,
        assessments.load_id
    from criteria
    inner join assessments
        on
            criteria.unit_code = assessments.unit_code
            and criteria.fiscal_year = assessments.fiscal_year
            and criteria.criterion_code = assessments.criterion_code
),

{% for column in ['reported_score', 'reported_grade'] -%}
{{ column }}_cells as (
    select
        unit_code,
        fiscal_year,
        rubric_id,
        case when not is_total then indicator_code end as indicator_code,
        'reported' as role,
        'reported_scores' as table_name,
        'indicator_code=' || indicator_code as record_key,
        '{{ column }}' as column_name,
        {% if column == 'reported_score' -%}
        1 as weight,
        reported_score as value,
        delivered_score as delivered_value,
        {%- else -%}
        reported_grade as delivered_value,
        {%- endif %}
        source_file,
        source_sha256,
        source_row,
        load_id
    from reported
    where {{ column }} is not null
),

{% endfor -%}

all_cells as (
    select * from measure_cells
    union all by name
    select * from assessed_cells
    union all by name
    select * from reported_score_cells
    union all by name
    select * from reported_grade_cells
),

-- What is said of each corrected cell of a record, by column.
corrected_records as (
    select
        unit_code,
        fiscal_year,
        table_name,
        key as record_key,
        map(
            list(column_name order by source_file, source_row),
            list(
                reason || '；批准人 ' || approved_by || '，' || approved_on
                || '（' || source_file || ' 第 ' || source_row || ' 行）'
                order by source_file, source_row
            )
        ) as sentences
    from corrections
    group by unit_code, fiscal_year, table_name, key
),

explained as (
    select
        all_cells.*,
        {{ cell_as_corrected('all_cells') }} as counted_value,
        nullif(
            array_to_string(list_transform(
                map_keys(all_cells.corrections),
                corrected -> case
                    when corrected = all_cells.column_name then '' else corrected || '：'
                end || corrected_records.sentences[corrected]
            ), '；'), ''
        ) as correction
    from all_cells
    left join corrected_records
        on
            all_cells.unit_code = corrected_records.unit_code
            and all_cells.delivered_year = corrected_records.fiscal_year
            and all_cells.table_name = corrected_records.table_name
            and all_cells.record_key = corrected_records.record_key
)

select
    unit_code,
    fiscal_year,
    rubric_id,
    indicator_code,
    criterion_code,
    measure_code,
    role,
    table_name,
    record_key,
    column_name,
    cast(weight as decimal(28, 6)) as weight,
    cast(value as decimal(28, 10)) as value,
    delivered_value,
    case when correction is not null then counted_value end as corrected_value,
    corrections['amount_unit'] as corrected_unit,
    correction,
    amount_unit,
    source_file,
    source_sha256,
    source_row,
    load_id,
    measure_status
from explained
