"""Do our networks compute what the reference code computed? (`python -m training.parity`)

In:    fixtures: answers of the reference code to weights and pictures that follow from a name.
Out:   the largest deviation of each array, and an exit code.
Read:  `__main__.py` first, then `filling_rule.py` (how weights follow from a name).
Uses:  evaluate, losses, datasets, upstream.

`networks.py` fills and runs our networks, `operations.py` our losses, metrics and data operations.
"""
