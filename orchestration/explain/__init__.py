"""`jixiao explain`: a published score followed to the cells that it came from.

Here belong reading it from the published copy alone, and showing it as text, JSON or a page. The
sentences on points are the marts'.
"""
