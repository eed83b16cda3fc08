{% macro assignment_reach(assignment='') -%}
    {#- How far an assignment reaches: 1 is the finest, one department, 7 every department. -#}
    {%- set of = assignment ~ '.' if assignment else '' -%}
    case
        when {{ of }}unit_code is not null then 1
        when {{ of }}district is not null
            then case when {{ of }}unit_type is not null then 2 else 3 end
        when {{ of }}city is not null
            then case when {{ of }}unit_type is not null then 4 else 5 end
        when {{ of }}unit_type is not null then 6
        else 7
    end
{%- endmacro %}
