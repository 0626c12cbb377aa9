"""NanoDet-g (RangiLyu, Apache-2.0; https://github.com/RangiLyu/nanodet), of whose 80 classes people alone are kept.

A plain convolutional backbone in CSP form, a pyramid up and down again over strides 8, 16 and 32, and one head for each
stride, which gives a score and the four distances from a cell's centre to the sides of a box, each as a distribution
over whole strides (Li et al. 2020, Generalized Focal Loss, section 3.2).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STRIDES = (8, 16, 32)
BINS = 11
"""Of a distance: 0 to 10 strides."""
SLOPE = 0.1
MEAN_BGR = (103.53, 116.28, 123.675)
STD_BGR = (57.375, 57.12, 58.395)
"""Of the pictures that it was trained on, 0 to 255."""


class Half(nn.Module):
    """A convolution to half of the channels, beside what another makes of them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _convolution(channels, channels // 2)
        self.second = _convolution(channels // 2, channels // 2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        first = self.first(x)
        return torch.cat([self.second(first), first], 1)


class Csp(nn.Module):
    """A convolution, blocks, another convolution, and the first one's answer beside the last one's."""

    def __init__(self, channels_in: int, channels: int, stride: int, blocks: int) -> None:
        super().__init__()
        self.first = _convolution(channels_in, channels, stride)
        self.blocks = nn.Sequential(*(Half(channels) for _ in range(blocks)))
        self.last = _convolution(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, 2 channels, H / stride, W / stride)."""
        first = self.first(x)
        return torch.cat([self.last(self.blocks(first)), first], 1)


class NanoDet(nn.Module):
    """The network, one class."""

    def __init__(self, neck: int = 128) -> None:
        super().__init__()
        self.stem = nn.Sequential(_convolution(3, 32, 2), nn.MaxPool2d(3, 2, 1))
        self.stages = nn.ModuleList([Csp(32, 32, 1, 1), Csp(64, 64, 2, 2), Csp(128, 128, 2, 2), Csp(256, 256, 2, 3)])
        self.to_neck = nn.ModuleList(nn.Conv2d(channels, neck, 1) for channels in (128, 256, 512))
        self.heads = nn.ModuleList(
            nn.Sequential(_convolution(neck, neck), nn.Conv2d(neck, 1 + 4 * BINS, 1)) for _ in STRIDES
        )

    def convolutions(self) -> list[nn.Conv2d]:
        """All convolutions in the order in which the published graph counts them."""
        return [part for part in self.modules() if isinstance(part, nn.Conv2d)]

    def forward(self, image: Tensor) -> list[Tensor]:
        """Normalised BGR pictures (B, 3, H, W), both sides multiples of 32, to (B, 45, H / s, W / s) a stride s.

        The first channel is the score's logit, the others are the bins of left, top, right and bottom.
        """
        x = self.stages[0](self.stem(image))
        found = []
        for stage, to_neck in zip(list(self.stages)[1:], self.to_neck, strict=True):
            x = stage(x)
            found.append(to_neck(x))
        at8, at16, at32 = found
        middle = at16 + _scaled(at32, 2.0)
        fine = at8 + _scaled(middle, 2.0)
        middle = middle + _scaled(fine, 0.5)
        coarse = at32 + _scaled(middle, 0.5)
        return [head(level) for head, level in zip(self.heads, (fine, middle, coarse), strict=True)]


class DeployedNanoDet(nn.Module):
    """A picture of 0 to 1, RGB, in, as our own detector's; boxes and scores of all cells out."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, detector: NanoDet) -> None:
        super().__init__()
        self.detector = detector
        self.register_buffer("mean", torch.tensor(MEAN_BGR).view(1, 3, 1, 1) / 255)
        self.register_buffer("deviation", torch.tensor(STD_BGR).view(1, 3, 1, 1) / 255)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """(1, 3, H, W) to boxes (N, 4) xyxy pixels and scores (N,)."""
        levels = self.detector((image.flip(1) - self.mean) / self.deviation)
        boxes = [boxes_of_bins(level[0, 1:], stride) for level, stride in zip(levels, STRIDES, strict=True)]
        return torch.cat(boxes), torch.cat([level[0, 0].flatten() for level in levels]).sigmoid()


def boxes_of_bins(bins: Tensor, stride: int) -> Tensor:
    """Bins (44, h, w) of one picture's cells to boxes (h w, 4) xyxy, pixels."""
    height, width = bins.shape[1:]
    share = bins.reshape(4, BINS, height, width).softmax(1)
    far = (share * torch.arange(BINS, dtype=bins.dtype, device=bins.device).view(1, BINS, 1, 1)).sum(1)
    x = torch.arange(width, dtype=bins.dtype, device=bins.device)[None] + 0.5
    y = torch.arange(height, dtype=bins.dtype, device=bins.device)[:, None] + 0.5
    boxes = torch.stack([x - far[0], y - far[1], x + far[2], y + far[3]])
    return boxes.flatten(1).T * stride


def _scaled(level: Tensor, factor: float) -> Tensor:
    return F.interpolate(level, scale_factor=factor, mode="bilinear", align_corners=False)


def _convolution(channels_in: int, channels: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels_in, channels, 3, stride, 1), nn.LeakyReLU(SLOPE, inplace=True))
