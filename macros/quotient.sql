{% macro quotient(numerator, denominator, scale=10, decimals=14) -%}
    {#-
        numerator ÷ denominator, rounded once, half away from zero, to `scale` (even) decimals.

        Both are decimals of at most so many `decimals`. DuckDB's own `/` on decimals is a DOUBLE, which
        rounds wrongly now and then; this is the long division of two integers, half of the decimals
        at a time so that no product leaves the 38 digits. Null where the denominator is zero.

        It stands outside of any `case` and `and`: there DuckDB computes each part anew wherever it is
        read, six times as slowly. A condition belongs into an argument, which is null where it fails.
    -#}
    {{ long_division(
        "sign(" ~ numerator ~ ") * sign(" ~ denominator ~ ")",
        "abs(" ~ scaled_integer(numerator, decimals) ~ ")",
        "abs(" ~ scaled_integer(denominator, decimals) ~ ")",
        scale
    ) }}
{%- endmacro %}

{% macro quotient_of_sums(numerator, denominator) -%}
    {#-
        The quotient of two sums of weighted cells, which have up to 16 decimals: a weight of 6 times
        a value of 10. Sums that leave no room for them are of amounts or counts, and have fewer.
    -#}
    {%- set digits = [] %}
    {%- for sum in [numerator, denominator] %}
        {%- do digits.append("abs(cast(if(abs(" ~ denominator ~ ") < 1e16, "
            ~ digits_of(sum, 16) ~ ", " ~ digits_of(sum, 14) ~ ") as hugeint))") %}
    {%- endfor %}
    {{ long_division("sign(" ~ numerator ~ ") * sign(" ~ denominator ~ ")", digits[0], digits[1], 10) }}
{%- endmacro %}

{% macro long_division(sign, n, divisor, scale) -%}
    {%- set d = "nullif(" ~ divisor ~ ", 0)" -%}
    {%- set half = "1" ~ "0" * (scale // 2) ~ "::hugeint" -%}
    {%- set whole = "(" ~ n ~ " // " ~ d ~ ")" -%}
    {#- What is left is multiplied out, as DuckDB divides once more for each `%`. -#}
    {%- set rest = "((" ~ n ~ " - " ~ whole ~ " * " ~ d ~ ") * " ~ half ~ ")" -%}
    {%- set upper = "(" ~ rest ~ " // " ~ d ~ ")" -%}
    {%- set last = "((" ~ rest ~ " - " ~ upper ~ " * " ~ d ~ ") * " ~ half ~ ")" -%}
    cast(
        {{ sign }} * (
            {{ whole }} * {{ half }} * {{ half }}
            + {{ upper }} * {{ half }}
            + ({{ last }} * 2 + {{ d }}) // ({{ d }} * 2)
        ) as decimal(38, 0)
    ) * cast(1e-{{ scale }} as decimal({{ scale }}, {{ scale }}))
{%- endmacro %}

{% macro scaled_integer(decimal_expression, decimals) -%}
    cast({{ digits_of(decimal_expression, decimals) }} as hugeint)
{%- endmacro %}

{% macro digits_of(decimal_expression, decimals) -%}
    replace(cast(cast({{ decimal_expression }} as decimal(38, {{ decimals }})) as varchar), '.', '')
{%- endmacro %}
