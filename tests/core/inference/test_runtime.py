import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from core.body.model import load_body
from core.errors import WeightsError
from core.inference.runtime import open_runtime
from core.weights.bundle import WeightsBundle
from core.weights.find import find_weights
from tests.fixtures.graphs import blob_graph, write_bundle

TOLERANCE = 1e-3  # what the two runtimes may differ by in a take


def test_onnx_runs_on_the_cpu_when_asked(blob_weights: Path) -> None:
    runtime = open_runtime(find_weights(blob_weights), device="cpu", threads=1)
    assert (runtime.device, runtime.notice) == ("cpu", "")


def test_onnx_says_so_when_it_falls_back_to_the_cpu(blob_weights: Path) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    runtime = open_runtime(find_weights(blob_weights), device="cuda", threads=1)
    assert runtime.device == "cpu"
    assert "cuda was asked for" in runtime.notice


def test_unknown_device_is_the_callers_mistake(blob_weights: Path) -> None:
    with pytest.raises(ValueError, match="got 'quantum'"):
        open_runtime(find_weights(blob_weights), device="quantum")


def test_unknown_runtime_is_the_callers_mistake(blob_weights: Path) -> None:
    with pytest.raises(ValueError, match="got 'tensorflow'"):
        open_runtime(find_weights(blob_weights), "tensorflow")


def test_network_without_an_output_is_an_error_that_names_it(tmp_path: Path) -> None:
    model = blob_graph()
    del model.graph.output[-1]
    _replace_model(tmp_path, model.SerializeToString())
    with pytest.raises(WeightsError, match="lacks the outputs person_score"):
        open_runtime(find_weights(tmp_path))


def test_file_that_is_no_network_is_an_error(tmp_path: Path) -> None:
    _replace_model(tmp_path, b"no network at all")
    with pytest.raises(WeightsError, match=r"model\.onnx: is no ONNX file"):
        open_runtime(find_weights(tmp_path))


def _replace_model(folder: Path, content: bytes) -> None:
    write_bundle(folder, files={"model.onnx": {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}})
    (folder / "model.onnx").write_bytes(content)


@pytest.fixture(scope="module")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of preset tiny with random weights, as `training.export` writes it."""
    pytest.importorskip("torch", reason="torch is not installed")
    import torch

    from core.nets import network_for_body, preset
    from training.export import bundle
    from training.export import network as export

    folder = tmp_path_factory.mktemp("tiny")
    torch.manual_seed(0)
    config = replace(preset("tiny"), input_size=64)
    network = network_for_body(config, load_body()).eval()
    network.load_state_dict({name: export.rounded(value) for name, value in network.state_dict().items()})
    export.write_safetensors(network, folder / bundle.SAFETENSORS)
    export.write_onnx(network, folder / bundle.ONNX)
    bundle.finish(folder, bundle.bundle_config("tiny", config, load_body(), {}), "")
    return folder


@pytest.mark.slow
def test_torch_and_onnx_read_the_same(tiny_weights: Path) -> None:
    bundle = find_weights(tiny_weights)
    images = np.random.default_rng(0).normal(size=(3, 3, 64, 64)).astype(np.float32)
    torch_out = open_runtime(bundle, "torch", "cpu", 1).run(images)
    onnx_out = open_runtime(bundle, "onnx", "cpu", 1).run(images)
    assert torch_out.arrays().keys() == onnx_out.arrays().keys()
    for name in onnx_out.arrays():
        if name != "pose_token_ids":
            np.testing.assert_allclose(getattr(torch_out, name), getattr(onnx_out, name), atol=TOLERANCE, err_msg=name)
    assert (torch_out.pose_token_ids == onnx_out.pose_token_ids).mean() > 0.95  # near ties may fall either way


@pytest.mark.slow
def test_torch_refuses_weights_of_another_network(tiny_weights: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(tiny_weights, tmp_path / "w")
    config = json.loads((tmp_path / "w" / "config.json").read_text())
    config["network"]["small_width"] = 16
    (tmp_path / "w" / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsError, match="doesn't fit the network"):
        open_runtime(find_weights(tmp_path / "w"), "torch", "cpu", 1)


def test_torch_without_a_network_in_the_bundle_is_an_error(blob_weights: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    with pytest.raises(WeightsError, match="no network for torch"):
        open_runtime(find_weights(blob_weights), "torch", "cpu", 1)


def test_blob_graph_answers_the_arrays_of_a_bundle(blob_weights: Path) -> None:
    bundle: WeightsBundle = find_weights(blob_weights)
    onnx.checker.check_model(str(bundle.onnx_file))
    out = open_runtime(bundle, threads=1).run(np.zeros((2, 3, 64, 64), np.float32))
    assert out.coarse_vertices.shape == (2, 431, 3)
    assert out.pose_token_ids.shape == (2, 34)
