"""Folding changes what is computed when, never the answer."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from core.nets import Network
from core.nets.folding import fold, fold_batch_norms
from core.nets.hrnet import HRNetW48
from tests.fixtures.small_networks import build, make_image, randomise, thin_config, thin_resnet50

FLOAT32_NOISE = 1e-4


def _assert_same(before: object, after: object) -> None:
    for name, value in before._asdict().items():  # type: ignore[attr-defined]
        if value is not None:
            torch.testing.assert_close(getattr(after, name), value, atol=FLOAT32_NOISE, rtol=FLOAT32_NOISE, msg=name)


@torch.no_grad()
@pytest.mark.parametrize("name", ["resnet50", "shared", "once", "tiny"])
def test_folded_network_answers_as_before(name: str) -> None:
    network = _network(name)
    image = make_image(3, network.config.input_size)
    before = network(image)
    fold(network)
    assert not [m for m in network.backbone.modules() if isinstance(m, nn.BatchNorm2d)] or name == "tiny"
    assert network.mesh.first.first_queries is not None
    _assert_same(before, network(image))


def _network(name: str) -> Network:
    if name == "tiny":
        return randomise(build(replace(thin_config(), input_size=64)))
    changes = {"shared": {"pose_backbone": "shared"}, "once": {"pose_tokens_in_second": "once"}}.get(name, {})
    return thin_resnet50(**changes)


def test_folded_constants_are_what_is_used() -> None:
    network = fold(_network("tiny"))
    image = make_image(1, 64)
    with torch.no_grad():
        before = network(image).coarse_vertices
        network.mesh.first.first_queries.copy_(torch.randn(1, 445, 32))  # type: ignore[union-attr]
        moved = (network(image).coarse_vertices - before).abs().max()
    assert moved > 1e-5


@torch.no_grad()
def test_batch_norms_of_hrnet_fold() -> None:
    network, image = randomise(HRNetW48().eval()), make_image(1, 64)
    before = network(image)
    fold_batch_norms(network)
    assert not [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    torch.testing.assert_close(network(image), before, atol=1e-4 * float(before.abs().max()), rtol=1e-4)


def test_network_in_training_is_refused() -> None:
    with pytest.raises(ValueError, match="eval mode"):
        fold(_network("tiny").train())
