"""Experiments: each answers one question and is a command of its own. Nothing outside may import this room.

In:    bundles, runs, stores, results of earlier runs.
Out:   tables, pictures, JSON; what docs/results.md tells.
Read:  the docstring of the study in question; it starts with the question or the command.
Uses:  train, evaluate_paper, export, stages, evaluate, losses, datasets, pictures, trainer, joint_orders.

Paper: `ablation/`, `paper_tables`, `paper_smoke`. Losses: `tals_paradox`, `bones_paradox`, `tals_thresholds`.
Capacity: `overfit*`. What a bundle sees: `sensitivity`, `worst`, `before_after`, `pose_vocabulary`. Runs: `curves`,
`run_estimate`. `figures.py` draws without a screen.
"""
