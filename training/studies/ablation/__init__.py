"""The paper's ablations at our scale, on a frozen trunk (`python -m training.studies.ablation`).

In:    a bundle whose trunk is kept, and stores to train and test on.
Out:   errors of every arm as the paper's tables: JSON, Markdown and a picture.
Read:  `settings.py` first (which arms there are), then `arms.py` (how one is trained).
Uses:  stages, evaluate, pictures and trainer.

`cache.py` computes once what the trunk says; `report.py` makes the tables.
"""
