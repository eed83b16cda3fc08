"""The version of dbt-spark that the adapter is made for, as dbt asks for one."""

version = "1.11.0"
