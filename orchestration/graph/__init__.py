"""What one run does of a year: its steps, in their order, and the build that they are about.

What a step does stands where it is at home: loading in `landing`, models in dbt, rules in
`expectations`, publishing in `publication`. What Dagster is told of it stands in `definitions`.
"""
