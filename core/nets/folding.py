"""A network made ready to answer, for good: all that does not depend on the picture is computed once.

Folded are: every BatchNorm into the convolution before it, Swin's network of positions and its masks, what positions
add to queries and keys in each transformer layer, and the decoder's first self-attention, which sees learned tokens
alone. The answers stay equal within float32 noise; parameters that are trained on afterwards would not be seen.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .network import Network
from .swin_v2 import SwinV2Base

COARSEST_STRIDE = {"small": 16, "movenet": 16, "resnet50": 32, "hrnet_w48": 32}
SWIN_PATCH = 4


def fold(network: Network) -> Network:
    """The same network, changed in place: it answers alike, faster, and must not be trained or saved any more.

    Raises:
        ValueError: the network is in training mode.
    """
    if network.training:
        raise ValueError("expected a network in eval mode: BatchNorm and dropout differ in training")
    fold_batch_norms(network)
    config = network.config
    side = config.input_size // COARSEST_STRIDE[config.backbone]
    pose_count = config.tokenizer.tokens if network.modulator is not None else 0
    network.mesh.fold(side, pose_count)
    if isinstance(network.pose_backbone, SwinV2Base):
        fold_swin(network.pose_backbone, config.input_size)
    return network


def fold_swin(swin: SwinV2Base, input_size: int) -> None:
    """Positions and masks of every block, for pictures of (input_size, input_size)."""
    side = input_size // SWIN_PATCH
    for stage in swin.layers:
        for block in stage.blocks:  # type: ignore[union-attr]
            block.fold(side, side)
        side //= 2


def fold_batch_norms(module: nn.Module) -> None:
    """Every BatchNorm that follows a convolution goes into it: `convN` and `bnN`, or neighbours in a Sequential."""
    for parent in list(module.modules()):
        for first, second in _pairs(parent):
            convolution, norm = getattr(parent, first), getattr(parent, second)
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                with torch.no_grad():
                    setattr(parent, first, fuse_conv_bn_eval(convolution, norm))
                setattr(parent, second, nn.Identity())


def _pairs(parent: nn.Module) -> list[tuple[str, str]]:
    names = [name for name, _ in parent.named_children()]
    if isinstance(parent, nn.Sequential):
        return list(pairwise(names))
    return [(name, f"bn{name[4:]}") for name in names if name.startswith("conv") and f"bn{name[4:]}" in names]
