"""What a weights bundle is worth: fixed test sets, answers that know nothing beside it, intervals.

In:    a bundle, and stores, photographs, clips or published sets.
Out:   scores a set, as a table and as JSON for the model card.
Read:  `sets.py` first (`python -m training.evaluate`), then `metrics.py` (what each score is).
Uses:  datasets, pictures, joint_orders.

Sets: `rendered`, `cycles`, `photographs`, `clips`, `bones`, `walking`, `paper`. `protocols.py` holds the two ways in
which papers score a mesh. `detector.py` and `whole_frames.py` score finding people. `run_network.py` runs a bundle.
"""
