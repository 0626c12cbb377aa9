"""Detectors in ONNX Runtime, one form of graph a file; `detect.open_detector` picks."""
