"""ResNet-50 of SimpleBaseline pose and FastMETRO: the stride sits in the 3x3 convolution."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import Bottleneck

DEPTHS = (3, 4, 6, 3)


class ResNet50(nn.Module):
    """Stem and four stages; deconvolutions and classifier of the public networks are left out."""

    def __init__(self, width: int = 64, depths: tuple[int, ...] = DEPTHS) -> None:
        """Build the network.

        Args:
            width: of the stem; the features are 32 times as wide.
            depths: blocks in each of the four stages.
        """
        super().__init__()
        self.channels = 32 * width
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = _stage(width, width, depths[0], 1)
        self.layer2 = _stage(4 * width, 2 * width, depths[1], 2)
        self.layer3 = _stage(8 * width, 4 * width, depths[2], 2)
        self.layer4 = _stage(16 * width, 8 * width, depths[3], 2)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, S, S) to (B, 32 width, S / 32, S / 32)."""
        x = F.relu(self.bn1(self.conv1(image)), inplace=True)
        x = F.max_pool2d(x, 3, 2, 1)
        out: Tensor = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return out


def _stage(channels_in: int, channels: int, blocks: int, stride: int) -> nn.Sequential:
    wide = channels * Bottleneck.expansion
    rest = (Bottleneck(wide, channels) for _ in range(blocks - 1))
    return nn.Sequential(Bottleneck(channels_in, channels, stride), *rest)
