"""What 8 bits bring in the matrix products of PCT's Swin, float32 against the ways in which ONNX Runtime does them.

One core, one person, random numbers. "signed" weights are -128 to 127, "7 bits" of them are for processors without
VNNI, where sums of two products may overflow 16 bits, "unsigned" ones are 0 to 255; a scale a column. The error is the
root mean square of the difference to float32, against the root mean square of the product.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from core.types import Float

from . import Row
from .graphs import open_session
from .timing import cpu_seconds

SHAPES = {
    "stage 3, qkv": (256, 512, 1536),
    "stage 3, MLP in": (256, 512, 2048),
    "stage 3, MLP out": (256, 2048, 512),
    "stage 4, MLP in": (64, 1024, 4096),
}
"""Rows, columns of the input, columns of the product at 256 px; stage 3 is 18 of Swin-B's 24 blocks."""
WAYS: dict[str, dict[str, Any]] = {
    "signed": {"weight_type": QuantType.QInt8, "per_channel": True},
    "signed, 7 bits": {"weight_type": QuantType.QInt8, "per_channel": True, "reduce_range": True},
    "unsigned": {"weight_type": QuantType.QUInt8, "per_channel": True},
}
REPEATS = 5


def measure() -> Iterable[Row]:
    """Rows of the table."""
    logging.getLogger().setLevel(logging.ERROR)  # the quantiser's advice
    totals: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, (label, (rows, inner, columns)) in enumerate(SHAPES.items()):
            random = np.random.default_rng(number)
            left = random.normal(size=(rows, inner)).astype(np.float32)
            files = _files(Path(folder), str(number), random.normal(size=(inner, columns)).astype(np.float32))
            runs = {name: partial(open_session(file).run, None, {"left": left}) for name, file in files.items()}
            works = {name: partial(_repeated, run) for name, run in runs.items()}
            exact = runs["float32"]()[0]
            for name, seconds in cpu_seconds(works, rounds=5).items():
                totals[name] = totals.get(name, 0.0) + seconds
                speed = 2e-9 * rows * inner * columns * REPEATS / seconds
                yield Row(f"{label}, {name}", speed, "GFLOP/s")
                if name != "float32":
                    yield Row(f"{label}, {name}: error", 100 * _error(runs[name]()[0], exact), "%")
    for name in WAYS:
        yield Row(f"all four, {name} against float32", totals["float32"] / totals[name], "x")


def _repeated(run: Callable[[], object]) -> None:
    for _ in range(REPEATS):
        run()


def _error(product: Float, exact: Float) -> float:
    return float(np.sqrt(np.mean((product - exact) ** 2) / np.mean(exact**2)))


def _files(folder: Path, name: str, weights: Float) -> dict[str, Path]:
    """The product with these weights (K, N) as files: float32, and each way of 8 bits."""
    inner, columns = weights.shape
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["left", "weights"], ["product"])],
        "product",
        [helper.make_tensor_value_info("left", TensorProto.FLOAT, ["rows", inner])],
        [helper.make_tensor_value_info("product", TensorProto.FLOAT, ["rows", columns])],
        [numpy_helper.from_array(weights, "weights")],
    )
    files = {"float32": folder / f"{name}.onnx"}
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), files["float32"])
    for way, options in WAYS.items():
        files[way] = folder / f"{name} {way}.onnx"
        quantize_dynamic(files["float32"], files[way], op_types_to_quantize=["MatMul"], **options)
    return files
