"""The Dagster graph: what one run does of a year, and how Dagster is told of it.

Here belong the steps and their order. What a step does stands where it is at home: loading in
`landing`, models in dbt, rules in `expectations`, publishing in `publication`.
"""
