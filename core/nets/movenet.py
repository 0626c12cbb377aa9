"""MoveNet's trunk as a backbone: features that know real people.

MoveNet SinglePose Thunder (Google, Apache-2.0) is a MobileNetV2 of width 1.75 with a feature pyramid down to stride 4
and four heads: where people's centres are, a heatmap a joint, where a centre expects each joint, and offsets. The trunk
and three of the heads are here; `training.import_checkpoint --from movenet` reads the published numbers.

TensorFlow's conventions that the numbers expect: "same" padding of a convolution of stride 2 adds a row below and a
column to the right alone, and bilinear resizing takes cells as areas, as `align_corners=False` does.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import COCO_JOINTS, HEATMAP_JOINTS
from .precision import full_precision

Activation = Literal["none", "relu", "relu6"]

# Channels in and out, stride, and the width inside a block over the channels in.
BLOCKS = (
    (56, 32, 1, 1), (32, 40, 2, 6), (40, 40, 1, 6), (40, 56, 2, 6), (56, 56, 1, 6), (56, 56, 1, 6),
    (56, 112, 2, 6), (112, 112, 1, 6), (112, 112, 1, 6), (112, 112, 1, 6), (112, 168, 1, 6), (168, 168, 1, 6),
    (168, 168, 1, 6), (168, 280, 2, 6), (280, 280, 1, 6), (280, 280, 1, 6), (280, 560, 1, 6),
)  # fmt: skip
STRIDE4, STRIDE8, STRIDE16, IMAGE16 = 2, 5, 9, 12
"""Blocks after which a map leaves the trunk: three to the pyramid, the last of stride 16 to the image tokens."""
IMAGE16_WIDTH, STRIDE32_WIDTH, PYRAMID16_WIDTH, FINE_WIDTH = 168, 1280, 32, 96

REFERENCE_CELLS = 64.0
"""Side of the heatmaps of MoveNet's own 256 pixels, in whose cells it measures distances."""
NEAREST_CELLS = 1.8
"""Distance that MoveNet adds to every distance before it divides by it."""
MIDDLE_CELLS = 10.0
"""How far from the crop's middle, in those cells, a person's centre counts: the crop is about who is meant."""
PRIOR_WEIGHT = 1.0
"""Weight of the logarithm of the distance to the expected joint, beside the heatmap's own, as MoveNet has it."""
L_EAR, L_SHOULDER = 3, 5
HEAD_BEYOND_EARS = 0.65
"""From the neck through the middle of the ears and on by this share of the way: the top of the head."""


