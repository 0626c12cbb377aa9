"""The network is run here: pictures and boxes become estimates.

In:    frames, boxes in frame pixels, a verified weights bundle.
Out:   `Estimates`: pose tokens, coarse mesh, joints and weak camera of each box, in the frame's pixels.
Read:  `estimator.py` first (crop, run, bring back), then `runtime.py` (what can run a network).
Uses:  weights, nets (the torch runtime alone), body, geometry, files, errors, types.

`onnx_runtime.py` is what people use; `torch_runtime.py` is the only module outside `nets` that may import torch, and
both are loaded when they are asked for. `onnx_check.py` looks through a file before ONNX Runtime loads it.
"""
