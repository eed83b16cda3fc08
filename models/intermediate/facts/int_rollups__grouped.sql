with inputs as (
    select distinct input_table, input_column from {{ ref('int_rollups__resolved') }}
),

facts as (
    select unit_code, fiscal_year, table_name, attributes, fact, value
    from {{ ref('int_facts__detailed') }}
    union all
    select unit_code, fiscal_year, table_name, attributes, fact, value
    from {{ ref('int_facts__delivered') }}
)

select
    facts.unit_code,
    facts.fiscal_year,
    facts.table_name,
    facts.attributes,
    facts.fact,
    count(*) as cells_count,
    count(facts.value) as usable_cells_count,
    sum(facts.value) as value_sum
from facts
inner join inputs on facts.table_name = inputs.input_table and facts.fact = inputs.input_column
group by
    facts.unit_code, facts.fiscal_year, facts.table_name, facts.attributes, facts.fact
