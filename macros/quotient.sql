{% macro quotient(numerator, denominator, scale=10, decimals=14) -%}
    {#-
        numerator ÷ denominator, rounded once, half away from zero, to `scale` (even) decimals.

        Both are decimals of at most so many `decimals`. DuckDB's own `/` on decimals is a DOUBLE, which
        rounds wrongly now and then; this is the long division of two integers, half of the decimals
        at a time so that no product leaves the 38 digits. Null where the denominator is zero.
    -#}
    {%- set n = "abs(" ~ scaled_integer(numerator, decimals) ~ ")" -%}
    {%- set d = "nullif(abs(" ~ scaled_integer(denominator, decimals) ~ "), 0)" -%}
    {%- set half = "1" ~ "0" * (scale // 2) ~ "::hugeint" -%}
    {%- set rest = "((" ~ n ~ " % " ~ d ~ ") * " ~ half ~ ")" -%}
    cast(
        sign({{ numerator }}) * sign({{ denominator }})
        * (
            ({{ n }} // {{ d }}) * {{ half }} * {{ half }}
            + ({{ rest }} // {{ d }}) * {{ half }}
            + (({{ rest }} % {{ d }}) * {{ half }} * 2 + {{ d }}) // ({{ d }} * 2)
        ) as decimal(38, 0)
    ) * cast(1e-{{ scale }} as decimal({{ scale }}, {{ scale }}))
{%- endmacro %}

{% macro quotient_of_sums(numerator, denominator) -%}
    {#-
        The quotient of two sums of weighted cells, which have up to 16 decimals: a weight of 6 times
        a value of 10. Sums that leave no room for them are of amounts or counts, and have fewer.
    -#}
    case
        when abs({{ denominator }}) < 1e16 then {{ quotient(numerator, denominator, decimals=16) }}
        else {{ quotient(numerator, denominator) }}
    end
{%- endmacro %}

{% macro scaled_integer(decimal_expression, decimals) -%}
    cast(replace(cast(
        cast({{ decimal_expression }} as decimal(38, {{ decimals }})) as varchar
    ), '.', '') as hugeint)
{%- endmacro %}
