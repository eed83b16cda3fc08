with valued as (
    select * from {{ ref('int_criteria__valued') }}
    where method = 'band' and value is not null
),

bands as (
    select * from {{ ref('int_rubrics__bands') }}
)

-- The points of the one band that holds the value, or those on the straight line between the points
-- of its two ends; none where the rubric is silent.
select
    valued.unit_code,
    valued.fiscal_year,
    valued.rubric_id,
    valued.criterion_code,
    bands.lower,
    bands.lower_inclusive,
    bands.upper,
    bands.upper_inclusive,
    bands.points as lower_points,
    bands.upper_points,
    case
        when valued.takes_number then 'band_number'
        when bands.upper_points is not null then 'band_interpolated'
        when bands.lower = bands.upper then 'band_level'
        when bands.lower is null and bands.upper is null then 'band_any'
        when bands.lower is null then if(bands.upper_inclusive, 'band_up_to', 'band_below')
        when bands.upper is null then if(bands.lower_inclusive, 'band_from', 'band_above')
        else 'band_between'
    end as case_code,
    cast(
        bands.points + coalesce(
            {{ quotient(
                '(bands.upper_points - bands.points) * (valued.value - bands.lower)',
                'bands.upper - bands.lower', scale=18
            ) }}, 0
        ) as decimal(38, 18)
    ) as points
from valued
inner join bands
    on
        valued.rubric_id = bands.rubric_id
        and valued.criterion_code = bands.criterion_code
        and {{ band_holds('bands', 'valued.value') }}
