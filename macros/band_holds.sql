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
