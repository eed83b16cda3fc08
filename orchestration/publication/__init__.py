"""What is published: the warehouse folder, its files and pages, and what tells of changes to them.

Here belong writing and switching over a build, and reading what people are told of it. What is in
the marts is decided by dbt; a publication adds nothing to it.
"""
