"""The small backbone of preset `tiny`: ResNet-18's blocks at half width, a light neck for heatmaps."""

from __future__ import annotations

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import BasicBlock


class SmallFeatures(NamedTuple):
    """What one pass over the picture leaves behind.

    Attributes:
        coarse: (B, 8 w, S / 16, S / 16), the image tokens.
        fine: (B, neck, S / 4, S / 4), under the heatmaps.
    """

    coarse: Tensor
    fine: Tensor


class SmallTrunk(nn.Module):
    """Widths w, 2w, 4w at strides 4, 8, 16: what the pose network and the detector share."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, width, 3, 2, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, 2, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )
        self.layer1 = _stage(width, width, 1)
        self.layer2 = _stage(width, 2 * width, 2)
        self.layer3 = _stage(2 * width, 4 * width, 2)
        initialise(self)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, 3, S, S), S a multiple of 16, to maps at strides 4, 8, 16."""
        stride4 = self.layer1(self.stem(image))
        stride8 = self.layer2(stride4)
        return stride4, stride8, self.layer3(stride8)


class SmallBackbone(SmallTrunk):
    """The trunk, width 8w at stride 16, and a light top-down path: 128 px give 8 x 8 image tokens."""

    def __init__(self, width: int, neck_width: int) -> None:
        super().__init__(width)
        self.layer4 = _stage(4 * width, 8 * width, 1)
        self.neck = Neck((width, 2 * width, 8 * width), neck_width)
        self.channels = 8 * width
        initialise(self.layer4)
        initialise(self.neck)

    def forward(self, image: Tensor) -> SmallFeatures:  # type: ignore[override]
        """(B, 3, S, S), S a multiple of 32."""
        stride4, stride8, stride16 = super().forward(image)
        stride16 = self.layer4(stride16)
        return SmallFeatures(stride16, self.neck(stride4, stride8, stride16))


def initialise(part: nn.Module) -> None:
    """Fresh kernels; every residual block starts as the identity."""
    for module in part.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if isinstance(module, BasicBlock):
            nn.init.zeros_(module.bn2.weight)


class Neck(nn.Module):
    """Top-down path: strides 16, 8 and 4 added up at one width."""

    def __init__(self, channels: tuple[int, int, int], width: int) -> None:
        super().__init__()
        self.from4, self.from8, self.from16 = (nn.Conv2d(c, width, 1, bias=False) for c in channels)
        self.bn8 = nn.BatchNorm2d(width)
        self.bn4 = nn.BatchNorm2d(width)
        self.out = nn.Sequential(
            nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
        )

    def forward(self, stride4: Tensor, stride8: Tensor, stride16: Tensor) -> Tensor:
        """Three maps of falling size to one (B, width, S / 4, S / 4)."""
        top = F.interpolate(self.from16(stride16), scale_factor=2.0, mode="nearest")
        top = F.relu(self.bn8(top + self.from8(stride8)), inplace=True)
        top = F.interpolate(top, scale_factor=2.0, mode="nearest")
        top = F.relu(self.bn4(top + self.from4(stride4)), inplace=True)
        out: Tensor = self.out(top)
        return out


def _stage(channels_in: int, channels: int, stride: int) -> nn.Sequential:
    return nn.Sequential(BasicBlock(channels_in, channels, stride), BasicBlock(channels, channels))
