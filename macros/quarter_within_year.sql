{% macro quarter_within_year(date_column) -%}
    {#- Quarter of a day within the row's fiscal year; null outside of it, where it tells nothing. -#}
    case when year({{ date_column }}) = fiscal_year then quarter({{ date_column }}) end
{%- endmacro %}
