"""What is made of what: columns followed through the models, and OpenLineage events of a run.

Both are asked for by a setting; nothing else needs them.
"""
