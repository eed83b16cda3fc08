{% macro years_read() -%}
    {#- A build reads its own years and those that a measure asks for by its year_offset. -#}
    select distinct run_years.fiscal_year + inputs.year_offset as fiscal_year
    from {{ source('audit', 'run_years') }} as run_years
    cross join (select distinct year_offset from {{ ref('measure_inputs') }}) as inputs
    union
    select fiscal_year from {{ source('audit', 'run_years') }}
{%- endmacro %}
