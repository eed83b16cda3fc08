"""The data rules, and the runner that has Great Expectations check them.

Here belongs what must hold of data. What a violation leads to is the models' and the graph's.
"""
