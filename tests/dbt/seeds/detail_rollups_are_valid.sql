-- What a roll-up names is there: a cell of a summary table, and facts and attributes of the tables
-- that it sums; and no record is summed twice.
{%- set details = detail_tables() %}
{%- set line_tables = "'" ~ details | join("', '") ~ "'" %}
{%- set codes = {} %}
{%- for column in contract_columns('int_facts__detailed') %}
{%- do codes.update({column.table_name ~ '.' ~ column.column_name: column.codes}) %}
{%- endfor %}

with rollups as (
    select
        *,
        {{ seed_row('detail_rollups', [
            'summary_table', 'summary_key', 'summary_column', 'input_table', 'input_key',
            'input_column',
        ]) }} as seed_row
    from {{ ref('detail_rollups') }}
),

-- What a summary cell or an input may be, with the codes of what records are selected by.
columns (table_name, column_name, is_summed, is_key, is_selected_by, codes) as (
    values
    {%- for column in contract_columns() %}
    (
        '{{ column.table_name }}',
        '{{ column.column_name }}',
        {{ column.is_summed }},
        {{ column.is_key }},
        {{ column.is_selected_by }},
        cast({{ column.codes }} as varchar[])
    ),
    {%- endfor %}
    {%- for table, facts in details.items() %}
    {%- for column in facts['columns'] %}
    ('{{ table }}', '{{ column }}', true, false, false, []),
    {%- endfor %}
    {%- for column in facts['attributes'] %}
    {%- set own = codes.get(table ~ '.' ~ column, []) %}
    (
        '{{ table }}',
        '{{ column }}',
        false,
        false,
        true,
        cast({{ facts.get('derived', {}).get(column, own) }} as varchar[])
    ),
    {%- endfor %}
    {%- endfor %}
    (null, null, false, false, false, [])
),

tables as (
    select
        table_name,
        table_name in ({{ line_tables }}) as has_lines,
        string_agg(column_name, ', ') filter (where is_summed) as summed,
        string_agg(column_name, ', ') filter (where is_selected_by) as selected_by,
        coalesce(list(column_name) filter (where is_key), []) as key_columns
    from columns
    where table_name is not null
    group by table_name
),

all_tables as (
    select
        string_agg(table_name, ', ' order by table_name) filter (where not has_lines) as summaries,
        string_agg(table_name, ', ' order by table_name) as inputs
    from tables
),

read_cells as (
    {%- for side in ['summary', 'input'] %}
    select
        seed_row,
        '{{ side }}' as side,
        {{ side }}_table as table_name,
        {{ side }}_column as column_name,
        string_split(coalesce({{ side }}_key, ''), '|') as key_parts
    from rollups
    {{ "union all" if not loop.last }}
    {%- endfor %}
),

key_parts as (
    select
        read_cells.seed_row,
        read_cells.side,
        read_cells.table_name,
        numbers.part_no,
        {{ terms('read_cells.key_parts[numbers.part_no]') }} as terms
    from read_cells
    cross join unnest(range(1, len(read_cells.key_parts) + 1)) as numbers (part_no)
),

terms as (
    select
        key_parts.seed_row,
        key_parts.side,
        key_parts.table_name,
        split_terms.term,
        split_part(split_terms.term, '=', 1) as column_name,
        substr(split_terms.term, strpos(split_terms.term, '=') + 1) as code
    from key_parts
    cross join unnest(key_parts.terms) as split_terms (term)
),

open_terms as (
    select
        seed_row,
        side,
        part_no,
        list_sort(list_filter(terms, lambda term: ends_with(term, '=*'))) as codes_taken
    from key_parts
),

