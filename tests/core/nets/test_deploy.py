"""The exported network against torch."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from core.nets import DeployedNetwork, DeployedOutput, preset
from core.nets.config import LSP_FROM_HEATMAPS
from tests.fixtures.small_networks import build, make_image, thin_config

FLOAT32_NOISE = 1e-4
SIZE = 64


def _network() -> DeployedNetwork:
    return DeployedNetwork(build(preset("tiny"))).eval()


def _export(network: DeployedNetwork, file: Path, is_dynamo: bool) -> None:
    names = list(DeployedOutput._fields)
    shapes = {"image": {0: torch.export.Dim("batch", min=1, max=64)}}
    axes = {name: {0: "batch"} for name in ["image", *names]}
    how = {"dynamic_shapes": shapes} if is_dynamo else {"dynamic_axes": axes}
    with warnings.catch_warnings():  # torch's own: a deprecated exporter, and torchvision that is not there
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (make_image(2, SIZE),),
            file,
            input_names=["image"],
            output_names=names,
            dynamo=is_dynamo,
            opset_version=18,
            external_data=False,
            verbose=False,
            **how,
        )


@pytest.mark.parametrize("is_dynamo", [True, False], ids=["dynamo", "torchscript"])
def test_exported_tiny_equals_torch_for_any_batch(tmp_path: Path, is_dynamo: bool) -> None:
    network = _network()
    _export(network, tmp_path / "tiny.onnx", is_dynamo)
    session = onnxruntime.InferenceSession(tmp_path / "tiny.onnx", providers=["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == list(DeployedOutput._fields)
    for batch in (1, 3):
        image = make_image(batch, SIZE, seed=batch)
        with torch.no_grad():
            expected = network(image)
        for ours, reference in zip(session.run(None, {"image": image.numpy()}), expected, strict=True):
            assert ours.shape == tuple(reference.shape)
            assert np.allclose(ours, reference.numpy(), atol=FLOAT32_NOISE)


@torch.no_grad()
def test_deployed_scores_lie_between_zero_and_one() -> None:
    out = _network()(make_image(2))
    for score in (out.joint_confidence, out.token_confidence, out.person_score):
        assert (score >= 0).all() and (score <= 1).all()


@torch.no_grad()
def test_deployed_joints_2d_are_the_heatmaps_in_lsp_order() -> None:
    network, image = _network(), make_image(1)
    points = network.network(image).heatmap_points
    assert torch.equal(network(image).joints_2d[:, 0], points[:, 16])  # R_Ankle is COCO's 16
    assert torch.equal(network(image).joints_2d, points[:, list(LSP_FROM_HEATMAPS)])


@torch.no_grad()
def test_deployed_without_pose_tokens_still_answers_every_array() -> None:
    out = DeployedNetwork(build(thin_config(pose_tokens=False))).eval()(make_image(2))
    assert out.keypoints.shape == (2, 17, 2) and out.pose_token_ids.dtype == torch.int64
