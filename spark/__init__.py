"""The same models on Spark: rules, an adapter of dbt, and what compares both (docs/spark.md)."""
