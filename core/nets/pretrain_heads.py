"""Dense heads that teach the small backbone about bodies; used in training, thrown away after it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from .config import HEATMAP_JOINTS, LSP_JOINTS, NetConfig
from .mixer import Mixer
from .network import PoseReading
from .precision import full_precision

PART_CLASSES = 25  # background and the 24 parts
FACING_BINS = 16


class PretrainOutput(NamedTuple):
    """What the heads say.

    Attributes:
        parts: (B, 25, S / 4, S / 4) logits; 0 is the background.
        rest_coordinates: (B, 3, S / 4, S / 4) metres, the rest-pose coordinate of the surface seen in each
            cell.
        facing: (B, 16) logits over yaw; bin i is centred on i * 2 pi / 16.
        joints: (B, 14, 3) LSP order, metres, camera axes, relative to the mid-hip.
    """

    parts: Tensor
    rest_coordinates: Tensor
    facing: Tensor
    joints: Tensor


class PretrainHeads(nn.Module):
    """Parts, rest coordinates, facing and direct 3D joints from a `PoseReading` of the small backbone."""

    def __init__(self, config: NetConfig, width: int = 128) -> None:
        super().__init__()
        coarse, fine = 8 * config.small_width, config.neck_width
        self.dense = nn.Conv2d(fine, PART_CLASSES + 3, 1)
        self.embed = nn.Linear(coarse + fine + 3, width)
        self.mixer = Mixer(2, width, 2 * width, HEATMAP_JOINTS, 64)
        self.facing = nn.Linear(coarse + width, FACING_BINS)
        self.joints = nn.Linear(HEATMAP_JOINTS * width, 3 * LSP_JOINTS)
        nn.init.normal_(self.joints.weight, std=0.002)

    def forward(self, reading: PoseReading) -> PretrainOutput:
        """Heads on what `Network.read_pose` returned."""
        if reading.fine is None or reading.joint_features is None:
            raise ValueError("the pretraining heads need a network with heatmaps (preset tiny)")
        dense = self.dense(reading.fine)
        mixed: Tensor = self.mixer(self.embed(reading.joint_features)).float()
        with full_precision(mixed):
            pooled = reading.features.float().mean((2, 3))
            facing = self.facing(torch.cat([pooled, mixed.mean(1)], dim=1))
            joints = self.joints(mixed.flatten(1)).reshape(-1, LSP_JOINTS, 3)
        return PretrainOutput(dense[:, :PART_CLASSES].float(), dense[:, PART_CLASSES:].float(), facing, joints)
