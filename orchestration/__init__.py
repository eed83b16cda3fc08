"""The jixiao command, the Dagster graph, and what both are made of.

Modules here are what people and Dagster start (`cli`, `launch`, `check`, `verify`, `models_page`,
`definitions`), and what everything may use (`project`, `faults`, `duck`, `audit`, `dbt`, `seeds`,
`later`, `ledger`, `terminal`). A package never imports from the first.
"""
