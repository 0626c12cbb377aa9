"""Networks that others trained on real people, read from their own files and written in our forms.

In:    a graph model of TensorFlow.js, a .json and the .bin beside it.
Out:   a detector's bundle that ships, with its maker's name and licence; the numbers of the trunk of preset base.
Read:  `nanodet_bundle.py` first (what is written), `nanodet.py` and `movenet.py`, `tfjs_graph.py` (how it is read).
Uses:  export.

Called by `python -m training.import_checkpoint`.
"""
