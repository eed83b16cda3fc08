"""What bureaus deliver, read into `raw`: every row is loaded or rejected with a reason.

Here belong the landing contract, the formats and what a cell of one means, corrections, and the
template that bureaus fill in. What the figures mean does not: that is dbt's and the data rules'.
"""
