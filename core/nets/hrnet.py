"""HRNet-W48 of COCO pose; PostoMETRO's code takes the lowest branch (stride 32) of stage 4 alone.

So the last module fuses into that branch only, and the public network's `final_layer` is left out: both have
weights in public checkpoints that no output depends on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import BasicBlock, Bottleneck

WIDTHS = (48, 96, 192, 384)
BLOCKS = 4


class HRNetW48(nn.Module):
    """Stem to stride 4, one stage of bottlenecks, then 2, 3 and 4 branches."""

    channels = WIDTHS[-1]

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.conv2 = nn.Conv2d(64, 64, 3, 2, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(Bottleneck(64, 64), *(Bottleneck(256, 64) for _ in range(3)))
        self.transition1 = nn.ModuleList([_convolution(256, 48, 1), nn.Sequential(_convolution(256, 96, 2))])
        self.stage2 = nn.Sequential(FusedBranches(2, range(2)))
        self.transition2 = _new_branch(2)
        self.stage3 = nn.Sequential(*(FusedBranches(3, range(3)) for _ in range(4)))
        self.transition3 = _new_branch(3)
        self.stage4 = nn.Sequential(FusedBranches(4, range(4)), FusedBranches(4, range(4)), FusedBranches(4, [3]))

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, S, S) to (B, 384, S / 32, S / 32)."""
        x = F.relu(self.bn1(self.conv1(image)), inplace=True)
        x = self.layer1(F.relu(self.bn2(self.conv2(x)), inplace=True))
        branches = self.stage2([step(x) for step in self.transition1])
        branches = self.stage3([*branches, self.transition2["2"](branches[-1])])
        branches = self.stage4([*branches, self.transition3["3"](branches[-1])])
        lowest: Tensor = branches[-1]
        return lowest


class FusedBranches(nn.Module):
    """Blocks on each branch, then every wanted branch adds up all the others at its own size."""

    def __init__(self, branches: int, outputs: Sequence[int]) -> None:
        """Build the module.

        Args:
            branches: how many, of strides 4, 8, 16, 32.
            outputs: the branches to fuse into.
        """
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(BasicBlock(WIDTHS[i], WIDTHS[i]) for _ in range(BLOCKS))) for i in range(branches)
        )
        self.fuse_layers = nn.ModuleDict(
            {str(i): nn.ModuleDict({str(j): _fuse(j, i) for j in range(branches) if j != i}) for i in outputs}
        )

    def forward(self, inputs: list[Tensor]) -> list[Tensor]:
        """Maps of each branch in, of each wanted branch out."""
        features = [branch(x) for branch, x in zip(self.branches, inputs, strict=True)]
        return [self._fused(int(i), features) for i in self.fuse_layers]

    def _fused(self, target: int, features: list[Tensor]) -> Tensor:
        total = features[target]
        layers = cast(nn.ModuleDict, self.fuse_layers[str(target)])
        for source, layer in layers.items():
            total = total + layer(features[int(source)])
        return F.relu(total)


def _fuse(source: int, target: int) -> nn.Sequential:
    """1x1 and upsampling to a finer branch, 3x3 steps of stride 2 to a coarser one."""
    if source > target:
        return nn.Sequential(
            nn.Conv2d(WIDTHS[source], WIDTHS[target], 1, bias=False),
            nn.BatchNorm2d(WIDTHS[target]),
            nn.Upsample(scale_factor=2.0 ** (source - target), mode="nearest"),
        )
    steps = [_convolution(WIDTHS[source], WIDTHS[source], 2) for _ in range(target - source - 1)]
    last = _convolution(WIDTHS[source], WIDTHS[target], 2, has_relu=False)
    return nn.Sequential(*steps, last)


def _new_branch(branch: int) -> nn.ModuleDict:
    step = nn.Sequential(_convolution(WIDTHS[branch - 1], WIDTHS[branch], 2))
    return nn.ModuleDict({str(branch): step})


def _convolution(channels_in: int, channels: int, stride: int, has_relu: bool = True) -> nn.Sequential:
    layers: list[nn.Module] = [
        nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False),
        nn.BatchNorm2d(channels),
    ]
    if has_relu:
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)
