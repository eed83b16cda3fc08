"""`jixiao rubric`: a rubric as people read it, to be laid beside the printed one.

Here belong reading the rows that count under a rubric, what each of them says in words, and showing
them as text or a page. Scores are the concern of the marts, and of `orchestration.explain`.
"""
