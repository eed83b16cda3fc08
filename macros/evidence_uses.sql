{% macro evidence_uses() -%}
    {#- What is noted of each use of a delivered cell, in the lists of fct_evidence_cells. -#}
    {{ return([
        'rubric_id', 'indicator_code', 'criterion_code', 'measure_code', 'role', 'weight',
        'measure_status',
    ]) }}
{%- endmacro %}
