"""The scorecard site: what is published, as pages that people open from disk, year by year.

Here belong what the pages say and how they are written. Every number on them is one of the marts;
what is worked out here is only what a value is short of for more points, from the rubric's rows.
The frame and the style of a page are in `orchestration/html`; where the site is part of a
publication, in `orchestration/publication`.
"""
