"""The data rules, and the runner that has Great Expectations check them.

Here belongs what must hold of data. What a violation leads to is the models' and the graph's.
"""

from orchestration.later import import_later

# A third of the time that Great Expectations takes to import, for rules about distributions.
import_later("scipy.stats")
