{% test is_key(model, columns) %}
-- The columns identify a row: none is empty, and no combination occurs twice.
select {{ columns | join(', ') }}
from {{ model }}
group by {{ columns | join(', ') }}
having
    count(*) > 1
    {%- for column in columns %}
    or {{ column }} is null
    {%- endfor %}
{% endtest %}
