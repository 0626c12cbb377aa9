"""A detector finds people in a whole frame; this room knows nothing of the pose network.

In:    a frame (H, W, 3) uint8 BGR, and the name or file of a detector.
Out:   `Detections`: boxes xyxy in frame pixels and their scores, nobody twice.
Read:  `detector.py` first (what a detector is), then `open_detector.py` (which one a name or a file means).
Uses:  weights, inference (the check of ONNX files), geometry, files, errors, types.

`own.py` (what this project writes), `detr.py` and `yolox.py` are the adapters, one form of graph each, on
`onnx_graph.py`. Whether there is a person in a box is decided in `tracking/confirm.py`.
"""
