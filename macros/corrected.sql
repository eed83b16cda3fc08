{% macro corrected(column, type='varchar') -%}
    {#- A delivered cell, or what an approved correction says instead; its type has to be given. -#}
    case
        when map_contains(corrections, '{{ column }}')
            then cast(corrections['{{ column }}'] as {{ type }})
        else {{ column }}
    end
{%- endmacro %}

{% macro corrections_of(columns, corrections='corrections') -%}
    {#- The record's corrections of some of its delivered columns. -#}
    map_from_entries(list_filter(
        map_entries({{ corrections }}), lambda entry: entry.key in ('{{ columns | join("', '") }}')
    ))
{%- endmacro %}

{% macro cell_as_corrected(cells) -%}
    {#- The text of a cell that counts: the corrected one, else the delivered one. -#}
    case
        when map_contains({{ cells }}.corrections, {{ cells }}.column_name)
            then {{ cells }}.corrections[{{ cells }}.column_name]
        else {{ cells }}.delivered_value
    end
{%- endmacro %}

{% macro correction_told(cells, told) -%}
    {#-
        Why a cell counts otherwise than delivered: what is told of each correction that decides it,
        that of another column of its record with that column. Null where nothing was corrected.
    -#}
    nullif(array_to_string(list_transform(
        map_keys({{ cells }}.corrections),
        lambda corrected: case
            when corrected = {{ cells }}.column_name then '' else corrected || '：'
        end || {{ told }}.sentences[corrected]
    ), '；'), '')
{%- endmacro %}
