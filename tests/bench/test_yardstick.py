"""The yardstick computes what our network computes, so that comparing their times is fair."""

from __future__ import annotations

import torch

from tests.bench.yardstick import Yardstick
from tests.fixtures.small_networks import make_image, thin_resnet50


def test_yardstick_answers_as_our_network() -> None:
    network, image = thin_resnet50(), make_image(2, 256)
    with torch.no_grad():
        reference = Yardstick(network).eval()(image)
        ours = network(image)
        fine = network.fine_vertices(ours.intermediate_vertices)
    assert (reference.coarse_vertices[0] - reference.coarse_vertices[1]).abs().mean() > 1e-3
    for name in ("weak_camera", "joints", "coarse_vertices", "intermediate_vertices", "keypoints"):
        torch.testing.assert_close(getattr(ours, name), getattr(reference, name), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(fine, reference.fine_vertices, atol=1e-4, rtol=1e-4)