class SameConv(nn.Conv2d):
    """A convolution with TensorFlow's "same" padding, and an activation."""

    def __init__(
        self,
        channels_in: int,
        channels: int,
        kernel: int = 1,
        stride: int = 1,
        *,
        groups: int = 1,
        activation: Activation = "none",
        bias: bool = True,
    ) -> None:
        padding = 0 if stride == 2 else kernel // 2
        super().__init__(channels_in, channels, kernel, stride, padding, groups=groups, bias=bias)
        self.pads_end = stride == 2
        self.activation = activation

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, h, w), even h and w where the stride is 2."""
        out = super().forward(F.pad(input, (0, 1, 0, 1)) if self.pads_end else input)
        if self.activation == "none":
            return out
        return F.relu6(out) if self.activation == "relu6" else F.relu(out)


class InvertedResidual(nn.Module):
    """MobileNetV2's block: widen, filter each channel, narrow."""

    def __init__(self, channels_in: int, channels: int, stride: int, widen: int) -> None:
        super().__init__()
        inside = widen * channels_in
        self.expand = SameConv(channels_in, inside, activation="relu6") if widen > 1 else None
        self.depthwise = SameConv(inside, inside, 3, stride, groups=inside, activation="relu6")
        self.project = SameConv(inside, channels)
        self.is_residual = stride == 1 and channels_in == channels

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to (B, C', h / stride, w / stride)."""
        wide = x if self.expand is None else self.expand(x)
        out: Tensor = self.project(self.depthwise(wide))
        return x + out if self.is_residual else out


class Separable(nn.Module):
    """A 3 x 3 filter a channel, then a mix of the channels."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.depthwise = SameConv(channels_in, channels_in, 3, groups=channels_in, bias=False)
        self.point = SameConv(channels_in, channels, activation="relu")

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to (B, C', h, w)."""
        out: Tensor = self.point(self.depthwise(x))
        return out


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


class TrunkMaps(NamedTuple):
    """What the trunk leaves behind.

    Attributes:
        image16: (B, 168, S / 16, S / 16).
        stride32: (B, 1280, S / 32, S / 32).
        pyramid16: (B, 32, S / 16, S / 16).
        pyramid4: (B, 24, S / 4, S / 4), under the heads.
    """

    image16: Tensor
    stride32: Tensor
    pyramid16: Tensor
    pyramid4: Tensor


class FrozenMaps(NamedTuple):
    """All that the published numbers say of a picture; a training that leaves them as they are needs no more.

    Attributes:
        image16: (B, 168, S / 16, S / 16).
        stride32: (B, 1280, S / 32, S / 32).
        pyramid16: (B, 32, S / 16, S / 16).
        fine: (B, 96, S / 4, S / 4), the last layer under the heatmaps.
        prior: (B, 19, S / 4, S / 4), minus the logarithm of the distance to where each joint is expected.
    """

    image16: Tensor
    stride32: Tensor
    pyramid16: Tensor
    fine: Tensor
    prior: Tensor


class MoveNetTrunk(nn.Module):
    """MobileNetV2 x 1.75, the pyramid, and the heads of centre, heatmaps and regression."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv(3, 56, 3, 2, activation="relu6")
        self.blocks = nn.ModuleList(InvertedResidual(*sizes) for sizes in BLOCKS)
        self.last = SameConv(560, STRIDE32_WIDTH, activation="relu6")
        self.from32, self.from16 = SameConv(STRIDE32_WIDTH, 64), SameConv(112, 64)
        self.from8, self.from4 = SameConv(56, 32), SameConv(40, 24)
        self.sep16, self.sep8, self.sep4 = Separable(64, 32), Separable(32, 24), Separable(24, 24)
        self.heat, self.heat_out = Separable(24, FINE_WIDTH), SameConv(FINE_WIDTH, COCO_JOINTS)
        self.centre, self.centre_out = Separable(24, FINE_WIDTH), SameConv(FINE_WIDTH, 1)
        self.regress, self.regress_out = Separable(24, FINE_WIDTH), SameConv(FINE_WIDTH, 2 * COCO_JOINTS)

    def forward(self, image: Tensor) -> TrunkMaps:
        """(B, 3, S, S) RGB in [-1, 1], S a multiple of 32."""
        x, kept = self.stem(image), {}
        for number, block in enumerate(self.blocks):
            x = block(x)
            kept[number] = x
        stride32 = self.last(x)
        pyramid16 = self.sep16(_doubled(self.from32(stride32)) + self.from16(kept[STRIDE16]))
        pyramid8 = self.sep8(_doubled(pyramid16) + self.from8(kept[STRIDE8]))
        pyramid4 = self.sep4(_doubled(pyramid8) + self.from4(kept[STRIDE4]))
        return TrunkMaps(kept[IMAGE16], stride32, pyramid16, pyramid4)

    def expected_joints(self, pyramid4: Tensor, middle_cells: float = MIDDLE_CELLS) -> Tensor:
        """Where the most central person's centre expects the joints.

        Args:
            pyramid4: (B, 24, h, w).
            middle_cells: how far from the middle a centre counts; without end in MoveNet itself.

        Returns:
            (B, 19, 2) y, x in cells: the 17 of COCO, and Neck and Head made of them.
        """
        height, width = pyramid4.shape[-2:]
        rows, columns = _cells(pyramid4)
        away = ((rows[:, None] - height / 2) ** 2 + (columns[None] - width / 2) ** 2).sqrt()
        away = away * (REFERENCE_CELLS / height)
        nearness = (-((away / middle_cells) ** 2)).exp() / (away + NEAREST_CELLS)
        score = self.centre_out(self.centre(pyramid4)).sigmoid()[:, 0] * nearness
        best = score.flatten(1).argmax(1)
        shifts = self.regress_out(self.regress(pyramid4)).flatten(2)
        shift = shifts.gather(2, best[:, None, None].expand(-1, 2 * COCO_JOINTS, 1)).view(-1, COCO_JOINTS, 2)
        row = torch.div(best, width, rounding_mode="floor")
        joints = shift + torch.stack([row, best - row * width], 1)[:, None].to(shift.dtype)
        neck = joints[:, L_SHOULDER : L_SHOULDER + 2].mean(1, keepdim=True)
        ears = joints[:, L_EAR : L_EAR + 2].mean(1, keepdim=True)
        return torch.cat([joints, neck, ears + HEAD_BEYOND_EARS * (ears - neck)], 1)

    def prior(self, pyramid4: Tensor) -> Tensor:
        """(B, 19, h, w) minus the logarithm of each cell's distance to the expected joint."""
        expected = self.expected_joints(pyramid4)
        rows, columns = _cells(pyramid4)
        away_y = rows[None, None, :, None] - expected[:, :, 0, None, None]
        away_x = columns[None, None, None] - expected[:, :, 1, None, None]
        away = (away_y**2 + away_x**2).clamp_min(1e-6).sqrt()
        return -(away * (REFERENCE_CELLS / pyramid4.shape[-2]) + NEAREST_CELLS).log()


def _cells(like: Tensor) -> tuple[Tensor, Tensor]:
    """Numbers of the rows (h,) and columns (w,) of a map (B, C, h, w)."""
    rows, columns = (torch.arange(side, device=like.device, dtype=like.dtype) for side in like.shape[-2:])
    return rows, columns


class MoveNetFeatures(NamedTuple):
    """What one pass over the picture leaves behind.

    Attributes:
        coarse: (B, C, S / 16, S / 16), the image tokens.
        fine: (B, 96, S / 4, S / 4), under the heatmaps.
        prior: (B, 19, S / 4, S / 4), added to the heatmaps' logarithms.
    """

    coarse: Tensor
    fine: Tensor
    prior: Tensor


class MoveNetBackbone(nn.Module):
    """The trunk, and an adapter of our own that makes the image tokens of its maps at strides 16 and 32."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.trunk = MoveNetTrunk()
        self.channels = width
        self.from_image16 = nn.Conv2d(IMAGE16_WIDTH, width, 1, bias=False)
        self.from_stride32 = nn.Conv2d(STRIDE32_WIDTH, width, 1, bias=False)
        self.from_pyramid16 = nn.Conv2d(PYRAMID16_WIDTH, width, 1, bias=False)
        self.bn = nn.BatchNorm2d(width)
        self.depthwise = nn.Conv2d(width, width, 3, 1, 1, groups=width, bias=False)
        self.conv_mix = nn.Conv2d(width, width, 1, bias=False)
        self.bn_mix = nn.BatchNorm2d(width)
        nn.init.zeros_(self.bn_mix.weight)

    def forward(self, image: Tensor) -> MoveNetFeatures:
        """(B, 3, S, S) RGB in [-1, 1], S a multiple of 32."""
        return self.adapted(self.frozen_maps(image))

    def frozen_maps(self, image: Tensor) -> FrozenMaps:
        """What the published numbers alone say of pictures (B, 3, S, S)."""
        maps: TrunkMaps = self.trunk(image)
        fine, prior = self.trunk.heat(maps.pyramid4), self.trunk.prior(maps.pyramid4)
        return FrozenMaps(maps.image16, maps.stride32, maps.pyramid16, fine, prior)

    def adapted(self, maps: FrozenMaps) -> MoveNetFeatures:
        """The features, from maps that were computed before or elsewhere."""
        summed = self.from_image16(maps.image16) + self.from_pyramid16(maps.pyramid16)
        summed = summed + F.interpolate(self.from_stride32(maps.stride32), scale_factor=2.0, mode="nearest")
        first = F.relu(self.bn(summed))
        coarse = F.relu(first + self.bn_mix(self.conv_mix(self.depthwise(first))))
        return MoveNetFeatures(coarse, maps.fine, maps.prior)


class MoveNetHeatmapHead(nn.Module):
    """MoveNet's 17 heatmaps and two of our own, Neck and Head, drawn towards the person who is meant.

    MoveNet's scores are independent probabilities; their logarithms, times a sharpness that is learned, are logits of
    where in the crop the joint is.
    """

    def __init__(self, channels: int = FINE_WIDTH) -> None:
        super().__init__()
        self.own = nn.Conv2d(channels, COCO_JOINTS, 1)
        self.more = nn.Conv2d(channels, HEATMAP_JOINTS - COCO_JOINTS, 1)
        nn.init.normal_(self.more.weight, std=0.01)
        self.more.bias = nn.Parameter(torch.full((HEATMAP_JOINTS - COCO_JOINTS,), -4.0))
        self.sharpness = nn.Parameter(torch.tensor(1.5))

    def forward(self, fine: Tensor, prior: Tensor) -> Tensor:
        """(B, 96, h, w) and (B, 19, h, w) to (B, 19, h, w) float32 logits."""
        with full_precision(fine):
            scores = torch.cat([self.own(fine.float()), self.more(fine.float())], 1)
            logits: Tensor = self.sharpness * (F.logsigmoid(scores) + PRIOR_WEIGHT * prior.float())
            return logits
