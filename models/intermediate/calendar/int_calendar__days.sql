{{ config(materialized='view') }}
-- The semantic layer asks for a spine of days, though nothing here is finer than a year.
select cast(days.day as date) as day
from generate_series(date '2000-01-01', date '2100-12-31', interval 1 day) as days (day)
