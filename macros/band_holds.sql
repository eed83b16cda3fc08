{% macro band_holds(band, value) -%}
    {#- Whether a value lies in a band; an empty bound is none. -#}
    (
        {{ band }}.lower is null
        or {{ value }} > {{ band }}.lower
        or ({{ value }} = {{ band }}.lower and {{ band }}.lower_inclusive)
    )
    and (
        {{ band }}.upper is null
        or {{ value }} < {{ band }}.upper
        or ({{ value }} = {{ band }}.upper and {{ band }}.upper_inclusive)
    )
{%- endmacro %}

{% macro bands_in_order(bands, sets) -%}
    {#- Bands with what stands before and after each in its set; `sets` are the columns that name it. -#}
    select
        *,
        row_number() over in_order = 1 as is_first,
        lead(seed_row) over in_order is null as is_last,
        lead(lower) over in_order as next_lower,
        lead(lower_inclusive) over in_order as next_inclusive,
        coalesce(lower = upper, false) as is_level,
        bool_and(is_level) over (partition by {{ sets | join(', ') }}) as has_levels
    from {{ bands }}
    window in_order as (
        partition by {{ sets | join(', ') }}
        order by
            lower asc nulls first,
            lower is null or lower_inclusive desc,
            upper asc nulls last
    )
{%- endmacro %}

{% macro faulty_bounds(in_order, may_be_levels=true) -%}
    {#-
        What is wrong with the bounds of bands in order. They hold every value once if the first has no
        lower bound, each meets the next, the last has no upper bound; or each is one level.
    -#}
    {%- set alone = "has_levels" if may_be_levels else "false" %}
    select
        seed_row,
        'a band without any value, expected lower below upper; correct the bounds' as fault
    from {{ in_order }}
    where lower > upper or (lower = upper and not (lower_inclusive and upper_inclusive))
    union all
    select
        seed_row,
        'the first band has a lower bound, expected none; empty it or add the band below' as fault
    from {{ in_order }}
    where is_first and lower is not null and not {{ alone }}
    union all
    select
        seed_row,
        'the last band has an upper bound, expected none; empty it or add the band above' as fault
    from {{ in_order }}
    where is_last and upper is not null and not {{ alone }}
    union all
    select
        seed_row,
        case
            when
                upper is null or next_lower is null or upper > next_lower
                or (upper = next_lower and upper_inclusive)
                then 'overlaps the next band'
            else 'leaves a gap before the next band'
        end
        || coalesce(
            ', which begins at ' || {{ plain_text('next_lower') }}
            || case when next_inclusive then ' inclusive' else ' exclusive' end,
            ', which has no lower bound either'
        )
        || '; expected that they meet at one value, inclusive in one of them; correct the bounds'
            as fault
    from {{ in_order }}
    where
        not is_last
        and (
            upper is null
            or upper is distinct from next_lower
            or upper_inclusive = next_inclusive
        )
        and not ({{ alone }} and upper < next_lower)
{%- endmacro %}
