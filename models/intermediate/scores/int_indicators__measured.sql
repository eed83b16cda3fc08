{{ config(materialized='view') }}
with criteria as (
    select explained.*
    from {{ ref('int_criteria__explained') }} as explained
    semi join {{ ref('int_rubrics__assigned') }} as assigned
        on
            explained.unit_code = assigned.unit_code
            and explained.fiscal_year = assigned.fiscal_year
            and explained.rubric_id = assigned.rubric_id
            and assigned.rubric_role = 'official'
),

valued as (
    select * from {{ ref('int_measures__valued') }}
),

units as (
    select * from {{ ref('int_measures__units') }}
),

measures as (
    select * from {{ ref('measures') }}
),

labels as (
    select code, label_zh
    from {{ ref('code_labels') }}
    where domain = 'fct_measures.status'
),

-- Of several criteria that read the same measure the first shows it.
read as (
    select
        unit_code,
        fiscal_year,
        rubric_id,
        indicator_code,
        measure_code,
        min(sort_order) as sort_order,
        min_by(value_zh, sort_order) as value_zh
    from criteria
    where measure_code is not null
    group by unit_code, fiscal_year, rubric_id, indicator_code, measure_code
),

-- A value that is not divided is its numerator.
told as (
    select
        read.unit_code,
        read.fiscal_year,
        read.rubric_id,
        read.indicator_code,
        read.sort_order,
        measures.name_zh || ' ' || concat_ws(
            ' ',
            case
                when valued.status = 'defined'
                    then coalesce(read.value_zh, {{ value_text('valued.value', 'measures.kind') }})
                else labels.label_zh
            end,
            if(
                valued.status = 'defined'
                and not units.has_denominator and measures.quotient != 'mean',
                units.numerator_unit_zh, null
            )
        ) || coalesce(
            case
                when
                    valued.status != 'missing'
                    and (units.has_denominator or measures.quotient = 'mean')
                    then format(
                        '（{} ÷ {}）',
                        concat_ws(
                            ' ', {{ grouped_text('valued.numerator') }}, units.numerator_unit_zh
                        ),
                        concat_ws(
                            ' ', {{ grouped_text('valued.denominator') }}, units.denominator_unit_zh
                        )
                    )
            end, ''
        ) as measure_zh
    from read
    inner join measures using (measure_code)
    left join valued using (unit_code, fiscal_year, measure_code)
    left join labels on coalesce(valued.status, 'missing') = labels.code
    left join units using (measure_code, alternative)
),

texts as (
    select
        told.unit_code,
        told.fiscal_year,
        told.rubric_id,
        told.indicator_code,
        array_to_string(
            list_transform(
                list_sort(list({
                    'sort_order': told.sort_order, 'measure_zh': told.measure_zh
                })),
                lambda measure: measure.measure_zh
            ), '；'
        ) as measures_zh
    from told
    group by told.unit_code, told.fiscal_year, told.rubric_id, told.indicator_code
),

by_basis as (
    select
        unit_code,
        fiscal_year,
        rubric_id,
        indicator_code,
        {%- for basis in ['computed', 'assessed', 'default', 'missing'] %}
        coalesce(sum(points_counted) filter (where basis = '{{ basis }}'), 0)
            as points_{{ basis }},
        {%- endfor %}
        bool_or(basis = 'withheld') as is_withheld
    from criteria
    group by unit_code, fiscal_year, rubric_id, indicator_code
)

select
    by_basis.unit_code,
    by_basis.fiscal_year,
    by_basis.rubric_id,
    by_basis.indicator_code,
    if(by_basis.is_withheld, null, by_basis.points_computed) as points_computed,
    if(by_basis.is_withheld, null, by_basis.points_assessed) as points_assessed,
    if(by_basis.is_withheld, null, by_basis.points_default) as points_default,
    if(by_basis.is_withheld, null, by_basis.points_missing) as points_missing,
    texts.measures_zh
from by_basis
left join texts using (unit_code, fiscal_year, rubric_id, indicator_code)
