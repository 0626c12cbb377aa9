"""Detectors without training: graphs of the three known forms that answer with boxes that a test chose."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from core.detection.yolox import grid


def saved(path: Path, inputs: dict[str, list[Any]], outputs: dict[str, np.ndarray], gate: str = "") -> Path:
    """A graph with constant outputs; `gate` names one that is multiplied by the picture's greatest value."""
    nodes, initialisers, infos = [], [], []
    for name, array in outputs.items():
        value = np.asarray(array, np.float32)
        initialisers.append(numpy_helper.from_array(value, f"{name}_value"))
        source = next(iter(inputs))
        nodes.append(helper.make_node("ReduceMax", [source], [f"{name}_top"], keepdims=0))
        if name != gate:  # still fed by the picture, so that nothing is folded away
            initialisers.append(numpy_helper.from_array(np.zeros((), np.float32), f"{name}_zero"))
            nodes.append(helper.make_node("Mul", [f"{name}_top", f"{name}_zero"], [f"{name}_none"]))
            nodes.append(helper.make_node("Add", [f"{name}_value", f"{name}_none"], [name]))
        else:
            nodes.append(helper.make_node("Mul", [f"{name}_value", f"{name}_top"], [name]))
        infos.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape))
    pictures = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()]
    graph = helper.make_graph(nodes, "boxes", pictures, infos, initialisers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path


def own_graph(path: Path, boxes: np.ndarray, scores: np.ndarray) -> Path:
    return saved(path, {"image": [1, 3, "h", "w"]}, {"boxes": boxes, "scores": scores}, gate="scores")


def detr_graph(path: Path, boxes: np.ndarray, classes: list[int], scores: list[float], side: int = 640) -> Path:
    """Boxes (N, 4) cxcywh in 0..1."""
    logits = np.full((1, len(boxes), 80), -9.0)
    logits[0, np.arange(len(boxes)), classes] = np.log(np.array(scores) / (1 - np.array(scores)))
    return saved(path, {"pixel_values": [1, 3, side, side]}, {"logits": logits, "pred_boxes": boxes[None]})


def yolox_graph(path: Path, boxes: np.ndarray, classes: list[int], scores: list[float], side: int = 416) -> Path:
    """Boxes (N, 4) xyxy in pixels of the input, each in a cell of its own of the middle stride."""
    cells, strides = grid(side)
    rows = np.zeros((1, len(cells), 85))
    first = int(np.flatnonzero(strides == 16)[0])
    for place, (box, kind, score) in enumerate(zip(boxes, classes, scores, strict=True)):
        row = first + 7 * place + 31
        rows[0, row, :2] = (box[:2] + box[2:]) / 2 / strides[row] - cells[row]
        rows[0, row, 2:4] = np.log((box[2:] - box[:2]) / strides[row])
        rows[0, row, 4], rows[0, row, 5 + kind] = score, 1.0
    return saved(path, {"images": [1, 3, side, side]}, {"output": rows})


def folder_of(graph: Path, **config: Any) -> Path:
    digest = hashlib.sha256(graph.read_bytes()).hexdigest()
    files = {graph.name: {"sha256": digest, "bytes": graph.stat().st_size}}
    document = {"format_version": 1, "kind": "detector", "name": "made-up", "files": files, **config}
    (graph.parent / "config.json").write_text(json.dumps(document), encoding="utf-8")
    return graph.parent
