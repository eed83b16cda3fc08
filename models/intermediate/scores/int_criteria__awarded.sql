with valued as (
    select * from {{ ref('int_criteria__valued') }}
),

by_method as (
    {%- for method in ['linear', 'band', 'step'] %}
    select unit_code, fiscal_year, rubric_id, criterion_code, points, case_code
    from {{ ref('int_points__' ~ method) }}
    {{ "union all" if not loop.last }}
    {%- endfor %}
),

judged as (
    select
        valued.*,
        by_method.points,
        by_method.case_code as case_of_method,
        valued.method = 'veto' and coalesce(valued.value > 0, false) as is_vetoing,
        -- Why an assessor has the word where there is a measure.
        case
            when valued.measure_code is null then ''
            when valued.is_silent then '_for_silent'
            when valued.measure_status = 'missing' then '_for_measure'
            else '_for_' || valued.measure_status
        end as reason
    from valued
    left join by_method using (unit_code, fiscal_year, rubric_id, criterion_code)
),

awarded as (
    select
        *,
        case
            when basis = 'missing' then 'missing' || reason
            when basis = 'excluded'
                then if(falls_back, 'excluded', 'excluded_as_' || measure_status)
            when method = 'veto' then if(is_vetoing, 'veto_found', 'veto_none')
            when without_value in ('full', 'zero')
                then measure_status || if(is_deduction, '_nothing_off', '_' || without_value)
            when basis = 'assessed' and not takes_number
                then if(is_deduction, 'assessed_off', 'assessed') || reason
            else case_of_method
        end as case_code,
        cast(
            case
                when basis in ('missing', 'excluded') then null
                when method = 'veto' or without_value = 'zero' then 0
                when without_value = 'full' then points_possible
                when basis = 'assessed' and not takes_number then assessed_points
                else points
            end as decimal(38, 18)
        ) as points_awarded
    from judged
),

-- The place of each criterion of a choice: the first has the most points and counts.
chosen as (
    select
        unit_code,
        fiscal_year,
        rubric_id,
        criterion_code,
        row_number() over places > 1 as is_passed_over,
        first_value(points_awarded) over places is not null as has_points
    from awarded
    where choice is not null and basis != 'excluded'
    window places as (
        partition by unit_code, fiscal_year, rubric_id, indicator_code, choice
        order by points_awarded desc nulls last, sort_order asc
    )
)

select
    awarded.unit_code,
    awarded.fiscal_year,
    awarded.rubric_id,
    awarded.indicator_code,
    awarded.criterion_code,
    awarded.sort_order,
    awarded.method,
    awarded.measure_code,
    awarded.assessment_basis,
    awarded.value,
    awarded.points_possible,
    awarded.is_deduction,
    awarded.is_vetoing,
    awarded.falls_back,
    if(chosen.is_passed_over and chosen.has_points, 'not_chosen', awarded.basis) as basis,
    if(chosen.is_passed_over and chosen.has_points, 'not_chosen', awarded.case_code) as case_code,
    if(chosen.is_passed_over, null, awarded.points_awarded) as points_awarded,
    -- Of its indicator's points those that it stands for: a choice counts once.
    if(awarded.basis = 'excluded' or chosen.is_passed_over, 0, awarded.points_possible)
        as points_counted
from awarded
left join chosen using (unit_code, fiscal_year, rubric_id, criterion_code)