faults as (
    select
        read_cells.seed_row,
        read_cells.side || '_table' as column_name,
        read_cells.table_name as found,
        'one of ' || case
            when read_cells.side = 'summary' then all_tables.summaries else all_tables.inputs
        end as expected
    from read_cells
    cross join all_tables
    anti join tables
        on
            read_cells.table_name = tables.table_name
            and (read_cells.side = 'input' or not tables.has_lines)
    union all
    select
        read_cells.seed_row,
        read_cells.side || '_column' as column_name,
        read_cells.column_name as found,
        'one of ' || coalesce(tables.summed, 'none, as the table has no numbers') as expected
    from read_cells
    inner join tables on read_cells.table_name = tables.table_name
    anti join columns
        on
            read_cells.table_name = columns.table_name
            and read_cells.column_name = columns.column_name
            and columns.is_summed
    union all
    select
        terms.seed_row,
        terms.side || '_key' as column_name,
        terms.term as found,
        case
            when strpos(terms.term, '=') = 0 or columns.column_name is null
                then 'column=value, the column one of ' || coalesce(tables.selected_by, 'none')
            else terms.column_name || '= with one of ' || array_to_string(columns.codes, ', ')
        end as expected
    from terms
    inner join tables on terms.table_name = tables.table_name
    left join columns
        on
            terms.table_name = columns.table_name
            and terms.column_name = columns.column_name
            and columns.is_selected_by
    where
        columns.column_name is null
        or strpos(terms.term, '=') = 0
        or (
            len(columns.codes) > 0
            and terms.code != '*'
            and not list_contains(columns.codes, terms.code)
        )
    union all
    select
        key_parts.seed_row,
        'summary_key' as column_name,
        array_to_string(key_parts.terms, '&') as found,
        'the key of ' || key_parts.table_name || ', ' || coalesce(
            nullif(array_to_string(tables.key_columns, '=…&') || '=…', '=…'), 'which is empty'
        ) as expected
    from key_parts
    inner join tables on key_parts.table_name = tables.table_name
    where
        key_parts.side = 'summary'
        and (
            key_parts.part_no > 1
            or list_transform(key_parts.terms, lambda term: split_part(term, '=', 1))
            != tables.key_columns
        )
    union all
    select
        inputs.seed_row,
        'input_key' as column_name,
        coalesce(nullif(array_to_string(inputs.codes_taken, '&'), ''), 'no *') as found,
        'the same * as in the summary_key, so that each record goes to its own' as expected
    from open_terms as inputs
    inner join open_terms as summaries
        on inputs.seed_row = summaries.seed_row and summaries.side = 'summary'
    where inputs.side = 'input' and inputs.codes_taken != summaries.codes_taken
    union all
    select
        one.seed_row,
        'summary_key' as column_name,
        coalesce(one.summary_key, '') as found,
        'no other summary_key beside it for the same column, as a * may be any code' as expected
    from rollups as one
    inner join rollups as other
        on
            one.summary_table = other.summary_table
            and one.summary_column = other.summary_column
            and one.summary_key != other.summary_key
    where contains(one.summary_key, '=*')
    union all
    select
        rollups.seed_row,
        'input_column' as column_name,
        rollups.input_column as found,
        'cells that are delivered; this column is rolled up itself' as expected
    from rollups
    semi join rollups as others
        on
            rollups.input_table = others.summary_table
            and rollups.input_column = others.summary_column
    union all
    select
        one.seed_row,
        'input_key' as column_name,
        array_to_string(one.terms, '&') || '|' || array_to_string(other.terms, '&') as found,
        'parts that hold no record in common, as it would count twice' as expected
    from key_parts as one
    inner join key_parts as other
        on
            one.seed_row = other.seed_row
            and one.side = other.side
            and one.part_no < other.part_no
    where
        one.side = 'input'
        and not exists (
            select 1
            from unnest(one.terms) as these (term)
            inner join unnest(other.terms) as those (term)
                on
                    split_part(these.term, '=', 1) = split_part(those.term, '=', 1)
                    and these.term != those.term
        )
    {%- for column, valid, expected in [
        ('weight', 'weight in (-1, 0, 1)', '1, -1 or 0'),
        ('requires', "coalesce(requires, 'record') in ('record', 'table')",
            'record, table or an empty cell'),
    ] %}
    union all
    select
        seed_row,
        '{{ column }}' as column_name,
        cast({{ column }} as varchar) as found,
        '{{ expected }}' as expected
    from rollups
    where ({{ valid }}) is not true
    {%- endfor %}
)

select distinct
    seed_row || ' column ' || column_name || ': found '
    || coalesce('''' || found || '''', 'nothing')
    || ', expected ' || expected || '; correct the cell' as message
from faults
order by message
