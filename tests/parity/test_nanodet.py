"""NanoDet as we ship it answers as its published graph does, and a published graph becomes a folder that opens.

The fixture holds what TensorFlow.js 4.22 gave for the published graph (its outputs of the person class, the distances
decoded with numpy) on a picture of this project's own demo clip.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.detection.onnx_graph import Graph, as_input
from core.detection.open_detector import OWN_FOLDER, open_detector
from core.errors import WeightsError
from core.nets.nanodet import BINS, NanoDet, boxes_of_bins
from training.import_checkpoint import main
from training.pretrained.nanodet import CLASSES, KEPT, read_nanodet
from training.pretrained.tfjs_graph import read_tfjs

FIXTURE = Path(__file__).parent / "fixtures" / "nanodet.npz"
FLOAT32_PX, FLOAT32_SCORE = 1e-2, 1e-5
"""What the order of additions costs in a network of 34 layers."""
SIDE, ENLARGED = 416, 2


def test_shipped_file_answers_as_the_published_graph_does() -> None:
    with np.load(FIXTURE, allow_pickle=False) as known:
        picture = np.zeros((SIDE, SIDE, 3), np.uint8)
        large = known["image"].repeat(ENLARGED, 0).repeat(ENLARGED, 1)
        picture[: large.shape[0], : large.shape[1]] = large
        graph = Graph(OWN_FOLDER / "detector.onnx", 1)
        boxes, scores = graph.run("image", as_input(picture, True, 1 / 255), "boxes", "scores")
        np.testing.assert_allclose(boxes[known["rows"]], known["boxes"], atol=FLOAT32_PX)
        np.testing.assert_allclose(scores[known["rows"]], known["scores"], atol=FLOAT32_SCORE)
        assert known["scores"].max() > 0.5


def test_distance_is_the_mean_of_its_bins_in_strides_from_the_cells_centre() -> None:
    bins = torch.full((4, BINS, 1, 2), -40.0)
    for side, strides in enumerate((1, 2, 3, 4)):
        bins[side, strides] = 0
    bins[0, 3, 0, 1] = 0  # the second cell's left: 1 or 3 strides, either as likely
    boxes = boxes_of_bins(bins.flatten(0, 1), 16)
    np.testing.assert_allclose(boxes, [[-8, -24, 56, 72], [-8, -24, 72, 72]], atol=1e-3)


def test_network_on_a_part_of_a_picture_answers_as_on_a_whole_one_of_that_size() -> None:
    levels = NanoDet().eval()(torch.zeros(1, 3, 64, 96))
    assert [tuple(level.shape) for level in levels] == [(1, 45, 8, 12), (1, 45, 4, 6), (1, 45, 2, 3)]


def published(folder: Path, network: NanoDet) -> Path:
    """A graph model of TensorFlow.js with a network's weights, 79 more classes and float16 numbers."""
    nodes: list[dict[str, Any]] = []
    described, stored = [], b""
    for number, convolution in enumerate(network.convolutions()):
        name = f"PartitionedCall/convolution_{number}" if number else "PartitionedCall/convolution"
        weight, bias = (array.detach().numpy() for array in (convolution.weight, convolution.bias))
        if len(bias) == len(KEPT):
            weight, bias = (np.zeros((CLASSES + 4 * BINS, *a.shape[1:]), np.float32) for a in (weight, bias))
            weight[KEPT], bias[KEPT] = (a.detach().numpy() for a in (convolution.weight, convolution.bias))
        nodes.append({"name": name, "op": "Conv2D", "input": ["x", f"w{number}"]})
        nodes.append({"name": f"add{number}", "op": "Add", "input": [name, f"b{number}"]})
        for key, array in ((f"w{number}", weight.transpose(2, 3, 1, 0)), (f"b{number}", bias)):
            half = {"dtype": "float16", "original_dtype": "float32"}
            described.append({"name": key, "shape": list(array.shape), "dtype": "float32", "quantization": half})
            stored += array.astype("<f2").tobytes()
    document = {
        "modelTopology": {"node": nodes[::-1]},
        "weightsManifest": [{"paths": ["net.bin"], "weights": described}],
    }
    (folder / "net.bin").write_bytes(stored)
    (folder / "net.json").write_text(json.dumps(document), encoding="utf-8")
    return folder / "net.json"


def small_random() -> NanoDet:
    torch.manual_seed(1)
    network = NanoDet().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(parameter.half().float())
    return network


def test_published_weights_come_back_in_our_network(tmp_path: Path) -> None:
    network = small_random()
    again = read_nanodet(published(tmp_path, network)).state_dict()
    assert all(torch.equal(again[name], value) for name, value in network.state_dict().items())


def test_imported_detector_opens_and_says_whose_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, target = published(tmp_path, small_random()), tmp_path / "made"
    assert main(["--from", "nanodet", str(file), "-o", str(target)]) == 0
    assert "Apache-2.0, Copyright 2020-2021 RangiLyu" in capsys.readouterr().out
    config = json.loads((target / "config.json").read_text())
    assert config["licence"] == "Apache-2.0" and config["commercial_use"] and "RangiLyu" in config["credit"]
    assert "Apache-2.0" in (target / "README.md").read_text()
    assert open_detector(target, 1).threshold == config["threshold"]
    assert (target / "detector.onnx").stat().st_size < 1.1 * 2 * sum(p.numel() for p in NanoDet().parameters())


@pytest.mark.parametrize("change", ["missing", "cut", "other", "outside"])
def test_file_that_is_not_a_published_graph_is_one_sentence(
    change: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "net.json"
    content = {"modelTopology": {"node": []}, "weightsManifest": [{"paths": ["net.bin"], "weights": []}]}
    if change != "missing":
        (tmp_path / "net.bin").write_bytes(b"1" if change == "cut" else b"")
        content["weightsManifest"][0]["paths"] = ["../net.bin"] if change == "outside" else ["net.bin"]  # type: ignore[index]
        file.write_text(json.dumps(content), encoding="utf-8")
    assert main(["--from", "nanodet", str(file), "-o", str(tmp_path / "made")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "made").exists()


def test_weights_of_all_kinds_are_read_in_their_order(tmp_path: Path) -> None:
    document = {
        "modelTopology": {"node": [{"name": "a", "op": "Const"}]},
        "weightsManifest": [
            {
                "paths": ["net.bin"],
                "weights": [
                    {"name": "a", "shape": [2], "dtype": "int32"},
                    {"name": "b", "shape": [], "dtype": "float32", "quantization": {"dtype": "float16"}},
                    {"name": "c", "shape": [1, 2], "dtype": "float32"},
                ],
            }
        ],
    }
    (tmp_path / "net.json").write_text(json.dumps(document), encoding="utf-8")
    parts = (np.array([3, 4], "<i4"), np.array(0.5, "<f2"), np.array([[1, 2]], "<f4"))
    (tmp_path / "net.bin").write_bytes(b"".join(part.tobytes() for part in parts))
    weights = read_tfjs(tmp_path / "net.json").weights
    assert [weights[name].tolist() for name in "abc"] == [[3, 4], 0.5, [[1, 2]]]
    (tmp_path / "net.bin").write_bytes(b"123")
    with pytest.raises(WeightsError, match="not a TensorFlow"):
        read_tfjs(tmp_path / "net.json")
