{% macro quotient(numerator, denominator, scale=10) -%}
    {#-
        numerator ÷ denominator, rounded once, half away from zero, to `scale` (even) decimals.

        Both are decimals of at most 14 decimals. DuckDB's own `/` on decimals is a DOUBLE, which
        rounds wrongly now and then; this is the long division of two integers, half of the decimals
        at a time so that no product leaves the 38 digits. Null where the denominator is zero.
    -#}
    {%- set n = "abs(" ~ scaled_integer(numerator) ~ ")" -%}
    {%- set d = "nullif(abs(" ~ scaled_integer(denominator) ~ "), 0)" -%}
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

{% macro scaled_integer(decimal_expression, decimals=14) -%}
    cast(replace(cast(
        cast({{ decimal_expression }} as decimal(38, {{ decimals }})) as varchar
    ), '.', '') as hugeint)
{%- endmacro %}
