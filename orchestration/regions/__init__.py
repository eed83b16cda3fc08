"""Regions: whole districts with a landing folder and a warehouse of their own, and their union.

What builds, checks and publishes knows nothing of them: it is given the folders of one. What is
here finds them (`names`), says which a command is about (`targets`), and shows what all have
published as one (`catalogue`, `national.sql`).
"""
