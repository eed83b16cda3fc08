with valued as (
    select * from {{ ref('int_criteria__valued') }}
    where method = 'band' and value is not null
),

bands as (
    select * from {{ ref('rubric_bands') }}
)

-- The points of the one band that holds the value.
select
    valued.unit_code,
    valued.fiscal_year,
    valued.rubric_id,
    valued.criterion_code,
    bands.lower,
    bands.lower_inclusive,
    bands.upper,
    bands.upper_inclusive,
    case
        when bands.lower is null and bands.upper is null then 'band_any'
        when bands.lower is null then if(bands.upper_inclusive, 'band_up_to', 'band_below')
        when bands.upper is null then if(bands.lower_inclusive, 'band_from', 'band_above')
        else 'band_between'
    end as case_code,
    cast(bands.points as decimal(38, 18)) as points
from valued
inner join bands
    on
        valued.rubric_id = bands.rubric_id
        and valued.criterion_code = bands.criterion_code
        and (
            bands.lower is null
            or valued.value > bands.lower
            or (valued.value = bands.lower and bands.lower_inclusive)
        )
        and (
            bands.upper is null
            or valued.value < bands.upper
            or (valued.value = bands.upper and bands.upper_inclusive)
        )
