"""MoveNet's trunk as a backbone, and pose tokens from points in place of the classifier's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.nets import NetConfig, preset
from core.nets.heatmaps import HeatmapReading
from core.nets.movenet import MoveNetBackbone, MoveNetTrunk, SameConv
from core.nets.network import Network
from tests.fixtures.small_networks import THIN, build, make_image, thin_config

FLOAT32_NOISE = 1e-4
SIZE = 64
POINTS = 19


def _base(**changes: Any) -> NetConfig:
    thin = {"first": THIN, "second": replace(THIN, width=16), "modulator_width": 16}
    return replace(preset("base"), **{**thin, "input_size": SIZE, **changes})


@pytest.fixture(scope="module")
def base() -> Network:
    torch.manual_seed(0)
    return build(_base()).eval()


def _points(count: int, confidence: float = 1.0) -> HeatmapReading:
    points = torch.rand(count, POINTS, 2, generator=torch.Generator().manual_seed(3)) * 2 - 1
    return HeatmapReading(points, torch.full((count, POINTS), confidence), torch.zeros(count, POINTS, 0))


def test_padding_of_stride_2_is_below_and_to_the_right_alone() -> None:
    convolution = SameConv(1, 1, 3, 2, bias=False)
    nn.init.ones_(convolution.weight)
    image = torch.arange(16.0).reshape(1, 1, 4, 4)
    wanted = [
        [image[0, 0, :3, :3].sum(), image[0, 0, :3, 2:].sum()],
        [image[0, 0, 2:, :3].sum(), image[0, 0, 2:, 2:].sum()],
    ]
    assert torch.equal(convolution(image)[0, 0], torch.tensor(wanted))


@pytest.mark.parametrize("size", [64, 96])
@torch.no_grad()
def test_trunk_leaves_maps_at_its_strides(size: int) -> None:
    shapes = [tuple(part.shape) for part in MoveNetTrunk()(make_image(2, size))]
    assert shapes == [(2, 168, size // 16, size // 16), (2, 1280, size // 32, size // 32),
                      (2, 32, size // 16, size // 16), (2, 24, size // 4, size // 4)]  # fmt: skip


class _Centred(MoveNetTrunk):
    """A person's centre in one cell, whose regression is known everywhere."""

    def __init__(self, row: int, column: int, shift: tuple[float, float]) -> None:
        super().__init__()
        self.found = row, column
        for part in (self.regress_out, self.centre_out):
            nn.init.zeros_(part.weight)
        with torch.no_grad():
            assert self.regress_out.bias is not None
            self.regress_out.bias.copy_(torch.tensor(shift).repeat(17))
        self.centre_out = _Peak(row, column)  # type: ignore[assignment]


class _Peak(nn.Module):
    def __init__(self, row: int, column: int) -> None:
        super().__init__()
        self.row, self.column = row, column

    def forward(self, hidden: Tensor) -> Tensor:
        out = torch.full((len(hidden), 1, *hidden.shape[-2:]), -9.0)
        out[:, :, self.row, self.column] = 9.0
        return out


@torch.no_grad()
def test_expected_joints_are_the_centre_and_its_shifts() -> None:
    trunk = _Centred(5, 9, (2.0, -3.0))
    expected = trunk.expected_joints(torch.zeros(1, 24, 16, 16))
    assert expected.shape == (1, POINTS, 2)
    assert torch.allclose(expected[0], torch.tensor([7.0, 6.0]).expand(POINTS, 2))


@torch.no_grad()
def test_prior_is_highest_where_the_joint_is_expected() -> None:
    prior = _Centred(5, 9, (2.0, -3.0)).prior(torch.zeros(1, 24, 16, 16))
    assert (prior.flatten(2).argmax(-1) == 7 * 16 + 6).all()


@torch.no_grad()
def test_adapted_frozen_maps_are_the_forward_pass() -> None:
    torch.manual_seed(0)
    backbone = MoveNetBackbone(32).eval()
    image = make_image(2, SIZE)
    for whole, parts in zip(backbone(image), backbone.adapted(backbone.frozen_maps(image)), strict=True):
        assert torch.equal(whole, parts)


@torch.no_grad()
def test_base_answers_what_tiny_does_without_a_classifier(base: Network) -> None:
    out = base(make_image(2, SIZE))
    assert base.classifier is None and out.token_logits is None
    assert out.token_ids is not None and out.token_ids.shape == (2, 34)
    assert out.token_certainty is not None and bool(((out.token_certainty >= 0) & (out.token_certainty <= 1)).all())
    assert out.heatmaps is not None and out.heatmaps.shape == (2, POINTS, SIZE // 4, SIZE // 4)
    assert out.coarse_vertices.shape == (2, 431, 3) and out.person_logit is not None


@torch.no_grad()
def test_base_batch_equals_single(base: Network) -> None:
    image = make_image(3, SIZE)
    whole, single = base(image), base(image[1:2])
    assert torch.allclose(whole.coarse_vertices[1:2], single.coarse_vertices, atol=FLOAT32_NOISE)


@torch.no_grad()
def test_tokens_of_points_are_those_of_the_tokenizers_encoder(base: Network) -> None:
    assert base.tokenizer is not None
    points = _points(3)
    joints = torch.cat([points.points[:, :17], torch.ones(3, 17, 1)], 2)
    assert torch.equal(base.encoded(points).ids, base.tokenizer.token_ids(joints))


@torch.no_grad()
def test_point_of_low_confidence_is_a_hidden_joint(base: Network) -> None:
    points = _points(2)
    points.confidence[:, 4] = base.config.hidden_below / 2
    moved = HeatmapReading(points.points.clone(), points.confidence, points.weights)
    moved.points[:, 4] += 0.7
    seen = HeatmapReading(moved.points, torch.ones_like(points.confidence), points.weights)
    assert torch.equal(base.encoded(points).tokens, base.encoded(moved).tokens)
    assert not torch.equal(base.encoded(_points(2)).tokens, base.encoded(seen).tokens)


@torch.no_grad()
def test_token_is_as_certain_as_its_joints(base: Network) -> None:
    assert torch.allclose(base.encoded(_points(2, 0.25)).certainty, torch.tensor(0.25))


@torch.no_grad()
def test_lifted_points_need_no_picture(base: Network) -> None:
    out = base.lift(_points(2))
    assert out.coarse_vertices.shape == (2, 431, 3) and out.intermediate_vertices.shape == (2, 1723, 3)
    assert out.heatmaps is None and out.person_logit is None


def test_points_as_source_need_heatmaps() -> None:
    with pytest.raises(ValueError, match="tokens from points need heatmaps"):
        replace(preset("resnet50"), pose_source="points")


def test_tiny_can_take_its_tokens_from_points() -> None:
    network = build(thin_config(pose_source="points"))
    assert network.classifier is None
    assert network(make_image(1, SIZE)).token_ids.shape == (1, 34)


def test_config_of_base_comes_back_from_its_dictionary() -> None:
    config = preset("base")
    assert NetConfig.from_dict(config.to_dict()) == config
    assert config.mean == config.std == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("name", ["tiny", "resnet50", "hrnet_w48"])
def test_older_presets_are_written_as_before(name: str) -> None:
    assert not {"pose_source", "hidden_below", "mean", "std", "rotation_head"} & preset(name).to_dict().keys()


def test_frozen_points_pass_no_gradient_to_the_heatmaps(base: Network) -> None:
    points = _points(1)
    points.points.requires_grad_(True)
    assert not base.encoded(points).tokens.requires_grad
    assert np.isfinite(base.encoded(points).certainty.numpy(force=True)).all()
