"""`jixiao report`: the official forms of a year, a file for each form of each department.

Here belong reading them from the published copy alone, what stands on a form whatever its format,
and writing it as a Word document, a workbook that recomputes the scores, or PDF. What a score is
stays the marts' concern: a workbook only says in formulas what their rubric says in rows.
"""
