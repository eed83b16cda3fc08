{% macro held_points(points_awarded, points_left, points_possible) -%}
    {#-
        An indicator's points, unrounded: the sum of its criteria's within 0 and the points that are
        possible; where some are not applicable, brought from the points that are left to these.
    -#}
    least(
        greatest(
            case
                when {{ points_left }} is null then {{ points_awarded }}
                -- The sum may have been cut after 18 decimals: a half to 15 is one.
                else cast(cast(
                    {{ quotient_of_points(points_awarded, points_possible, points_left) }}
                    as decimal(38, 15)
                ) as decimal(38, 18))
            end, 0
        ), {{ points_possible }}
    )
{%- endmacro %}

{% macro quotient_of_points(points, times, divisor) -%}
    {#-
        points × times ÷ divisor, of points with 18 decimals and the others with 4, rounded to 18, a
        half away from zero. Null where the divisor is zero.
    -#}
    {%- set n = "(" ~ scaled_integer(points, 18) ~ " * " ~ scaled_integer(times, 4) ~ ")" -%}
    {%- set d = "nullif(" ~ scaled_integer(divisor, 4) ~ ", 0)" -%}
    cast(
        sign({{ points }}) * ((abs({{ n }}) * 2 + {{ d }}) // ({{ d }} * 2)) as decimal(38, 0)
    ) * cast(1e-18 as decimal(18, 18))
{%- endmacro %}
