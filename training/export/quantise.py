"""A bundle with smaller numbers: `python -m training.export.quantise BUNDLE -o BUNDLE2 --store STORE
[--convolutions|--half]`.

Matrix products get 8-bit weights, and their inputs 8 bits that are chosen anew for every input. With `--convolutions`
the convolutions get 8 bits too; the range of their inputs is measured on rendered crops of the store. The two bundles
are scored on the same rendered people, and what is more than 1 mm (PA-MPJPE) worse is not written. `--half` makes the
whole graph float16, for GPUs: ONNX Runtime's CPU kernels would turn every number to and fro.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)

from core.geometry.crops import normalise
from core.inference.runtime import open_runtime
from core.weights.bundle import WeightsBundle
from core.weights.find import find_weights
from training.evaluate.rendered import composer_of
from training.evaluate.sets import evaluate
from training.export import bundle
from training.export.network import told
from training.pictures import PictureStore

WORST_MM = 1.0
CALIBRATED_ON = 64
BATCH = 16
Kind = Literal["matrices", "convolutions", "half"]
NOTES: dict[Kind, str] = {
    "matrices": "8 bits\n\n`model.onnx` has 8-bit weights in its matrix products",
    "convolutions": "8 bits\n\n`model.onnx` has 8-bit weights in its matrix products and its convolutions",
    "half": "float16\n\n`model.onnx` is float16 throughout, for GPUs",
}
SET, ROW, COLUMN = "rendered", "mesh", "PA-MPJPE"
MADE_SMALLER = "\n\n## Made smaller: "
logger = logging.getLogger("training.export.quantise")


class Crops(CalibrationDataReader):  # type: ignore[misc]
    """Rendered crops one by one, as the network gets them."""

    def __init__(self, store: PictureStore, weights: WeightsBundle, count: int = CALIBRATED_ON) -> None:
        self._crops = self._read(store, weights, count)

    def get_next(self) -> dict[str, Any] | None:
        """The next input of the graph, or None after the last."""
        return next(self._crops, None)

    @staticmethod
    def _read(store: PictureStore, weights: WeightsBundle, count: int) -> Iterator[dict[str, Any]]:
        composer = composer_of(store, weights.input_size, SET)
        for step in range(-(-count // BATCH)):
            crops = composer.batch(BATCH, step).image.permute(0, 2, 3, 1).numpy()
            for crop in normalise(crops, weights.mean, weights.std):
                yield {"image": np.ascontiguousarray(crop[None], np.float32)}


def quantise_linear(source: Path, target: Path) -> None:
    """A graph with its constant matrices in 8 bits, a scale a column."""
    _quantise_matrices(_folded(source), target)


def quantise_both(source: Path, target: Path, crops: CalibrationDataReader) -> None:
    """A graph with its convolutions in 8 bits, a scale an output channel, and its constant matrices as well.

    Args:
        source: the graph.
        target: the file to write.
        crops: what gives the range of the convolutions' inputs.
    """
    with tempfile.TemporaryDirectory() as folder:
        half_way = Path(folder) / "convolutions.onnx"
        quantize_static(
            _folded(source),
            half_way,
            crops,
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
        _quantise_matrices(_bare(half_way), target)


def _quantise_matrices(model: onnx.ModelProto, target: Path) -> None:
    quantize_dynamic(
        model, target, op_types_to_quantize=["MatMul", "Gemm"], per_channel=True, weight_type=QuantType.QInt8
    )


def halve(source: Path, target: Path) -> None:
    """A graph in float16 that takes and gives float32."""
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    halved = OnnxModel(convert_float_to_float16(_bare(source), keep_io_types=True))
    halved.topological_sort()  # the converter appends its casts at the end
    onnx.save(halved.model, target)


def _folded(source: Path) -> onnx.ModelProto:
    """The graph with what is constant in it computed: a part of a matrix is no constant to the quantiser."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "folded.onnx"
        options.optimized_model_filepath = str(target)
        onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
        model = _bare(target)
    used = {node.domain for node in model.graph.node}
    versions = [each for each in model.opset_import if each.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(versions)
    return model


def _bare(source: Path) -> onnx.ModelProto:
    """The graph without the exporter's claims about shapes within: some hold for the example batch alone."""
    model = onnx.load(source)
    del model.graph.value_info[:]
    return model


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the library's advice, which it gives on the root logger."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def write_model(weights: WeightsBundle, target: Path, kind: Kind, store: PictureStore) -> None:
    """The smaller graph of a bundle.

    Args:
        weights: the bundle.
        target: the file to write.
        kind: what gets smaller.
        store: to measure the convolutions' inputs on.
    """
    with _quietly():
        if kind == "convolutions":
            quantise_both(weights.onnx_file, target, Crops(store, weights))
        else:
            (halve if kind == "half" else quantise_linear)(weights.onnx_file, target)
    onnx.checker.check_model(onnx.load(target))


def quantise(source: Path | str, target: Path, store: Path, people: int, kind: Kind) -> bool:
    """Writes the smaller bundle; False, and nothing written, where it is too much worse.

    Args:
        source: folder or name of the bundle.
        target: folder of the new one.
        store: rendered people of the test split.
        people: to score on.
        kind: what gets smaller.

    Raises:
        ValueError: the store or the target are not what they should be.
        MocapError: the bundle cannot be used.
    """
    weights, pictures = find_weights(source), PictureStore.open(store)
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = target.with_name(target.name + ".unfinished")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(weights.folder, folder)
    try:
        (folder / bundle.ONNX).unlink()
        write_model(weights, folder / bundle.ONNX, kind, pictures)
        _finish(folder, target.name, kind)
        before, after = (score(each, store, people) for each in (weights.folder, folder))
        _finish(
            folder,
            target.name,
            kind,
            f"{COLUMN} of {people} rendered crops: {before:.2f} mm before, {after:.2f} mm after.",
        )
        megabytes = (folder / bundle.ONNX).stat().st_size / 1e6
        logger.info("%s of %d rendered crops: %.2f mm before, %.2f mm after", COLUMN, people, before, after)
        logger.info("model.onnx: %.1f MB before, %.1f MB after", weights.onnx_file.stat().st_size / 1e6, megabytes)
        speeds = milliseconds([weights, find_weights(folder)])
        logger.info("one person, one thread: %.2f ms of CPU before, %.2f ms after", *speeds)
        if not after <= before + WORST_MM:
            return False
        bundle.put_in_place(folder, target)
        return True
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def score(folder: Path, store: Path, people: int) -> float:
    """PA-MPJPE in mm of the mesh, as ONNX Runtime computes it."""
    (scores,) = evaluate(folder, [SET], store, None, people)
    return scores.rows[ROW][COLUMN].value


def milliseconds(bundles: Sequence[WeightsBundle], rounds: int = 9) -> list[float]:
    """Median CPU time of one crop on one thread for each bundle, in rounds that take turns."""
    runtimes = [open_runtime(each, "onnx", "cpu", threads=1) for each in bundles]
    size = bundles[0].input_size
    crop = np.random.default_rng(0).normal(size=(1, 3, size, size)).astype(np.float32)
    times: list[list[float]] = [[] for _ in runtimes]
    for _ in range(rounds + 1):  # the first does not count
        for runtime, spent in zip(runtimes, times, strict=True):
            start = time.process_time()
            runtime.run(crop)
            spent.append(1000 * (time.process_time() - start))
    return [statistics.median(spent[1:]) for spent in times]


def _finish(folder: Path, name: str, kind: Kind, measured: str = "") -> None:
    """Adds to the card what was made smaller and, once it is known, what that costs."""
    config = json.loads((folder / bundle.CONFIG).read_text(encoding="utf-8"))
    card = (folder / bundle.CARD).read_text(encoding="utf-8").partition(MADE_SMALLER)[0].rstrip()
    note = f"""{MADE_SMALLER}{NOTES[kind]}, made by
`python -m training.export.quantise`. The scores above are those of the float32 weights, which `model.safetensors` still
holds.
{measured}
"""
    is_half = {"half": True} if kind == "half" else {}
    bundle.finish(folder, {**config, **is_half, "name": name, "files": {}}, card + note)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m training.export.quantise",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bundle", help="name or folder of the bundle")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the new bundle")
    parser.add_argument("--store", type=Path, required=True, help="rendered people of the test split")
    parser.add_argument("--people", type=int, default=1024, help="crops to score on; default 1024")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--convolutions", action="store_const", dest="kind", const="convolutions", default="matrices",
                       help="8 bits for the convolutions too")  # fmt: skip
    kinds.add_argument("--half", action="store_const", dest="kind", const="half", help="float16, for GPUs alone")
    given = parser.parse_args(arguments)
    return told(
        "training.export.quantise",
        lambda: quantise(given.bundle, given.output, given.store, given.people, given.kind),
        f"more than {WORST_MM:.0f} mm worse",
    )


if __name__ == "__main__":
    raise SystemExit(main())
