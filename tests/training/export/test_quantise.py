"""Eight bits: a bundle that loads and answers nearly alike, and nothing where it does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from core.inference.runtime import open_runtime
from core.weights.find import find_weights
from tests.fixtures.picture_store import small_store
from training.export import bundle, quantise
from training.export.network import probe_crops


@pytest.mark.parametrize("option", [[], ["--convolutions"]])
def test_eight_bits_answer_nearly_alike_from_a_smaller_file(
    option: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantise, "score", lambda *_given: 40.0)  # sixteen people would tell little
    target = tmp_path / "int8"
    store = str(small_store().folder)
    command = ["open-tiny", "-o", str(target), "--store", store, *option]
    assert quantise.main(command) == 0
    whole, small = find_weights("open-tiny"), find_weights(target)
    assert small.onnx_file.stat().st_size < 0.9 * whole.onnx_file.stat().st_size
    operations = {node.op_type for node in onnx.load(small.onnx_file).graph.node}
    assert "DynamicQuantizeLinear" in operations and ("QuantizeLinear" in operations) == bool(option)
    images = probe_crops(whole.input_size, 3)
    wanted, got = (open_runtime(each, "onnx", "cpu", 1).run(images).coarse_vertices for each in (whole, small))
    assert 0 < np.abs(wanted - got).mean() < 0.05  # metres, on pictures of nobody


def test_no_constant_matrix_and_no_part_of_one_stays_in_float32(tmp_path: Path) -> None:
    source, target = find_weights("open-tiny").onnx_file, tmp_path / "int8.onnx"
    quantise.quantise_linear(source, target)
    assert _products_of_floats(source) and not _products_of_floats(target)


def _products_of_floats(file: Path) -> set[str]:
    """Names of the large float32 matrices that the graph multiplies by from the right, cuts or turns."""
    graph = onnx.load(file).graph
    large = {each.name for each in graph.initializer if each.data_type == onnx.TensorProto.FLOAT and _is_large(each)}
    first = {"MatMul": 1, "Gemm": 1, "Slice": 0, "Transpose": 0}
    nodes = [node for node in graph.node if node.op_type in first]
    return {name for node in nodes for name in node.input[first[node.op_type] :] if name in large}


def _is_large(tensor: onnx.TensorProto) -> bool:
    return len(tensor.dims) == 2 and min(tensor.dims) >= 16


def test_bundle_that_got_worse_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    errors = iter([40.0, 41.1])
    monkeypatch.setattr(quantise, "score", lambda *_given: next(errors))
    command = ["open-tiny", "-o", str(tmp_path / "int8"), "--store", str(small_store().folder)]
    assert quantise.main(command) == 1
    assert list(tmp_path.iterdir()) == []


def test_store_that_is_none_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert quantise.main(["open-tiny", "-o", str(tmp_path / "int8"), "--store", str(tmp_path / "nowhere")]) == 1
    assert capsys.readouterr().err.startswith("training.export.quantise: ")
    assert bundle.ONNX not in {path.name for path in tmp_path.rglob("*")}
