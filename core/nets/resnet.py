"""ResNet-50 of SimpleBaseline pose and FastMETRO: the stride sits in the 3x3 convolution."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import Bottleneck

CHANNELS = 2048


class ResNet50(nn.Module):
    """Stem and four stages; deconvolutions and classifier of the public networks are left out."""

    channels = CHANNELS

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = _stage(64, 64, 3, 1)
        self.layer2 = _stage(256, 128, 4, 2)
        self.layer3 = _stage(512, 256, 6, 2)
        self.layer4 = _stage(1024, 512, 3, 2)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, S, S) to (B, 2048, S / 32, S / 32)."""
        x = F.relu(self.bn1(self.conv1(image)), inplace=True)
        x = F.max_pool2d(x, 3, 2, 1)
        out: Tensor = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return out


def _stage(channels_in: int, channels: int, blocks: int, stride: int) -> nn.Sequential:
    wide = channels * Bottleneck.expansion
    rest = (Bottleneck(wide, channels) for _ in range(blocks - 1))
    return nn.Sequential(Bottleneck(channels_in, channels, stride), *rest)
