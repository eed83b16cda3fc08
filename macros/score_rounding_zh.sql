{% macro score_rounding_zh(points, score_decimals, printed_decimals, reported_score) -%}
    {#- The rounding by which exact points come to the printed score, if not the rubric's own. -#}
    {%- set truncated -%}
        cast(floor({{ points }} * cast('1' || repeat('0', %s) as decimal(5, 0))) as decimal(38, 0))
        = {{ reported_score }} * cast('1' || repeat('0', %s) as decimal(5, 0))
    {%- endset -%}
    {%- set is_shorter = printed_decimals ~ " between 1 and " ~ score_decimals ~ " - 1" -%}
    case
        when {{ is_shorter }} and {{ round_to(points, printed_decimals) }} = {{ reported_score }}
            then '保留 ' || {{ printed_decimals }} || ' 位小数'
        when {{ truncated | replace('%s', score_decimals) }} then '截去尾数，未四舍五入'
        when {{ is_shorter }} and {{ truncated | replace('%s', printed_decimals) }}
            then '保留 ' || {{ printed_decimals }} || ' 位小数，截去尾数'
    end
{%- endmacro %}
