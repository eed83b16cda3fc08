with lines as (
    select * from {{ ref('int_evidence__lines') }}
),

corrections as (
    select * from {{ ref('int_corrections__told') }}
)

{{ cells_told('lines', ['sums']) }}
