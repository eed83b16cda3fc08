{% test is_key(model, columns) %}
-- The columns identify a row: none is empty, and no combination occurs twice. Of a table that keeps
-- every year only the years that the build makes anew are looked at.
select {{ columns | join(', ') }}
from {{ model }}
{% if 'fiscal_year' in columns -%}
    where fiscal_year in (select fiscal_year from {{ source('audit', 'run_years') }})
{% endif -%}
group by {{ columns | join(', ') }}
having
    count(*) > 1
    {%- for column in columns %}
    or {{ column }} is null
    {%- endfor %}
{% endtest %}
