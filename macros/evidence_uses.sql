{% macro evidence_uses() -%}
    {#- What is noted of each use of a delivered cell, in fct_evidence_cells and fct_evidence. -#}
    {{ return([
        'rubric_id', 'indicator_code', 'criterion_code', 'measure_code', 'role', 'weight',
        'measure_status',
    ]) }}
{%- endmacro %}
