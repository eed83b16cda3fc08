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

{% macro cells_told(cells, more) -%}
    {#-
        The published columns of the cells of a CTE, with what counts of one that was corrected and why,
        which the CTE `corrections` tells; `more` are further columns of theirs.
    -#}
    select
        unit_code,
        fiscal_year,
        table_name,
        record_key,
        column_name,
        delivered_unit_code,
        delivered_year,
        cast(value as decimal(28, 10)) as value,
        delivered_value,
        case when correction is not null then counted_value end as corrected_value,
        corrections['amount_unit'] as corrected_unit,
        correction,
        amount_unit,
        source_file,
        source_sha256,
        source_row,
        load_id,
        {{ more | join(', ') }}
    from (
        select
            {{ cells }}.*,
            {{ cell_as_corrected(cells) }} as counted_value,
            {{ correction_told(cells, 'told') }} as correction
        from {{ cells }}
        left join corrections as told
            on
                cardinality({{ cells }}.corrections) > 0
                and {{ cells }}.delivered_unit_code = told.unit_code
                and {{ cells }}.delivered_year = told.fiscal_year
                and {{ cells }}.table_name = told.table_name
                and {{ cells }}.record_key = told.record_key
    ) as explained
{%- endmacro %}
