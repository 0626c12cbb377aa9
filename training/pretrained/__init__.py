"""Networks that others trained on real people, read from their own files and written in our forms.

In: a TensorFlow.js graph model (a .json and the .bin beside it). Out: a bundle with its maker's name and licence.
Read first: `tfjs_graph.py`, then `nanodet.py`. It may use `training.export` and the rooms below.
"""
