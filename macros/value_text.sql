{% macro value_text(value, kind, limits="cast([] as decimal(38, 10)[])") -%}
    {#-
        A measure's value as people write it: 22.22% for a ratio, 3 for a count. Where two decimals
        would show it on one of its `limits` although it is not, all its decimals are shown.
    -#}
    case
        when {{ kind }} = 'ratio'
            then {{ plain_text(
                "case when list_contains(" ~ limits ~ ", round(" ~ value ~ ", 4)) and "
                ~ value ~ " != round(" ~ value ~ ", 4) then " ~ value ~ " * 100 else cast(round("
                ~ value ~ " * 100, 2) as decimal(38, 10)) end"
            ) }} || '%'
        when list_contains({{ limits }}, round({{ value }}, 2)) then {{ plain_text(value) }}
        else {{ plain_text("round(" ~ value ~ ", 2)") }}
    end
{%- endmacro %}
