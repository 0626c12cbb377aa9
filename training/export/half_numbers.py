"""Numbers of an ONNX file in half the bytes: float16 where float16 holds them exactly, widened when the file is loaded.

ONNX Runtime does the widening once, as it opens the file, so that answers and speed stay those of float32.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

LEAST_NUMBERS = 256
"""Smaller arrays stay as they are: a Cast costs more than it saves."""
NARROW = "_half"


def store_halves(file: Path) -> int:
    """Rewrites a model in place.

    Args:
        file: whose weights were rounded to float16 before; others it leaves alone.

    Returns:
        Numbers that take two bytes now.
    """
    model = onnx.load(file)
    graph, casts, kept, count = model.graph, [], [], 0
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor) if tensor.data_type == TensorProto.FLOAT else None
        if values is None or values.size < LEAST_NUMBERS or not _fits(values):
            kept.append(tensor)
            continue
        narrow = tensor.name + NARROW
        kept.append(numpy_helper.from_array(values.astype(np.float16), narrow))
        casts.append(helper.make_node("Cast", [narrow], [tensor.name], to=TensorProto.FLOAT, name=f"widen_{narrow}"))
        count += values.size
    del graph.initializer[:]
    graph.initializer.extend(kept)
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, file)
    return count


def _fits(values: npt.NDArray[np.float32]) -> bool:
    with np.errstate(over="ignore"):
        return bool(np.array_equal(values.astype(np.float16).astype(np.float32), values))
