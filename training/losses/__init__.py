"""Losses: a batch and the network's answer become terms to minimise.

In:    `NetOutput` or tensors, and the labels of a batch.
Out:   scalars by name; the stages weigh and add them.
Read:  `mesh_losses.py` first, then `paper_losses.py` (FastMETRO's sum and weights).
Uses:  pictures.

`tals.py` is TokenHMR's Threshold-Adaptive Loss Scaling; its thresholds, `tals_thresholds.json`, are measured by
`training.studies.tals_thresholds`.
"""
