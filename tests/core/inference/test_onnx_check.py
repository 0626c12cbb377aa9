import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.errors import WeightsError
from core.inference.onnx_check import check_onnx
from core.inference.runtime import open_runtime
from core.weights.bundle import WEIGHTS_FOLDER
from core.weights.find import find_weights
from tests.fixtures.graphs import blob_graph, write_bundle


def _saved(path: Path, nodes: list[onnx.NodeProto], tensors: list[onnx.TensorProto]) -> Path:
    graph = helper.make_graph(nodes, "g", [], [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], tensors)
    path.write_bytes(helper.make_model(graph).SerializeToString())
    return path


def _outside(location: str) -> onnx.TensorProto:
    tensor = numpy_helper.from_array(np.zeros(4, np.float32), "w")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor


def _inner(tensor: onnx.TensorProto) -> onnx.NodeProto:
    graph = helper.make_graph([helper.make_node("Constant", [], ["y"], value=tensor)], "inner", [], [])
    return helper.make_node("If", ["x"], ["y"], then_branch=graph, else_branch=graph)


def test_our_own_files_are_fine(blob_weights: Path) -> None:
    files = [blob_weights / "model.onnx", *WEIGHTS_FOLDER.glob("*/*.onnx")]
    for file in files:
        check_onnx(file)


@pytest.mark.parametrize("location", ["../../secret", "/etc/passwd", "beside.bin"])
def test_numbers_in_another_file_are_refused(tmp_path: Path, location: str) -> None:
    by_graph = _saved(tmp_path / "a.onnx", [], [_outside(location)])
    by_node = _saved(tmp_path / "b.onnx", [_inner(_outside(location))], [])
    for file in (by_graph, by_node):
        with pytest.raises(WeightsError, match=r"\.onnx: is no ONNX file .*numbers in another file.*again"):
            check_onnx(file)


def test_numbers_in_another_file_are_refused_before_they_are_loaded(tmp_path: Path) -> None:
    model = blob_graph()
    model.graph.initializer.append(_outside("beside.bin"))
    content = model.SerializeToString()
    known = {"model.onnx": {"sha256": hashlib.sha256(content).hexdigest()}}  # its maker means harm
    folder = write_bundle(tmp_path / "w", files=known)
    (folder / "model.onnx").write_bytes(content)
    (folder / "beside.bin").write_bytes(bytes(16))
    bundle = find_weights(folder)
    with pytest.raises(WeightsError, match="numbers in another file"):
        open_runtime(bundle)


@pytest.mark.parametrize("dims", [[2**40], [2**31, 2**31], [-1], [1000]])
def test_tensor_that_claims_more_than_there_is_is_refused(tmp_path: Path, dims: list[int]) -> None:
    tensor = numpy_helper.from_array(np.zeros(4, np.float32), "w")
    del tensor.dims[:]
    tensor.dims.extend(dims)
    with pytest.raises(WeightsError, match="a tensor of"):
        check_onnx(_saved(tmp_path / "a.onnx", [], [tensor]))


@pytest.mark.parametrize("kind", ["Loop", "Scan"])
def test_loop_is_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(WeightsError, match="it has a loop"):
        check_onnx(_saved(tmp_path / "a.onnx", [helper.make_node(kind, ["x"], ["y"])], []))


def test_graphs_without_end_are_refused(tmp_path: Path) -> None:
    node = helper.make_node("Relu", ["x"], ["y"])
    for _ in range(20):
        node = helper.make_node("If", ["x"], ["y"], then_branch=helper.make_graph([node], "g", [], []))
    with pytest.raises(WeightsError, match="graphs within graphs"):
        check_onnx(_saved(tmp_path / "a.onnx", [node], []))


@pytest.mark.parametrize("content", [b"", b"no model", b"ORTM" * 9, b"\x3a\xff\xff\xff\xff\x0f"])
def test_what_is_no_onnx_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.onnx").write_bytes(content)
    with pytest.raises(WeightsError, match=r"a\.onnx: is no ONNX file"):
        check_onnx(tmp_path / "a.onnx")


def test_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="can't be read"):
        check_onnx(tmp_path / "none.onnx")
