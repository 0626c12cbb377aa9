"""A small network that finds people in a whole picture: one class, no anchors, one box a cell at stride 8.

After CenterNet (Zhou et al. 2019, centres as peaks of a map) and FCOS (Tian et al. 2019, distances to the four
sides); trained on rendered crowds, `training.stages.detector`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..geometry.crops import IMAGENET_MEAN, IMAGENET_STD
from .blocks import BasicBlock
from .precision import full_precision
from .small import SmallTrunk, initialise

STRIDE = 8
PRIOR = 0.01
"""What the map says of every cell at first, so that the empty ones do not drown the others."""
LARGEST_LOG = 6.0


class DetectorOutput(NamedTuple):
    """What the detector says of each cell.

    Attributes:
        centre: (B, 1, H / 8, W / 8) logits: is a person's box centred here.
        sides: (B, 4, H / 8, W / 8) distances left, top, right, bottom of the cell's middle, pixels.
    """

    centre: Tensor
    sides: Tensor


class PersonDetector(nn.Module):
    """The small backbone's trunk and one coarser stage, joined at stride 8, and two heads.

    The trunk is the pose network's, so that it can start from weights that know people already.
    """

    def __init__(self, width: int = 32, neck: int = 64) -> None:
        super().__init__()
        self.trunk = SmallTrunk(width)
        self.layer32 = nn.Sequential(BasicBlock(4 * width, 4 * width, 2), BasicBlock(4 * width, 4 * width))
        self.from8, self.from16, self.from32 = (_convolution(n * width, neck, 1) for n in (2, 4, 4))
        self.joined = _convolution(neck, neck, 3)
        self.to_centre, self.to_sides = _convolution(neck, neck, 3), _convolution(neck, neck, 3)
        self.centre, self.sides = nn.Conv2d(neck, 1, 1), nn.Conv2d(neck, 4, 1)
        self._initialise()

    def forward(self, image: Tensor) -> DetectorOutput:
        """Reads normalised pictures (B, 3, H, W), both sides multiples of 32."""
        _, at8, at16 = self.trunk(image)
        top = self.from16(at16) + F.interpolate(self.from32(self.layer32(at16)), scale_factor=2.0, mode="nearest")
        top = self.joined(self.from8(at8) + F.interpolate(top, scale_factor=2.0, mode="nearest"))
        at_centre, at_sides = self.to_centre(top), self.to_sides(top)
        with full_precision(top):
            centre = self.centre(at_centre.float())
            sides = STRIDE * self.sides(at_sides.float()).clamp(max=LARGEST_LOG).exp()
        return DetectorOutput(centre, sides)

    def _initialise(self) -> None:
        for part in (self.layer32, self.from8, self.from16, self.from32, self.joined, self.to_centre, self.to_sides):
            initialise(part)
        for head, bias in ((self.centre, float(torch.logit(torch.tensor(PRIOR)))), (self.sides, 1.0)):
            assert head.bias is not None
            nn.init.normal_(head.weight, std=0.01)
            nn.init.constant_(head.bias, bias)


class DeployedDetector(nn.Module):
    """A picture of 0 to 1 in, boxes and scores of all cells out; cells that are no local peak score 0."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, detector: PersonDetector) -> None:
        super().__init__()
        self.detector = detector
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """(1, 3, H, W) to boxes (N, 4) xyxy pixels and scores (N,)."""
        out = self.detector((image - self.mean) / self.deviation)
        boxes = boxes_of_sides(out.sides)[0].flatten(1).T
        score = out.centre.sigmoid()
        is_peak = score == F.max_pool2d(score, 3, 1, 1)
        return boxes, (score * is_peak).flatten()


def cell_middles(height: int, width: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """X (1, width) and y (height, 1) of the cells' middles, pixels."""
    x = (torch.arange(width, device=like.device, dtype=torch.float32) + 0.5) * STRIDE
    y = (torch.arange(height, device=like.device, dtype=torch.float32) + 0.5) * STRIDE
    return x[None], y[:, None]


def boxes_of_sides(sides: Tensor) -> Tensor:
    """(B, 4, h, w) distances to boxes (B, 4, h, w) xyxy, pixels."""
    x, y = cell_middles(sides.shape[2], sides.shape[3], sides)
    left, top, right, bottom = sides.unbind(1)
    return torch.stack([x - left, y - top, x + right, y + bottom], 1)


def _convolution(channels_in: int, channels: int, size: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels, size, 1, size // 2, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )
