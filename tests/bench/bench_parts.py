"""Where preset resnet50 spends its time, part by part: the yardstick, ours, ours folded. One core, one person."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from functools import partial

import torch
from torch import Tensor

from core.nets import Network, fold, preset
from tests.fixtures.small_networks import build

from . import Row
from .bench_yardstick import Works
from .graphs import random_image
from .timing import cpu_seconds, one_thread
from .yardstick_swin import YardstickSwin


@torch.no_grad()
def measure() -> Iterable[Row]:
    """Rows of the table."""
    one_thread()
    network, image = build(preset("resnet50")), random_image(1, 256)
    works = {"PCT's Swin, yardstick": partial(YardstickSwin(network.pose_backbone).eval(), image)}  # type: ignore[arg-type]
    works |= _parts("ours", network, image)
    works |= _parts("folded", fold(deepcopy(network)), image)
    for name, seconds in sorted(cpu_seconds(works).items()):
        yield Row(name, 1000 * seconds, "ms of CPU")


def _parts(label: str, network: Network, image: Tensor) -> Works:
    """The three parts that take the time: both backbones and the transformers."""
    assert network.pose_backbone is not None
    features, pose = network.backbone(image), torch.randn(1, 34, network.config.first.width)
    return {
        f"PCT's Swin, {label}": partial(network.pose_backbone, image),
        f"ResNet-50, {label}": partial(network.backbone, image),
        f"transformers, {label}": partial(network.mesh, features, pose),
    }
