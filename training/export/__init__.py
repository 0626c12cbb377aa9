"""A run becomes a weights bundle, a smaller one, a published one (`python -m training.export`).

In:    a run of training and scores of it.
Out:   a folder with model.onnx, model.safetensors, config.json and README.md, whole or not there at all.
Read:  `network.py` first, then `bundle.py` (what is written, and how it gets its final name).
Uses:  stages, evaluate, datasets, pictures, motions, trainer.

`bones.py` adds a rotation head, `detector.py` exports the person detector, `quantise.py` makes numbers smaller,
`model_card.py` writes the README, `publish.py` uploads. What is written as ONNX is compared with torch before the
folder gets its final name.
"""
