{% macro with_own_codes(terms, attributes) -%}
    {#- A list of terms in which each `a=*` has the code that the record has of a, if it has one. -#}
    list_transform({{ terms }}, lambda term: case
        when ends_with(term, '=*')
            then coalesce(
                list_filter({{ attributes }}, lambda known: starts_with(known, rtrim(term, '*')))[1],
                term
            )
        else term
    end)
{%- endmacro %}
