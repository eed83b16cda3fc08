{% macro measure_status(numerator, denominator) -%}
    case
        when {{ numerator }} is null or {{ denominator }} is null then 'missing'
        when {{ denominator }} != 0 then 'defined'
        when {{ numerator }} = 0 then 'undefined'
        else 'unbounded'
    end
{%- endmacro %}
